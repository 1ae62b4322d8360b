"""The directory that a rehearsal or a delivery plays in: its own, or none."""

from __future__ import annotations

import shutil
from pathlib import Path


def clear(root: Path, marker: str) -> None:
    """Remove what an earlier run left, and nothing else. Does nothing when there was none."""
    if (root / marker).is_file():
        shutil.rmtree(root)


def claim(root: Path, marker: str) -> bool:
    """Take an empty or new directory. False when something else is there."""
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        return False
    (root / marker).touch()
    return True
