"""The site built again: in fresh processes, in other places of the world, and after one more release."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from release.digests import Digest
from release.errors import ToolError
from release.line.laying_out import SETTINGS
from release.settings import load_settings
from tools.site_check.built import BuiltSite
from tools.site_check.measure import Measure, at_most, none_of

_FULL, _INCREMENTAL = 15, 2
"""Seconds, on two cores."""

_PLACES: Final[tuple[Mapping[str, str], ...]] = (
    MappingProxyType({"TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "1"}),
    MappingProxyType({"TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONHASHSEED": "2"}),
)
_SECONDS = 600
"""After which a build is given up."""


def built_again(site: BuiltSite, yard: Path) -> Iterator[Measure]:
    """Everything from nothing, then again over it with all remembered, elsewhere; byte by byte the same.

    What the yard remembers of earlier builds is forgotten.

    Raises:
        ToolError: a build failed; says what it complained.
    """
    with tempfile.TemporaryDirectory(prefix="site-check-") as scratch:
        out = Path(scratch) / "site"
        _forget(yard)
        full = _build(yard, out, _PLACES[0])
        first = _digests(out)
        warm = _build(yard, out, _PLACES[1])
        trees = {"first": first, "second": _digests(out)}
    here = _digests(site.root)
    faults = [
        f"{path}: differs in the {name} build"
        for name, tree in trees.items()
        for path in sorted({*here, *tree})
        if here.get(path) != tree.get(path)
    ]
    yield none_of("files that differ when built twice more", faults, f"{len(here)} files")
    yield at_most("full build", full, _FULL, "s", timed=True)
    yield at_most("the command again, with nothing new", warm, _FULL, "s", timed=True)
    history = load_settings(yard / SETTINGS).pages.history
    if history is not None:
        yield at_most("one more release", _one_more(yard / history), _INCREMENTAL, "s", timed=True)


def _forget(yard: Path) -> None:
    (yard / "work" / "pages.memo").unlink(missing_ok=True)
    shutil.rmtree(yard / "work" / "lists", ignore_errors=True)


def _build(yard: Path, out: Path, place: Mapping[str, str]) -> float:
    """Seconds that it took, the start of the process included."""
    command = [str(Path(sys.executable).with_name("humpyard"))]
    command += ["pages", "build", "--settings", str(yard / SETTINGS), "--out", str(out)]
    begun = time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, **place}, capture_output=True, timeout=_SECONDS, check=False
    )
    seconds = time.monotonic() - begun
    if done.returncode:
        raise ToolError(f"pages build: {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return seconds


def _one_more(history: Path) -> float:
    command = [sys.executable, "-m", "tools.site_check.increment", str(history)]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise ToolError(f"{command[2]}: {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return float(done.stdout)


def _digests(root: Path) -> dict[str, Digest]:
    return {
        path.relative_to(root).as_posix(): Digest.sha256(path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }
