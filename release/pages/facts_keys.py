"""View model of the page of keys: what to believe, and the commands that check it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from release.pages import addresses
from release.pages.links import Link
from release.pages.records import Key
from release.pages.site import Site
from release.pages.standings import Level, Mark
from release.pages.view import Frame, frame
from release.pages.wording import Time, time_of

_PURPOSES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "files": (
            "Files and documents",
            "Every file has an OpenPGP signature by this key beside it.",
        ),
        "payloads": ("Update payloads", "Machines check with it that an update is genuine."),
        "ledger": ("Ledger", "Entries of the record of who decided what are signed with it."),
    }
)
"""What people call a purpose, and what the key is for."""

_ARMOURED = b"-----BEGIN PGP"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCard:
    """One key. ``spaced`` is the fingerprint in groups of four, to be read; ``plain`` is to be copied.

    ``commands`` end in ``OK`` where the file holds the key of that fingerprint, ``check`` in
    ``Good signature`` for a genuine file; empty where a key checks no files.
    """

    anchor: str
    title: str
    meaning: str
    owner: str
    algorithm: str
    spaced: str
    plain: str
    created: Time | None
    expires: Time | None
    state: Mark
    file: Link
    commands: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """The page of keys."""

    frame: Frame
    keys: tuple[KeyCard, ...]


def keys_view(site: Site) -> KeysView:
    """Every key, in the order of the site. Whether one has expired is judged by the data's time."""
    return KeysView(
        frame=frame(
            site,
            addresses.KEYS,
            title=f"Keys of {site.product}",
            description=f"Public keys that sign {site.product}, their fingerprints, and how to check files.",
        ),
        keys=tuple(_card(site, key) for key in site.keys),
    )


def in_fours(fingerprint: str) -> str:
    """``ABCD EF01``: hexadecimal in groups of four, as people read it aloud."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))


def _card(site: Site, key: Key) -> KeyCard:
    title, meaning = _PURPOSES.get(key.purpose, (key.purpose.capitalize(), ""))
    name = PurePosixPath(key.path).name
    openpgp = key.purpose != "payloads"
    return KeyCard(
        anchor=f"key-{key.fingerprint.lower()}",
        title=title,
        meaning=meaning,
        owner=key.owner,
        algorithm=key.algorithm,
        spaced=in_fours(key.fingerprint),
        plain=key.fingerprint,
        created=None if key.created is None else time_of(key.created),
        expires=None if key.expires is None else time_of(key.expires),
        state=_state(site, key),
        file=Link(addresses.from_page(addresses.KEYS, key.path), name),
        commands=_commands(site, key, name, openpgp=openpgp),
        check=_check(key, name) if openpgp else "",
    )


def _state(site: Site, key: Key) -> Mark:
    if key.expires is None:
        return Mark(Level.PLAIN, "Does not expire")
    if key.expires <= site.generated_at:
        return Mark(Level.BAD, "Expired")
    return Mark(Level.GOOD, "Valid")


def _commands(site: Site, key: Key, name: str, *, openpgp: bool) -> str:
    address = addresses.absolute(site, key.path)
    file = shlex.quote(name)
    fetch = [] if address is None else [f"curl -fsSLO {shlex.quote(address)}"]
    if openpgp:
        check = f"gpg --show-keys --with-colons {file} | grep -q '^fpr:.*:{key.fingerprint}:$' && echo OK"
    else:
        der = f"openssl pkey -pubin -in {file} -outform DER"
        check = f"{der} | sha256sum | grep -q '^{key.fingerprint.lower()} ' && echo OK"
    return "\n".join([*fetch, check])


def _check(key: Key, name: str) -> str:
    """With a key ring of its own, so that other keys of the reader's do not count."""
    ring = "release-keys.gpg"
    armoured = " --dearmor" if key.data.startswith(_ARMOURED) else ""
    put = f"gpg{armoured} < {shlex.quote(name)} > {ring}" if armoured else f"cp {shlex.quote(name)} {ring}"
    return "\n".join([put, f"gpgv --keyring ./{ring} FILE.sig FILE"])
