"""What commands print: results on stdout, progress and errors on stderr, exit codes from the tree."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from release.canonical import Json
from release.errors import HumpyardError
from release.line.steps import Job, Step, run_job

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """``text`` without anything that moves a terminal's cursor or turns its letters around."""
    return "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text)


_DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}\b")


def brief(text: str) -> str:
    """``text`` with each SHA-256 in it cut to what people compare: its first 12 digits."""
    return _DIGEST.sub(r"\1", text)


def say(text: str) -> None:
    """One line for people, taken literally."""
    stdout.print(Text(printable(text)))


def emit(value: Mapping[str, Json] | Sequence[Json]) -> None:
    """One JSON document for scripts."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def drop_output() -> None:
    """Let stdout lead nowhere: when its reader has gone, Python would still try, and complain, at exit."""
    with suppress(OSError, ValueError):  # not a file of the operating system's, or closed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people: aligned, never folded, so that digests can be copied."""
    shown = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in (columns, *shown)) for at in range(len(columns))]
    for number, row in enumerate((columns, *shown)):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        stdout.print(Text(line, style="" if number else "bold"))


def complain(error: HumpyardError) -> None:
    """Print an error, and on a line of its own what can be done."""
    stderr.print(Text.assemble(("error: ", "bold red"), printable(error.message)))
    if error.hint:
        stderr.print(Text.assemble(("hint:  ", "bold"), printable(error.hint)))


class ProgressDisplay:
    """An observer of jobs: a line per step, with a bar while it works on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=stderr,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, step: Step) -> None:
        """Show that ``step`` begins."""
        self._tasks[step.name] = self._progress.add_task(escape(step.title), total=None)

    def progressed(self, step: Step, done: int, total: int) -> None:
        """Move its bar."""
        self._progress.update(self._tasks[step.name], completed=done, total=total)

    def finished(self, step: Step, outcome: str) -> None:
        """Leave a line that says what is so now."""
        self._progress.remove_task(self._tasks.pop(step.name))
        stderr.print(
            Text.assemble(("  ok ", "green"), f"{step.title}  ", (printable(outcome), "dim")), soft_wrap=True
        )


def work(job: Job) -> tuple[str, ...]:
    """Run a job under a progress display; returns the line of each step."""
    with ProgressDisplay() as display:
        return run_job(job, display)
