"""One job in a process of its own: ``python -m tools.bench.job ACTION OUT ARGUMENT...``.

What an action needs is imported before the clock starts, and only by those that need it: times are of
the work alone, and the peak of memory is the job's own. Prints a measurement as JSON.
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
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Size and hash of what a job wrote, and what that took.

    CPU seconds are user and system time of all threads and children. The peak is resident memory with
    the pages of mapped images; of a program at least what starts it has, about 15 MiB.
    """

    bytes: int
    sha256: str
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


def measure(action: str, out: Path, arguments: Sequence[str]) -> Measurement:
    """Do one job in a new process. Raises RuntimeError with its messages if it fails."""
    argv = [sys.executable, "-m", "tools.bench.job", action, str(out), *arguments]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{out.name}: exit code {done.returncode}: {done.stderr.strip()}")
    return Measurement(**json.loads(done.stdout))


def _payload(action: str, out: Path, arguments: Sequence[str]) -> Callable[[], object]:
    """``build PROFILE WORKERS NEW [OLD]``, unsigned; ``apply PROFILE PAYLOAD [OLD]``, checked before."""
    from release.payload import apply, build, check, profile  # noqa: PLC0415 - see the module

    rules = profile.get_profile(arguments[0])
    if action == "build":
        new, *old = map(Path, arguments[2:])
        source, workers = next(iter(old), None), int(arguments[1])
        order = build.BuildOrder(new_image=new, out=out, old_image=source, profile=rules, workers=workers)
        return lambda: build.build_payload(order)

    def work() -> None:
        payload, *old = map(Path, arguments[1:])
        check.check_payload(payload, rules)
        apply.apply_payload(payload, out, source=next(iter(old), None), profile=rules)

    return work


def _public(action: str, out: Path, arguments: Sequence[str]) -> None:
    """``program ARGV...``, its output; ``rule NEW``, as ``delta_generator`` packs full payloads.

    The rule: each MiB by itself, at bzip2's level 9 or as it is, what is smaller. One thread.
    """
    with out.open("wb") as sink:
        if action == "program":
            subprocess.run(arguments, stdout=sink, check=True)
            return
        with Path(arguments[0]).open("rb") as source:
            while chunk := source.read(1 << 20):
                sink.write(min(bz2.compress(chunk, 9), chunk, key=len))


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> int:
    """Of this process or its child. Linux lets our own ``ru_maxrss`` survive exec; VmHWM starts anew."""
    own = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * max(int(own[1]) if own else 0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def main(action: str, out: Path, arguments: Sequence[str]) -> None:
    """Do the work between two readings of the clocks and print what it took."""
    ours = action in {"build", "apply"}
    work = _payload(action, out, arguments) if ours else partial(_public, action, out, arguments)
    cpu, wall = _cpu(), time.monotonic()
    work()
    took = {"wall_seconds": time.monotonic() - wall, "cpu_seconds": _cpu() - cpu}
    peak, content = _peak(), out.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    print(json.dumps({"bytes": len(content), "sha256": digest, **took, "peak_bytes": peak}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
