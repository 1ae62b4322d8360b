"""The update server under load, beside a static file: ``python -m tools.bench.serve``.

One process of each is asked by wrk on loopback, in turns, in one run. The static file has as many bytes as an
answer and is served by Starlette's ``StaticFiles`` under the very same uvicorn, parser and bounds; beside it
an application that sends the same bytes from memory shows what that server can do at all.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import requests

from release.catalog.version import Version
from release.promotion.delivery import RolloutRules, RolloutStep
from release.signing.openpgp import OpenPgpHome
from tests.update_mirror import DAY, NEW, OLD, document, mirror_in, offer, payload
from tests.update_server import request_body, update_server
from tools.bench.job import ROOT

GOAL = 0.5
"""Of the static file's rate."""
OFFER, NOTHING, STATIC, MEMORY = "an update", "no update", "static file", "bytes from memory"
_SCRIPT = ROOT / "tools/bench/serve_machines.lua"
_CONNECTIONS = 32
_FULLY = RolloutRules(
    steps=(
        RolloutStep(after=DAY * 0, share=Decimal("0.9999")),
        RolloutStep(after=DAY * 8, share=Decimal(1)),
    ),
    linear=True,
)
"""A rollout that goes on, and has come to nearly all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk found. ``p99`` in milliseconds; ``cpu`` in microseconds of the server for a request."""

    rate: float
    p99: float
    cpu: float
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to be asked: ``pid`` is the process whose CPU time counts."""

    url: str
    pid: int
    script: tuple[str, ...] = ()


def measure(seconds: int, rounds: int) -> Mapping[str, Load]:
    """Ask everything in turns; the median of the rounds. Raises RuntimeError when wrk fails."""
    with ExitStack() as stack:
        targets = _targets(stack)
        found: dict[str, list[Load]] = {name: [] for name in targets}
        for _ in range(rounds):
            for name, target in targets.items():
                found[name].append(load(target, seconds))
    return {name: _median(loads) for name, loads in found.items()}


def load(target: Target, seconds: int, connections: int = _CONNECTIONS) -> Load:
    """Ask one thing for so many seconds."""
    before = _cpu(target.pid)
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    argv += ["-s", str(_SCRIPT), target.url, "--", *target.script] if target.script else [target.url]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"wrk: {done.stderr or done.stdout}")
    took, text = _cpu(target.pid) - before, done.stdout
    count = int(_number(r"(\d+) requests in", text))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", text)[0]
    return Load(
        rate=_number(r"Requests/sec:\s+([\d.]+)", text),
        p99=float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit],
        cpu=1e6 * took / max(count, 1),
        failed=int(failed[1]) if failed else 0,
    )


@contextmanager
def machines_server(folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """An update server with a release in rollout, a delta and an extension; its URL and pid."""
    with OpenPgpHome() as home:
        key = home.generate_key("Pipeline <pipeline@example.org>")
        public = folder / "pipeline.asc"
        public.write_bytes(home.export_public(key))
        mirror = mirror_in(folder / "mirror", lambda data: home.sign_bytes(data, key))
        newest = offer(NEW, payload("from.gz", OLD), payload("oem-azure.gz", extension=True), rules=_FULLY)
        mirror.publish(document(newest, offer(OLD), offer(Version(4081, 1, 0))))
        with update_server(
            folder / "server", [str(folder / "mirror")], [public], *options, refresh=60
        ) as server:
            server.await_ready()
            time.sleep(1)  # further processes have their documents, too
            yield server.url, server.process.pid


def _targets(stack: ExitStack) -> dict[str, Target]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    url, pid = stack.enter_context(machines_server(folder))
    address = f"{url}/v1/update/"
    answer = requests.post(address, request_body(), timeout=10).content
    plain, plain_pid = stack.enter_context(_plain_server(folder / "files", answer))
    return {
        OFFER: Target(url=address, pid=pid, script=(str(OLD),)),
        NOTHING: Target(url=address, pid=pid, script=(str(NEW),)),
        STATIC: Target(url=f"{plain}/files/answer.xml", pid=plain_pid),
        MEMORY: Target(url=f"{plain}/memory", pid=plain_pid),
    }


@contextmanager
def _plain_server(folder: Path, answer: bytes) -> Iterator[tuple[str, int]]:
    folder.mkdir()
    (folder / "answer.xml").write_bytes(answer)
    with subprocess.Popen(
        [sys.executable, "-m", "tools.bench.serve_static", str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None  # noqa: S101  a pipe was asked for
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


def _cpu(pid: int) -> float:
    """Seconds of user and system time of a process; proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"wrk: expected {pattern}, found {text[:2000]}")
    return float(found[1])


def _median(loads: Sequence[Load]) -> Load:
    return Load(
        rate=statistics.median(one.rate for one in loads),
        p99=statistics.median(one.p99 for one in loads),
        cpu=statistics.median(one.cpu for one in loads),
        failed=sum(one.failed for one in loads),
    )


def tables(found: Mapping[str, Load], seconds: int, rounds: int) -> str:
    """In Markdown, the goal first."""
    offer_rate, static = found[OFFER], found[STATIC]
    ratio = offer_rate.rate / static.rate
    origin = f"{datetime.now(UTC).date()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    goal = (
        f"Answering with an update is {ratio:.2f} times as fast as the static file (goal: {GOAL} or more),"
        f" and takes {offer_rate.cpu / static.cpu:.2f} of its CPU time."
    )
    lines = [
        f"{origin}, wrk on the same machine.",
        goal,
        f"Medians of {rounds} rounds of {seconds} s, {_CONNECTIONS} connections, one process each.",
        "",
        "| | requests/s | p99 ms | CPU µs/request | of the static file | failed |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in found.items():
        share = f"{one.rate / static.rate:.2f}"
        lines.append(f"| {name} | {one.rate:,.0f} | {one.p99:.1f} | {one.cpu:.0f} | {share} | {one.failed} |")
    return "\n".join(lines) + "\n"


def section(seconds: int = 5, rounds: int = 3) -> str | None:
    """The tables; None, and the command to install it, where there is no wrk."""
    if shutil.which("wrk") is None:
        sys.stderr.write("left out the update server's load: apt-get install wrk (or tools/setup bench)\n")
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    return tables(measure(seconds, rounds), seconds, rounds)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.serve", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of one round of one thing")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    text = section(options.seconds, options.rounds)
    print(text or "", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
