"""Versions that notes promise, held against the packages that an image has. Pure.

An item of the section for updates, ``- Linux ([6.12.103](https://...))``, promises that the image has this
version of a package, or a newer one. What an item is about is never guessed: one whose name is no installed
package's, or the names of several, is not checked, and neither is one for something else than the image, as
``SDK:`` or ``sysext-podman:``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from release.bundle.change import Change, ChangeKind
from release.bundle.diff import Direction, compare_versions
from release.image.packages import Package

PACKAGE_NAMES: Mapping[str, str] = {
    "amazon ssm agent": "app-emulation/amazon-ssm-agent",
    "bind tools": "net-dns/bind-tools",
    "intel microcode": "sys-firmware/intel-microcode",
    "linux": "sys-kernel/coreos-kernel",
    "linux firmware": "sys-kernel/coreos-firmware",
    "linux-firmware": "sys-kernel/coreos-firmware",
    "linux-pam": "sys-libs/pam",
    "python": "dev-lang/python",
    "qemu guest agent": "app-emulation/qemu-guest-agent",
    "walinuxagent": "app-emulation/wa-linux-agent",
    "xz utils": "app-arch/xz-utils",
}
"""What Flatcar's notes call packages whose name is another, in lower case. Others are called by their name,
in any case of letters: OpenSSH, Go."""

_PROMISE = re.compile(
    r"- (?:(?P<prefix>[A-Za-z0-9][A-Za-z0-9 ,._+-]{0,120}): )?"
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9 ._+/-]{0,80}?) "
    r"\(?(?:\[(?P<linked>[^\[\]()\s]{1,60})\]\(|(?P<plain>[^\[\]()\s,]{1,60})[,)])"
)
_VERSION = re.compile(r"v?[0-9]")
_REVISION = re.compile(r"-r[0-9]+\Z", re.ASCII)
_IN_THE_IMAGE = "base"
_NO_SOFTWARE = ("acct-group/", "acct-user/", "virtual/")
"""Categories of Gentoo whose packages carry the names of others."""


@dataclass(frozen=True, slots=True, order=True)
class Promise:
    """What an item says. ``prefix`` is empty for the image itself; ``item`` is the id of the change."""

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
    """A promise that was held against nothing, and why."""

    promise: Promise
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of all promises, each in the order of their names. Only the highest of a package counts."""

    kept: tuple[Promise, ...]
    unkept: tuple[Unkept, ...]
    unchecked: tuple[Unchecked, ...]


def promises_in(changes: Iterable[Change]) -> tuple[Promise, ...]:
    """The promises that items for updates make, by name. An item without a version makes none."""
    found = []
    for change in changes:
        match = _PROMISE.match(" ".join(change.text.split()))
        if change.kind is ChangeKind.UPDATES and match is not None:
            version = match["linked"] or match["plain"]
            if _VERSION.match(version):
                found.append(Promise(match["name"], version, match["prefix"] or "", change.id))
    return tuple(sorted(set(found)))


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
    ``-rN`` revisions of Gentoo are not compared.
    """
    installed = _newest(packages)
    by_name: dict[str, list[str]] = {}
    for package in installed:
        if not package.startswith(_NO_SOFTWARE):
            by_name.setdefault(package.rpartition("/")[2].lower(), []).append(package)
    highest: dict[str, Promise] = {}
    unchecked: list[Unchecked] = []
    for promise in promises:
        candidates = _candidates(promise, installed, by_name, names)
        if isinstance(candidates, str):
            unchecked.append(Unchecked(promise, candidates))
        else:
            (package,) = candidates
            known = highest.setdefault(package, promise)
            if compare_versions(_bare(known.version), _bare(promise.version)) is Direction.UP:
                highest[package] = promise
    unkept = {package: one for package, one in highest.items() if not _keeps(installed[package], one.version)}
    return Outcome(
        kept=tuple(sorted(one for package, one in highest.items() if package not in unkept)),
        unkept=tuple(Unkept(unkept[one], Package(one, installed[one])) for one in sorted(unkept)),
        unchecked=tuple(unchecked),
    )


def _candidates(
    promise: Promise, installed: Mapping[str, str], by_name: Mapping[str, list[str]], names: Mapping[str, str]
) -> tuple[str] | str:
    """The package that a promise is about; or, in words, why there is none."""
    if promise.prefix and _IN_THE_IMAGE not in re.split(r"[ ,]+", promise.prefix.lower()):
        return f"for {promise.prefix}, not for the image"
    name = promise.name.lower()
    alias = names.get(name, promise.name if "/" in promise.name else None)
    if alias is not None:
        return (alias,) if alias in installed else f"{alias} is not in the image"
    found = by_name.get(name, [])
    if len(found) == 1:
        return (found[0],)
    return f"may be {' or '.join(sorted(found))}" if found else "no package of this name is in the image"


def _newest(packages: Iterable[Package]) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in packages:
        known = found.setdefault(package.name, package.version)
        if compare_versions(known, package.version) is Direction.UP:
            found[package.name] = package.version
    return found


def _keeps(installed: str, promised: str) -> bool:
    has, wanted = _bare(installed), _bare(promised)
    return has == wanted or compare_versions(wanted, has) is Direction.UP


def _bare(version: str) -> str:
    """A version without Gentoo's revision, and the ``v`` of tags."""
    return _REVISION.sub("", version.removeprefix("v"))
