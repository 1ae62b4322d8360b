"""Stopping takes one person, at once; going on again takes the quorum."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.chain import EntryRefusedError
from release.ledger.entries import CLOCK_SKEW, LedgerBrokenError
from release.ledger.kinds import StopLifted, StopOrdered
from release.ledger.statements import STOP, read_statement, write_statement
from release.promotion.proposals import GateClosedError
from release.promotion.status import Phase
from release.promotion.stop import StopOrder, read_stop
from tests.unit.ledger.fakes import PIPELINE, FakeKey, digest_of, forged
from tests.unit.promotion.ruled_scene import (
    DAY,
    FREEZE,
    PAUSE,
    RULES,
    SECURITY,
    WITHDRAW,
    RuledScene,
)
from tests.unit.promotion.scene import ALICE, BOB, CAROL, DORA, ERIN, MALLORY, NO_GO


@pytest.fixture
def scene() -> RuledScene:
    return RuledScene()


def lasting(scene: RuledScene) -> set[tuple[str, str]]:
    """What machines are offered now."""
    return {(offer.channel, str(offer.version)) for offer in scene.state.offers if offer.ends is None}


# --- one person stops ----------------------------------------------------------------------------


def test_one_person_pauses_a_rollout_at_once(scene: RuledScene) -> None:
    assert lasting(scene) == {("alpha", "2.0.0"), ("beta", "1.0.0")}
    stop = scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    assert lasting(scene) == {("beta", "1.0.0")}
    found = scene.state.pause("alpha")
    assert found is not None
    assert (found.digest, found.signer, str(found.subject)) == (
        stop,
        ERIN.fingerprint,
        "pause 2.0.0 in alpha",
    )
    assert scene.state.pause("beta") is None
    assert scene.state.standing_stops() == (found,)


def test_one_person_withdraws_a_release_from_every_channel(scene: RuledScene) -> None:
    scene.stop(scene.order(WITHDRAW, version="1.0.0"))
    assert lasting(scene) == {("alpha", "2.0.0")}
    assert scene.state.withdrawal(Version(1, 0, 0)) is not None
    assert scene.state.heads["beta"].version == Version(1, 0, 0), "history stays as it is"


def test_a_frozen_channel_goes_on_offering_what_it_is_at(scene: RuledScene) -> None:
    scene.stop(scene.order(FREEZE, "beta"))
    assert lasting(scene) == {("alpha", "2.0.0"), ("beta", "1.0.0")}
    assert scene.state.freeze("beta") is not None
    assert scene.state.freeze("alpha") is None


def test_nothing_moves_into_a_frozen_channel(scene: RuledScene) -> None:
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    stop = scene.stop(scene.order(FREEZE, "beta"))
    assert scene.unmet(asked) == ("not-frozen",)
    assert scene.status(asked).phase is Phase.WAITING
    scene.resume(stop)
    assert scene.move(asked).heads["beta"].version == Version(2, 0, 0)


def test_a_withdrawn_release_goes_nowhere(scene: RuledScene) -> None:
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    stop = scene.stop(scene.order(WITHDRAW, version="2.0.0", advice="wait for 2.0.1"))
    assert scene.unmet(asked) == ("not-withdrawn",)
    with pytest.raises(RefusedError, match=r"release 2\.0\.0 is withdrawn: it burns"):
        scene.request("2.0.0", "beta")
    scene.resume(stop)
    assert scene.unmet(asked) == ()


def test_what_is_paused_in_a_channel_does_not_go_on_to_the_next(scene: RuledScene) -> None:
    """Also not when that channel has moved on: whoever paused it has not been answered yet."""
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    stop = scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    assert scene.unmet(asked) == ("not-paused",)
    scene.enter("3.0.0")
    assert scene.unmet(asked) == ("not-paused",)
    scene.resume(stop)
    assert scene.unmet(asked) == ()


def test_a_paused_channel_moves_on_to_what_mends_it(scene: RuledScene) -> None:
    scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    scene.enter("2.0.1")
    assert ("alpha", "2.0.1") in lasting(scene)


def test_a_rebuild_of_what_is_paused_may_go_on() -> None:
    """It is other bits, and may be what mends it."""
    scene = RuledScene(RULES.replace('name = "beta"', 'name = "beta"\nkind = "rebuild"'))
    scene.register("2.1.0", "beta", lineage=PromotionKind.REBUILD, derives_from=Version(2, 0, 0))
    scene.prove("2.1.0")
    scene.tick(3 * DAY)
    scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    assert scene.promote("2.1.0", "beta").heads["beta"].version == Version(2, 1, 0)


# --- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        (BOB, {}, f"says it is by {ERIN.fingerprint}, but {BOB.fingerprint}"),
        (BOB, {"by": BOB.fingerprint}, "Bob does not have the role 'security'"),
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}, "expected one of the roles security, found"),
        (MALLORY, {"by": MALLORY.fingerprint}, "does not have the role"),
        (PIPELINE, {"by": PIPELINE.fingerprint}, "does not have the role"),
        (ERIN, {"product": "other"}, "is for 'other', the ledger for 'demo'"),
        (ERIN, {"release": digest_of("x")}, "is not in the ledger"),
        (ERIN, {"version": Version(9, 0, 0)}, "is not in the ledger"),
        (ERIN, {"channel": "beta"}, r"beta is at 1\.0\.0, there is no rollout of 2\.0\.0"),
        (ERIN, {"channel": "stable"}, "stable is at nothing"),
    ],
)
def test_who_may_not_stop_and_what_stops_nothing_is_refused(
    scene: RuledScene, key: FakeKey, changes: dict[str, object], message: str
) -> None:
    order = replace(scene.order(PAUSE, "alpha", "2.0.0"), **changes)  # type: ignore[arg-type]  # single fields by name
    before = dict(scene.store.objects)
    with pytest.raises(RefusedError, match=message):
        scene.stop(order, key)
    assert scene.store.objects == before


def test_a_stop_of_an_unknown_channel_is_refused(scene: RuledScene) -> None:
    with pytest.raises(InputError, match="channel 'gamma' is unknown"):
        scene.stop(scene.order(FREEZE, "gamma"))


def test_a_signature_that_does_not_hold_stops_nothing(scene: RuledScene) -> None:
    scene.keys.expiry = {ERIN: scene.now}
    with pytest.raises(NotVerifiedError):
        scene.stop(scene.order(FREEZE, "beta"))


@pytest.mark.parametrize("key", [BOB, MALLORY])
def test_a_stop_of_the_wrong_person_that_was_recorded_holds(scene: RuledScene, key: FakeKey) -> None:
    """To stop too much is safe."""
    text = scene.order(FREEZE, "beta", by=key.fingerprint).statement()
    scene.write(StopOrdered(statement=text, statement_signature=key.sign(text.encode())))
    found = scene.state.freeze("beta")
    assert found is not None
    assert found.signer == key.fingerprint


def test_a_stop_with_more_fields_than_we_know_holds(scene: RuledScene) -> None:
    fields = read_statement(scene.order(FREEZE, "beta").statement(), STOP, "test")
    text = write_statement(STOP, {**fields, "more": 1})
    scene.write(StopOrdered(statement=text, statement_signature=ERIN.sign(text.encode())))
    assert scene.state.freeze("beta") is not None
    with pytest.raises(InputError, match="more"):
        read_stop(text)


@pytest.mark.parametrize(
    ("action", "fields", "message"),
    [
        (PAUSE, {"channel": "alpha"}, "a pause names a channel, a version and its release digest"),
        (PAUSE, {"channel": "alpha", "version": Version(2, 0, 0)}, "a pause names"),
        (FREEZE, {}, "a freeze names a channel, and nothing else"),
        (FREEZE, {"channel": "alpha", "version": Version(2, 0, 0)}, "a freeze names a channel"),
        (WITHDRAW, {"version": Version(2, 0, 0)}, "a withdraw names a version and its release digest"),
        (WITHDRAW, {"channel": "alpha"}, "a withdraw names"),
    ],
)
def test_each_action_names_what_it_stops(
    scene: RuledScene, action: object, fields: dict[str, object], message: str
) -> None:
    base = scene.order(FREEZE, "alpha")
    made = {name: getattr(base, name) for name in ("product", "role", "by", "at", "reason")}
    with pytest.raises(InputError, match=message):
        StopOrder(action=action, **{**made, **fields})  # type: ignore[arg-type]  # the mistakes in question


# --- time ----------------------------------------------------------------------------------------

FAR = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("at", [FAR, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_a_stop_by_a_clock_that_is_decades_ahead_ends_the_offer_now(scene: RuledScene, at: datetime) -> None:
    scene.tick(DAY)
    latest = scene.state.latest
    stop = scene.stop_alone(scene.order(PAUSE, "alpha", "2.0.0", at=at), ERIN, at)
    assert lasting(scene) == {("beta", "1.0.0")}
    (ended,) = [offer for offer in scene.state.offers if offer.version == Version(2, 0, 0)]
    assert ended.ends == latest
    assert scene.state.latest == latest, "a person's clock moves nobody's"
    scene.tick(3 * DAY)
    scene.resume(stop)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.unmet(asked) == ("soak",)


@pytest.mark.parametrize("behind", [timedelta(minutes=4), timedelta(minutes=6)])
def test_a_stop_by_a_clock_that_is_behind_ends_no_offer_before_it_began(
    scene: RuledScene, behind: timedelta
) -> None:
    """What is further behind than clocks may be is no entry; our own writer dates it like the latest."""
    begun = scene.state.latest
    text = scene.order(PAUSE, "alpha", "2.0.0").statement()
    content = StopOrdered(statement=text, statement_signature=ERIN.sign(text.encode()))
    forged(scene.store, content, ERIN, time=begun - behind)
    if behind > CLOCK_SKEW:
        with pytest.raises(LedgerBrokenError, match="time does not go back"):
            scene.ledger.read()
        return
    (ended,) = [offer for offer in scene.state.offers if offer.version == Version(2, 0, 0)]
    assert (ended.begins, ended.ends) == (begun, begun)


# --- going on again ------------------------------------------------------------------------------


def test_going_on_takes_the_resume_quorum(scene: RuledScene) -> None:
    stop = scene.stop(scene.order(PAUSE, "alpha", "2.0.0"))
    asked = scene.ask_to_resume(stop)
    scene.agree(asked, BOB)
    with pytest.raises(GateClosedError, match=r"lift: pause 2\.0\.0 in alpha: waiting; quorum maintainer"):
        scene.move(asked)
    assert lasting(scene) == {("beta", "1.0.0")}
    scene.agree(asked, ERIN, role=SECURITY)
    assert scene.unmet(asked) == ("quorum maintainer",)
    scene.agree(asked, CAROL)
    state = scene.move(asked)
    assert lasting(scene) == {("beta", "1.0.0"), ("alpha", "2.0.0")}
    assert state.standing_stops() == ()
    assert (state.stops[stop].lifted, state.stops[stop].lifted_at) == (asked, scene.now)


def test_who_asks_to_go_on_does_not_count(scene: RuledScene) -> None:
    asked = scene.ask_to_resume(scene.stop(scene.order(FREEZE, "beta")), BOB)
    scene.agree(asked, BOB, CAROL)
    assert scene.unmet(asked) == ("quorum maintainer",)


def test_a_no_go_holds_the_stop(scene: RuledScene) -> None:
    asked = scene.ask_to_resume(scene.stop(scene.order(FREEZE, "beta")))
    scene.agree(asked, BOB, CAROL)
    scene.sign_off(asked, ERIN, NO_GO, SECURITY)
    assert scene.unmet(asked) == ("no-veto",)


def test_two_stops_of_the_same_are_lifted_one_by_one(scene: RuledScene) -> None:
    first = scene.stop(scene.order(FREEZE, "beta"))
    second = scene.stop(scene.order(FREEZE, "beta", by=ALICE.fingerprint), ALICE)
    scene.resume(first)
    found = scene.state.freeze("beta")
    assert found is not None
    assert found.digest == second
    scene.resume(second)
    assert scene.state.freeze("beta") is None


def test_a_stop_is_lifted_once(scene: RuledScene) -> None:
    stop = scene.stop(scene.order(FREEZE, "beta"))
    late = scene.ask_to_resume(stop)
    scene.agree(late, BOB, CAROL)
    scene.resume(stop)
    assert scene.unmet(late) == ("stop",)
    assert scene.status(late).phase is Phase.VOID
    with pytest.raises(RefusedError, match="does not stand"):
        scene.ask_to_resume(stop)
    content = StopLifted(stop=stop, request=late, decided_at=scene.now)
    with pytest.raises(EntryRefusedError, match="does not stand"):
        scene.write(content)


def test_a_stop_that_was_lifted_cannot_be_used_again(scene: RuledScene) -> None:
    """Whoever gives the same file to the pipeline must not believe that it stopped something."""
    order = scene.order(FREEZE, "beta")
    stop = scene.stop(order)
    scene.stop(order)  # twice is once
    scene.resume(stop)
    with pytest.raises(RefusedError, match="was lifted and stops nothing any more"):
        scene.stop(order)
    text = order.statement()
    with pytest.raises(EntryRefusedError, match="is recorded twice"):
        scene.write(StopOrdered(statement=text, statement_signature=ERIN.sign(text.encode())))


def test_what_was_withdrawn_begins_anew_only_where_it_still_is(scene: RuledScene) -> None:
    stop = scene.stop(scene.order(WITHDRAW, version="2.0.0"))
    scene.enter("3.0.0")
    scene.resume(stop)
    assert lasting(scene) == {("alpha", "3.0.0"), ("beta", "1.0.0")}


def test_a_request_to_lift_names_a_stop_of_this_ledger(scene: RuledScene) -> None:
    with pytest.raises(RefusedError, match="does not stand"):
        scene.ask_to_resume(digest_of("nothing"))
    asked = scene.ask_to_resume(scene.stop(scene.order(FREEZE, "beta")))
    case = scene.open_case(asked)
    other = replace(case.request, stop=digest_of("nothing"))  # type: ignore[union-attr]  # it was made here
    with pytest.raises(EntryRefusedError, match=r"stop .* is unknown"):
        scene.record_request(other.statement(), DORA)


def test_without_an_emergency_section_everybody_may_stop_and_who_governs_lets_go_on() -> None:
    emergency = RULES[RULES.index("[emergency]") : RULES.index("[waivers]")]
    scene = RuledScene(RULES.replace(emergency, ""))
    assert scene.policy.emergency.stop == ("maintainer", "security")
    assert scene.policy.emergency.resume == scene.policy.governance
    asked = scene.ask_to_resume(
        scene.stop(scene.order(FREEZE, "beta", by=BOB.fingerprint, role="maintainer"), BOB)
    )
    scene.agree(asked, BOB, CAROL)
    assert scene.unmet(asked) == ("quorum security",)
