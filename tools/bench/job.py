"""One job in a process of its own: ``python -m tools.bench.job ACTION OUT LIMIT ARGUMENT...``.

What an action needs is imported before the clock starts, and only by those that need it: times are of
the work alone, and the peaks of memory are the job's own. Prints a measurement as JSON.
"""

from __future__ import annotations

import bz2
import hashlib
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What a job made, and what that took.

    Attributes:
        bytes: of what it wrote; for a proof, of the image made.
        sha256: of the same; empty if nothing was kept.
        cpu_seconds: user and system time of all threads and children.
        wall_seconds: from beginning to end, without the start of Python.
        peak_bytes: resident memory with the pages of mapped files; of a program at least what starts it
            has, about 15 MiB.
        anonymous_bytes: resident memory that is no file's, the largest of samples taken every 50 ms.
        data_limit: RLIMIT_DATA (bytes of private writable mappings) that it kept to; 0 for none.
    """

    bytes: int
    sha256: str
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    anonymous_bytes: int
    data_limit: int


Made = tuple[int, str] | None
"""Bytes and SHA-256; ``None``: those of the file that was written."""


def measure(action: str, out: Path, arguments: Sequence[str], *, data_limit: int = 0) -> Measurement:
    """Do one job in a new process. Raises RuntimeError with its messages if it fails."""
    argv = [sys.executable, "-m", "tools.bench.job", action, str(out), str(data_limit), *arguments]
    anonymous = 0
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while True:
            try:
                stdout, stderr = process.communicate(timeout=_SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                anonymous = max(anonymous, _anonymous_of_job(process.pid))
    if process.returncode != 0:
        raise RuntimeError(f"{out.name}: exit code {process.returncode}: {stderr.strip()}")
    found = Measurement(**json.loads(stdout))
    return replace(found, anonymous_bytes=max(found.anonymous_bytes, anonymous))


def _anonymous_of_job(pid: int) -> int:
    """Bytes of anonymous memory of the program that a job runs, or of the job itself."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return sum(_status(child, "RssAnon") for child in children) or _status(str(pid), "RssAnon")


def _status(pid: str, field: str) -> int:
    """Bytes of a field of ``/proc/PID/status``; 0 if there is no such process any more."""
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def _payload(action: str, out: Path, arguments: Sequence[str]) -> Callable[[], Made]:
    """``build PROFILE WORKERS NEW [OLD]``, unsigned; ``prove PROFILE WORKERS PAYLOAD [OLD]``.

    A proof checks everything, makes the image in the folder of ``out``, and keeps nothing of it.
    """
    from release.payload import apply, build, profile  # noqa: PLC0415 - see the module

    rules, workers, subject = profile.get_profile(arguments[0]), int(arguments[1]), Path(arguments[2])
    source = Path(arguments[3]) if len(arguments) > 3 else None
    order = build.BuildOrder(new_image=subject, out=out, old_image=source, profile=rules, workers=workers)

    def work() -> Made:
        if action == "build":
            build.build_payload(order)
            return None
        made = apply.prove_payload(subject, out.parent, source=source, profile=rules, workers=workers)
        return made.image.size, made.image.sha256.hex

    return work


def _unpack(arguments: Sequence[str]) -> Callable[[], Made]:
    """``unpack PAYLOAD``: what ``bunzip2`` would do to its bzip2 blobs. One thread, nothing checked."""
    from release.payload import operations, reader  # noqa: PLC0415 - see the module

    def work() -> Made:
        size = 0
        with reader.open_payload(Path(arguments[0])) as payload:
            for _, _, operation in payload.manifest.all_operations():
                if operation.type is operations.OperationType.REPLACE_BZ:
                    size += len(bz2.decompress(b"".join(payload.blob_pieces(operation))))
        return size, ""

    return work


def _public(action: str, out: Path, arguments: Sequence[str]) -> Made:
    """``program ARGV...``, its output; ``rule NEW``, as ``delta_generator`` packs full payloads.

    The rule: each MiB by itself, at bzip2's level 9 or as it is, what is smaller. One thread.
    """
    with out.open("wb") as sink:
        if action == "program":
            subprocess.run(arguments, stdout=sink, check=True)
            return None
        with Path(arguments[0]).open("rb") as source:
            while chunk := source.read(1 << 20):
                sink.write(min(bz2.compress(chunk, 9), chunk, key=len))
    return None


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _prepare(action: str, out: Path, arguments: Sequence[str]) -> Callable[[], Made]:
    if action in {"build", "prove"}:
        return _payload(action, out, arguments)
    return _unpack(arguments) if action == "unpack" else partial(_public, action, out, arguments)


def main(action: str, out: Path, data_limit: int, arguments: Sequence[str]) -> None:
    """Do the work between two readings of the clocks and print what it took."""
    if data_limit:
        resource.setrlimit(resource.RLIMIT_DATA, (data_limit, data_limit))
    work = _prepare(action, out, arguments)
    cpu, wall = _cpu(), time.monotonic()
    made = work()
    took = {"wall_seconds": time.monotonic() - wall, "cpu_seconds": _cpu() - cpu}
    # Linux lets our own ru_maxrss survive exec; VmHWM starts anew.
    peak = max(_status("self", "VmHWM"), 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    memory = {"peak_bytes": peak, "anonymous_bytes": 0 if action == "program" else _status("self", "RssAnon")}
    if made is None:
        with out.open("rb") as file:
            made = out.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    print(json.dumps({"bytes": made[0], "sha256": made[1], **took, **memory, "data_limit": data_limit}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
