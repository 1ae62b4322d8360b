"""Streams: opened from stable, patched on their own, followed by their channel, supported for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.chain import EntryRefusedError
from release.ledger.kinds import PointerMoved, RequestMade
from release.ledger.statements import statement_digest
from release.promotion import proposals
from release.promotion.baselines import baselines
from release.promotion.status import Phase
from release.promotion.support import support, supports
from tests.unit.ledger.fakes import digest_of, released
from tests.unit.promotion.ruled_scene import DAY, FREEZE, PAUSE, RULES, WITHDRAW, RuledScene
from tests.unit.promotion.scene import ALICE, BOB, DORA, POLICY_TEXT, Scene

OLD, NEW = "lts-2024", "lts-2026"


class Line(RuledScene):
    """2.0.0 is stable; a stream may be opened from it."""

    def __init__(self, policy_text: str = RULES) -> None:
        super().__init__(policy_text)
        self.settle("2.0.0")

    def settle(self, version: str) -> None:
        self.tick(3 * DAY)
        for channel in ("beta", "stable"):
            self.promote(version, channel)

    def patch(self, version: str, origin: str, channel: str, **changes: object) -> None:
        """Built for the stream, from what it had."""
        fields: dict[str, object] = {
            "lineage": PromotionKind.REBUILD,
            "derives_from": Version.parse(origin),
            **changes,
        }
        self.register(version, channel, **fields)
        self.prove(version)

    def heads(self) -> dict[str, str]:
        return {name: str(head.version) for name, head in self.state.heads.items() if "lts" in name}


@pytest.fixture
def line() -> Line:
    return Line()


def agreed(scene: RuledScene, version: str, channel: str) -> Digest:
    return scene.agree(scene.request(version, channel), ALICE, BOB)


# --- opening and following -----------------------------------------------------------------------


def test_a_stream_is_opened_from_stable_and_lts_follows(line: Line) -> None:
    state = line.promote("2.0.0", OLD)
    assert line.heads() == {OLD: "2.0.0", "lts": "2.0.0"}
    opened, followed = state.heads[OLD], state.heads["lts"]
    assert (opened.generation, opened.request) == (followed.generation, followed.request)
    assert state.newest_stream("lts") == OLD


def test_only_what_stable_offered_opens_a_stream(line: Line) -> None:
    line.tick(3 * DAY)
    line.enter("3.0.0")
    assert line.unmet(agreed(line, "3.0.0", OLD)) == ("source",)
    line.tick(3 * DAY)
    line.promote("3.0.0", "beta")
    assert line.unmet(agreed(line, "3.0.0", OLD)) == ("source",)
    line.promote("3.0.0", "stable")
    assert line.unmet(agreed(line, "3.0.0", OLD)) == ()


def test_opening_takes_the_quorum(line: Line) -> None:
    asked = line.agree(line.request("2.0.0", OLD), ALICE)
    assert line.unmet(asked) == ("quorum maintainer",)


def test_a_patch_release_of_the_stream_moves_both(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.patch("2.3.1", "2.0.0", OLD)
    line.promote("2.3.1", OLD)
    assert line.heads() == {OLD: "2.3.1", "lts": "2.3.1"}
    line.patch("2.3.2", "2.0.0", OLD)
    line.promote("2.3.2", OLD)
    assert line.heads() == {OLD: "2.3.2", "lts": "2.3.2"}


def test_the_older_stream_goes_on_without_moving_lts(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.enter("3.0.0")
    line.settle("3.0.0")
    line.promote("3.0.0", NEW)
    assert line.heads() == {OLD: "2.0.0", NEW: "3.0.0", "lts": "3.0.0"}
    generation = line.state.generation("lts")
    line.patch("2.3.1", "2.0.0", OLD)
    line.promote("2.3.1", OLD)
    assert line.heads() == {OLD: "2.3.1", NEW: "3.0.0", "lts": "3.0.0"}
    assert line.state.generation("lts") == generation
    line.patch("3.3.1", "3.0.0", NEW)
    line.promote("3.3.1", NEW)
    assert line.heads() == {OLD: "2.3.1", NEW: "3.3.1", "lts": "3.3.1"}


def test_a_stream_opened_later_from_something_older_does_not_take_lts_back(line: Line) -> None:
    line.enter("3.0.0")
    line.settle("3.0.0")
    line.promote("3.0.0", NEW)
    asked = agreed(line, "2.0.0", OLD)
    (rule,) = line.decide(asked).unmet
    assert (rule.name, rule.detail, rule.final) == ("upwards", "lts goes from 3.0.0 to 2.0.0", True)


def test_two_requests_open_a_stream_once(line: Line) -> None:
    late = agreed(line, "2.0.0", OLD)
    line.promote("2.0.0", OLD)
    assert "unmoved" in line.unmet(late)
    assert line.status(late).phase is Phase.VOID


# --- what goes into a stream ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "channel", "changes", "unmet"),
    [
        ("2.0.0", OLD, {}, ()),
        ("2.0.0", NEW, {}, ("built-for",)),
        ("2.0.0", "lts", {}, ("built-for",)),
        ("2.0.0", "stable", {}, ("built-for",)),
        ("1.0.0", OLD, {}, ("source",)),
        ("9.0.0", OLD, {}, ("source",)),
        ("2.0.0", OLD, {"lineage": PromotionKind.SAME_BITS}, ("built-for",)),
        ("2.0.0", OLD, {"lineage": PromotionKind.SAME_BITS, "derives_from": None}, ("built-for", "source")),
    ],
)
def test_an_opened_stream_takes_builds_of_its_own_that_derive_from_it(
    line: Line, origin: str, channel: str, changes: dict[str, object], unmet: tuple[str, ...]
) -> None:
    line.promote("2.0.0", OLD)
    line.patch("2.3.1", origin, channel, **changes)
    assert line.unmet(agreed(line, "2.3.1", OLD)) == unmet


def test_a_newer_stable_release_does_not_get_into_an_opened_stream(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.enter("3.0.0")
    line.settle("3.0.0")
    assert line.unmet(agreed(line, "3.0.0", OLD)) == ("built-for", "source")


def test_a_patch_names_no_source_channel(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.patch("2.3.1", "2.0.0", OLD)
    assert line.unmet(line.agree(line.request("2.3.1", OLD, from_channel="stable"), ALICE, BOB)) == (
        "source",
    )


def test_a_stream_does_not_go_back(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.patch("2.3.9", "2.0.0", OLD)
    line.patch("2.3.10", "2.0.0", OLD)
    line.promote("2.3.10", OLD)
    with pytest.raises(RefusedError, match=r"expected a version above 2\.3\.10"):
        line.request("2.3.9", OLD)


# --- lts itself ----------------------------------------------------------------------------------


def test_lts_itself_cannot_be_asked_for(line: Line) -> None:
    with pytest.raises(InputError, match="channel 'lts' follows the newest of its streams") as caught:
        line.request("2.0.0", "lts")
    assert "for example lts-2024" in str(caught.value.hint)


def test_a_recorded_request_for_lts_is_void_and_moves_nothing(line: Line) -> None:
    text = replace(line.asked("2.0.0", OLD), channel="lts").statement()
    line.write(RequestMade(statement=text, statement_signature=DORA.sign(text.encode())))
    asked = line.agree(statement_digest(text), ALICE, BOB)
    assert line.unmet(asked) == ("channel",)
    assert line.status(asked).phase is Phase.VOID
    content = PointerMoved(
        channel="lts",
        version=Version(2, 0, 0),
        release=digest_of("2.0.0"),
        request=asked,
        generation=1,
        from_version=None,
        decided_at=line.now,
    )
    with pytest.raises(EntryRefusedError, match="lts does not move by itself"):
        line.write(content)


# --- stops ---------------------------------------------------------------------------------------


def offered(line: Line) -> set[str]:
    return {offer.channel for offer in line.state.offers if offer.ends is None}


def test_pausing_a_stream_pauses_who_follows_it(line: Line) -> None:
    """Lts offers the very same rollout."""
    line.promote("2.0.0", OLD)
    stop = line.stop(line.order(PAUSE, OLD, "2.0.0"))
    assert offered(line) == {"alpha", "beta", "stable"}
    assert line.state.pause("lts") == line.state.pause(OLD) != None  # noqa: E711
    line.resume(stop)
    assert offered(line) == {"alpha", "beta", "stable", OLD, "lts"}


def test_pausing_lts_alone_leaves_the_stream(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.stop(line.order(PAUSE, "lts", "2.0.0"))
    assert offered(line) == {"alpha", "beta", "stable", OLD}


def test_pausing_the_older_stream_leaves_lts(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.enter("3.0.0")
    line.settle("3.0.0")
    line.promote("3.0.0", NEW)
    line.stop(line.order(PAUSE, OLD, "2.0.0"))
    assert offered(line) == {"alpha", "beta", "stable", NEW, "lts"}


@pytest.mark.parametrize(
    ("frozen", "unmet"), [("lts", ("not-frozen",)), (OLD, ("not-frozen",)), (NEW, ()), ("stable", ())]
)
def test_freezing_lts_freezes_its_streams(line: Line, frozen: str, unmet: tuple[str, ...]) -> None:
    asked = agreed(line, "2.0.0", OLD)
    line.stop(line.order(FREEZE, frozen))
    assert line.unmet(asked) == unmet


def test_a_withdrawn_release_leaves_all_of_them(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.stop(line.order(WITHDRAW, version="2.0.0"))
    assert offered(line) == set()
    line.patch("2.3.1", "2.0.0", OLD)
    line.promote("2.3.1", OLD)
    assert offered(line) == {OLD, "lts"}


# --- support -------------------------------------------------------------------------------------


def test_a_stream_is_supported_from_its_first_release_on(line: Line) -> None:
    line.promote("2.0.0", OLD)
    opened = line.state.heads[OLD].since
    found = support(line.state, line.policy, OLD)
    assert found is not None
    assert (found.opened, found.ends) == (opened, opened.replace(year=2027, month=8))
    assert found.next_due == opened.replace(year=2027, month=2)
    line.tick(30 * DAY)
    line.patch("2.3.1", "2.0.0", OLD)
    line.promote("2.3.1", OLD)
    assert support(line.state, line.policy, OLD) == found
    assert support(line.state, line.policy, NEW) is None
    assert support(line.state, line.policy, "lts") is None


def test_a_stream_past_its_end_gets_nothing_new(line: Line) -> None:
    line.promote("2.0.0", OLD)
    found = support(line.state, line.policy, OLD)
    assert found is not None
    line.tick(found.ends - line.now - DAY)
    line.patch("2.3.1", "2.0.0", OLD)
    asked = agreed(line, "2.3.1", OLD)
    assert line.unmet(asked, found.ends - timedelta(microseconds=1)) == ()
    assert line.unmet(asked, found.ends) == ("supported",)


def test_who_is_late_with_the_next_stream_supports_the_old_one_longer(line: Line) -> None:
    """And a request that was refused because it had ended is no lost cause."""
    line.promote("2.0.0", OLD)
    ended = support(line.state, line.policy, OLD)
    assert ended is not None
    line.tick(ended.ends - line.now + DAY)
    line.patch("2.3.1", "2.0.0", OLD)
    asked = agreed(line, "2.3.1", OLD)
    assert line.unmet(asked) == ("supported",)
    assert line.status(asked).phase is Phase.WAITING
    line.enter("3.0.0")
    line.settle("3.0.0")
    line.promote("3.0.0", NEW)
    opened = line.state.heads[NEW].since
    assert {one.stream: one.ends for one in supports(line.state, line.policy)} == {
        OLD: add_months(opened, 6),
        NEW: add_months(opened, 18),
    }
    assert line.unmet(asked) == ()


def add_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    return moment.replace(year=moment.year + years, month=month + 1)


def test_overlap_takes_nothing_from_a_stream_whose_successor_is_early(line: Line) -> None:
    line.promote("2.0.0", OLD)
    opened = line.state.heads[OLD].since
    line.enter("3.0.0")
    line.settle("3.0.0")
    line.promote("3.0.0", NEW)
    found = support(line.state, line.policy, OLD)
    assert found is not None
    assert found.ends == add_months(opened, 18)


# --- names, baselines ----------------------------------------------------------------------------


def test_a_stream_is_compared_with_what_machines_have(line: Line) -> None:
    line.promote("2.0.0", OLD)
    line.patch("2.3.1", "2.0.0", OLD)
    patch = line.state.releases[Version(2, 3, 1)]
    assert baselines(line.state, patch, OLD, None).versions == (Version(2, 0, 0),)
    line.enter("3.0.0")
    line.settle("3.0.0")
    opening = line.state.releases[Version(3, 0, 0)]
    found = baselines(line.state, opening, NEW, "stable")
    assert (found.head, found.origin) == (Version(2, 0, 0), Version(2, 0, 0))


def test_a_product_without_streams_has_none() -> None:
    scene = Scene(POLICY_TEXT)
    assert supports(scene.state, scene.policy) == ()
    with pytest.raises(InputError, match="'lts-2024' is not in the policy"):
        scene.asked("2.0.0", OLD)
    with pytest.raises(EntryRefusedError, match="channel 'lts-2024' is unknown"):
        scene.ledger.append(proposals.registration(released("5.0.0", OLD)), now=scene.tick())
