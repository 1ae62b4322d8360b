"""Decisions that are asked again: what the gate would not have allowed then is found, recorded or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.audit.finding import Code, Severity
from release.catalog.naming import ledger_key
from release.ledger.kinds import PointerMoved, PolicyChanged, StopLifted, read_content, write_content
from release.ledger.statements import PromotionSubject, StopAction
from release.promotion.request import Skippable
from release.promotion.sign_off import Verdict
from tests.unit.audit.mirrors import Mirror, changed
from tests.unit.ledger.fakes import FakeKey
from tests.unit.promotion.ruled_scene import DAY, FREEZE, PAUSE, RULES, SECURITY, WITHDRAW
from tests.unit.promotion.scene import ALICE, BOB, CAROL, DORA, ERIN, MALLORY, NO_GO


@pytest.fixture
def mirror() -> Mirror:
    mirror = Mirror(RULES)
    mirror.tick(3 * DAY)
    return mirror


def last(mirror: Mirror) -> str:
    return ledger_key(mirror.state.sequence)


def test_a_move_without_the_quorum_is_not_allowed(mirror: Mirror) -> None:
    mirror.move_anyway(mirror.agree(mirror.request("2.0.0", "beta"), ALICE))
    mirror.publish()
    finding = mirror.only(Code.DECISION_NOT_ALLOWED)
    assert (finding.where, finding.severity) == (last(mirror), Severity.BREAK)
    assert "quorum maintainer: 1 of 2 (Alice); missing 1 more go" in finding.found


def test_a_sign_off_in_a_role_that_its_author_did_not_have_then_does_not_count(mirror: Mirror) -> None:
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE)
    mirror.write_sign_off(mirror.said(request, ERIN), ERIN)
    mirror.move_anyway(request)
    mirror.publish()
    found = mirror.one(Code.DECISION_NOT_ALLOWED)
    assert "Erin does not have the role maintainer" in found.found
    assert "by Erin as maintainer, who has only security" in mirror.one(Code.SIGN_OFF_IGNORED).found


def test_a_sign_off_that_had_expired_does_not_count(mirror: Mirror) -> None:
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB)
    mirror.tick(5 * DAY)
    mirror.move_anyway(request)
    mirror.publish()
    assert "Alice sign-off expired; Bob sign-off expired" in mirror.only(Code.DECISION_NOT_ALLOWED).found


def test_a_veto_that_was_passed_over_is_told(mirror: Mirror) -> None:
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB)
    mirror.sign_off(request, CAROL, NO_GO, reason="it does not boot")
    mirror.move_anyway(request)
    mirror.publish()
    assert "no-veto: Carol: it does not boot" in mirror.only(Code.DECISION_NOT_ALLOWED).found


def test_soak_that_was_not_reached_is_told() -> None:
    mirror = Mirror(RULES)
    mirror.move_anyway(mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB))
    mirror.publish()
    assert "soak: 0.1 h of 48.0 h in alpha" in mirror.only(Code.DECISION_NOT_ALLOWED).found


def test_several_rules_that_are_not_met_are_one_finding(mirror: Mirror) -> None:
    mirror.register("3.0.0")
    mirror.move_anyway(mirror.request("3.0.0", "beta"))
    mirror.publish()
    found = mirror.only(Code.DECISION_NOT_ALLOWED).found
    for rule in ("source:", "soak:", "evidence payload-proven:", "quorum maintainer:"):
        assert rule in found


def test_a_decision_that_was_allowed_then_stays_so_when_all_has_expired(mirror: Mirror) -> None:
    mirror.move(mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB))
    mirror.publish()
    mirror.tick(400 * DAY)
    mirror.sign()
    assert not mirror.codes()


def test_without_its_policy_a_decision_is_not_taken_for_allowed(mirror: Mirror) -> None:
    mirror.sign()
    del mirror.store.objects[f"policy/{mirror.policy.digest.hex}.toml"]
    found = {code for code, _ in mirror.codes()}
    assert found == {Code.POLICY_MISSING, Code.DECISION_UNCHECKED, Code.REQUEST_IGNORED}


def test_a_stop_that_was_lifted_without_the_quorum_is_told(mirror: Mirror) -> None:
    stop = mirror.stop(mirror.order(FREEZE, "beta"))
    request = mirror.ask_to_resume(stop)
    now = mirror.tick()
    mirror.write(StopLifted(stop=stop, request=request, decided_at=now))
    mirror.publish()
    assert "quorum maintainer: 0 of 2" in mirror.one(Code.DECISION_NOT_ALLOWED).found


def test_a_policy_that_nobody_agreed_to_is_told_and_judges_what_comes_after_it(mirror: Mirror) -> None:
    lax = RULES.replace("count = 2 }]\nhurry", "count = 1 }]\nhurry").replace("soak = 48", "")
    request = mirror.ask_for_policy(lax)
    wanted = mirror.proposed[mirror.keep_policy(lax)]
    genesis_keys = tuple(sorted(mirror.state.pipeline_keys))
    mirror.write(
        PolicyChanged(
            policy=wanted.digest,
            previous=mirror.policy.digest,
            request=request,
            channels=tuple(channel.name for channel in wanted.channels),
            streams=wanted.streams,
            pipeline_keys=genesis_keys,
            decided_at=mirror.tick() + timedelta(minutes=1),
        )
    )
    mirror.policy = wanted
    mirror.move(mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB))
    mirror.publish()
    found = [one for one in mirror.audit().findings if one.severity is Severity.BREAK]
    assert [one.code for one in found] == [Code.DECISION_NOT_ALLOWED]
    assert "quorum security: 0 of 1" in found[0].found


def test_a_policy_adopted_with_other_keys_than_it_names_is_told(mirror: Mirror) -> None:
    """Nobody but the audit compares the entry with the policy: the fold reads no policy."""
    other = RULES.replace("soak = 48", "soak = 24")
    mirror.keep_policy(other)
    state = mirror.adopt(other)
    mirror.publish()
    assert not mirror.codes()
    number = state.sequence
    content = read_content("policy", mirror.entry(number).data, "test")
    assert isinstance(content, PolicyChanged)
    more = replace(content, channels=(*content.channels, "secret"))
    mirror.put(changed(mirror.entry(number), data=write_content(more)))
    finding = mirror.one(Code.DECISION_DIFFERS)
    assert (finding.where, finding.found) == (ledger_key(number), "channels alpha, beta, stable, lts, secret")


def test_lines_of_rules_that_the_gate_did_not_ask_are_a_note(mirror: Mirror) -> None:
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB)
    mirror.move_anyway(request)  # records no lines
    mirror.publish()
    finding = mirror.only(Code.DECISION_RETOLD)
    assert (finding.severity, finding.found) == (Severity.NOTE, "none")
    assert not mirror.audit().broken


def test_what_was_skipped_in_a_hurry_is_loud_for_ever() -> None:
    mirror = Mirror(RULES)
    asked = mirror.asked(
        "2.0.0", "beta", hurry=(Skippable.SOAK,), reason="it burns", incident="https://example.org/1"
    )
    mirror.record_request(asked.statement(), DORA)
    mirror.move(mirror.agree(asked.digest, ALICE, BOB, CAROL))
    mirror.publish()
    mirror.tick(100 * DAY)
    mirror.sign()
    finding = mirror.only(Code.DECISION_HURRIED)
    assert (finding.severity, finding.found) == (Severity.WARNING, "skipped in a hurry: it burns")


def test_a_veto_that_was_overruled_is_loud(mirror: Mirror) -> None:
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB)
    mirror.sign_off(request, CAROL, NO_GO, reason="no")
    for key in (ALICE, ERIN):
        mirror.sign_off(request, key, Verdict.OVERRULE, role=SECURITY)
    mirror.move(request)
    mirror.publish()
    assert mirror.only(Code.VETO_OVERRULED).found == "Carol: no"


def test_a_decision_for_a_time_long_before_its_entry_is_loud(mirror: Mirror) -> None:
    """Dated as the latest entry the fold takes it: that is how a clock that was ahead is lived with."""
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB)
    decided = mirror.now
    mirror.tick(30 * DAY)
    mirror.register("3.0.0")
    head = mirror.state.heads["beta"]
    asked = mirror.state.requests[request].subject
    assert isinstance(asked, PromotionSubject)
    moved = PointerMoved(
        channel="beta",
        version=asked.version,
        release=asked.release,
        request=request,
        generation=2,
        from_version=head.version,
        decided_at=decided,
    )
    mirror.ledger.append(lambda _state: moved, now=mirror.state.latest)
    mirror.publish()
    finding = mirror.one(Code.DECISION_HELD_UP)
    assert (finding.where, finding.severity) == (last(mirror), Severity.WARNING)


@pytest.mark.parametrize(
    ("action", "channel", "version"),
    [(PAUSE, "alpha", "2.0.0"), (FREEZE, "beta", None), (WITHDRAW, None, "1.0.0")],
)
def test_stops_that_stand_are_loud(
    mirror: Mirror, action: StopAction, channel: str | None, version: str | None
) -> None:
    mirror.stop(mirror.order(action, channel, version))
    mirror.publish()
    assert "it burns" in mirror.only(Code.STOP_STANDS).found


# --- who may say what ------------------------------------------------------------------------------


def test_a_stop_by_somebody_without_the_role_holds_and_is_told(mirror: Mirror) -> None:
    order = mirror.order(FREEZE, "beta", by=BOB.fingerprint, role="maintainer")
    mirror.stop_alone(order, BOB, mirror.now)
    mirror.publish()
    finding = mirror.one(Code.STOP_WITHOUT_ROLE)
    assert finding.found == "by Bob as maintainer; these may: security"
    assert mirror.state.freeze("beta") is not None


@pytest.mark.parametrize(
    ("key", "changes", "why"),
    [
        (MALLORY, {"by": MALLORY.fingerprint}, "who is nobody in the policy"),
        (BOB, {}, f"says it is by {ERIN.fingerprint}, signed by {BOB.fingerprint}, who is Bob"),
        (ERIN, {"product": "other"}, "for 'other'"),
        (ERIN, {"role": "boss"}, "by Erin as boss, who has only security"),
    ],
)
def test_why_a_stop_should_not_have_been_is_told(
    mirror: Mirror, key: FakeKey, changes: dict[str, object], why: str
) -> None:
    order = replace(mirror.order(FREEZE, "beta"), **changes)  # type: ignore[arg-type]  # single fields by name
    mirror.write_stop(order, key)
    mirror.publish()
    assert why in mirror.one(Code.STOP_WITHOUT_ROLE).found


@pytest.mark.parametrize(
    ("key", "changes", "why"),
    [
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}, "these may: security"),
        (ERIN, {"expires_at": None}, "counts from"),
    ],
)
def test_a_waiver_that_waives_nothing_is_told(
    mirror: Mirror, key: FakeKey, changes: dict[str, object], why: str
) -> None:
    given = mirror.waiver("2.0.0", "tests", "boot", release=mirror.digest("2.0.0"))
    if "expires_at" in changes:
        changes = {"expires_at": mirror.tick(timedelta(hours=2)) - timedelta(hours=1)}
    other = replace(given, **changes)  # type: ignore[arg-type]  # single fields by name
    mirror.slip_waiver(other.statement(), key)
    mirror.publish()
    assert why in mirror.only(Code.WAIVER_IGNORED).found


def test_what_cannot_be_read_is_told(mirror: Mirror) -> None:
    request = mirror.unreadable_request("beta")
    mirror.unreadable_sign_off(mirror.request("2.0.0", "beta"), ALICE)
    mirror.publish()
    assert request in mirror.state.requests
    assert sorted(code for code, _ in mirror.codes()) == [Code.REQUEST_IGNORED, Code.SIGN_OFF_IGNORED]
    assert "cannot be read" in mirror.one(Code.REQUEST_IGNORED).found
    assert not mirror.audit().broken


def test_a_request_by_nobody_of_the_policy_is_told(mirror: Mirror) -> None:
    text = mirror.asked("2.0.0", "beta", MALLORY).statement()
    mirror.write_request(text, MALLORY)
    mirror.publish()
    assert "nobody in the policy" in mirror.only(Code.REQUEST_IGNORED).found
