"""Laying out a new yard: settings, a first policy, places for keys and fragments."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.bundle.change import ChangeKind
from release.errors import RefusedError, storage_errors
from release.line.workspace import write_file
from release.promotion.policy import Person
from release.promotion.policy_text import default_policy_text
from release.signing.openpgp import OpenPgpHome
from release.signing.throw_away import make_rsa_key

SETTINGS = "humpyard.toml"
POLICY = "policy.toml"
DEMO_PEOPLE = ("Ada", "Grace", "Linus")
_RSA_BITS = (4096, 2048)
_BEGUN = ".humpyard-init"
"""There while a yard is being laid out: what else is there is then ours, and may be made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What settings and policy name: fingerprints of OpenPGP keys, files of payload keys."""

    build: str = ""
    pipeline: str = ""
    people: tuple[Person, ...] = ()
    payload: tuple[str, ...] = ()


def lay_out(directory: Path, product: str, *, throw_away_keys: bool) -> tuple[Path, ...]:
    """Make a yard in ``directory``; returns the files a person should read next.

    With ``throw_away_keys`` it also makes a build key, a pipeline key, three maintainers and two
    payload keys, all in plain files, so that everything can be tried at once. Without, the settings
    and the policy have places to fill in, and nobody is trusted until they are.

    Raises:
        RefusedError: there are settings already; nothing is overwritten.
    """
    settings, policy, begun = directory / SETTINGS, directory / POLICY, directory / _BEGUN
    taken = [path for path in (settings, policy, directory / "keys", directory / "secret") if path.exists()]
    if settings.exists() and begun.exists():  # settings are written last: all is there
        begun.unlink()
        return settings, policy
    if taken and not begun.exists():
        raise RefusedError(f"{taken[0]}: is there already", hint="choose another directory, or edit it")
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        begun.touch()
        for name in ("keys", "incoming", *(f"changelog/{section}" for section in ChangeKind)):
            (directory / name).mkdir(parents=True, exist_ok=True)
    keys = _make_keys(directory) if throw_away_keys else Keys()
    write_file(policy, _policy_text(product, keys).encode())
    write_file(settings, _settings_text(product, keys).encode())
    with storage_errors(begun):
        begun.unlink()
    return settings, policy


def _make_keys(directory: Path) -> Keys:
    public, secret = directory / "keys", directory / "secret"
    with storage_errors(secret):
        shutil.rmtree(secret, ignore_errors=True)  # of an attempt that was interrupted
        secret.mkdir(mode=0o700)
    with OpenPgpHome() as home:
        made = {
            name: _make_openpgp_key(home, name, public, secret)
            for name in ("build", "pipeline", *(name.lower() for name in DEMO_PEOPLE))
        }
    for bits in _RSA_BITS:
        make_rsa_key(secret / f"payload-{bits}.pem", public / f"payload-{bits}.pub.pem", bits)
    people = tuple(
        Person(name=name, fingerprints=(made[name.lower()],), roles=("maintainer",)) for name in DEMO_PEOPLE
    )
    payload = tuple(f"payload-{bits}" for bits in _RSA_BITS)
    return Keys(build=made["build"], pipeline=made["pipeline"], people=people, payload=payload)


def _make_openpgp_key(home: OpenPgpHome, name: str, public: Path, secret: Path) -> str:
    fingerprint = home.generate_key(f"{name.capitalize()} throw-away key <{name}@example.invalid>")
    (public / f"{name}.asc").write_bytes(home.export_public(fingerprint))
    write_file(secret / f"{name}.asc", home.export_secret(fingerprint), mode=0o600)
    return fingerprint


def _policy_text(product: str, keys: Keys) -> str:
    if keys.people:
        return default_policy_text(product, keys.people, open_channels=("alpha",))
    someone = tuple(
        Person(name=f"Person {number}", fingerprints=(str(number) * 40,), roles=("maintainer",))
        for number in range(1, 4)
    )
    return default_policy_text(product, someone)


def _settings_text(product: str, keys: Keys) -> str:
    names = [person.name.lower() for person in keys.people]
    return _TEMPLATE.format(
        warning=_WARNING if keys.pipeline else "",
        product=json.dumps(product, ensure_ascii=False),
        image_keys=_list(["keys/build.asc"] if keys.build else []),
        image_signers=_list([keys.build] if keys.build else []),
        signers=_list([f"file:secret/{name}.pem" for name in keys.payload]),
        payload_keys=_list([f"keys/{name}.pub.pem" for name in keys.payload]),
        pipeline=_list([keys.pipeline] if keys.pipeline else []),
        signer=f'signer = "{keys.pipeline}"' if keys.pipeline else '# signer = "FINGERPRINT"',
        secret_keys=_list(["secret/pipeline.asc"] if keys.pipeline else []),
        openpgp_keys=_list([f"keys/{name}.asc" for name in ("pipeline", *names)] if keys.pipeline else []),
    )


def _list(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


_WARNING = """\
# THROW-AWAY KEYS: the secret keys lie in plain files under secret/. For trying only, never for production.
"""

_TEMPLATE = """\
# humpyard settings. No secrets here: keys are named by URI or fingerprint. Paths count from this file.
# Options can be overridden by the environment (HUMPYARD_STORE__URL=s3://bucket/prefix), but for those that
# say what is production and whose OpenPGP keys count.
{warning}product = {product}
changelog = "changelog"     # a directory for each kind of change: updates/YYYY-MM-DD-few-words.md

[store]
url = "file:mirror"         # or s3://BUCKET/PREFIX, with s3_endpoint and s3_region

[image]                     # who signs image sets
keys = {image_keys}
signers = {image_signers}

[payload]
profile = "flatcar"         # or positional-bspatch, replace-only
signers = {signers}         # private keys; the last is what today's clients check
keys = {payload_keys}       # their public halves, in the same order
workers = 2
memory = "1GiB"             # what building a payload takes at the most
delta_threshold = 0.7       # a delta that is larger than this part of the full payload is not shipped

# Keys are named by URI: file: pkcs11: awskms: gnupg: offline: (docs/keys.md). A channel, with its streams,
# can have its own. What is promoted to it must verify with them; for production, keys in files are refused.
# [channels.stable]
# production = true
# signers = ["pkcs11:token=release;object=payload?module-name=softhsm2&secret=release-pin"]
# keys = ["keys/stable.pub.pem"]

[openpgp]                   # the pipeline's key, and everyone's public keys
pipeline = {pipeline}
{signer}
# home = "/path/to/gnupg"   # a GnuPG home with the secret key; secret_keys is for development. Or both in
#                           # one: signer = "gnupg:FINGERPRINT?home=/path/to/gnupg"
secret_keys = {secret_keys}
keys = {openpgp_keys}

[pages]
# base_url = "https://releases.example.org/"
# history = "history"  # a directory of releases-CHANNEL.json: what was released before (docs/pages.md)
# tagline = "For machines that nobody looks after"

# How the mirrors that the policy names are written to: s3:// file: rsync:// rsync+ssh:// or "origin", which
# is the store itself (docs/mirrors.md). Read back from the policy's address, whatever this says.
# [mirrors.eu]
# url = "s3://example-releases/os"

# Where update servers count what machines report, and `humpyard rollout watch` reads it (docs/rollout.md).
# [events]
# url = "sqlite:///updates.sqlite"    # or postgresql://updates@db/updates

# What `humpyard serve` answers machines with; it reads these mirrors (docs/update-server.md).
# [update_server]
# listen = "127.0.0.1:8081"
# mirrors = ["https://mirror.example.org/"]

# A Nebraska that is told what channels offer (docs/nebraska.md).
# [nebraska]
# url = "https://nebraska.example.org"
# payload_url = "https://update.example.org/update/{{board}}/{{version}}/"
# token = "nebraska"          # the name of a secret
# [nebraska.channels]
# alpha = {{ amd64-usr = "alpha" }}
"""
