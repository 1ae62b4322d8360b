"""DIGESTS files: the hashes of one file, for people and for ``md5sum -c`` and its kin.

The form is that of flatcar/scripts ``ci-automation/ci_automation_common.sh`` (``create_digests``):
blocks of a comment line and a line as ``md5sum`` writes it, for MD5, SHA1 and SHA512. Ours have
one more block, SHA256, behind them; readers of the old form skip it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from release.catalog.artifact import Artifact, check_file_name
from release.digests import Digest
from release.errors import InputError, NotVerifiedError

BLOCKS = ("md5", "sha1", "sha512", "sha256")
"""The order of the blocks. MD5 and SHA1 are there for old readers and are trusted for nothing."""

CHECKSUM_SUFFIX = ".sha256"
"""Behind a payload's name: its SHA-256 alone, as ``sha256sum`` writes it. Flatcar's update server
has one beside every payload."""

MAX_SIZE = 4096
"""Bytes; four blocks with the longest file name are under 1400."""

_BLOCK = re.compile(r"# ([A-Z0-9]{1,8}) HASH\n([0-9a-f]+)  ([^\n]+)\n", re.ASCII)
_CHECKSUM = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class DigestsFile:
    """What a DIGESTS or checksum file says: a file's name and its digests, in the file's order."""

    name: str
    digests: tuple[Digest, ...]

    def __post_init__(self) -> None:
        check_file_name(self.name)
        algorithms = [digest.algorithm for digest in self.digests]
        if len(set(algorithms)) != len(algorithms):
            raise InputError(f"digests of {self.name}: a hash is there twice")
        if not {"sha256", "sha512"} & set(algorithms):
            raise InputError(f"digests of {self.name}: expected SHA256 or SHA512, found neither")

    def check(self, artifact: Artifact) -> None:
        """Raises NotVerifiedError when it says anything else about ``artifact`` than is recorded."""
        if self.name != artifact.name:
            raise NotVerifiedError(f"digests: expected those of {artifact.name}, found {self.name}")
        for digest in self.digests:
            recorded: Digest = getattr(artifact, digest.algorithm)
            if digest != recorded:
                raise NotVerifiedError(f"digests of {self.name}: expected {recorded}, found {digest}")


def render_digests(artifact: Artifact) -> bytes:
    """The DIGESTS file of ``artifact``."""
    digests: list[Digest] = [getattr(artifact, name) for name in BLOCKS]
    return "".join(
        f"# {digest.algorithm.upper()} HASH\n{digest.hex}  {artifact.name}\n" for digest in digests
    ).encode()


def parse_digests(data: bytes) -> DigestsFile:
    """Read a DIGESTS file about one file, ours or Flatcar's.

    Raises:
        InputError: anything but blocks of known hashes with whole lines, about one name, with at
            least one hash that can be trusted.
    """
    text = _decode(data, "DIGESTS")
    position, name, digests = 0, "", []
    while position < len(text):
        match = _BLOCK.match(text, position)
        if match is None or match[1].lower() not in BLOCKS:
            line = text.count("\n", 0, position) + 1
            raise InputError(
                f"DIGESTS: line {line}: expected '# <HASH> HASH', then digits, two spaces, a name"
            )
        if name and match[3] != name:
            raise InputError(f"DIGESTS: expected lines about {name!r} only, found {match[3]!r}")
        name = match[3]
        digests.append(Digest.parse(f"{match[1].lower()}:{match[2]}"))
        position = match.end()
    return DigestsFile(name, tuple(digests))


def render_checksum(artifact: Artifact) -> bytes:
    """One line as ``sha256sum`` writes it."""
    return f"{artifact.sha256.hex}  {artifact.name}\n".encode()


def parse_checksum(data: bytes) -> DigestsFile:
    """Read one line as ``sha256sum`` writes it. Raises InputError for anything else."""
    match = _CHECKSUM.fullmatch(_decode(data, "checksum"))
    if match is None:
        raise InputError("checksum: expected 64 digits, two spaces and a name, on one line")
    return DigestsFile(match[2], (Digest.parse(f"sha256:{match[1]}"),))


def _decode(data: bytes, what: str) -> str:
    if len(data) > MAX_SIZE:
        raise InputError(f"{what}: expected at most {MAX_SIZE} bytes, found {len(data)}")
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise InputError(f"{what}: not ASCII at byte {error.start}") from error
