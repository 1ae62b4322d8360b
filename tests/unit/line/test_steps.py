"""Steps of a job, in order; those that are held back stop nothing, and fail at last."""

from __future__ import annotations

import pytest

from release.errors import HumpyardError, UnavailableError
from release.line.steps import Job, Report, Step, at_last, held_back, run_job


class Seen:
    """An observer that keeps what ended well."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, step: Step) -> None:
        pass

    def progressed(self, step: Step, done: int, total: int) -> None:
        pass

    def finished(self, step: Step, outcome: str) -> None:
        self.lines.append(f"{step.name}: {outcome}")


def _fails(_report: Report) -> str:
    raise UnavailableError("nobody answers")


BROKEN: Job = (Step("tell", "tell somebody", _fails),)
PAGES: Job = (Step("pages", "render", lambda _: "14 files"),)


def test_what_is_held_back_stops_nothing_and_fails_at_last() -> None:
    failures: list[HumpyardError] = []
    seen = Seen()
    with pytest.raises(UnavailableError, match="nobody answers"):
        run_job((*held_back(BROKEN, failures), *PAGES, at_last("told", "look", failures)), seen)
    assert seen.lines == ["tell: NOT DONE: nobody answers", "pages: 14 files"]


def test_without_a_failure_the_last_step_says_that_it_is_done() -> None:
    failures: list[HumpyardError] = []
    assert run_job((*held_back(PAGES, failures), at_last("told", "look", failures)), Seen()) == (
        "14 files",
        "done",
    )


def test_a_job_stops_at_the_first_failure() -> None:
    with pytest.raises(UnavailableError):
        run_job((*BROKEN, *PAGES), seen := Seen())
    assert seen.lines == []
