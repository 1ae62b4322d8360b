"""Real changelog fragments as they were at a day, and package lists that keep what they promise."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from release.errors import storage_errors

_NAME = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})-.+\.md", re.ASCII)
_UPDATE = re.compile(r"- (?:(?P<where>[^:(\[]+): )?(?P<name>[^(\[:]+?) \(\[?(?P<version>[0-9][^\s\]),]*)")
_KERNEL, _FIRMWARE = "sys-kernel/coreos-kernel", "sys-kernel/coreos-firmware"
_CALLED: Final = {"Linux": _KERNEL, "Linux Firmware": _FIRMWARE}
_BASE: Final = {
    "app-containers/containerd": "2.2.5",
    "app-containers/docker": "29.1.3",
    "sys-apps/ignition": "2.24.0",
    "sys-apps/systemd": "260",
}
"""What a Flatcar image has besides, as of the history's newest release."""


def fragments(changelog: Path, until: date) -> Iterator[Path]:
    """Those of ``changelog`` that are dated ``until`` or before, sorted by day and name.

    What has a date that cannot be is left out: of 795 real fragments one is of the year 3035.
    """
    found = [
        path
        for path in sorted(changelog.glob("*/*.md"))
        if (match := _NAME.fullmatch(path.name)) and match["day"] <= until.isoformat()
    ]
    return iter(sorted(found, key=lambda path: (path.name, path.parent.name)))


def put(changelog: Path, until: date, target: Path) -> int:
    """Copy them to ``target``; returns how many there are."""
    count = 0
    with storage_errors(target):
        for path in fragments(changelog, until):
            copy = target / path.parent.name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            count += 1
    return count


def packages(changelog: Path, until: date) -> tuple[str, ...]:
    """Lines of a package list: the versions that fragments on updates told last, in Flatcar's form."""
    found = dict(_BASE)
    for path in fragments(changelog, until):
        if path.parent.name != "updates":
            continue
        for match in _UPDATE.finditer(path.read_text(encoding="utf-8")):
            name = _CALLED.get(match["name"]) or f"app-misc/{match['name'].lower().replace(' ', '-')}"
            if not (match["where"] or "").startswith("SDK"):
                found[name] = match["version"]
    return tuple(sorted(f"{name}-{version}::demo" for name, version in found.items()))


def kernel(changelog: Path, until: date) -> str:
    """The version of Linux that was told last."""
    (line,) = (line for line in packages(changelog, until) if line.startswith(f"{_KERNEL}-"))
    return line.removeprefix(f"{_KERNEL}-").removesuffix("::demo")
