"""From signed statement to moved pointer: what is recorded, what is refused at the door, who wins a race."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.chain import Ledger, LedgerWriter
from release.ledger.kinds import EvidenceFound
from release.promotion import proposals, proposals_people
from release.promotion.policy_file import read_policy
from release.promotion.proposals import GateClosedError
from release.promotion.request import new_request, read_request
from release.promotion.sign_off import read_sign_off
from tests.unit.ledger.fakes import HOUR, PIPELINE, digest_of, released
from tests.unit.promotion.scene import (
    ALICE,
    ALICE_SECOND,
    BOB,
    CAROL,
    DORA,
    ERIN,
    MALLORY,
    NO_GO,
    POLICY_TEXT,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def ready(scene: Scene) -> Digest:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    return asked


def test_statements_are_read_as_they_were_signed(scene: Scene) -> None:
    asked = scene.asked("2.0.0", "beta", reason="fixes\nthings")
    assert read_request(asked.statement()) == asked
    said = scene.said(asked.digest, ALICE, NO_GO, reason="no")
    assert read_sign_off(said.statement()) == said
    assert said.digest == Digest.sha256(said.statement().encode())


def test_two_of_four_move_the_channel(scene: Scene) -> None:
    asked = ready(scene)
    state = scene.move(asked)
    head = state.heads["beta"]
    assert (str(head.version), head.generation, head.request) == ("2.0.0", 2, asked)


def test_one_of_four_moves_nothing_and_is_told_why(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    before = dict(scene.store.objects)
    with pytest.raises(GateClosedError) as caught:
        scene.move(asked)
    assert str(caught.value) == (
        "not carried out: beta to 2.0.0: waiting; quorum maintainer: missing 1 more go of role maintainer"
        " (can be given by Bob, Carol)"
    )
    assert [rule.name for rule in caught.value.decision.unmet] == ["quorum maintainer"]
    assert caught.value.hint is None
    assert scene.store.objects == before


def test_every_step_may_be_run_twice(scene: Scene) -> None:
    made = scene.asked("2.0.0", "beta")
    scene.record_request(made.statement(), DORA)
    given = [scene.said(made.digest, key) for key in (ALICE, BOB)]
    for said, key in zip(given, (ALICE, BOB), strict=True):
        scene.record_sign_off(said.statement(), key)
    scene.move(made.digest)
    before = dict(scene.store.objects)
    scene.register("2.0.0")
    scene.prove("2.0.0")
    scene.record_request(made.statement(), DORA)
    for said, key in zip(given, (ALICE, BOB), strict=True):
        scene.record_sign_off(said.statement(), key)
    scene.move(made.digest)
    assert scene.store.objects == before


def test_a_version_is_registered_once(scene: Scene) -> None:
    with pytest.raises(RefusedError, match=r"release 2\.0\.0 is registered as .*, not as"):
        scene.register("2.0.0", release=digest_of("other"))


def test_who_built_a_release_is_told_once(scene: Scene) -> None:
    scene.register("3.0.0", built_by=BOB.fingerprint)
    before = scene.state.sequence
    scene.register("3.0.0")
    scene.register("3.0.0", built_by=BOB.fingerprint)
    assert scene.state.sequence == before
    with pytest.raises(RefusedError, match=f"built by {BOB.fingerprint}"):
        scene.register("3.0.0", built_by=CAROL.fingerprint)


def test_evidence_that_changed_is_recorded(scene: Scene) -> None:
    scene.prove("2.0.0", passed=False)
    assert not scene.state.evidence[digest_of("2.0.0")]["payload-proven"].passed


# --- requests at the door --------------------------------------------------------------------------


def test_a_request_is_signed_by_who_it_says(scene: Scene) -> None:
    made = scene.asked("2.0.0", "beta", ALICE)
    with pytest.raises(RefusedError, match=f"is by {ALICE.fingerprint}, but {BOB.fingerprint} signed"):
        scene.record_request(made.statement(), BOB)


def test_a_stranger_may_not_ask(scene: Scene) -> None:
    with pytest.raises(RefusedError, match="is nobody in the policy"):
        scene.request("2.0.0", "beta", MALLORY)


def test_a_request_under_another_policy_is_not_recorded(scene: Scene) -> None:
    with pytest.raises(RefusedError, match="made under policy"):
        scene.request("2.0.0", "beta", policy=digest_of("other"))


def test_a_request_for_a_channel_without_rules_is_not_recorded(scene: Scene) -> None:
    with pytest.raises(InputError, match="'lts' is not in the policy"):
        scene.record_request(replace(scene.asked("2.0.0", "beta"), channel="lts").statement(), DORA)


def test_a_tampered_request_is_not_recorded(scene: Scene) -> None:
    text = scene.asked("2.0.0", "beta").statement()
    proposal = text.replace("2.0.0", "2.0.1")
    with pytest.raises(NotVerifiedError):
        proposals_people.request(
            proposal, DORA.sign(text.encode()), verifier=scene.keys, policy=scene.policy, now=scene.now
        )


def test_a_key_that_has_expired_signs_nothing_new(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.keys.expiry = {ALICE: scene.now, DORA: scene.now}
    with pytest.raises(NotVerifiedError):
        scene.request("2.0.0", "beta")
    with pytest.raises(NotVerifiedError):
        scene.sign_off(asked, ALICE)


def test_a_key_that_expires_later_takes_back_nothing_it_signed(scene: Scene) -> None:
    asked = ready(scene)
    scene.keys.expiry = {key: scene.tick() for key in (ALICE, BOB, DORA)}
    read = Ledger(scene.store, scene.keys, scene.trust).state()
    assert len(read.requests[asked].sign_offs) == 2
    assert scene.move(asked).heads["beta"].request == asked


def test_a_new_request_fits_the_state_or_is_refused(scene: Scene) -> None:
    with pytest.raises(RefusedError, match=r"release 9\.0\.0 is not in the ledger"):
        scene.asked("9.0.0", "beta")
    with pytest.raises(InputError, match="'lts' is not in the policy"):
        scene.asked("2.0.0", "lts")
    other = read_policy(POLICY_TEXT.replace("count = 2", "count = 1").encode())
    with pytest.raises(RefusedError, match="is not in force"):
        new_request(
            scene.state,
            other,
            version=Version(2, 0, 0),
            channel="beta",
            requested_by=DORA.fingerprint,
            now=scene.now,
        )


def test_a_request_must_end_after_it_begins(scene: Scene) -> None:
    with pytest.raises(InputError, match="not after it is made"):
        scene.asked("2.0.0", "beta", expires_at=scene.now)


# --- sign-offs at the door -------------------------------------------------------------------------


def test_a_sign_off_is_signed_by_who_it_says(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    for key in (CAROL, ALICE_SECOND, MALLORY):
        with pytest.raises(RefusedError, match=f"says it is by {ALICE.fingerprint}, but {key.fingerprint}"):
            scene.record_sign_off(scene.said(asked, ALICE).statement(), key)


def test_a_tampered_sign_off_is_not_recorded(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    text = scene.said(asked, ALICE, NO_GO).statement()
    with pytest.raises(NotVerifiedError):
        scene.sign_off_proposal(text.replace('"no-go"', '"go"'), ALICE.sign(text.encode()))


def test_a_signature_from_elsewhere_is_not_recorded(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    other = scene.request("2.0.0", "beta", ERIN)
    text = scene.said(asked, ALICE).statement()
    signature = ALICE.sign(scene.said(other, ALICE).statement().encode())
    with pytest.raises(NotVerifiedError):
        scene.sign_off_proposal(text, signature)


def test_only_holders_of_the_role_are_recorded(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    with pytest.raises(RefusedError, match="Bob does not have the role 'security'"):
        scene.sign_off(asked, BOB, role="security")
    with pytest.raises(RefusedError, match=f"{MALLORY.fingerprint} does not have the role 'maintainer'"):
        scene.sign_off(asked, MALLORY)


def test_what_expired_or_comes_from_the_future_is_not_recorded(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    said = scene.said(asked, ALICE, expires_at=scene.now + HOUR)
    scene.tick(2 * HOUR)
    with pytest.raises(RefusedError, match=r"counts from .* until"):
        scene.record_sign_off(said.statement(), ALICE)
    with pytest.raises(RefusedError, match=r"counts from .* until"):
        scene.sign_off(asked, ALICE, at=scene.now + HOUR)


def test_a_sign_off_must_end_after_it_begins(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    with pytest.raises(InputError, match="not after it is made"):
        scene.said(asked, ALICE, expires_at=scene.now - HOUR)


def test_a_sign_off_for_nothing_is_not_recorded(scene: Scene) -> None:
    with pytest.raises(RefusedError, match="is not in the ledger"):
        scene.sign_off(digest_of("nothing"), ALICE)


def test_a_sign_off_after_the_move_is_not_recorded(scene: Scene) -> None:
    asked = ready(scene)
    scene.move(asked)
    with pytest.raises(RefusedError, match="was carried out already"):
        scene.sign_off(asked, CAROL, NO_GO)


# --- races -----------------------------------------------------------------------------------------


def test_a_veto_that_arrives_first_stops_the_move(scene: Scene) -> None:
    """The gate decides on the state that the move would follow, not on the one it began with."""
    asked = ready(scene)
    gate = proposals.carry_out(asked, policy=scene.policy, now=scene.tick())
    tries: list[object] = []

    def propose(state: object) -> object:
        content = gate(state)  # type: ignore[arg-type]  # passed through
        if not tries:
            scene.sign_off(asked, CAROL, NO_GO)
        tries.append(state)
        return content

    ledger = LedgerWriter(scene.store, scene.keys, scene.trust, PIPELINE)
    with pytest.raises(GateClosedError, match="no-veto"):
        ledger.append(propose, now=scene.now)  # type: ignore[arg-type]  # passed through
    assert len(tries) == 1
    assert scene.state.heads["beta"].version == Version(1, 0, 0)


def test_two_pipelines_move_once(scene: Scene) -> None:
    asked = ready(scene)
    other = scene.request("2.0.0", "beta", ERIN)
    scene.sign_off(other, ALICE)
    scene.sign_off(other, BOB)
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def pipeline(request: Digest, offset: int) -> None:
        ledger = LedgerWriter(scene.store, scene.keys, scene.trust, PIPELINE)
        ledger.read()
        now = scene.now + timedelta(seconds=offset)
        barrier.wait()
        try:
            state = ledger.append(proposals.carry_out(request, policy=scene.policy, now=now), now=now)
            outcomes.append(f"moved {state.generation('beta')}")
        except GateClosedError as error:
            outcomes.append("void" if "unmoved" in error.message else error.message)

    threads = [
        threading.Thread(target=pipeline, args=(request, offset))
        for offset, request in enumerate((asked, other, asked, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["moved 2", "moved 2", "void", "void"]
    entries = Ledger(scene.store, scene.keys, scene.trust).read().entries
    assert sum(verified.entry.data.get("channel") == "beta" for verified in entries) == 1


def test_a_request_made_before_the_head_moved_is_void(scene: Scene) -> None:
    scene.register("3.0.0")
    scene.prove("3.0.0")
    asked = scene.request("3.0.0", "alpha", PIPELINE)
    scene.register("2.5.0")
    scene.prove("2.5.0")
    scene.move(scene.request("2.5.0", "alpha", PIPELINE))
    with pytest.raises(GateClosedError, match="alpha has moved since this one") as caught:
        scene.move(asked)
    assert caught.value.hint == "only a new request can go through"


def test_a_pointer_entry_in_the_ledger_tells_the_decision(scene: Scene) -> None:
    state = scene.move(ready(scene))
    assert b"2 of 2 (Alice, Bob)" in scene.store.objects[ledger_key(state.sequence)]


def test_a_long_report_does_not_stop_a_move(scene: Scene) -> None:
    report = EvidenceFound(
        release=digest_of("2.0.0"), name="payload-proven", passed=True, detail="line\n" * 800
    )
    asked = ready(scene)
    scene.ledger.append(proposals.evidence(report), now=scene.tick())
    state = scene.move(asked)
    lines = scene.ledger.read().entries[state.sequence].entry.data["decision"]
    assert all(len(line) <= 400 and "\n" not in line for line in lines)


def test_registering_history_after_the_first_request_is_refused(scene: Scene) -> None:
    """Claiming that a release was offered all along is no way around a gate."""
    with pytest.raises(RefusedError, match="requests came first"):
        scene.ledger.append(proposals.registration(released("5.0.0", offered_in=("beta",))), now=scene.tick())
