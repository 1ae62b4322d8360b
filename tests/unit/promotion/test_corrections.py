"""Corrections of notes and known issues: one person of the right role, who saw what was there before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.kinds import IssueTold, NotesRevised
from release.ledger.statements import KNOWN_ISSUE, REVISION, read_statement, write_statement
from release.ledger.verified import REVOKED
from release.promotion import proposals_corrections
from release.promotion.known_issue import IssueReport, Progress, read_issue, reports_that_count
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.promotion.revision import NotesRevision, may_correct, read_revision, revisions_that_count
from tests.unit.ledger.fakes import PIPELINE, FakeKey, digest_of
from tests.unit.promotion.ruled_scene import RULES, SECURITY, RuledScene
from tests.unit.promotion.scene import ALICE, BOB, ERIN, MALLORY

ONE = Version(1, 0, 0)
NAMED = RULES + '\n[corrections]\nroles = ["maintainer"]\n'


class Desk(RuledScene):
    """Where notes are corrected and issues told of."""

    def __init__(self, text: str = RULES) -> None:
        self.first = read_policy(text.encode())
        super().__init__(text)

    def revision(self, notes: str = "b", previous: str = "a", **changes: object) -> NotesRevision:
        made = NotesRevision(
            product="demo",
            version=ONE,
            release=digest_of("1.0.0"),
            previous=digest_of(previous),
            notes=digest_of(notes),
            summary="it says what is so",
            role=SECURITY,
            by=ERIN.fingerprint,
            at=self.tick(),
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # tests change single fields by name

    def issue(self, previous: Digest | None = None, **changes: object) -> IssueReport:
        fields: dict[str, object] = {
            "product": "demo",
            "name": "no-boot",
            "previous": previous,
            "title": "It does not boot",
            "text": "With two disks.",
            "state": Progress.INVESTIGATING,
            "affected": (ONE,),
            "role": SECURITY,
            "by": ERIN.fingerprint,
            "at": self.tick(),
            **changes,
        }
        return IssueReport(**fields)  # type: ignore[arg-type]  # tests change single fields by name

    def correct(self, made: NotesRevision, key: FakeKey = ERIN) -> None:
        text = made.statement()
        proposal = proposals_corrections.revision(
            text, key.sign(text.encode()), verifier=self.keys, policy=self.policy, now=self.now
        )
        self.ledger.append(proposal, now=self.now)

    def tell(self, made: IssueReport, key: FakeKey = ERIN) -> Digest:
        text = made.statement()
        proposal = proposals_corrections.issue(
            text, key.sign(text.encode()), verifier=self.keys, policy=self.policy, now=self.now
        )
        self.ledger.append(proposal, now=self.now)
        return made.digest

    def slip(self, text: str, key: FakeKey) -> None:
        """Recorded past all our proposals."""
        kind = NotesRevised if REVISION in text else IssueTold
        self.write(kind(statement=text, statement_signature=key.sign(text.encode())))

    def policy_of(self, digest: Digest) -> Policy:
        return {self.first.digest: self.first, **self.proposed}[digest]

    @property
    def corrected(self) -> list[Digest]:
        return [one.revision.notes for one in revisions_that_count(self.state, ONE, self.policy_of)]

    @property
    def told(self) -> list[str]:
        return [one.report.title for one in reports_that_count(self.state, "no-boot", self.policy_of)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_one_person_corrects_at_once_and_the_next_begins_with_that(desk: Desk) -> None:
    desk.correct(desk.revision("b"))
    desk.correct(desk.revision("c", "b", by=ALICE.fingerprint), ALICE)
    assert desk.corrected == [digest_of("b"), digest_of("c")]


def test_who_was_late_overwrites_nobody(desk: Desk) -> None:
    late = desk.revision("c", by=ALICE.fingerprint)
    desk.correct(desk.revision("b"))
    with pytest.raises(RefusedError, match=f"were corrected meanwhile, by {ERIN.fingerprint}"):
        desk.correct(late, ALICE)
    opened = desk.issue()
    later = desk.issue(opened.previous, title="It is slow", by=ALICE.fingerprint)
    desk.tell(opened)
    with pytest.raises(RefusedError, match="something else was told of 'no-boot' meanwhile by"):
        desk.tell(later, ALICE)


def test_the_same_again_is_recorded_once(desk: Desk) -> None:
    made, told = desk.revision(), desk.issue()
    for _ in range(2):
        desk.correct(made)
        desk.tell(told)
    assert (len(desk.corrected), len(desk.told)) == (1, 1)


def test_an_issue_is_what_was_told_of_it_last(desk: Desk) -> None:
    opened = desk.tell(desk.issue())
    desk.tell(desk.issue(opened, title="Fixed", state=Progress.FIXED, fixed_in=(Version(2, 0, 0),)))
    assert desk.told == ["It does not boot", "Fixed"]


def test_who_may_stop_may_correct_unless_the_policy_names_others() -> None:
    assert Desk().policy.correction_roles == ("security",)
    desk = Desk(NAMED)
    assert desk.policy.correction_roles == ("maintainer",)
    with pytest.raises(RefusedError, match="expected one of the roles maintainer, found security"):
        desk.correct(desk.revision())
    desk.correct(desk.revision(by=BOB.fingerprint, role="maintainer"), BOB)
    assert len(desk.corrected) == 1
    with pytest.raises(InputError, match=r"corrections\.roles: nobody has the role 'scribe'"):
        read_policy(f'{RULES}\n[corrections]\nroles = ["scribe"]\n'.encode())


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        (ALICE, {}, f"says it is by {ERIN.fingerprint}, but {ALICE.fingerprint} signed it"),
        (BOB, {"by": BOB.fingerprint}, "Bob does not have the role 'security'"),
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}, "one of the roles security, found maintainer"),
        (MALLORY, {"by": MALLORY.fingerprint}, "does not have the role"),
        (PIPELINE, {"by": PIPELINE.fingerprint}, "does not have the role"),
        (ERIN, {"product": "other"}, "is for 'other', the ledger for 'demo'"),
    ],
)
def test_who_may_not_is_refused(desk: Desk, key: FakeKey, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        desk.correct(desk.revision(**changes), key)
    with pytest.raises(RefusedError, match=message):
        desk.tell(desk.issue(**changes), key)


def test_what_is_not_registered_is_not_corrected(desk: Desk) -> None:
    with pytest.raises(RefusedError, match=r"release 9\.0\.0 .* is not in the ledger"):
        desk.correct(desk.revision(version=Version(9, 0, 0)))


def test_a_key_that_expired_corrects_nothing(desk: Desk) -> None:
    desk.keys.expiry = {ERIN: desk.now}
    with pytest.raises(NotVerifiedError):
        desk.correct(desk.revision())
    with pytest.raises(NotVerifiedError):
        desk.tell(desk.issue())


def test_a_key_that_was_revoked_is_nobodys(desk: Desk) -> None:
    fingerprint = ERIN.fingerprint
    assert may_correct(desk.policy, fingerprint, fingerprint, SECURITY)
    assert not may_correct(desk.policy, REVOKED + fingerprint, fingerprint, SECURITY)


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (MALLORY, {"by": MALLORY.fingerprint}),
        (ALICE, {}),
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}),
        (ERIN, {"product": "other"}),
        (ERIN, {"role": "maintainer"}),
    ],
)
def test_what_others_recorded_counts_for_nothing_and_hides_nothing(
    desk: Desk, key: FakeKey, changes: dict[str, Any]
) -> None:
    desk.slip(desk.revision("x", **changes).statement(), key)
    assert desk.corrected == []
    desk.correct(desk.revision("c", "x"))
    assert desk.corrected == [digest_of("c")]
    desk.slip(desk.issue(**changes).statement(), key)
    assert desk.told == []
    desk.tell(desk.issue(desk.state.issues["no-boot"][-1].digest))
    assert desk.told == ["It does not boot"]


def test_what_cannot_be_read_counts_for_nothing(desk: Desk) -> None:
    fields = read_statement(desk.revision().statement(), REVISION, "test")
    desk.slip(write_statement(REVISION, {**fields, "more": 1}), ERIN)
    fields = read_statement(desk.issue().statement(), KNOWN_ISSUE, "test")
    desk.slip(write_statement(KNOWN_ISSUE, {**fields, "state": "fixed"}), ERIN)
    assert (desk.corrected, desk.told) == ([], [])


def test_what_counted_stays_when_its_author_loses_the_role(desk: Desk) -> None:
    desk.correct(desk.revision())
    desk.tell(desk.issue())
    desk.adopt(NAMED)
    assert (len(desk.corrected), len(desk.told)) == (1, 1)
    with pytest.raises(RefusedError, match="expected one of the roles maintainer"):
        desk.correct(desk.revision("c", "b"))
    desk.policy = desk.first
    with pytest.raises(RefusedError, match="the policy changed meanwhile"):
        desk.correct(desk.revision("c", "b"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"affected": []}, "affected"),
        ({"affected": ["1.0.0", "1.0.0"]}, "affected: expected versions that ascend, each once"),
        ({"affected": ["2.0.0", "1.0.0"]}, "affected: expected versions that ascend"),
        ({"fixed_in": ["1.0.0"]}, r"1\.0\.0 is said to be affected, and to be fixed"),
        ({"state": "fixed"}, "is fixed, but in no version"),
        ({"state": "gone"}, "state"),
        ({"title": "two\nlines" * 30}, "title"),
        ({"text": ""}, "text"),
        ({"text": "\u202eyes"}, "is not printable"),
    ],
)
def test_an_issue_says_what_is_wrong_where_and_where_not(
    desk: Desk, changes: dict[str, Any], message: str
) -> None:
    fields = read_statement(desk.issue().statement(), KNOWN_ISSUE, "test")
    with pytest.raises(InputError, match=message):
        read_issue(write_statement(KNOWN_ISSUE, {**fields, **changes}))


@pytest.mark.parametrize("changes", [{"summary": ""}, {"summary": "\x1b[2J"}, {"notes": "md5:x"}, {"x": 1}])
def test_a_correction_says_in_a_line_what_it_corrects(desk: Desk, changes: dict[str, Any]) -> None:
    fields = read_statement(desk.revision().statement(), REVISION, "test")
    with pytest.raises(InputError):
        read_revision(write_statement(REVISION, {**fields, **changes}))
