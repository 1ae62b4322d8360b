"""`python -m tools.rollout`: what `make rollout-simulation` runs. Fails when a bound is not kept."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tools.rollout.plot import plot
from tools.rollout.scenario import HOUR, SCENARIOS
from tools.rollout.simulate import Run, simulate


def to_json(run: Run, seconds: float) -> dict[str, Any]:
    """What was measured in one run."""
    halt = run.halt
    return {
        "name": run.scenario.name,
        "machines": run.machines,
        "seconds": round(seconds, 1),
        "decisions": run.decisions,
        "offered": int((run.offered <= run.ends).sum()),
        "largest_lag": round(run.lag(), 5),
        "watched_for_flapping": run.watched,
        "checks": [{**one._asdict(), "holds": one.holds} for one in run.checks()],
        "halt": None
        if halt is None
        else {
            "hours": round(halt.at / HOUR, 2),
            "latest_hours": round(halt.latest / HOUR, 2),
            "cause": halt.cause.value,
            "text": halt.text,
            "offered": halt.offered,
            "most_offered": halt.most,
        },
    }


def main(arguments: list[str]) -> int:
    """Run all scenarios; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make rollout-simulation", description=__doc__)
    parser.add_argument("--machines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/rollout"), help="for numbers and drawing")
    parser.add_argument("--drawing", type=Path, help="another place for the drawing")
    options = parser.parse_args(arguments)
    runs: list[Run] = []
    found: list[dict[str, Any]] = []
    for scenario in SCENARIOS:
        begun = time.process_time()
        runs.append(simulate(scenario, options.machines, options.seed))
        found.append(to_json(runs[-1], time.process_time() - begun))
        _tell(found[-1])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    drawing = options.drawing or options.out / "rollout.svg"
    drawing.write_text(plot(runs))
    print(f"numbers: {options.out / 'results.json'}; drawing: {drawing}")
    return 0 if all(check.holds for run in runs for check in run.checks()) else 1


def _tell(one: dict[str, Any]) -> None:
    print(
        f"{one['name']}: {one['offered']:,} of {one['machines']:,} machines, {one['seconds']} s of one core"
    )
    if one["halt"]:
        halt = one["halt"]
        print(f"  halted after {halt['hours']} h (at the latest {halt['latest_hours']} h): {halt['text']}")
    for check in one["checks"]:
        mark = "ok" if check["holds"] else "BROKEN"
        print(f"  {mark:6} {check['what']}: {check['found']:.6g}, at most {check['allowed']:.6g}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
