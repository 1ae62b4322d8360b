"""What somebody records while another looks: the second is refused, whenever the first entry lands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.state import State
from release.line.corrections import correct_notes, notes_history, plan_correction
from release.line.known_issues import IssueChange, issue_history, open_issue, update_issue
from release.line.statements import record, sign_statement
from release.line.yard import PagesOptions, Yard
from release.promotion.known_issue import IssueReport, Progress
from tests.unit.audit.mirrors import Mirror
from tests.unit.ledger.fakes import FakeKey
from tests.unit.promotion.ruled_scene import RULES, SECURITY
from tests.unit.promotion.scene import ALICE, ERIN

ONE, TWO, NONE = Version(1, 0, 0), Version(2, 0, 0), Version(9, 9, 9)
FIXED = IssueChange(state=Progress.FIXED, fixed_in=(TWO,))
OPENED = IssueChange(title="It does not boot", text="With two disks.", affected=(ONE,))


@dataclass
class Gap:
    """A ledger in which ``then`` happens right after it was read once more."""

    mirror: Mirror
    then: list[Callable[[], object]] = field(default_factory=list)

    def state(self) -> State:
        state = self.mirror.ledger.state()
        if self.then:
            self.then.pop()()
        return state

    def append(self, *arguments: object, **more: object) -> State:
        return self.mirror.ledger.append(*arguments, **more)  # type: ignore[arg-type]  # as it is called


class Desk:
    """Two people at one yard; what one does can happen while the other looks."""

    def __init__(self) -> None:
        self.mirror = Mirror(RULES)
        self.gap = Gap(self.mirror)
        parts = SimpleNamespace(
            ledger=self.gap,
            store=self.mirror.store,
            statements=self.mirror.keys,
            clock=self.mirror.tick,
            policy=lambda: self.mirror.policy,
            pages=PagesOptions(),
        )
        self.yard = cast("Yard", parts)

    def correct(self, text: str, key: FakeKey = ERIN, previous: str | None = None) -> Digest:
        plan = plan_correction(self.yard, ONE, text.encode(), "notes.md", previous=previous)
        return correct_notes(self.yard, key, plan, summary="better", role=SECURITY)

    def update(self, change: IssueChange, key: FakeKey = ERIN) -> Digest:
        return update_issue(self.yard, key, "no-boot", change, role=SECURITY)

    def open(self, key: FakeKey = ERIN) -> Digest:
        return open_issue(self.yard, key, "no-boot", OPENED, role=SECURITY)

    @property
    def told(self) -> list[str]:
        return [one.report.title for one in issue_history(self.yard, "no-boot")]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_first_correction_that_lands_while_another_is_planned_is_not_overwritten(desk: Desk) -> None:
    desk.gap.then.append(lambda: desk.correct("# Erin's"))
    with pytest.raises(RefusedError, match=f"were corrected meanwhile, by {ERIN.fingerprint}"):
        desk.correct("# Alice's", ALICE)
    assert [one.signer for one in notes_history(desk.yard, ONE).revisions] == [ERIN.fingerprint]


def test_a_text_that_was_named_as_seen_is_the_one_that_is_replaced(desk: Desk) -> None:
    desk.correct("# First")
    seen = notes_history(desk.yard, ONE).current
    desk.gap.then.append(lambda: desk.correct("# Erin's", previous=seen.hex))
    with pytest.raises(RefusedError, match="were corrected meanwhile"):
        desk.correct("# Alice's", ALICE, previous=seen.hex)
    assert len(notes_history(desk.yard, ONE).revisions) == 2


def test_what_is_told_of_an_issue_while_another_updates_it_is_not_overwritten(desk: Desk) -> None:
    desk.open()
    desk.gap.then.append(lambda: desk.update(IssueChange(title="It does not boot, nor halt")))
    with pytest.raises(RefusedError, match=f"told of 'no-boot' meanwhile by {ERIN.fingerprint}"):
        desk.update(FIXED, ALICE)
    assert desk.told == ["It does not boot", "It does not boot, nor halt"]
    desk.update(FIXED, ALICE)
    assert desk.told[2] == "It does not boot, nor halt", "repeated, it says what was told meanwhile"


def test_an_issue_that_is_opened_twice_at_once_is_one(desk: Desk) -> None:
    desk.gap.then.append(desk.open)
    with pytest.raises(RefusedError, match="something else was told of 'no-boot' meanwhile"):
        desk.open(ALICE)
    assert len(desk.told) == 1


def test_a_fix_is_taken_back(desk: Desk) -> None:
    desk.open()
    desk.update(FIXED)
    with pytest.raises(InputError, match="is fixed, but in no version") as refused:
        desk.update(IssueChange(fixed_in=()))
    assert "--state" in str(refused.value.hint)
    desk.update(IssueChange(state=Progress.INVESTIGATING, fixed_in=()))
    last = issue_history(desk.yard, "no-boot")[-1].report
    assert (last.fixed_in, last.affected, last.state) == ((), (ONE,), Progress.INVESTIGATING)


def test_what_was_signed_elsewhere_names_releases_that_are_there(desk: Desk) -> None:
    made = IssueReport(
        product="demo",
        name="no-boot",
        previous=None,
        title="It does not boot",
        text="With two disks.",
        state=Progress.FIXED,
        affected=(ONE,),
        fixed_in=(NONE,),
        role=SECURITY,
        by=ERIN.fingerprint,
        at=desk.mirror.tick(),
    )
    before = desk.mirror.state
    with pytest.raises(InputError, match=r"release 9\.9\.9: is neither registered"):
        record(desk.yard, sign_statement(ERIN, made.statement()))
    assert desk.mirror.state == before
    text = made.statement().replace("9.9.9", "2.0.0")
    assert record(desk.yard, sign_statement(ERIN, text)) == desk.mirror.state.issues["no-boot"][0].digest


@pytest.mark.parametrize("blank", ["", " ", "   "])
def test_white_space_says_nothing(desk: Desk, blank: str) -> None:
    plan = plan_correction(desk.yard, ONE, b"# New", "notes.md")
    before = desk.mirror.state
    with pytest.raises(InputError, match="summary: "):
        correct_notes(desk.yard, ERIN, plan, summary=blank, role=SECURITY)
    with pytest.raises(InputError, match="known issue: title: "):
        open_issue(desk.yard, ERIN, "no-boot", replace(OPENED, title=blank), role=SECURITY)
    with pytest.raises(InputError, match="known issue: text: "):
        open_issue(desk.yard, ERIN, "no-boot", replace(OPENED, text=blank), role=SECURITY)
    assert desk.mirror.state == before
