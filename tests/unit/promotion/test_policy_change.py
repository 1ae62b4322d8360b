"""Changing the policy takes the quorum of the one in force, locks nobody out, and voids what was open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.chain import EntryRefusedError, LedgerWriter
from release.ledger.entries import LedgerBrokenError
from release.ledger.fold import Trust
from release.ledger.kinds import PointerMoved, RequestMade, SignOffGiven
from release.promotion import proposals
from release.promotion.case import PolicyCase
from release.promotion.governance import read_policy_request
from release.promotion.policy_file import read_policy
from release.promotion.proposals import GateClosedError
from release.promotion.status import Phase
from tests.unit.ledger.fakes import HOUR, NOW, PIPELINE, FakeKey
from tests.unit.promotion.ruled_scene import DAY, GOVERNANCE, RULES, SECURITY, RuledScene
from tests.unit.promotion.scene import ALICE, BOB, CAROL, DORA, ERIN, MALLORY, NO_GO, POLICY_TEXT

OTHER = RULES.replace("soak = 48", "soak = 24")
NEXT_PIPELINE = FakeKey("next-pipeline")


@pytest.fixture
def scene() -> RuledScene:
    return RuledScene()


# --- the quorum of the policy in force -----------------------------------------------------------


def test_the_quorum_in_force_changes_the_policy(scene: RuledScene) -> None:
    before = scene.state.policy
    asked = scene.ask_for_policy(OTHER)
    scene.agree(asked, BOB, CAROL)
    assert scene.unmet(asked) == ("quorum security",)
    scene.agree(asked, ERIN, role=SECURITY)
    state = scene.move(asked)
    assert state.policy == read_policy(OTHER.encode()).digest
    assert [period.policy for period in state.policies] == [before, state.policy]
    last = state.policies[-1]
    assert (last.request, last.since, last.entry) == (asked, scene.now, state.digest)


def test_the_quorum_of_the_new_policy_does_not_count(scene: RuledScene) -> None:
    """Who could simply write that nobody is needed would not need to."""
    weak = RULES.replace(GOVERNANCE, '\n[governance]\nquorum = [{ role = "maintainer", count = 1 }]\n')
    asked = scene.agree(scene.ask_for_policy(weak), BOB)
    assert scene.unmet(asked) == ("quorum maintainer", "quorum security")


def test_who_asks_does_not_count(scene: RuledScene) -> None:
    asked = scene.ask_for_policy(OTHER, BOB)
    scene.agree_to_policy(asked)
    assert scene.unmet(asked) == ("quorum maintainer",)


def test_a_no_go_stops_a_policy(scene: RuledScene) -> None:
    asked = scene.agree_to_policy(scene.ask_for_policy(OTHER))
    scene.sign_off(asked, ALICE, NO_GO)
    assert scene.unmet(asked) == ("no-veto",)


def test_a_policy_nobody_could_read_is_not_adopted(scene: RuledScene) -> None:
    asked = scene.agree_to_policy(scene.ask_for_policy(OTHER))
    scene.proposed.clear()
    (rule,) = scene.decide(asked).unmet
    assert (rule.name, rule.final) == ("proposed", False)
    scene.proposed[read_policy(OTHER.encode()).digest] = read_policy(POLICY_TEXT.encode())
    assert scene.unmet(asked) == ("proposed",), "nor another in its place"


def test_of_two_requests_one_is_carried_out(scene: RuledScene) -> None:
    first = scene.agree_to_policy(scene.ask_for_policy(OTHER))
    second = scene.agree_to_policy(scene.ask_for_policy(RULES.replace("soak = 48", "soak = 1")))
    scene.move(first)
    scene.policy = scene.proposed[scene.state.policy]
    assert "policy" in scene.unmet(second)
    with pytest.raises(GateClosedError, match="void"):
        scene.move(second)
    assert scene.move(first).sequence == scene.state.sequence, "twice is once"


def test_a_policy_request_expires(scene: RuledScene) -> None:
    asked = scene.agree_to_policy(scene.ask_for_policy(OTHER))
    ends = read_policy_request(scene.state.requests[asked].statement).expires_at
    assert "request-valid" in scene.unmet(asked, ends)
    assert scene.status(asked, ends).phase is Phase.VOID


# --- no way to lock everybody out ----------------------------------------------------------------

NOBODY_GOVERNS = '[[channels]]\nname = "alpha"\nopen = true\n[[channels]]\nname = "beta"\nopen = true\n'


@pytest.mark.parametrize(
    ("quorum", "message"),
    [
        ("", "governance.quorum: .*at least 1"),
        ('{ role = "maintainer", count = 5 }', "governance.quorum.0.count: asks for 5 .* which only 4 have"),
        ('{ role = "owner", count = 1 }', "governance.quorum.0.role: nobody has the role 'owner'"),
        (
            '{ role = "maintainer", count = 4 }, { role = "security", count = 2 }',
            "nobody speaks in two roles, and there are too few people for 4 of .*, 2 of role 'security'",
        ),
    ],
)
def test_a_policy_that_nobody_could_change_is_no_policy(quorum: str, message: str) -> None:
    """Quorum above the number of holders, last holder removed, the same few people in all roles."""
    with pytest.raises(InputError, match=message):
        read_policy(RULES.replace(GOVERNANCE, f"\n[governance]\nquorum = [{quorum}]\n").encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULES.replace('product = "demo"', 'product = "other"'), "it is for 'other', not for 'demo'"),
        ('product = "demo"\n' + NOBODY_GOVERNS, "nobody could change it again"),
        ('product = "demo"\n' + NOBODY_GOVERNS, "nobody could lift a stop under it"),
        ('product = "demo"\n' + NOBODY_GOVERNS, "nobody could stop anything under it"),
        (RULES.replace('"beta"', '"gamma"'), "beta, which machines follow, is not in it"),
    ],
)
def test_a_policy_that_locks_out_is_refused_at_once_and_by_the_gate(
    scene: RuledScene, text: str, message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        scene.ask_for_policy(text)
    wanted = read_policy(text.encode())
    asked = scene.agree_to_policy(scene.ask_for_policy(OTHER))
    case = scene.open_case(asked)
    assert isinstance(case, PolicyCase)
    forced = replace(case.request, proposed=wanted.digest)
    scene.proposed[wanted.digest] = wanted
    text = forced.statement()
    scene.write(RequestMade(statement=text, statement_signature=DORA.sign(text.encode())))
    scene.agree_to_policy(forced.digest)
    (rule,) = scene.decide(forced.digest).unmet
    assert (rule.name, rule.final) == ("proposed", True)
    assert message in rule.detail


def test_a_stream_that_machines_follow_is_not_dropped(scene: RuledScene) -> None:
    scene.tick(3 * DAY)
    for channel in ("beta", "stable", "lts-2026"):
        scene.promote("2.0.0", channel)
    plain = RULES.replace("streams = { support_months = 18, overlap_months = 6 }\n", "")
    with pytest.raises(RefusedError, match="lts-2026, which machines follow, is not in it"):
        scene.ask_for_policy(plain)


def test_a_channel_nobody_follows_may_be_dropped(scene: RuledScene) -> None:
    lts = RULES[RULES.index('[[channels]]\nname = "lts"') : RULES.index("[emergency]")]
    state = scene.adopt(RULES.replace(lts, ""))
    assert (state.channels, state.streams) == (("alpha", "beta", "stable"), ())


def test_the_same_policy_is_not_asked_for(scene: RuledScene) -> None:
    with pytest.raises(RefusedError, match="is in force already"):
        scene.ask_for_policy(RULES)


# --- what becomes of open requests ---------------------------------------------------------------


def test_sign_offs_are_void_under_another_policy(scene: RuledScene) -> None:
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.decide(asked).allowed
    scene.adopt(OTHER)
    assert scene.unmet(asked) == ("policy",)
    assert scene.status(asked).phase is Phase.VOID
    with pytest.raises(GateClosedError, match="a new request under the policy in force"):
        scene.move(asked)
    anew = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.unmet(anew) == ()


def test_a_policy_that_comes_back_brings_no_old_request_back(scene: RuledScene) -> None:
    """Void is for good: its sign-offs were given before the rules were changed, twice."""
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    assert scene.decide(asked).allowed
    policy = scene.state.policy
    scene.adopt(OTHER)
    scene.adopt(RULES)
    assert scene.state.policy == policy
    assert scene.unmet(asked) == ("policy",)
    assert scene.status(asked).phase is Phase.VOID
    with pytest.raises(GateClosedError, match="void"):
        scene.move(asked)


def test_no_program_moves_a_channel_by_a_request_from_before_the_change(scene: RuledScene) -> None:
    """The fold says so itself, whatever a pipeline decides."""
    scene.tick(3 * DAY)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    decided = proposals.carry_out(asked, policy=scene.policy, now=scene.now)(scene.state)
    assert isinstance(decided, PointerMoved)
    scene.adopt(OTHER)
    scene.adopt(RULES)
    with pytest.raises(EntryRefusedError, match="made under policy"):
        scene.write(replace(decided, decided_at=scene.now))


def test_a_request_kept_back_over_a_change_is_not_recorded(scene: RuledScene) -> None:
    kept = scene.asked("2.0.0", "beta")
    scene.adopt(OTHER)
    scene.adopt(RULES)
    with pytest.raises(RefusedError, match="made under policy"):
        scene.record_request(kept.statement(), DORA)


# --- another ledger ------------------------------------------------------------------------------


class Rehearsal(RuledScene):
    """Same product, same policy, same releases, same people: another ledger."""

    begins = NOW + HOUR


def test_what_was_signed_for_a_rehearsal_moves_nothing_in_earnest(scene: RuledScene) -> None:
    rehearsal = Rehearsal()
    for one in (scene, rehearsal):
        one.tick(3 * DAY)
    made = rehearsal.asked("2.0.0", "beta")
    rehearsal.record_request(made.statement(), DORA)
    given = [(rehearsal.sign_off(made.digest, key), key) for key in (ALICE, BOB)]
    assert rehearsal.decide(made.digest).allowed
    scene.tick(2 * HOUR)
    with pytest.raises(RefusedError, match="made under policy"):
        scene.record_request(made.statement(), DORA)
    text = made.statement()
    scene.write(RequestMade(statement=text, statement_signature=DORA.sign(text.encode())))
    for said, key in given:
        scene.record_sign_off(said.statement(), key)
    assert scene.unmet(made.digest) == ("policy",)


def test_a_request_for_another_product_is_refused_at_the_door(scene: RuledScene) -> None:
    asked = scene.asked("2.0.0", "beta", product="other")
    with pytest.raises(RefusedError, match="is for 'other', the ledger for 'demo'"):
        scene.record_request(asked.statement(), DORA)


def test_a_request_from_long_ago_or_the_future_is_refused_at_the_door(scene: RuledScene) -> None:
    ended = scene.now + timedelta(minutes=1) - DAY  # in the moment it is asked for
    for begins in (NOW - 9 * DAY, ended, scene.now + HOUR):
        asked = scene.asked("2.0.0", "beta", requested_at=begins, expires_at=begins + DAY)
        with pytest.raises(RefusedError, match="request: counts from"):
            scene.record_request(asked.statement(), DORA)


# --- the pipeline's keys -------------------------------------------------------------------------


def keys_of(*keys: FakeKey) -> str:
    listed = ", ".join(f'"{key.fingerprint}"' for key in keys)
    return f"{RULES}\n[pipeline]\nfingerprints = [{listed}]\n"


def trusting(scene: RuledScene, *pipeline: FakeKey, key: FakeKey = PIPELINE) -> LedgerWriter:
    scene.keys.keys = (*scene.keys.keys, NEXT_PIPELINE)
    scene.trust = Trust(
        pipeline=frozenset(one.fingerprint for one in pipeline), people=scene.policy.fingerprints
    )
    return LedgerWriter(scene.store, scene.keys, scene.trust, key)


def test_the_policy_changes_the_pipelines_keys(scene: RuledScene) -> None:
    scene.ledger = trusting(scene, PIPELINE, NEXT_PIPELINE)
    state = scene.adopt(keys_of(NEXT_PIPELINE))
    assert state.pipeline_keys == {NEXT_PIPELINE.fingerprint}
    with pytest.raises(EntryRefusedError, match="may only be written by the pipeline, not by"):
        scene.register("3.0.0")
    scene.ledger = trusting(scene, PIPELINE, NEXT_PIPELINE, key=NEXT_PIPELINE)
    scene.register("3.0.0")
    assert Version(3, 0, 0) in scene.state.releases


def test_both_keys_for_a_while(scene: RuledScene) -> None:
    scene.ledger = trusting(scene, PIPELINE, NEXT_PIPELINE)
    scene.adopt(keys_of(PIPELINE, NEXT_PIPELINE))
    scene.register("3.0.0")
    scene.ledger = trusting(scene, PIPELINE, NEXT_PIPELINE, key=NEXT_PIPELINE)
    scene.register("4.0.0")
    asked = scene.request("3.0.0", "alpha", NEXT_PIPELINE)
    assert scene.case(asked).interested >= {PIPELINE.fingerprint, NEXT_PIPELINE.fingerprint}


def test_a_key_that_readers_do_not_trust_cannot_become_the_pipelines(scene: RuledScene) -> None:
    scene.keys.keys = (*scene.keys.keys, NEXT_PIPELINE)
    with pytest.raises(EntryRefusedError, match="names pipeline keys that are not trusted here"):
        scene.adopt(keys_of(NEXT_PIPELINE))


def test_a_reader_who_has_not_heard_of_the_new_key_stops(scene: RuledScene) -> None:
    old_trust = scene.trust
    scene.ledger = trusting(scene, PIPELINE, NEXT_PIPELINE)
    scene.adopt(keys_of(NEXT_PIPELINE))
    with pytest.raises(LedgerBrokenError, match="that are not trusted here"):
        LedgerWriter(scene.store, scene.keys, old_trust, PIPELINE).read()


def test_a_policy_without_pipeline_keys_keeps_them(scene: RuledScene) -> None:
    assert scene.adopt(OTHER).pipeline_keys == {PIPELINE.fingerprint}


def test_a_persons_key_is_not_the_pipelines() -> None:
    with pytest.raises(InputError, match=f"pipeline.fingerprints: {BOB.fingerprint} is a person's key"):
        read_policy(keys_of(BOB).encode())


# --- roles that changed --------------------------------------------------------------------------


def test_who_lost_the_role_does_not_count_any_more(scene: RuledScene) -> None:
    fewer = RULES.replace(
        f'fingerprints = ["{BOB.fingerprint}"]\nroles = ["maintainer"]',
        f'fingerprints = ["{BOB.fingerprint}"]\nroles = ["retired"]',
    )
    scene.adopt(fewer)
    asked = scene.request("2.0.0", "beta")
    with pytest.raises(RefusedError, match="Bob does not have the role 'maintainer'"):
        scene.sign_off(asked, BOB)
    text = scene.said(asked, BOB).statement()
    scene.write(SignOffGiven(statement=text, statement_signature=BOB.sign(text.encode())))
    scene.agree(asked, ALICE)
    assert "quorum maintainer" in scene.unmet(asked)


def test_the_pipeline_may_ask_and_never_decides(scene: RuledScene) -> None:
    asked = scene.agree_to_policy(scene.ask_for_policy(OTHER, PIPELINE))
    assert scene.unmet(asked) == ()
    with pytest.raises(RefusedError, match="does not have the role"):
        scene.sign_off(asked, PIPELINE)


def test_a_stranger_asks_for_no_policy(scene: RuledScene) -> None:
    with pytest.raises(RefusedError, match="is nobody in the policy"):
        scene.ask_for_policy(OTHER, MALLORY)
