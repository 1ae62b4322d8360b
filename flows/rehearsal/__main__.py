"""`python -m flows.rehearsal --out DIRECTORY`: what `make rehearsal` runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flows.own_directory import claim, clear
from flows.rehearsal.auditing import audit_all
from flows.rehearsal.ceremony import has_tokens
from flows.rehearsal.clock import SimulatedClock
from flows.rehearsal.company import PRODUCT, found_company
from flows.rehearsal.s3_server import need_server, s3_server
from flows.rehearsal.stage import Stage, gist
from flows.rehearsal.story import Rehearsal
from release.cli.output import complain
from release.errors import HumpyardError, RefusedError
from release.wiring import simulated_clock

_INTERRUPTED = 130
_MARKER = ".humpyard-rehearsal"


def main() -> int:
    """Rehearse; returns the exit code of the command line's contract."""
    parser = argparse.ArgumentParser(prog="make rehearsal", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("rehearsal"), help="where everything goes")
    out = parser.parse_args().out.resolve()
    try:
        rehearse(out, Console(highlight=False))
    except HumpyardError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def rehearse(out: Path, console: Console) -> None:
    """Rehearse in ``out``, which is new, empty, or an earlier rehearsal's.

    Raises:
        RefusedError: something else is in ``out``.
        WentOtherwiseError: a command did not end as it must.
        ToolMissingError, ToolError: there is no S3 server here, or it does not start.
    """
    begun = time.monotonic()
    need_server()
    clear(out, _MARKER)
    if not claim(out, _MARKER):
        raise RefusedError(f"{out}: something else is there", hint="name another directory with --out")
    with s3_server(out / "s3", os.environ.update) as server:
        company = found_company(out)
        clock = SimulatedClock(lambda line: stage.say(f"~ {line}"))
        stage = Stage(company, clock, console)
        _introduce(stage, server.endpoint)
        with simulated_clock(clock):
            Rehearsal(stage, server.endpoint, offline=has_tokens()).run()
            audit_all(stage)
    (out / "transcript.json").write_text(json.dumps(stage.record, indent=1))
    _conclude(stage, out, time.monotonic() - begun)


def _introduce(stage: Stage, endpoint: str) -> None:
    title = f"{PRODUCT}: a promotion is rehearsed on a real S3 server, {endpoint}"
    stage.console.print(Text(title, style="bold"), soft_wrap=True)
    stage.console.print(
        Text(
            "THE CLOCK IS SIMULATED: from the first day on it is moved on instead of waited for. "
            "Keys are throw-away keys.",
            style="bold yellow",
        ),
        soft_wrap=True,
    )


def _conclude(stage: Stage, out: Path, seconds: float) -> None:
    console = stage.console
    console.print()
    console.print(Text(f"{len(stage.refusals)} refusals, each for its reason", style="bold"))
    for act, reason in stage.refusals:
        console.print(Text(f"  {act.partition(':')[0]:<17} {gist(reason)}"), soft_wrap=True)
    console.print()
    console.print(Text(f"It took {seconds:.0f} s of real time. The S3 server has ended."), soft_wrap=True)
    console.print(Text(f"Pages, as they are now: {out / 'mirror' / 'pages' / 'index.html'}"), soft_wrap=True)
    console.print(Text(f"Everything that was typed and said: {out / 'transcript.json'}"), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
