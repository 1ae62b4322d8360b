"""Measure pairs: from a plan to results. Everything here takes time; what to make of it is elsewhere."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from release.digests import FileDigests, hash_file
from tools.bench import plan
from tools.bench.job import ROOT, Measurement, measure
from tools.bench.pair import NoPairError, Novelty, Pair, Store, cut, novelty
from tools.bench.plan import Job, Planned

_PACKAGES = ("zstd", "xdelta3", "libbz2-1.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that was measured."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """All that was measured with one pair.

    Attributes:
        name: of the pair.
        old: what a delta starts from.
        new: what all payloads make.
        novelty: how much of it is new.
        measurements: by name of the job.
        deterministic: of each payload that was built with several numbers of workers, whether it has
            the same SHA-256 with all of them.
        over_limit: jobs that failed under their limit on memory and were measured without.
    """

    name: str
    old: Image
    new: Image
    novelty: Novelty
    measurements: Mapping[str, Measurement]
    deterministic: Mapping[str, bool]
    over_limit: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One payload of a pair cut to ``mib`` MiB, built with two workers."""

    pair: str
    mib: int
    payload: str
    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The content of ``results.json``. ``load`` is the load average at the start and at the end."""

    date: str
    size: str
    repeat: int
    revision: str
    cores: int
    cpu: str
    python: str
    packages: Mapping[str, str]
    load: tuple[float, float]
    pairs: tuple[PairResult, ...]
    growth: tuple[Growth, ...]

    def pair(self, name: str) -> PairResult | None:
        """The pair of that name, if it was measured."""
        return next((pair for pair in self.pairs if pair.name == name), None)


def run(size: str, store: Store, *, growth: bool, repeat: int = 1) -> Result:
    """Measure everything; ``size`` is ``small``, ``large``, or MiB of this machine's files.

    Every job is done ``repeat`` times: the least of the times, the largest of the memory.

    Raises RuntimeError if a job fails, or if a payload does not make the new image.
    """
    started = os.getloadavg()[0]
    for program in plan.missing_programs():
        _say(f"left out {program}: apt-get install {program}")
    work = store.out / "work"
    pairs = [(planned, pair) for planned, pair in _pairs(size, store)]
    measured = tuple(measure_pair(pair, planned, work, repeat) for planned, pair in pairs)
    grown = tuple(measure_growth(pairs[0][1], size, work, repeat)) if growth else ()
    shutil.rmtree(work, ignore_errors=True)
    return Result(
        date=datetime.now(UTC).date().isoformat(),
        size=size,
        repeat=repeat,
        revision=_output("git", "rev-parse", "--short", "HEAD"),
        cores=os.cpu_count() or 1,
        cpu=_cpu_model(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: _output("dpkg-query", "-W", "-f", "${Version}", name) for name in _PACKAGES},
        load=(started, os.getloadavg()[0]),
        pairs=measured,
        growth=grown,
    )


def _pairs(size: str, store: Store) -> list[tuple[Planned, Pair]]:
    """The pairs of the plan, or, where there is none, one from the machine's own files."""
    found, failed = [], False
    for planned in plan.PAIRS.get(size, ()):
        if store.find(planned.name) is None and (planned.extra or failed):
            continue
        try:
            found.append((planned, store.get(planned.name)))
        except NoPairError as error:
            failed = True
            _say(f"{error}; whatever else would have to be made is left out")
    if found:
        return found
    mib = plan.MACHINE_SIZE.get(size) or int(size)
    if not size.isdecimal():
        _say("measuring this machine's own files instead; the goals are set for other images")
    return [(plan.machine_plan(mib), store.machine(mib))]


def measure_pair(pair: Pair, planned: Planned, work: Path, repeat: int = 1) -> PairResult:
    """Run all jobs of a pair. Raises RuntimeError if one fails or makes something wrong."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    news = novelty(pair)
    old, new = _image(hash_file(pair.old)), _image(hash_file(pair.new))
    found: dict[str, Measurement] = {}
    over = []
    for job in plan.jobs(pair, planned, work):
        measured, within = _measured(job, work, repeat)
        found[job.name] = measured
        _say(f"{pair.name}: {job.name}: {measured.bytes:,} bytes, {measured.cpu_seconds:.2f} CPU s")
        over += [] if within else [job.name]
        if job.expects_image and found[job.name].sha256 != new.sha256:
            raise RuntimeError(f"{job.name}: the image made has SHA-256 {found[job.name].sha256}")
    return PairResult(
        name=pair.name,
        old=old,
        new=new,
        novelty=news,
        measurements=found,
        deterministic=dict(_deterministic(found)) if planned.whole else {},
        over_limit=tuple(over),
    )


def measure_growth(pair: Pair, size: str, work: Path, repeat: int = 1) -> Iterator[Growth]:
    """A full payload and a delta of the first MiB of a pair, more and more of them."""
    whole = pair.new.stat().st_size >> 20
    steps = [step for step in plan.GROWTH.get(size, (whole // 2, whole)) if step <= whole]
    for mib in steps:
        part = cut(pair, mib, work / "cut")
        for payload in (plan.FULL, plan.POSITIONAL):
            job = plan.build(part, payload, 2)
            found, _ = _measured(job, work, repeat)
            _say(f"{part.name}: {job.name}: {found.bytes:,} bytes, {found.cpu_seconds:.2f} CPU s")
            yield Growth(pair=pair.name, mib=mib, payload=payload, measurement=found)


def _measured(job: Job, work: Path, repeat: int) -> tuple[Measurement, bool]:
    """And whether it kept to its limit on memory; if not, it is measured without."""
    try:
        return _best(job, work, repeat, job.data_limit), True
    except RuntimeError as error:
        if not job.data_limit:
            raise
        _say(f"not within {job.data_limit >> 20} MiB: {error}")
    return _best(job, work, repeat, 0), False


def _best(job: Job, work: Path, repeat: int, limit: int) -> Measurement:
    runs = [measure(job.action, work / job.name, job.arguments, data_limit=limit) for _ in range(repeat)]
    if len({(found.bytes, found.sha256) for found in runs}) > 1:
        raise RuntimeError(f"{job.name}: made something else when it was repeated")
    return replace(
        runs[0],
        cpu_seconds=min(found.cpu_seconds for found in runs),
        wall_seconds=min(found.wall_seconds for found in runs),
        peak_bytes=max(found.peak_bytes for found in runs),
        anonymous_bytes=max(found.anonymous_bytes for found in runs),
    )


def _deterministic(found: Mapping[str, Measurement]) -> Iterator[tuple[str, bool]]:
    for payload in plan.PAYLOADS:
        names = [plan.with_workers(payload, workers) for workers in plan.WORKERS]
        yield payload, len({found[name].sha256 for name in names}) == 1


def _image(digests: FileDigests) -> Image:
    return Image(bytes=digests.size, sha256=digests.sha256.hex)


def _cpu_model() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _output(*argv: str) -> str:
    """What a program says, or ``unknown``."""
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
