"""Running a command line that must fail, and looking at what it said and what it left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.digests import Digest
from release.signing.openpgp import OpenPgpHome
from tests.small_yard import SmallYard

REFUSED, USAGE, UNAVAILABLE, FAILED = 1, 2, 3, 4


def tree(root: Path) -> dict[str, str]:
    """Every file below ``root`` and the digest of what is in it; lock files are left out."""
    return {
        str(path.relative_to(root)): Digest.sha256(path.read_bytes()).hex
        for path in sorted(root.rglob("*"))
        if path.is_file() and "locks" not in path.parts
    }


def leftovers(*roots: Path) -> list[Path]:
    """What only a run in progress may have: temporary files, all of which have hidden names."""
    found = [path for root in roots for path in root.rglob("*")]
    return [
        path
        for path in found
        if path.parent.name == "tmp" or (path.name.startswith(".") and path.name != ".humpyard")
    ]


def check_message(text: str, fragments: tuple[str, ...]) -> None:
    """One error, told once, in words, with everything that ``fragments`` name."""
    assert "Traceback" not in text
    assert "fault of humpyard" not in text
    assert text.lower().count("error: ") == 1, text
    missing = [fragment for fragment in fragments if fragment not in text]
    assert not missing, f"expected {missing} in:\n{text}"


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the command line prints during one test."""

    capture: pytest.CaptureFixture[str]

    def fails(self, code: int, *fragments: str, by: Callable[[], int]) -> str:
        """Run ``by``; it ends with ``code`` and one clear message that has all ``fragments``."""
        self.capture.readouterr()
        found = by()
        printed = self.capture.readouterr().err
        assert found == code, printed
        check_message(printed, fragments)
        return printed

    def works(self, by: Callable[[], int]) -> str:
        """Run ``by``; it ends well. Returns what it printed for people."""
        self.capture.readouterr()
        found = by()
        printed = self.capture.readouterr()
        assert found == 0, printed.err
        return printed.out


@dataclass(frozen=True, slots=True)
class Forger:
    """Holds the throw-away secret keys of a yard, and one that nobody knows; signs anything."""

    home: OpenPgpHome
    keys: dict[str, str]

    def sign(self, path: Path, by: str = "build") -> None:
        """Put a signature beside the file in place of the one that is there."""
        self.home.sign_file(path, path.with_name(f"{path.name}.sig"), self.keys[by])


@dataclass(frozen=True, slots=True)
class Yard:
    """A yard with the memory of what its mirror was, for looking at what a failure did to it."""

    small: SmallYard
    before: dict[str, str]

    @classmethod
    def of(cls, small: SmallYard) -> Yard:
        """Look at the mirror now."""
        return cls(small, tree(small.mirror))

    def is_untouched(self) -> None:
        """The mirror is as it was, and no temporary file is anywhere."""
        assert tree(self.small.mirror) == self.before
        assert not leftovers(self.small.root)
