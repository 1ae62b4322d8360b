"""What `humpyard log` says of entries: every kind has words."""

from __future__ import annotations

import pytest

from release.catalog.version import Version
from release.ledger.entries import Entry
from release.ledger.kinds import (
    KINDS,
    Content,
    MirrorVerified,
    ReleaseCollected,
    RolloutHalted,
    kind_of,
    write_content,
)
from release.promotion import telling
from tests.unit.ledger.fakes import NOW, digest_of

TWO, RELEASE = Version(2, 0, 0), digest_of("2.0.0")


def told(content: Content) -> str:
    entry = Entry(sequence=7, previous=RELEASE, time=NOW, kind=kind_of(content), data=write_content(content))
    return telling.tell(entry)


def test_every_kind_of_entry_can_be_told() -> None:
    assert set(telling._WORDS) == set(KINDS.values())


@pytest.mark.parametrize(
    ("passed", "detail", "words"),
    [
        (True, "12 files, 345 bytes", "eu has 2.0.0 of stable: 12 files, 345 bytes"),
        (True, "", "eu has 2.0.0 of stable"),
        (False, "audit: 1 object wrong", "eu DOES NOT HAVE 2.0.0 of stable: audit: 1 object wrong"),
    ],
)
def test_what_mirrors_have_and_have_not(passed: bool, detail: str, words: str) -> None:
    found = MirrorVerified(
        mirror="eu", channel="stable", version=TWO, release=RELEASE, passed=passed, detail=detail
    )
    assert told(found) == words


def test_a_halt_is_loud_and_a_collection_says_how_much_may_go() -> None:
    halt = RolloutHalted(channel="stable", version=TWO, release=RELEASE, reason="7 of 20 machines failed")
    assert told(halt) == "HALT 2.0.0 in stable: 7 of 20 machines failed"
    gone = ReleaseCollected(version=TWO, release=RELEASE, reason="not needed", files=3, size=4_000)
    assert told(gone) == "2.0.0, 3 files of 4,000 bytes may go: not needed"
