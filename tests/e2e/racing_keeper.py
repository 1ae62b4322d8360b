"""One of two pipelines that race: several command lines, one after the other, as soon as a file is there.

``python -m tests.e2e.racing_keeper GO DELAY command ... [--then command ...]``. DELAY is in milliseconds.
"""

from __future__ import annotations

import sys
import time
from itertools import groupby
from pathlib import Path

from release.cli.main import run
from release.line.garbage_job import garbage_job
from tests.e2e.racing_pipeline import await_go


def main(go: Path, delay: float, words: list[str]) -> int:
    """The exit code of the first command that fails, or 0."""
    assert callable(garbage_job)  # loaded, as all that a collection needs
    commands = [list(group) for is_end, group in groupby(words, lambda word: word == "--then") if not is_end]
    await_go(go)
    time.sleep(delay / 1000)
    return next((code for code in map(run, commands) if code), 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
