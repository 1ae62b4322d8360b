"""A person's key is revoked: what it said is nobody's, a no-go still holds, and everybody else goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from release.errors import NotVerifiedError
from release.ledger.chain import Ledger
from release.ledger.entries import LedgerBrokenError
from release.ledger.state import State
from release.ledger.verified import REVOKED
from release.promotion.case import open_case
from release.promotion.decide import Decision, decide
from release.signing.openpgp_status import RevokedKeyError
from tests.unit.ledger.fakes import PIPELINE, FakeKey, FakeKeyring
from tests.unit.promotion.scene import ALICE, BOB, CAROL, NO_GO, QUORUM, Scene


@dataclass(frozen=True, slots=True)
class RevokingKeyring:
    """As gpg tells of a key that was revoked: the signature fits, and shall not count."""

    keys: FakeKeyring
    revoked: FakeKey

    def verify(self, data: bytes, signature: str, *, at: datetime) -> str:
        found = self.keys.verify(data, signature, at=at)
        if found == self.revoked.fingerprint:
            raise RevokedKeyError("made by a key that was revoked", found)
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


def after_revoking(scene: Scene, key: FakeKey) -> State:
    return Ledger(scene.store, RevokingKeyring(scene.keys, key), scene.trust).state()


def decided(scene: Scene, state: State) -> Decision:
    (asked,) = state.open_requests()
    return decide(open_case(state, asked.digest, scene.policy, scene.now))


def test_a_go_by_a_revoked_key_does_not_count_any_more(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    assert scene.decide(asked).allowed
    decision = decided(scene, after_revoking(scene, BOB))
    (rule,) = decision.unmet
    assert rule.name == QUORUM
    assert "Bob forged, by a revoked key" in str(rule.missing)


def test_a_no_go_by_a_revoked_key_still_holds(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    scene.sign_off(asked, CAROL, NO_GO)
    decision = decided(scene, after_revoking(scene, CAROL))
    assert [rule.name for rule in decision.unmet] == ["no-veto"]


def test_a_request_by_a_revoked_key_is_void(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta", CAROL)
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    decision = decided(scene, after_revoking(scene, CAROL))
    assert [(rule.name, rule.final) for rule in decision.unmet] == [("requester", True)]


def test_history_goes_on_when_somebody_of_it_is_revoked(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    scene.move(asked)
    state = after_revoking(scene, ALICE)
    assert str(state.heads["beta"].version) == "2.0.0"
    assert state.requests[asked].sign_offs[0].signer == REVOKED + ALICE.fingerprint


def test_nothing_of_the_pipeline_is_believed_by_a_revoked_key(scene: Scene) -> None:
    with pytest.raises(LedgerBrokenError, match=r"signed by revoked:.*, which is no pipeline key"):
        after_revoking(scene, PIPELINE)


def test_a_revoked_key_that_is_not_named_is_refused(scene: Scene) -> None:
    class Nameless(RevokingKeyring):
        def verify(self, data: bytes, signature: str, *, at: datetime) -> str:
            try:
                return RevokingKeyring.verify(self, data, signature, at=at)
            except RevokedKeyError as error:
                raise RevokedKeyError(error.message, "") from error

    scene.request("2.0.0", "beta", CAROL)
    with pytest.raises(NotVerifiedError, match="revoked"):
        Ledger(scene.store, Nameless(scene.keys, CAROL), scene.trust).state()
