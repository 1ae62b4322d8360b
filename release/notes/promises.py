"""Versions that notes promise, held against the packages that an image has. Pure.

An item of the section for updates, ``- Linux ([6.12.103](https://...))``, promises that the image has this
version of a package, or a newer one. ``release.notes.promise_words`` reads it. What an item is about is never
guessed: one whose name is no installed package's, or the names of several, is not checked, and neither is one
for something else than the image, as ``SDK:`` or ``sysext-podman:``, or one that is not understood. Each of
these is told, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from release.bundle.change import Change, ChangeKind
from release.bundle.diff import Direction, compare_versions
from release.image.packages import Package
from release.notes.items import passages
from release.notes.promise_words import read_item, split_item

PACKAGE_NAMES: Mapping[str, str] = {
    "amazon ssm agent": "app-emulation/amazon-ssm-agent",
    "bind tools": "net-dns/bind-tools",
    "intel microcode": "sys-firmware/intel-microcode",
    "iproute": "sys-apps/iproute2",
    "linux": "sys-kernel/coreos-kernel",
    "linux firmware": "sys-kernel/coreos-firmware",
    "linux kernel": "sys-kernel/coreos-kernel",
    "linux-firmware": "sys-kernel/coreos-firmware",
    "linux-pam": "sys-libs/pam",
    "python": "dev-lang/python",
    "qemu guest agent": "app-emulation/qemu-guest-agent",
    "walinuxagent": "app-emulation/wa-linux-agent",
    "xz utils": "app-arch/xz-utils",
    "zstandard": "app-arch/zstd",
}
"""What Flatcar's notes call packages whose name is another, in lower case. Others are called by their name,
in any case of letters: OpenSSH, Go."""

_DATE = re.compile(r"((?:19|20)[0-9]{2})[-.]([0-9]{1,2})[-.]([0-9]{1,2})", re.ASCII)
_REVISION = re.compile(r"(?:\+[0-9A-Za-z.+-]*|-r[0-9]+)+\Z", re.ASCII)
_PATCH = re.compile(r"(?<=[0-9])[_-]?(?=(?:alpha|beta|pre|rc|p)[0-9])", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r"[vV](?=[0-9])", re.ASCII)
_IN_THE_IMAGE = "base"
_NO_SOFTWARE = ("acct-group/", "acct-user/", "virtual/")
"""Categories of Gentoo whose packages carry the names of others."""
_LIVE = "9999"
"""What Gentoo calls a package that is built from whatever its sources were: newer than every promise."""
_NOT_ASCII = "the name has characters that are not ASCII"
_NO_VERSION = "no version could be read"


@dataclass(frozen=True, slots=True, order=True)
class Promise:
    """What an item says. ``prefix`` is empty for the image itself; ``item`` is the id of the change.

    ``version`` is empty where none was understood; ``name`` are then the words.
    """

    name: str
    version: str
    prefix: str
    item: str


@dataclass(frozen=True, slots=True)
class Unkept:
    """A promise that the image does not keep. ``package`` is what is installed, the newest of it."""

    promise: Promise
    package: Package


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A promise that was held against nothing, and why. ``elsewhere``: it is for something else."""

    promise: Promise
    why: str
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of all promises, each of which is in one of these, in the order of their names."""

    kept: tuple[Promise, ...]
    unkept: tuple[Unkept, ...]
    unchecked: tuple[Unchecked, ...]


def updates_in(notes: str) -> tuple[Change, ...]:
    """Everything that notes say under headings for updates, each once: list items, and lines in no list.

    Unlike in ``release.notes.changes.told_items``, what was said before in other words, or under another
    heading, is there as well.
    """
    found: dict[str, Change] = {}
    for passage in passages(notes):
        if passage.kind is ChangeKind.UPDATES:
            texts = [passage.text] if passage.is_item else [f"- {one}" for one in split_item(passage.text)]
            found |= {one.id: one for one in (Change.of(ChangeKind.UPDATES, text) for text in texts)}
    return tuple(found.values())


def promises_in(changes: Iterable[Change]) -> tuple[Promise, ...]:
    """The promises that items for updates make, by name; at least one of every item."""
    return tuple(
        sorted(
            {
                promise
                for change in changes
                if change.kind is ChangeKind.UPDATES
                for promise in _promised(change)
            }
        )
    )


def _promised(change: Change) -> Iterator[Promise]:
    """What one item promises. Versions that are said of many names at once are compared once."""
    for _, alike in groupby(read_item(change.text), key=lambda said: id(said.versions)):
        first, *others = alike
        highest = _highest(first.versions)
        yield from (Promise(said.name, highest, said.prefix, change.id) for said in (first, *others))


def check_promises(
    promises: Iterable[Promise],
    packages: Iterable[Package],
    names: Mapping[str, str] = PACKAGE_NAMES,
) -> Outcome:
    """Hold promises against what is installed.

    Args:
        promises: see ``promises_in``.
        packages: those of an image. Of several versions of a package the newest counts.
        names: packages by what notes call them, in lower case, where that is not their name.

    A version that is neither newer nor older than the promised one, and not the same, does not keep it.
    ``-rN`` revisions of Gentoo and what follows a ``+`` are not compared; ``9.7p1`` is ``9.7_p1``.
    """
    installed = _newest(packages)
    called: dict[str, list[str]] = {}
    for package in sorted(installed):
        called.setdefault(package.lower(), []).append(package)
        if not package.startswith(_NO_SOFTWARE):
            called.setdefault(package.rpartition("/")[2].lower(), []).append(package)
    kept: list[Promise] = []
    unkept: list[Unkept] = []
    unchecked: list[Unchecked] = []
    for promise in promises:
        found = _package(promise, called, names)
        if isinstance(found, Unchecked):
            unchecked.append(found)
        elif _bare(installed[found]) == _LIVE:
            unchecked.append(Unchecked(promise, f"{found} was built from sources of no version"))
        elif _keeps(installed[found], promise.version):
            kept.append(promise)
        else:
            unkept.append(Unkept(promise, Package(found, installed[found])))
    return Outcome(kept=tuple(kept), unkept=tuple(unkept), unchecked=tuple(unchecked))


def _package(promise: Promise, called: Mapping[str, list[str]], names: Mapping[str, str]) -> str | Unchecked:
    """The package that a promise is about; or, in words, why there is none."""
    said = promise.name + promise.prefix
    if not (said.isascii() and said.isprintable()):
        return Unchecked(promise, _NOT_ASCII)
    if promise.prefix and _IN_THE_IMAGE not in re.split(r"[^a-z0-9_-]+", promise.prefix.lower()):
        return Unchecked(promise, f"for {promise.prefix}, not for the image", elsewhere=True)
    if not promise.version:
        return Unchecked(promise, _NO_VERSION)
    name = promise.name.lower()
    alias = names.get(name, promise.name if "/" in name else None)
    found = called.get((alias or name).lower(), [])
    if len(found) == 1:
        return found[0]
    if found:
        return Unchecked(promise, f"may be {' or '.join(found)}")
    return Unchecked(
        promise, f"{alias} is not in the image" if alias else "no package of this name is in the image"
    )


def _newest(packages: Iterable[Package]) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in packages:
        known = found.setdefault(package.name, package.version)
        if compare_versions(known, package.version) is Direction.UP:
            found[package.name] = package.version
    return found


def _highest(versions: Iterable[str]) -> str:
    """The highest of some versions, as it is written; empty for none."""
    highest = ""
    for version in versions:
        if not highest or compare_versions(_bare(highest), _bare(version)) is Direction.UP:
            highest = version
    return highest


def _keeps(installed: str, promised: str) -> bool:
    has, wanted = _bare(installed), _bare(promised)
    return has == wanted or compare_versions(wanted, has) is Direction.UP


def _bare(version: str) -> str:
    """A version as it is compared: no revision, build or ``v``, ``_p1`` for ``p1``, dates in one way."""
    bare = _PATCH.sub("_", _REVISION.sub("", _TAG.sub("", version, count=1)).lower())
    date = _DATE.fullmatch(bare)
    return bare if date is None else f"{date[1]}{date[2]:0>2}{date[3]:0>2}"
