"""Corrected texts and who corrected: what the audit finds of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from release.audit.documents import notes_shown
from release.audit.finding import Code, Severity
from release.bundle.layout import notes_key
from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.chain import LedgerWriter
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.kinds import Content, IssueTold, NotesRevised
from release.ledger.statements import REVISION, read_statement, write_statement
from release.line.site_people import revisions_of
from release.promotion.known_issue import IssueReport, Progress
from release.promotion.revision import NotesRevision
from tests.unit.audit.mirrors import Mirror
from tests.unit.ledger.fakes import PIPELINE, FakeKey
from tests.unit.promotion.ruled_scene import RULES, SECURITY
from tests.unit.promotion.scene import BOB, ERIN, MALLORY

ONE = Version(1, 0, 0)
PLACE = notes_key(ONE, Digest.sha256(b"new"))


@pytest.fixture
def mirror() -> Mirror:
    return Mirror(RULES)


def revised(mirror: Mirror, key: FakeKey = ERIN, **changes: object) -> NotesRevised:
    """A correction; its text is put beside the release."""
    made = NotesRevision(
        product="demo",
        version=ONE,
        release=mirror.digest("1.0.0"),
        previous=Digest.sha256(b""),  # what the release was published with
        notes=Digest.sha256(b"new"),
        summary="it says what is so",
        role=SECURITY,
        by=ERIN.fingerprint,
        at=mirror.tick(),
    )
    mirror.store.objects[PLACE] = b"new"
    text = replace(made, **changes).statement()  # type: ignore[arg-type]  # single fields by name
    return NotesRevised(statement=text, statement_signature=key.sign(text.encode()))


def told(mirror: Mirror, key: FakeKey = ERIN, **changes: object) -> IssueTold:
    made = IssueReport(
        product="demo",
        name="no-boot",
        previous=None,
        title="It does not boot",
        text="With two disks.",
        state=Progress.INVESTIGATING,
        affected=(ONE,),
        role=SECURITY,
        by=ERIN.fingerprint,
        at=mirror.tick(),
    )
    text = replace(made, **changes).statement()  # type: ignore[arg-type]  # single fields by name
    return IssueTold(statement=text, statement_signature=key.sign(text.encode()))


def correct(mirror: Mirror, key: FakeKey = ERIN, **changes: object) -> str:
    """Record a correction as the pipeline does; returns the entry's key."""
    return write(mirror, revised(mirror, key, **changes))


def tell(mirror: Mirror, key: FakeKey = ERIN, **changes: object) -> str:
    return write(mirror, told(mirror, key, **changes))


def write(mirror: Mirror, content: Content, key: FakeKey = PIPELINE, at: datetime | None = None) -> str:
    """Record it by ``key``, whose clock says ``at``; returns the entry's key."""
    writer = LedgerWriter(mirror.store, mirror.keys, mirror.trust, key)
    writer.append(lambda _state: content, now=at or mirror.tick())
    mirror.publish()
    return ledger_key(mirror.state.sequence)


def test_what_is_in_order_is_counted_and_no_finding(mirror: Mirror) -> None:
    assert "corrected text" not in mirror.audit().summary
    correct(mirror)
    tell(mirror)
    report = mirror.audit()
    assert report.findings == ()
    assert report.counts.corrections == 1
    assert "1 corrected text" in report.summary


def test_a_text_that_is_gone_or_another_is_a_break(mirror: Mirror) -> None:
    entry = correct(mirror)
    mirror.store.objects[PLACE] = b"old"
    finding = mirror.only(Code.NOTES_ALTERED)
    assert (finding.where, finding.severity) == (PLACE, Severity.BREAK)
    assert finding.expected == f"the notes that {entry} names"
    assert "correct the notes once more" in str(finding.hint)
    del mirror.store.objects[PLACE]
    finding = mirror.only(Code.NOTES_MISSING)
    assert (finding.where, finding.severity) == (PLACE, Severity.BREAK)


def test_a_lost_text_breaks_nothing_once_the_notes_were_corrected_again(mirror: Mirror) -> None:
    entry = correct(mirror)
    del mirror.store.objects[PLACE]
    assert mirror.only(Code.NOTES_MISSING).severity is Severity.BREAK
    newer = Digest.sha256(b"newer")
    mirror.store.objects[notes_key(ONE, newer)] = b"newer"
    correct(mirror, previous=Digest.sha256(b"new"), notes=newer)
    del mirror.store.objects[PLACE]
    finding = mirror.only(Code.UNUSED_NOTES_MISSING)
    assert (finding.where, finding.severity, finding.found) == (PLACE, Severity.WARNING, "none")
    assert finding.expected == f"the notes that {entry} names"
    mirror.store.objects[PLACE] = b"old"
    assert mirror.only(Code.UNUSED_NOTES_MISSING).found == str(Digest.sha256(b"old"))
    mirror.store.objects[PLACE] = b"new"
    mirror.store.objects[notes_key(ONE, newer)] = b"old"
    assert mirror.only(Code.NOTES_ALTERED).where == notes_key(ONE, newer), "that one is shown"


def test_a_text_that_pages_would_fall_back_to_is_a_break_too(mirror: Mirror) -> None:
    places = correct_twice_more(mirror)

    def faults() -> list[tuple[Code, str]]:
        return [fault for fault in mirror.codes() if fault[1] in places]

    assert faults() == []
    del mirror.store.objects[places[1]]
    assert faults() == [(Code.UNUSED_NOTES_MISSING, places[1])]
    mirror.store.objects[places[2]] = b"altered"
    lost = [(Code.NOTES_MISSING, places[1]), (Code.NOTES_ALTERED, places[2])]
    assert faults() == lost
    mirror.store.objects[PLACE] = b"altered"
    assert faults() == [(Code.NOTES_ALTERED, PLACE), *lost]
    mirror.store.objects[places[2]] = b"newest"
    assert faults() == [(Code.UNUSED_NOTES_MISSING, place) for place in places[:2]], "the last one is back"


def correct_twice_more(mirror: Mirror) -> list[str]:
    """Three corrections that count, and one that does not before the last; where the three texts are."""
    correct(mirror)
    for previous, notes, key in (
        (b"new", b"newer", ERIN),
        (b"newer", b"never", MALLORY),
        (b"never", b"newest", ERIN),
    ):
        digest = Digest.sha256(notes)
        correct(mirror, key, by=key.fingerprint, previous=Digest.sha256(previous), notes=digest)
        mirror.store.objects[notes_key(ONE, digest)] = notes
    return [notes_key(ONE, Digest.sha256(text)) for text in (b"new", b"newer", b"newest")]


def test_texts_that_are_shown_are_those_that_pages_ask_for(mirror: Mirror) -> None:
    places = correct_twice_more(mirror)
    policies = {mirror.policy.digest: mirror.policy}
    for number in range(8):
        there = {place for bit, place in enumerate(places) if number >> bit & 1}
        asked: list[str] = []

        def read(version: Version, digest: Digest, there: set[str] = there, asked: list[str] = asked) -> str:
            asked.append(notes_key(version, digest))
            if asked[-1] not in there:
                raise InputError(f"{asked[-1]}: none")
            return "# Notes"

        revisions_of(mirror.state, ONE, policies.__getitem__, read)
        assert notes_shown(mirror.state, policies, there) == set(asked), sorted(there)


def test_who_may_not_correct_breaks_nothing_by_naming_what_never_was(mirror: Mirror) -> None:
    correct(mirror)
    never = Digest.sha256(b"never")
    correct(mirror, MALLORY, by=MALLORY.fingerprint, previous=Digest.sha256(b"new"), notes=never)
    finding = mirror.one(Code.UNUSED_NOTES_MISSING)
    assert (finding.where, finding.severity) == (notes_key(ONE, never), Severity.WARNING)
    assert not mirror.audit().broken
    del mirror.store.objects[PLACE]
    assert mirror.one(Code.NOTES_MISSING).where == PLACE, "what counts before it is still shown"


def test_a_correction_that_cannot_be_judged_may_be_the_one_that_is_shown(mirror: Mirror) -> None:
    correct(mirror)
    (record,) = mirror.state.revisions[ONE]
    for there in (set(), {PLACE}):
        assert notes_shown(mirror.state, {}, there) == {PLACE}
        assert notes_shown(mirror.state, {record.policy: mirror.policy}, there) == {PLACE}
        assert notes_shown(None, {}, there) == frozenset()


def test_a_correction_that_cannot_be_read_is_shown_by_nobody_whatever_the_policy(mirror: Mirror) -> None:
    made = read_statement(revised(mirror).statement, REVISION, "test")
    text = write_statement(REVISION, {**made, "more": 1})
    write(mirror, NotesRevised(statement=text, statement_signature=ERIN.sign(text.encode())))
    assert len(mirror.state.revisions[ONE]) == 1
    assert notes_shown(mirror.state, {}, set()) == frozenset()


@pytest.mark.parametrize(
    ("key", "changes", "why"),
    [
        (MALLORY, {"by": MALLORY.fingerprint}, "who is nobody in the policy"),
        (BOB, {}, f"says it is by {ERIN.fingerprint}, signed by {BOB.fingerprint}, who is Bob"),
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}, "by Bob as maintainer; these may: security"),
        (ERIN, {"product": "other"}, "for 'other'"),
    ],
)
def test_why_something_counts_for_nothing_is_told(
    mirror: Mirror, key: FakeKey, changes: dict[str, object], why: str
) -> None:
    where = correct(mirror, key, **changes)
    finding = mirror.only(Code.REVISION_IGNORED)
    assert (finding.where, finding.severity) == (where, Severity.WARNING)
    assert why in finding.found
    where = tell(mirror, key, **changes)
    finding = mirror.one(Code.ISSUE_IGNORED)
    assert (finding.where, finding.severity) == (where, Severity.WARNING)
    assert why in finding.found


def test_a_correction_of_other_notes_than_those_that_were_published_is_told(mirror: Mirror) -> None:
    where = correct(mirror, previous=Digest.sha256(b"other"))
    finding = mirror.only(Code.REVISION_UNFOUNDED)
    assert (finding.where, finding.severity) == (where, Severity.WARNING)


@pytest.mark.parametrize("made", [revised, told])
def test_who_has_a_fast_clock_is_told_until_that_time_has_come(
    mirror: Mirror, made: Callable[[Mirror], Content]
) -> None:
    said = made(mirror)
    ahead = mirror.now + timedelta(days=3653)
    where = write(mirror, said, ERIN, ahead)
    finding = mirror.only(Code.STATEMENT_POSTDATED)
    assert (finding.where, finding.severity) == (where, Severity.WARNING)
    assert finding.found == f"{format_time(ahead)}, by {ERIN.fingerprint}"
    assert Code.STATEMENT_POSTDATED not in {code for code, _ in mirror.codes(ahead)}


def test_a_clock_that_is_a_little_ahead_is_nothing_to_tell(mirror: Mirror) -> None:
    write(mirror, revised(mirror), ERIN, mirror.now + CLOCK_SKEW)
    assert mirror.audit().findings == ()
