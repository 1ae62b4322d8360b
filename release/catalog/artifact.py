"""Artifacts: files of a release, named, measured and hashed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from release.digests import Digest, FileDigests
from release.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}", re.ASCII)

ARTIFACT_ALGORITHMS = ("sha256", "sha512", "sha1", "md5")
"""What DIGESTS files and update servers ask for. Only SHA-256 and SHA-512 are trusted for anything."""


def check_file_name(name: str) -> str:
    """Return ``name`` if it is safe in a path, a URL and a shell. Raises InputError otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InputError(
            f"file name {name!r}: expected letters, digits and ._+- after a letter or digit, and no '..'"
        )
    return name


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a release as it is published. ``size`` is in bytes."""

    name: str
    size: int
    sha256: Digest
    sha512: Digest
    sha1: Digest
    md5: Digest

    def __post_init__(self) -> None:
        check_file_name(self.name)
        if self.size < 0:
            raise InputError(f"{self.name}: size {self.size} is negative")
        for field in ARTIFACT_ALGORITHMS:
            digest: Digest = getattr(self, field)
            if digest.algorithm != field:
                raise InputError(f"{self.name}: {field} holds a {digest.algorithm} digest")

    @classmethod
    def from_digests(cls, name: str, measured: FileDigests) -> Artifact:
        """Name what was measured with ``ARTIFACT_ALGORITHMS``."""
        return cls(
            name,
            measured.size,
            measured.get("sha256"),
            measured.get("sha512"),
            measured.get("sha1"),
            measured.get("md5"),
        )
