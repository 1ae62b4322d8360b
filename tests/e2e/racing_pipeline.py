"""One of two pipelines that race. Everything is loaded before, so that both begin at the same moment.

A program of its own: `python -m tests.e2e.racing_pipeline GO command ...` runs a command line of humpyard
once the file GO is there. With `GO --append NAME COUNT SETTINGS` it writes COUNT entries to the ledger
instead, and says how often another writer was quicker.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from release.cli.main import run
from release.errors import UnavailableError
from release.ledger.kinds import Content, EvidenceFound
from release.ledger.state import State
from release.line.promotion import run_round
from release.promotion.proposals import evidence
from release.wiring import open_yard

LIMIT = 60.0
"""Seconds until the other one must be ready, too."""


def await_go(go: Path) -> None:
    """Say that we are ready, then wait for the file."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    deadline = time.monotonic() + LIMIT
    while not go.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{go} did not come")
        time.sleep(0.001)


def append(go: Path, name: str, count: int, settings: Path) -> int:
    """Write ``count`` entries; returns how often each of all proposals was asked again."""
    asked = 0
    with open_yard(settings) as yard:
        (release,) = {one.release for one in yard.ledger.state().releases.values()}
        await_go(go)
        for number in range(count):
            found = EvidenceFound(release=release, name=name, passed=True, detail=f"number {number}")

            def propose(state: State, found: EvidenceFound = found) -> Content | None:
                nonlocal asked
                asked += 1
                return evidence(found)(state)

            while True:
                try:
                    yard.ledger.append(propose, now=yard.clock())
                    break
                except UnavailableError:  # the other one does nothing but write: do what the hint says
                    continue
    return asked - count


def main(go: Path, *arguments: str) -> int:
    """Returns the exit code of the command line, or 0."""
    if arguments[0] == "--append":
        name, count, settings = arguments[1:]
        sys.stdout.write(str(append(go, name, int(count), Path(settings))))
        return 0
    assert callable(run_round)  # loaded, as all that a promotion needs
    await_go(go)
    return run(list(arguments))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
