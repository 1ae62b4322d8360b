"""Promotes, and is killed without any warning after it wrote so many objects to mirrors.

A program of its own: `python -m tests.e2e.killed_mirroring SETTINGS NUMBER`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from release.cli.output import work
from release.line.promotion import run_round
from release.wiring import open_yard
from tests.cutting_mirrors import Cutter, cutting

if __name__ == "__main__":
    cutter = Cutter(int(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL))
    with open_yard(Path(sys.argv[1])) as opened:
        run_round(cutting(opened, cutter), work)
