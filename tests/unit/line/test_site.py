"""What the pages are told of a ledger in which releases and channels are stopped, and streams opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import LedgerWriter
from release.ledger.fold import Trust
from release.ledger.kinds import (
    Content,
    Genesis,
    PointerMoved,
    RequestMade,
    StopLifted,
    StopOrdered,
)
from release.ledger.state import State
from release.ledger.statements import RESUME_REQUEST, StopAction, statement_digest, write_statement
from release.line.site import site_from
from release.line.yard import PagesOptions
from release.pages.render import render_site
from release.pages.site import Hurry, Site, Stop
from release.promotion.policy_file import read_policy
from release.promotion.request import PromotionRequest, Skippable
from release.promotion.stop import StopOrder
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import ALICE, BOARD, NOW, PIPELINE, FakeKeyring, digest_of, released
from tests.unit.pages.samples import AMD64, board, payload, release

POLICY = read_policy(
    f"""\
product = "demo"

[[people]]
name = "Alice"
fingerprints = ["{ALICE.fingerprint}"]
roles = ["maintainer"]

[[channels]]
name = "alpha"
open = true

[[channels]]
name = "lts"
feeds_from = ["alpha"]
open = true
streams = {{ support_months = 18, overlap_months = 6 }}
""".encode()
)
DAY = timedelta(days=1)


class Story:
    """A ledger in which a day passes from entry to entry."""

    def __init__(self) -> None:
        keys = FakeKeyring((PIPELINE, ALICE))
        trust = Trust(pipeline=frozenset({PIPELINE.fingerprint}), people=POLICY.fingerprints)
        self.ledger = LedgerWriter(MemoryStore(), keys, trust, PIPELINE)
        self.now = NOW
        genesis = Genesis(
            product="demo",
            pipeline_keys=(PIPELINE.fingerprint,),
            policy=POLICY.digest,
            channels=("alpha", "lts"),
            streams=("lts",),
        )
        self.ledger.start(genesis, now=NOW)

    @property
    def state(self) -> State:
        return self.ledger.state()

    def tell(self, content: Content) -> datetime:
        self.now += DAY
        self.ledger.append(lambda _state: content, now=self.now)
        return self.now

    def ask(self, text: str) -> Digest:
        self.tell(RequestMade(statement=text, statement_signature=ALICE.sign(text.encode())))
        return statement_digest(text)

    def move(self, version: str, channel: str, **changes: object) -> datetime:
        state = self.state
        before = state.heads.get(channel)
        fields: dict[str, object] = {
            "product": "demo",
            "release": digest_of(version),
            "version": Version.parse(version),
            "boards": (BOARD,),
            "channel": channel,
            "from_channel": None,
            "policy": POLICY.digest,
            "generation": state.generation(channel),
            "requested_by": ALICE.fingerprint,
            "requested_at": self.now,
            "expires_at": self.now + 9 * DAY,
            **changes,
        }
        asked = PromotionRequest(**fields)  # type: ignore[arg-type]  # tests change single fields by name
        self.ask(asked.statement())
        return self.tell(
            PointerMoved(
                channel=channel,
                version=asked.version,
                release=asked.release,
                request=asked.digest,
                generation=state.generation(channel) + 1,
                from_version=None if before is None else before.version,
            )
        )

    def stop(self, action: StopAction, channel: str | None = None, version: str | None = None) -> Digest:
        order = StopOrder(
            product="demo",
            action=action,
            channel=channel,
            version=None if version is None else Version.parse(version),
            release=None if version is None else digest_of(version),
            role="maintainer",
            by=ALICE.fingerprint,
            at=self.now,
            reason=f"why {action.value}",
            advice="wait",
        )
        text = order.statement()
        self.tell(StopOrdered(statement=text, statement_signature=ALICE.sign(text.encode())))
        return statement_digest(text)

    def lift(self, stop: Digest) -> datetime:
        fields = {"policy": str(POLICY.digest), "stop": str(stop)}
        request = self.ask(write_statement(RESUME_REQUEST, {**fields}))
        return self.tell(StopLifted(stop=stop, request=request))

    def site(self) -> Site:
        releases = {
            version: release(str(version), board(AMD64, payload(9000)), created=NOW)
            for version in self.state.releases
        }
        return site_from("Demo OS", self.state, POLICY, releases, PagesOptions())


@pytest.fixture
def story() -> Story:
    """1.0.0 is in alpha and in two streams of lts."""
    story = Story()
    story.tell(released("1.0.0"))
    story.tell(released("2.0.0"))
    story.move("1.0.0", "alpha")
    story.move("1.0.0", "lts-2024")
    return story


def test_streams_stand_before_their_channel_and_are_supported_by_the_policy(story: Story) -> None:
    opened = story.now
    second = story.move("2.0.0", "lts-2025")
    site = story.site()
    assert [channel.name for channel in site.channels] == ["alpha", "lts-2024", "lts-2025", "lts"]
    assert site.heads == {
        "alpha": Version(1, 0, 0),
        "lts-2024": Version(1, 0, 0),
        "lts-2025": Version(2, 0, 0),
        "lts": Version(2, 0, 0),
    }
    support = site.support["lts-2024"]
    assert (support.stream_of, support.opened) == ("lts", opened)
    assert support.ends == datetime(opened.year + 1, opened.month + 6, opened.day, 12, tzinfo=UTC)
    assert site.support["lts-2025"].opened == second
    assert site.releases[1].entry("lts-2025") is not None
    assert site.generated_at == second
    assert "releases-feed/releases-lts-2025.xml" in render_site(site)


def test_stops_are_told_of_what_they_stop_also_when_they_are_lifted(story: Story) -> None:
    pause = story.stop(StopAction.PAUSE, "lts-2024", "1.0.0")
    paused = story.now
    lifted = story.lift(pause)
    story.stop(StopAction.FREEZE, "lts")
    frozen = story.now
    story.stop(StopAction.WITHDRAW, version="1.0.0")
    site = story.site()
    entry = site.on_channel("lts-2024", Version(1, 0, 0))
    assert entry is not None
    assert entry.pauses == (Stop(since=paused, reason="why pause", advice="wait", lifted=lifted),)
    assert site.freezes == dict.fromkeys(
        ("lts-2024", "lts"), (Stop(since=frozen, reason="why freeze", advice="wait"),)
    )
    first, second = site.releases
    assert [stop.reason for stop in first.withdrawn] == ["why withdraw"]
    assert first.withdrawals[0].since == story.now
    assert not second.withdrawals
    for channel in ("alpha", "lts"):
        other = site.on_channel(channel, Version(1, 0, 0))
        assert other is not None
        assert not other.pauses


def test_a_hurry_is_told_from_the_request_that_moved_the_channel(story: Story) -> None:
    story.move("2.0.0", "alpha", hurry=(Skippable.SOAK,), reason="a hole", incident="INC-17")
    site = story.site()
    entry = site.on_channel("alpha", Version(2, 0, 0))
    assert entry is not None
    assert entry.hurry == Hurry(skipped=("soak",), reason="a hole", incident="INC-17")
    before = site.on_channel("alpha", Version(1, 0, 0))
    assert before is not None
    assert before.hurry is None


def test_history_from_before_the_ledger_has_no_request_and_no_hurry() -> None:
    story = Story()
    story.tell(released("1.0.0", offered_in=("alpha", "lts-2024")))
    entry = story.site().on_channel("lts", Version(1, 0, 0))
    assert entry is not None
    assert entry.hurry is None
    assert entry.since == story.now
