"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from flows.demo.image_sets import MIB
from tools.bench import goals, plan
from tools.bench.goals import BYTES, CPU, MEMORY, WALL, Finding, Goal
from tools.bench.pair import BLOCK
from tools.bench.run import PairResult, Result

_UNITS = {BYTES: "bytes", CPU: "CPU time"}
_MET = {"reached": "yes, reach too"}


def report(result: Result) -> Iterator[str]:
    """All tables, the goals first; lines without their ends."""
    yield from _origin(result)
    yield from _goals(list(goals.findings(result)))
    yield from _within_limit(result)
    yield from _deterministic(result)
    yield from _novelty(result)
    yield from _proofs(result)
    yield from _growth(result)
    for pair in result.pairs:
        yield from _jobs(pair)


def _origin(result: Result) -> Iterator[str]:
    packages = ", ".join(f"{name} {version}" for name, version in result.packages.items())
    before, after = result.load
    yield f"{result.date}, SIZE={result.size}, commit {result.revision}; {result.cores} cores ({result.cpu}),"
    yield f"load average {before:.1f} before and {after:.1f} after; {result.python}; {packages}."
    if result.repeat > 1:
        yield f"Each job {result.repeat} times: the least of the times, the largest of the memory."


def _goals(found: list[Finding]) -> Iterator[str]:
    yield "\n| | pair | measured | must | reach | met |\n|---|---|---:|---:|---:|---|"
    for finding in found:
        goal = finding.goal
        value = "" if finding.value is None else _number(goal, finding.value)
        pair = f"{finding.pair}{' *' if finding.stand_in else ''}" if finding.pair else goal.pair
        reach = "" if goal.reach is None else _bound(goal, goal.reach)
        met = _MET.get(finding.met, finding.met)
        yield f"| {_what(goal)} | {pair} | {value} | {_bound(goal, goal.must)} | {reach} | {met} |"
    if any(finding.stand_in for finding in found):
        yield "\n\\* not the pair for which the goal is set, but the nearest to it in this run."


def _what(goal: Goal) -> str:
    if goal.field == WALL:
        return f"{goal.to}: 2 workers against 1, wall time"
    if goal.field == MEMORY:
        return f"{goal.of}: anonymous memory"
    return f"{goal.of} against {goal.to}: {_UNITS[goal.field]}"


def _number(goal: Goal, value: float) -> str:
    if goal.field == MEMORY:
        return f"{value / (1 << 30):.2f} GiB"
    if goal.field == WALL:
        return f"{value:.2f}x"
    return f"1/{1 / value:.2f}" if goal.field == CPU and value < 1 else f"{value:.3f}"


def _bound(goal: Goal, value: float) -> str:
    if goal.field == MEMORY:
        return f"< {value / (1 << 30):.1f} GiB"
    if goal.field == WALL:
        return f"≥ {value:.1f}x"
    return f"≤ 1/{1 / value:.3g}" if goal.field == CPU else f"≤ {value:.2f}"


def _within_limit(result: Result) -> Iterator[str]:
    tried = {
        f"{pair.name}, {name}": name not in pair.over_limit
        for pair in result.pairs
        for name in (plan.with_workers(payload, 2) for payload in plan.PAYLOADS)
        if name in pair.measurements
    }
    if tried:
        failed = "; ".join(name for name, passed in tried.items() if not passed)
        limit = f"RLIMIT_DATA of {plan.DATA_LIMIT / (1 << 30):.1f} GiB"
        yield f"\nBuilds with 2 workers under an {limit}: {sum(tried.values())} of {len(tried)} passed."
        if failed:
            yield f"Failed, and measured without: {failed}."


def _deterministic(result: Result) -> Iterator[str]:
    every = [(pair.name, name, same) for pair in result.pairs for name, same in pair.deterministic.items()]
    if every:
        different = "; ".join(f"{pair}, {name}" for pair, name, same in every if not same)
        workers = ", ".join(map(str, plan.WORKERS))
        yield f"\nSHA-256 of {len(every)} payloads with {workers} workers: " + (
            f"NOT EQUAL: {different}." if different else "equal."
        )


def _novelty(result: Result) -> Iterator[str]:
    yield "\n| pair | image MiB | not zero, MiB | nowhere in the old image, MiB | of what is not zero |"
    yield "|---|---:|---:|---:|---:|"
    for pair in result.pairs:
        blocks = (pair.novelty.blocks, pair.novelty.filled, pair.novelty.new)
        sizes = " | ".join(f"{count * BLOCK / MIB:.1f}" for count in blocks)
        yield f"| {pair.name} | {sizes} | {pair.novelty.new / (pair.novelty.filled or 1):.1%} |"


def _proofs(result: Result) -> Iterator[str]:
    pairs = [pair for pair in result.pairs if plan.UNPACK in pair.measurements]
    if not pairs:
        return
    yield f"\nProofs (apply with all checks), divided by `{plan.UNPACK}`:"
    yield "\n| pair | proof of | CPU time | wall time, 1 worker | 2 workers |\n|---|---|---:|---:|---:|"
    for pair in pairs:
        of = pair.measurements[plan.UNPACK]
        for payload in plan.PAYLOADS:
            one, two = (
                pair.measurements[plan.with_workers(plan.proof(payload), workers)] for workers in (1, 2)
            )
            walls = " | ".join(f"{proof.wall_seconds / of.wall_seconds:.2f}" for proof in (one, two))
            yield f"| {pair.name} | {payload} | {one.cpu_seconds / of.cpu_seconds:.2f} | {walls} |"


def _growth(result: Result) -> Iterator[str]:
    if not result.growth:
        return
    yield f"\nThe first MiB of {result.growth[0].pair}, 2 workers:"
    yield "\n| MiB | | bytes | CPU s | per MiB, ms | wall s | anonymous MiB |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for payload in plan.PAYLOADS:
        for step in (step for step in result.growth if step.payload == payload):
            found = step.measurement
            cpu = f"{found.cpu_seconds:.2f} | {1000 * found.cpu_seconds / step.mib:.0f}"
            memory = f"{found.anonymous_bytes / MIB:.0f}"
            yield (
                f"| {step.mib} | {payload} | {found.bytes:,} | {cpu} | {found.wall_seconds:.2f} | {memory} |"
            )


def _jobs(pair: PairResult) -> Iterator[str]:
    yield f"\n**{pair.name}**"
    yield "\n| | bytes | of the image | CPU s | wall s | peak MiB | anonymous MiB |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, found in pair.measurements.items():
        share = f"{found.bytes / pair.new.bytes:.1%}"
        times = f"{found.cpu_seconds:.2f} | {found.wall_seconds:.2f}"
        memory = f"{found.peak_bytes / MIB:.0f} | {found.anonymous_bytes / MIB:.0f}"
        yield f"| {name} | {found.bytes:,} | {share} | {times} | {memory} |"
