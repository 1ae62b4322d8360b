"""What pages are told of people: corrections, issues, evidence that was waived, whose go let a release in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.state import State
from release.line.site_people import approvals_of, evidence_of, known_issues_of, revisions_of
from release.pages.records import IssueState, KnownIssue, Revision
from release.promotion.known_issue import Progress
from release.promotion.policy import Policy
from tests.unit.ledger.fakes import digest_of
from tests.unit.promotion.ruled_scene import DAY, RULES, SECURITY
from tests.unit.promotion.scene import ALICE, BOB, CAROL, ERIN, MALLORY, NO_GO
from tests.unit.promotion.test_corrections import Desk

ONE, TWO = Version(1, 0, 0), Version(2, 0, 0)
LATER = RULES.replace("soak = 48", "soak = 24")
TEXTS = {digest_of(text): f"# {text}" for text in "abc"}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def read(version: Version, digest: Digest) -> str:
    assert version == ONE
    if digest not in TEXTS:
        raise InputError(f"{digest}: no such text")
    return TEXTS[digest]


def nothing(*_: object) -> Policy:
    raise AssertionError("nothing was to be read")


def test_notes_that_were_never_corrected_cost_nothing(desk: Desk) -> None:
    unread: Callable[[Version, Digest], str] = nothing  # type: ignore[assignment]  # it only raises
    assert revisions_of(desk.state, ONE, nothing, unread) == ()
    assert known_issues_of(desk.state, nothing) == ()


def test_corrections_are_told_the_oldest_first_the_last_with_its_text(desk: Desk) -> None:
    desk.correct(desk.revision("b"))
    first = desk.now
    desk.slip(desk.revision("x", "b", by=MALLORY.fingerprint).statement(), MALLORY)
    desk.correct(desk.revision("c", "x", summary="once more"))
    assert revisions_of(desk.state, ONE, desk.policy_of, read) == (
        Revision(recorded=first, summary="it says what is so", notes=""),
        Revision(recorded=desk.now, summary="once more", notes="# c"),
    )


def test_a_text_that_is_lost_is_said_and_keeps_no_page_from_being_made(desk: Desk) -> None:
    desk.correct(desk.revision("lost"))
    (told,) = revisions_of(desk.state, ONE, desk.policy_of, read, published="# a")
    assert told.summary == "it says what is so (the corrected text cannot be read at the moment)"
    assert told.notes.startswith("**These notes were corrected: ")
    assert told.notes.endswith("\n\n# a"), "what was told before is still there"
    desk.correct(desk.revision("c", "lost"))
    assert [one.notes for one in revisions_of(desk.state, ONE, desk.policy_of, read)] == ["", "# c"]
    desk.correct(desk.revision("gone", "c"))
    assert revisions_of(desk.state, ONE, desk.policy_of, read)[-1].notes.endswith("\n\n# c")


def test_a_text_that_was_corrected_since_is_not_read(desk: Desk) -> None:
    asked: list[Digest] = []

    def reading(version: Version, digest: Digest) -> str:
        asked.append(digest)
        return read(version, digest)

    desk.correct(desk.revision("b"))
    desk.correct(desk.revision("c", "b"))
    assert revisions_of(desk.state, ONE, desk.policy_of, reading)[-1].notes == "# c"
    assert asked == [digest_of("c")]
    desk.correct(desk.revision("lost", "c"))
    asked.clear()
    told = revisions_of(desk.state, ONE, desk.policy_of, reading)
    assert asked == [digest_of("lost"), digest_of("c")], "only as far back as needed"
    assert told[-1].notes.endswith("\n\n# c")
    assert ["cannot be read" in one.summary for one in told] == [False, False, True]


def lost(digest: Digest) -> Policy:
    raise InputError(f"{digest}: no such policy")


def test_a_policy_that_is_lost_keeps_no_page_from_being_made(desk: Desk) -> None:
    desk.correct(desk.revision("b"))
    desk.tell(desk.issue())
    desk.tick(3 * DAY)
    desk.move(desk.agree(desk.request("2.0.0", "beta"), ALICE, CAROL))
    (told,) = revisions_of(desk.state, ONE, lost, read, published="# a")
    assert "cannot be checked" in told.summary
    assert told.notes.endswith("\n\n# a"), "nobody knows whether b counts"
    assert known_issues_of(desk.state, lost) == ()
    assert approvals_of(desk.state, lost, desk.state.heads["beta"]) == ()


def test_an_issue_is_told_as_it_is_since_it_was_opened(desk: Desk) -> None:
    opened = desk.tell(desk.issue(workaround="One disk."))
    since = desk.now
    desk.tell(desk.issue(name="a-slow-start"))
    desk.tick(DAY)
    desk.tell(desk.issue(opened, title="Fixed", state=Progress.FIXED, fixed_in=(TWO,)))
    other, found = known_issues_of(desk.state, desk.policy_of)
    assert other.name == "a-slow-start"
    assert found == KnownIssue(
        name="no-boot",
        title="Fixed",
        text="With two disks.",
        workaround="",
        state=IssueState.FIXED,
        opened=since,
        updated=desk.now,
        affected=(ONE,),
        fixed_in=(TWO,),
    )


def test_pages_and_statements_have_the_same_words_for_how_far_an_issue_is() -> None:
    assert {one.value for one in Progress} == {one.value for one in IssueState}


def test_what_was_waived_stays_so_on_the_page(desk: Desk) -> None:
    desk.found("2.0.0", "kola", passed=False, failed=("cl.install", "cl.update"), facts={"tests-failed": 2})
    release = digest_of("2.0.0")

    def told(state: State) -> dict[str, tuple[bool, bool]]:
        return {one.name: (one.passed, one.waived) for one in evidence_of(state, desk.policy, release)}

    desk.waive(desk.waiver("2.0.0", "kola", "cl.install"))
    assert told(desk.state) == {"kola": (False, False), "payload-proven": (True, False)}
    desk.waive(desk.waiver("2.0.0", "kola", "cl.update", expires_at=desk.now + timedelta(hours=2)))
    assert told(desk.state)["kola"] == (False, True)
    desk.tick(100 * DAY)
    desk.register("3.0.0")
    assert told(desk.state)["kola"] == (False, True)
    assert evidence_of(desk.state, desk.policy, release)[0].facts == {"tests-failed": 2}


def test_approvals_are_the_roles_of_those_whose_go_counted(desk: Desk) -> None:
    desk.tick(3 * DAY)
    request = desk.agree(desk.request("2.0.0", "beta"), ALICE, CAROL)
    desk.sign_off(request, ERIN, role=SECURITY)
    desk.sign_off(request, BOB, NO_GO)
    desk.sign_off(request, BOB)
    desk.move(request)
    desk.adopt(LATER)
    heads = {(head.channel, head.version): head for head in desk.state.history}
    moved = heads["beta", TWO]
    roles = ("maintainer", "maintainer", "maintainer", SECURITY)
    assert approvals_of(desk.state, desk.policy_of, moved) == roles
    assert approvals_of(desk.state, nothing, heads["beta", ONE]) == (), "from before the ledger"
    assert approvals_of(desk.state, desk.policy_of, heads["alpha", TWO]) == (), "an open channel"
