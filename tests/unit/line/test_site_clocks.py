"""Clocks of people who correct: pages tell when they said it, and are judged at the pipeline's own time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import LedgerWriter
from release.ledger.fold import Trust
from release.ledger.fold_statements import AHEAD
from release.ledger.kinds import IssueTold, NotesRevised, StopOrdered
from release.ledger.statements import StopAction
from release.line.site import Known, site_from
from release.line.yard import PagesOptions
from release.pages.machine.atom import atom_feed
from release.pages.machine.book import Book
from release.pages.machine.news import Kind, News, all_news
from release.pages.render import render_site
from release.pages.site import Site
from release.promotion.known_issue import IssueReport, Progress
from release.promotion.policy import Policy
from release.promotion.revision import NotesRevision
from release.promotion.stop import StopOrder
from tests.unit.ledger.fakes import ALICE, NOW, PIPELINE, FakeKeyring, digest_of, released
from tests.unit.line.story import DAY, POLICY, Story
from tests.unit.line.test_site_facts import rolled_out
from tests.unit.pages.samples import AMD64, board, payload, release

ONE = Version(1, 0, 0)
DECADE = timedelta(days=3653)


class Corrected(Story):
    """1.0.0 came to alpha, a little at a time, and to a stream of lts. Alice writes to the ledger herself."""

    def __init__(self) -> None:
        super().__init__()
        rolled = rolled_out()
        self.policy: Policy = replace(rolled, correction_roles=("maintainer",))
        trust = Trust(pipeline=frozenset({PIPELINE.fingerprint}), people=POLICY.fingerprints)
        keys = FakeKeyring((PIPELINE, ALICE))
        self.alone = LedgerWriter(self.store, keys, trust, ALICE)
        self.tell(released("1.0.0"))
        self.move("1.0.0", "lts-2024")
        self.move("1.0.0", "alpha")
        self.texts: list[Digest] = [digest_of("published")]
        self.told: Digest | None = None

    def correct(self, clock: datetime) -> datetime:
        """Alice corrects the notes, by her clock. Returns the time that is recorded."""
        new = digest_of(f"text {len(self.texts)}")
        made = NotesRevision(
            product="demo",
            version=ONE,
            release=digest_of("1.0.0"),
            previous=self.texts[-1],
            notes=new,
            summary=f"correction {len(self.texts)}",
            role="maintainer",
            by=ALICE.fingerprint,
            at=clock,
        )
        self.texts.append(new)
        text = made.statement()
        content = NotesRevised(statement=text, statement_signature=ALICE.sign(text.encode()))
        state = self.alone.append(lambda _state: content, now=clock)
        return state.revisions[ONE][-1].recorded

    def report(self, clock: datetime) -> datetime:
        """Alice tells of an issue, by her clock. Returns the time that is recorded."""
        made = IssueReport(
            product="demo",
            name="no-boot",
            previous=self.told,
            title="It does not boot",
            text="With two disks.",
            state=Progress.INVESTIGATING,
            affected=(ONE,),
            role="maintainer",
            by=ALICE.fingerprint,
            at=clock,
        )
        self.told = made.digest
        text = made.statement()
        content = IssueTold(statement=text, statement_signature=ALICE.sign(text.encode()))
        state = self.alone.append(lambda _state: content, now=clock)
        return state.issues["no-boot"][-1].recorded

    def withdraw(self, clock: datetime) -> None:
        """Alice withdraws 1.0.0, by her clock."""
        order = StopOrder(
            product="demo",
            action=StopAction.WITHDRAW,
            channel=None,
            version=ONE,
            release=digest_of("1.0.0"),
            role="maintainer",
            by=ALICE.fingerprint,
            at=clock,
            reason="It loses data",
            advice="wait",
        )
        text = order.statement()
        content = StopOrdered(statement=text, statement_signature=ALICE.sign(text.encode()))
        self.alone.append(lambda _state: content, now=clock)

    def site(self) -> Site:
        releases = {
            version: release(str(version), board(AMD64, payload(9000)), created=NOW)
            for version in self.state.releases
        }
        known = Known(releases=releases, policy_of=lambda _: self.policy, read_notes=lambda *_: "# New")
        return site_from("Demo OS", self.state, self.policy, PagesOptions(), known)

    def news(self, kind: Kind) -> list[News]:
        return [one for one in all_news(Book(self.site())) if one.kind is kind]


@pytest.fixture
def story() -> Corrected:
    return Corrected()


def test_a_clock_that_is_years_ahead_moves_no_judgement(story: Corrected) -> None:
    before = story.site()
    story.correct(story.now + DECADE)
    story.report(story.now + DECADE)
    after = story.site()
    assert after.generated_at == before.generated_at == story.state.latest
    assert not after.has_ended("lts-2024")
    assert after.rollouts == before.rollouts
    assert after.rollouts["alpha"].share < 1
    limit = story.state.latest + AHEAD
    assert [one.recorded for one in after.releases[0].revisions] == [limit]
    (issue,) = after.issues
    assert (issue.opened, issue.updated) == (limit, limit)
    year = f"{(story.now + DECADE).year}-"
    assert year.encode() not in atom_feed(after, None)
    assert not [path for path, data in render_site(after).items() if year.encode() in data]


def test_a_correction_is_told_at_once_and_at_its_time_though_the_pipeline_is_silent(story: Corrected) -> None:
    latest, (arrived, *_) = story.state.latest, story.news(Kind.RELEASE)
    before = render_site(story.site())
    first, second = story.now + 9 * DAY, story.now + 25 * DAY
    assert (story.correct(first), story.correct(second)) == (first, second)
    site = story.site()
    assert site.generated_at == latest
    assert [one.recorded for one in site.releases[0].revisions] == [first, second]
    (changed, *_) = story.news(Kind.RELEASE)
    assert (arrived.identity, arrived.updated) < (changed.identity, changed.updated)
    assert changed.updated == second
    assert f"<updated>{second:%Y-%m-%dT%H:%M:%SZ}</updated>".encode() in atom_feed(site, None)
    pages = render_site(site)
    changed_pages = {path for path, data in pages.items() if before.get(path) != data}
    assert {"releases/1.0.0/index.html", "releases-feed/releases.xml"} <= changed_pages
    assert render_site(site) == pages


def test_what_is_said_later_is_told_as_later_and_on_its_own(story: Corrected) -> None:
    """Feeds name a correction by its time: two of the same would be one."""
    ahead = [story.correct(story.now + DECADE) for _ in range(2)]
    assert ahead[1] > ahead[0]
    sane = story.correct(story.now)
    assert sane > ahead[1]
    assert len({one.identity for one in story.news(Kind.CORRECTION)}) == 3
    (changed, *_) = story.news(Kind.RELEASE)
    assert changed.updated == sane
    opened = story.report(story.now + DECADE)
    assert story.report(story.now) > opened


def test_what_was_told_stays_so_whatever_the_pipeline_says_later(story: Corrected) -> None:
    ahead = story.correct(story.now + DECADE)
    named = [one.identity for one in story.news(Kind.CORRECTION)]
    story.now += 99 * DAY
    story.tell(released("2.0.0"))
    assert story.state.revisions[ONE][0].recorded == ahead
    assert [one.identity for one in story.news(Kind.CORRECTION)] == named


def test_a_stop_holds_at_once_and_is_told_of_at_a_time_that_can_be(story: Corrected) -> None:
    story.withdraw(story.now + DECADE)
    withdrawn = story.site().releases[0]
    assert withdrawn.withdrawn
    assert [stop.since for stop in withdrawn.withdrawals] == [story.state.latest + AHEAD]
    (record,) = story.state.stops.values()
    assert record.recorded == story.now + DECADE, "what the head says of it, and how long files are kept"
