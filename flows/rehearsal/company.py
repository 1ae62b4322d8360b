"""Who takes part: five people with a machine each, the pipeline's machine, and the policy they agreed on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.rehearsal.s3_server import BUCKET
from release.line.workspace import write_file
from release.signing.openpgp import OpenPgpHome
from release.signing.throw_away import make_rsa_key

PRODUCT = "Rehearsal OS"
BOARD = "amd64-usr"
STORE = f"s3://{BUCKET}/os"
ROLES = {
    "ada": "maintainer",
    "grace": "maintainer",
    "linus": "maintainer",
    "radia": "security",
    "barbara": "security",
}
"""Five people, two roles."""
STRANGER = "mallory"
"""Has a key, too; the policy does not know it."""
PIPELINE = "pipeline"
BUILD = "build"
_RSA_BITS = {"4096": 4096, "2048": 2048}


@dataclass(frozen=True, slots=True)
class Company:
    """Everybody's directory is ``root / name``; nobody's holds anybody else's secret key.

    ``fingerprints`` are those of OpenPGP keys, by name.
    """

    root: Path
    fingerprints: dict[str, str]

    @property
    def pipeline(self) -> Path:
        """The directory of the machine that builds, signs and publishes."""
        return self.root / PIPELINE

    @property
    def keys(self) -> Path:
        """Everybody's public keys, as they were handed around before anything began."""
        return self.root / "public-keys"

    def public_keys(self, names: Iterable[str]) -> list[Path]:
        """Files with OpenPGP public keys."""
        return [self.keys / f"{name}.asc" for name in names]

    def sign_with_build_key(self, data: Path, signature: Path) -> None:
        """A detached signature, as the build system leaves it beside each file."""
        with OpenPgpHome(self.root / BUILD / "gnupg") as home:
            home.sign_file(data, signature, self.fingerprints[BUILD])


def found_company(root: Path) -> Company:
    """Make everybody's directories and OpenPGP keys below ``root``. Settings come with the payload keys."""
    company = Company(root, {})
    company.keys.mkdir(parents=True)
    for name in (BUILD, PIPELINE, *ROLES, STRANGER):
        company.fingerprints[name] = _make_key(company, name)
    (company.pipeline / "incoming").mkdir()
    (company.pipeline / "changelog" / "security").mkdir(parents=True)
    (company.pipeline / "changelog" / "security" / "2026-01-05-linux.md").write_text(
        "- Linux ([CVE-2026-0001](https://nvd.nist.gov/vuln/detail/CVE-2026-0001))\n"
    )
    _write(company.pipeline / "policy.toml", _policy(company))
    return company


def use_key_files(company: Company, endpoint: str) -> None:
    """Sign payloads with keys that lie in files of the pipeline's, as nobody should."""
    for name, bits in _RSA_BITS.items():
        secret, public = company.pipeline / f"payload-{name}.pem", company.keys / f"payload-{name}.pub.pem"
        make_rsa_key(secret, public, bits)
    set_payload_keys(company, endpoint, [f"file:payload-{name}.pem" for name in _RSA_BITS], [*_RSA_BITS])


def set_payload_keys(company: Company, endpoint: str, signers: Sequence[str], names: Sequence[str]) -> None:
    """Write everybody's settings: who signs payloads, and names of the public halves, in slot order."""
    _write(company.pipeline / "humpyard.toml", _pipeline_settings(company, endpoint, signers, names))
    for name in (*ROLES, STRANGER):
        _write(company.root / name / "humpyard.toml", _person_settings(company, name, endpoint, names))


def _make_key(company: Company, name: str) -> str:
    folder = company.root / name / "gnupg"
    folder.mkdir(parents=True, mode=0o700)
    with OpenPgpHome(folder) as home:
        fingerprint = home.generate_key(f"{name.capitalize()} throw-away key <{name}@example.invalid>")
        (company.keys / f"{name}.asc").write_bytes(home.export_public(fingerprint))
    return fingerprint


def _write(path: Path, text: str) -> None:
    write_file(path, text.encode())


def _pipeline_settings(company: Company, endpoint: str, signers: Sequence[str], names: Sequence[str]) -> str:
    return f"""\
product = {_quoted(PRODUCT)}
changelog = "changelog"

[store]
url = {_quoted(STORE)}
s3_endpoint = {_quoted(endpoint)}

[image]
keys = ["../public-keys/{BUILD}.asc"]
signers = [{_quoted(company.fingerprints[BUILD])}]

{_payload(signers, names)}
{_openpgp(company)}\
signer = {_quoted(company.fingerprints[PIPELINE])}
home = "gnupg"
"""


def _person_settings(company: Company, name: str, endpoint: str, names: Sequence[str]) -> str:
    return f"""\
# {name}'s machine: public keys, and where the ledger is. Nothing can be built or published here.
product = {_quoted(PRODUCT)}

[store]
url = {_quoted(STORE)}
s3_endpoint = {_quoted(endpoint)}

{_payload([f"offline:{name}" for name in names], names)}
{_openpgp(company)}"""


def _payload(signers: Sequence[str], names: Sequence[str]) -> str:
    return f"""\
[payload]
signers = {_quoted(list(signers))}
keys = {_quoted([f"../public-keys/payload-{name}.pub.pem" for name in names])}
"""


def _openpgp(company: Company) -> str:
    keys = [f"../public-keys/{name}.asc" for name in (PIPELINE, *ROLES)]
    return f"""\
[openpgp]
pipeline = [{_quoted(company.fingerprints[PIPELINE])}]
keys = {_quoted(keys)}
"""


def _policy(company: Company) -> str:
    people = "\n".join(
        f"[[people]]\nname = {_quoted(name.capitalize())}\n"
        f"fingerprints = [{_quoted(company.fingerprints[name])}]\nroles = [{_quoted(role)}]\n"
        for name, role in ROLES.items()
    )
    return f"product = {_quoted(PRODUCT)}\n\n{people}\n{_RULES}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_RULES = """\
[[channels]]
name = "alpha"
open = true

[[channels]]
name = "beta"
feeds_from = ["alpha"]
quorum = [{ role = "maintainer", count = 2 }]
soak = 24                                        # hours in alpha
hurry = [{ role = "security", count = 2 }]       # to skip that, besides the quorum

[[channels]]
name = "stable"
feeds_from = ["beta"]
quorum = [{ role = "maintainer", count = 2 }, { role = "security", count = 1 }]
soak = 72
sign_off_valid_for = 72
evidence = ["payload-proven", "mirror-verified", "kola"]

[[channels]]
name = "lts"
feeds_from = ["stable"]
quorum = [{ role = "maintainer", count = 2 }, { role = "security", count = 1 }]
soak = 24
streams = { support_months = 18, overlap_months = 6 }

[[freezes]]
name = "weekend"
zone = "UTC"
begins = 2026-01-02T15:00:00                     # a Friday
ends = 2026-01-05T08:00:00
every = "FREQ=WEEKLY;BYDAY=FR"
channels = ["stable", "lts"]

[governance]
quorum = [{ role = "maintainer", count = 2 }, { role = "security", count = 1 }]

[emergency]
stop = ["maintainer", "security"]
quorum = [{ role = "maintainer", count = 2 }, { role = "security", count = 1 }]

[waivers]
roles = ["security"]

[signing]
payload_signatures = 2
"""
