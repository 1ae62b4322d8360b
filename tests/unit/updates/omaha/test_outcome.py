"""What the events of update_engine tell, in the order in which a machine sends them."""

from __future__ import annotations

import pytest

from release.catalog.version import Version
from release.updates.counts import Progress
from release.updates.omaha_request import Event, read_request
from release.updates.outcome import CODES, Outcome, Told, outcome
from tests.unit.updates.omaha import requests

PREVIOUS = Version(4081, 2, 0)


@pytest.mark.parametrize(
    ("kind", "result", "told", "progress"),
    [
        (13, 1, Told.DOWNLOADING, Progress.DOWNLOADING),
        (14, 1, Told.DOWNLOADED, Progress.DOWNLOADING),
        (800, 1, Told.INSTALLED, Progress.INSTALLED),
        (3, 1, Told.INSTALLED, Progress.INSTALLED),
        (3, 0, Told.FAILED, Progress.FAILED),
        (13, 0, Told.FAILED, Progress.FAILED),
        (3, 9, Told.DEFERRED, None),
        (3, 2, Told.NOTHING, None),
        (3, 7, Told.NOTHING, None),
        (14, 2, Told.NOTHING, None),
        (1, 1, Told.NOTHING, None),
        (1, 0, Told.NOTHING, None),
        (0, 0, Told.NOTHING, None),
        (-5, 2**31, Told.NOTHING, None),
    ],
)
def test_what_an_event_tells(kind: int, result: int, told: Told, progress: Progress | None) -> None:
    found = outcome(Event(type=kind, result=result))
    assert (found.told, found.progress) == (told, progress)


def test_success_is_told_once_by_the_version_before() -> None:
    found = outcome(Event(type=3, result=2, previous=PREVIOUS))
    assert found == Outcome(told=Told.SUCCEEDED, previous=PREVIOUS)
    assert found.progress is Progress.SUCCEEDED


@pytest.mark.parametrize("previous", ["", ".".join("0000"), "0.0.0"])
def test_the_greeting_with_every_check_is_no_success(previous: str) -> None:
    data = requests.event(3, 2, previousversion=previous)
    assert outcome(read_request(data).apps[0].events[0]).told is Told.NOTHING


@pytest.mark.parametrize(
    ("code", "told", "number", "word"),
    [
        (10, Told.FAILED, 10, "payload-hash"),
        (5, Told.FAILED, 5, "postinstall"),
        (0, Told.FAILED, 0, "none"),
        (28 | 1 << 30, Told.FAILED, 28, "operation"),
        (28 - 2**31, Told.FAILED, 28, "operation"),
        (15 | 0xF0000000, Told.FAILED, 15, "new-partition-hash"),
        (777, Told.FAILED, 777, "other"),
        (9, Told.INTERRUPTED, 9, "transfer"),
        (2404, Told.INTERRUPTED, 37, "http"),
        (2000, Told.INTERRUPTED, 37, "http"),
        (37, Told.INTERRUPTED, 37, "http"),
        (34, Told.CHECK_FAILED, 34, "check-answer-refused"),
        (31, Told.CHECK_FAILED, 31, "check-answer-xml"),
        (44, Told.ROLLED_BACK, 44, "rolled-back"),
    ],
)
def test_failures_are_told_apart(code: int, told: Told, number: int, word: str) -> None:
    found = outcome(Event(type=3, result=0, error_code=code))
    assert (found.told, found.code, found.word) == (told, number, word)
    failed = told in {Told.FAILED, Told.ROLLED_BACK}
    assert (found.progress is Progress.FAILED) == failed


def test_a_deferral_keeps_its_code() -> None:
    found = outcome(Event(type=3, result=9, error_code=40))
    assert (found.told, found.word) == (Told.DEFERRED, "backing-off")


def test_words_of_codes_are_words_and_differ() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert all(word.replace("-", "").isalnum() for word in CODES.values())
    assert set(CODES) == set(range(1, 45))
