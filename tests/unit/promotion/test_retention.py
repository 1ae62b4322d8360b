"""Which releases keep their bytes, rule by rule, on a ledger that was written as the pipeline does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.bundle.release import Release
from release.catalog.version import Version
from release.errors import InputError
from release.ledger.kinds import ReleaseCollected
from release.ledger.statements import StopAction
from release.promotion.delivery import Floor, Hold, Retention
from release.promotion.retention import FALLBACKS, Holdings, collectable, keep, why_collectable
from release.trust import channel_making
from tests.unit.ledger.fakes import NOW, digest_of, released
from tests.unit.line.story import DAY, POLICY, Story
from tests.unit.pages.samples import AMD64, board, payload, release

RULES = Retention(channel_releases=1, stream_releases=1, grace=timedelta(days=3))
VERSIONS = ("1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0", "6.0.0")


def documents(**sources: str) -> dict[Version, Release]:
    """All releases; ``v6="2.0.0"`` gives release 6.0.0 a delta from 2.0.0."""
    found = {}
    for text in VERSIONS:
        delta = sources.get(f"v{text[0]}")
        payloads = [payload(9000), *([payload(2000, delta)] if delta else [])]
        found[Version.parse(text)] = release(text, board(AMD64, *payloads), created=NOW)
    return found


@pytest.fixture
def story() -> Story:
    """Alpha went through all releases, one after the other, and is at the last for a month."""
    return _story()


def _story(paused: str | None = None) -> Story:
    told = Story()
    for text in VERSIONS:
        told.tell(released(text))
        told.move(text, "alpha")
        if text == paused:
            told.stop(StopAction.PAUSE, "alpha", paused)
    told.now += 30 * DAY
    return told


def known(story: Story, rules: Retention | None = RULES, **changes: object) -> Holdings:
    fields: dict[str, object] = {
        "state": story.state,
        "policy": replace(POLICY, retention=rules),
        "releases": documents(),
        "now": story.now,
        **changes,
    }
    return Holdings(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def gone(holdings: Holdings) -> list[str]:
    return [str(version) for version in collectable(holdings)]


def test_the_channel_s_release_and_those_it_falls_back_on_stay(story: Story) -> None:
    kept = keep(known(story))
    assert gone(known(story)) == ["1.0.0", "2.0.0", "3.0.0"]
    assert kept[Version(6, 0, 0)][0] == "alpha is at it"
    assert kept[Version(5, 0, 0)][0] == "alpha was at it before"
    assert kept[Version(4, 0, 0)] == ("machines of alpha that may not have newer ones are offered it",)


def test_so_many_are_kept_as_a_channel_document_may_offer() -> None:
    assert FALLBACKS == channel_making._OFFERS - 1


def test_a_withdrawn_release_gives_its_place_to_one_before_and_goes_after_the_grace(story: Story) -> None:
    story.stop(StopAction.WITHDRAW, version="5.0.0")
    assert gone(known(story)) == ["1.0.0", "2.0.0"]  # 5.0.0: the channel was at it before
    assert "machines of alpha that may not" in keep(known(story))[Version(3, 0, 0)][0]
    story.tell(released("7.0.0"))
    story.move("7.0.0", "alpha")
    later = {**documents(), Version(7, 0, 0): release("7.0.0", board(AMD64, payload(9000)), created=NOW)}
    patient = replace(RULES, grace=timedelta(days=9))
    reasons = keep(known(story, rules=patient, releases=later))[Version(5, 0, 0)]
    assert reasons[0].startswith("withdrawn ")
    story.now += 30 * DAY
    assert gone(known(story, releases=later)) == ["1.0.0", "2.0.0", "3.0.0", "5.0.0"]


def test_floors_and_holds_stay(story: Story) -> None:
    policy = replace(
        POLICY,
        retention=RULES,
        floors=(Floor(channel="alpha", version=Version(1, 0, 0), reason="new boot loader"),),
        holds=(Hold(version=Version(2, 0, 0), reason="case 7"),),
    )
    holdings = known(story, policy=policy, floors=(Version(3, 0, 0),))
    assert gone(holdings) == []
    assert keep(holdings)[Version(1, 0, 0)] == ("a floor of alpha: new boot loader",)
    assert keep(holdings)[Version(2, 0, 0)] == ("held: case 7",)
    assert keep(holdings)[Version(3, 0, 0)] == ("a floor: after it the payload key changes",)


def test_what_a_delta_starts_from_stays_but_not_what_that_one_was_made_from(story: Story) -> None:
    holdings = known(story, releases=documents(v6="2.0.0", v2="1.0.0"))
    assert gone(holdings) == ["1.0.0", "3.0.0"]
    assert keep(holdings)[Version(2, 0, 0)] == ("a delta of 6.0.0 starts from it",)


def test_what_a_kept_release_derives_from_stays(story: Story) -> None:
    derived = release("6.0.0", board(AMD64, payload(9000)), created=NOW, derives_from="3.0.0")
    holdings = known(story, releases={**documents(), Version(6, 0, 0): derived})
    assert keep(holdings)[Version(3, 0, 0)] == ("6.0.0 derives from it",)


def test_an_open_request_keeps_what_it_names_until_it_is_void(story: Story) -> None:
    asked = story.state
    text = _asked(story, "3.0.0", "lts-2024")
    story.ask(text)
    assert gone(known(story)) == ["1.0.0", "2.0.0"]
    assert "asks for it in lts-2024" in " ".join(keep(known(story))[Version(3, 0, 0)])
    story.now += 30 * DAY  # it has expired
    assert gone(known(story)) == ["1.0.0", "2.0.0", "3.0.0"]
    assert asked.releases == story.state.releases


def _asked(story: Story, version: str, channel: str) -> str:
    from release.promotion.request import new_request  # noqa: PLC0415  # one test needs it

    return new_request(
        story.state,
        replace(POLICY, retention=RULES),
        version=Version.parse(version),
        channel=channel,
        requested_by=POLICY.people[0].fingerprints[0],
        now=story.now,
    ).statement()


def test_a_stopped_rollout_keeps_its_release_until_it_is_let_go_on() -> None:
    story = _story(paused="2.0.0")
    (stop,) = story.state.stops
    assert gone(known(story)) == ["1.0.0", "3.0.0"]
    story.lift(stop)
    assert gone(known(story)) == ["1.0.0", "2.0.0", "3.0.0"]


def test_a_channel_falls_back_past_a_stopped_rollout() -> None:
    story = _story(paused="5.0.0")
    assert gone(known(story)) == ["1.0.0", "2.0.0"]


def test_a_request_that_would_lift_a_stop_or_adopt_a_policy_keeps_what_that_names(story: Story) -> None:
    proposed = replace(
        POLICY,
        digest=digest_of("proposed"),
        holds=(Hold(version=Version(1, 0, 0), reason="court"),),
    )
    holdings = known(story, proposed={proposed.digest: proposed})
    assert "1.0.0" in gone(holdings)  # nobody asks for that policy


def test_young_releases_stay(story: Story) -> None:
    patient = replace(RULES, grace=timedelta(days=39))
    kept = keep(known(story, rules=patient))
    reasons = kept[Version(3, 0, 0)]
    assert any(one.startswith("registered") for one in reasons) or any("left it" in one for one in reasons)
    assert "1.0.0" in gone(known(story, rules=patient))


def test_what_may_still_be_asked_for_stays(story: Story) -> None:
    story.tell(released("9.0.0"))
    story.now += 30 * DAY
    more = {**documents(), Version(9, 0, 0): release("9.0.0", board(AMD64, payload(9000)), created=NOW)}
    assert keep(known(story, releases=more))[Version(9, 0, 0)][0] == "newer than what alpha is at: 6.0.0"


def test_nothing_is_collected_without_rules_or_documents(story: Story) -> None:
    assert gone(known(story, rules=None)) == []
    some = documents()
    del some[Version(2, 0, 0)]
    with pytest.raises(InputError, match=r"releases 2\.0\.0: their documents are missing"):
        collectable(known(story, releases=some))
    with pytest.raises(InputError, match="nothing is collected"):
        why_collectable(known(story, rules=None), Version(1, 0, 0))


def test_what_was_collected_is_spoken_of_no_more(story: Story) -> None:
    story.tell(ReleaseCollected(version=Version(1, 0, 0), release=digest_of("1.0.0"), reason="old"))
    some = documents()
    del some[Version(1, 0, 0)]
    assert gone(known(story, releases=some)) == ["2.0.0", "3.0.0"]
    assert "no rule keeps it: the last channel left it" in why_collectable(known(story), Version(2, 0, 0))


def test_streams_have_a_number_of_their_own(story: Story) -> None:
    for text in ("1.0.0", "2.0.0", "3.0.0"):
        story.move(text, "lts-2023")
    story.now += 30 * DAY
    many = replace(RULES, stream_releases=3)
    assert gone(known(story, rules=many)) == []
    assert "one of the newest 3 of lts-2023" in keep(known(story, rules=many))[Version(1, 0, 0)]
