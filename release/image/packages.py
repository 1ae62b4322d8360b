"""Package lists of an image, one ``category/name-version::repository`` a line.

Source: flatcar/scripts ``build_library/build_image_util.sh``, which prints ``$cpv::$repo``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from release.errors import InputError, storage_errors

LONGEST_LIST = 16 << 20
"""Bytes that a list may have."""
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9+_.-]*/[A-Za-z0-9_][A-Za-z0-9+_.-]*)"
    r"-(?P<version>[0-9][A-Za-z0-9._+~]*(?:-[A-Za-z][A-Za-z0-9.]*)?)"
    r"(?:\s*::\s*[A-Za-z0-9_][A-Za-z0-9_-]*)?",
    re.ASCII,
)
_REVISION = re.compile(r"-r[0-9]+\Z", re.ASCII)

MAJOR_SOFTWARE: Mapping[str, str] = {
    "containerd": "app-containers/containerd",
    "docker": "app-containers/docker",
    "ignition": "sys-apps/ignition",
    "kernel": "sys-kernel/coreos-kernel",
    "systemd": "sys-apps/systemd",
}
"""What a release's page names, and the package that tells its version."""

MAJOR_VERSION_ONLY = frozenset({"systemd"})
"""Software whose version is told up to the first dot."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One installed package: ``category/name`` and its version, a ``-rN`` revision included."""

    name: str
    version: str


def read_packages(path: Path) -> tuple[Package, ...]:
    """The packages of a list, sorted by name and version as text, each once.

    Raises:
        InputError: unreadable, longer than 16 MiB, empty, or a line of another form.
    """
    with storage_errors(path), path.open("rb") as source:
        data = source.read(LONGEST_LIST + 1)
    return parse_packages(data, str(path))


def parse_packages(data: bytes, where: str) -> tuple[Package, ...]:
    """The packages of the list that ``data`` is, as ``read_packages``; ``where`` is for messages."""
    if len(data) > LONGEST_LIST:
        raise InputError(f"{where}: expected at most {LONGEST_LIST} bytes")
    packages = set()
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"{where}:{number}: expected CATEGORY/NAME-VERSION::REPO, found {line[:80]!r}")
        packages.add(Package(match["name"], match["version"]))
    if not packages:
        raise InputError(f"{where}: expected at least one package, found none")
    return tuple(sorted(packages))


def major_software(
    packages: Iterable[Package],
    names: Mapping[str, str] = MAJOR_SOFTWARE,
    major_only: frozenset[str] = MAJOR_VERSION_ONLY,
) -> dict[str, str]:
    """The versions people ask for first, without revisions; what is not installed is left out.

    Raises:
        InputError: one of them is installed in two versions.
    """
    wanted = {package: label for label, package in names.items()}
    found: dict[str, str] = {}
    for package in packages:
        label = wanted.get(package.name)
        if label is None:
            continue
        version = _REVISION.sub("", package.version)
        version = version.partition(".")[0] if label in major_only else version
        if found.setdefault(label, version) != version:
            raise InputError(f"{package.name}: expected one version, found {found[label]} and {version}")
    return dict(sorted(found.items()))
