"""A process of its own that uploads one object, for tests that kill it or look at its memory.

``python -m tests.s3_uploader OPTIONS`` with a JSON object; see ``Order``. Prints what it did as JSON.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from release.digests import Digest, hash_stream
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.mirror.store import Source
from release.mirror.sync import Upload, publish

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = bytes(range(256)) * 4096


class Pattern(io.RawIOBase):
    """``size`` bytes that nobody has to store; every mebibyte begins with its number."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io passes a memoryview
        number, offset = divmod(self._at, len(_BLOCK))
        count = min(len(buffer), len(_BLOCK) - offset, self._size - self._at)
        block = number.to_bytes(8, "big") + _BLOCK[8:]
        buffer[:count] = block[offset : offset + count]
        self._at += count
        return count


def pattern(size: int) -> BinaryIO:
    """Opened for reading."""
    return io.BufferedReader(Pattern(size), buffer_size=1 << 20)


@dataclass(frozen=True)
class Order:
    """What is uploaded where: the file ``path``, or else ``size`` bytes of a pattern, as a stream."""

    endpoint: str
    bucket: str
    prefix: str
    key: str
    size: int
    sha256: str
    path: str | None = None
    part_size: int = 5 << 20
    parallel: int = 2
    bandwidth: int | None = None
    attempts: int = 10

    def start(self, environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start the process; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.s3_uploader", json.dumps(asdict(self))],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self) -> dict[str, object]:
        """Upload here."""
        options = S3Options(
            endpoint_url=self.endpoint,
            part_size=self.part_size,
            parallel=self.parallel,
            bandwidth=self.bandwidth,
            attempts=self.attempts,
        )
        store = S3Store(bucket=self.bucket, prefix=self.prefix, options=options)
        store.stat("warm")  # whatever a first request loads is no part of what an upload takes
        before = _peak()
        source: Source = (lambda: pattern(self.size)) if self.path is None else Path(self.path)
        sha256 = Digest.parse(f"sha256:{self.sha256}")
        report = publish(store, [Upload(key=self.key, source=source, size=self.size, sha256=sha256)])
        return {"uploaded": report.uploaded, "before": before, "peak": _peak()}


def pattern_sha256(size: int) -> str:
    """What a pattern is named by."""
    with pattern(size) as stream:
        return hash_stream(stream).sha256.hex


def _peak() -> int:
    """Bytes this program had in memory at the most: VmHWM of proc(5), in kibibytes.

    getrusage(2) would count the process that started us, too, as it was before execve(2).
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    print(json.dumps(Order(**json.loads(sys.argv[1])).run()))  # noqa: T201  # what it is for
