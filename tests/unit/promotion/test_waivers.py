"""Waivers: a person of the right role answers for named failures of one release, for a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.chain import EntryRefusedError
from release.ledger.kinds import WaiverGiven
from release.ledger.statements import WAIVER, read_statement, write_statement
from release.promotion.evidence_names import COMPARISON, DOWNGRADE, DOWNGRADES, PAYLOAD_PROVEN
from release.promotion.waiver import read_waiver, waivers_for
from tests.unit.ledger.fakes import HOUR, PIPELINE, FakeKey, digest_of
from tests.unit.promotion.ruled_scene import DAY, RULES, RuledScene
from tests.unit.promotion.scene import ALICE, BOB, ERIN, MALLORY

KOLA = "kola"
FAILED = ("cl.install", "cl.update")
RULE = f"evidence {KOLA}"
TESTED = RULES.replace("soak = 48", 'soak = 0\nevidence = ["payload-proven", "kola"]')


@pytest.fixture
def scene() -> RuledScene:
    """Two tests of 2.0.0 failed; everybody said go."""
    scene = RuledScene(TESTED)
    scene.found("2.0.0", KOLA, passed=False, failed=FAILED, detail="2 of 90 failed")
    return scene


@pytest.fixture
def asked(scene: RuledScene) -> Digest:
    return scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)


def test_the_gate_says_what_could_be_waived_and_by_whom(scene: RuledScene, asked: Digest) -> None:
    (rule,) = scene.decide(asked).unmet
    assert rule.name == RULE
    assert rule.detail == "failed 2 of 90 failed"
    assert rule.missing == f"kola passed for {digest_of('2.0.0')}, or a waiver for cl.install, cl.update"
    assert rule.who == ("Alice", "Erin")


def test_all_that_failed_must_be_named(scene: RuledScene, asked: Digest) -> None:
    scene.waive(scene.waiver("2.0.0", KOLA, "cl.install"))
    (rule,) = scene.decide(asked).unmet
    assert rule.missing is not None
    assert rule.missing.endswith("or a waiver for cl.update")
    scene.waive(scene.waiver("2.0.0", KOLA, "cl.update", by=ALICE.fingerprint), ALICE)
    assert scene.unmet(asked) == ()
    lines = scene.decide(asked).lines()
    assert f"{RULE}: failed, waived by Erin, Alice: 2 of 90 failed" in lines, "it is told"


def test_who_asked_answers_for_nothing(scene: RuledScene) -> None:
    asked = scene.agree(scene.request("2.0.0", "beta", ERIN), ALICE, BOB)
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED))
    (rule,) = scene.decide(asked).unmet
    assert (rule.name, rule.who) == (RULE, ("Alice",))
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED, by=ALICE.fingerprint), ALICE)
    assert scene.unmet(asked) == ()


def test_what_fails_later_was_not_answered_for(scene: RuledScene, asked: Digest) -> None:
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED))
    assert scene.unmet(asked) == ()
    scene.found("2.0.0", KOLA, passed=False, failed=(*FAILED, "cl.boot"))
    assert scene.unmet(asked) == (RULE,)


@pytest.mark.parametrize("failed", [(), (f"{DOWNGRADE}openssl 3.1 to 3.0",)])
def test_a_failure_that_names_nothing_cannot_be_waived(
    scene: RuledScene, asked: Digest, failed: tuple[str, ...]
) -> None:
    scene.found("2.0.0", KOLA, passed=False, failed=failed)
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED, *failed))
    assert scene.unmet(asked) == (RULE,)


def test_a_waiver_is_for_one_check(scene: RuledScene, asked: Digest) -> None:
    scene.found("2.0.0", PAYLOAD_PROVEN, passed=False, failed=FAILED)
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED))
    assert scene.unmet(asked) == ("evidence payload-proven",)


def test_a_waiver_is_for_one_release(scene: RuledScene, asked: Digest) -> None:
    scene.waive(scene.waiver("1.0.0", KOLA, *FAILED))
    assert scene.unmet(asked) == (RULE,)


def test_unknown_is_waived_by_nobody(scene: RuledScene) -> None:
    scene.enter("3.0.0")
    scene.waive(scene.waiver("3.0.0", KOLA, *FAILED))
    assert RULE in scene.unmet(scene.agree(scene.request("3.0.0", "beta"), ALICE, BOB))


def test_a_waiver_expires(scene: RuledScene, asked: Digest) -> None:
    waiver = scene.waiver("2.0.0", KOLA, *FAILED, expires_at=scene.now + HOUR)
    scene.waive(waiver)
    assert scene.unmet(asked, waiver.expires_at - timedelta(microseconds=1)) == ()
    assert scene.unmet(asked, waiver.expires_at) == (RULE,)


def test_a_waiver_goes_with_its_authors_role(scene: RuledScene) -> None:
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED))
    release = digest_of("2.0.0")
    assert waivers_for(scene.state, scene.policy, release, KOLA, scene.now) != ()
    assert scene.policy.waiver_roles == ("security",)
    text = TESTED.replace('[waivers]\nroles = ["security"]\n', "")
    scene.adopt(text)
    assert waivers_for(scene.state, scene.policy, release, KOLA, scene.now) == ()


# --- at the door ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        (ALICE, {}, f"says it is by {ERIN.fingerprint}, but {ALICE.fingerprint} signed it"),
        (BOB, {"by": BOB.fingerprint}, "Bob does not have the role 'security'"),
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}, "one of the roles security, found maintainer"),
        (MALLORY, {"by": MALLORY.fingerprint}, "does not have the role"),
        (PIPELINE, {"by": PIPELINE.fingerprint}, "does not have the role"),
        (ERIN, {"product": "other"}, "is for 'other', the ledger for 'demo'"),
        (ERIN, {"release": digest_of("nothing")}, "is not in the ledger"),
    ],
)
def test_who_may_not_waive_is_refused(
    scene: RuledScene, key: FakeKey, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        scene.waive(scene.waiver("2.0.0", KOLA, *FAILED, **changes), key)


def test_what_expired_or_comes_from_the_future_is_refused(scene: RuledScene) -> None:
    for begins in (scene.now - DAY, scene.now + HOUR):
        waiver = scene.waiver("2.0.0", KOLA, *FAILED, at=begins, expires_at=begins + HOUR)
        with pytest.raises(RefusedError, match="waiver: counts from"):
            scene.waive(waiver)


def test_a_signature_that_does_not_hold_waives_nothing(scene: RuledScene) -> None:
    scene.keys.expiry = {ERIN: scene.now}
    with pytest.raises(NotVerifiedError):
        scene.waive(scene.waiver("2.0.0", KOLA, *FAILED))


def test_a_waiver_is_recorded_once(scene: RuledScene) -> None:
    waiver = scene.waiver("2.0.0", KOLA, *FAILED)
    scene.waive(waiver)
    before = scene.state.sequence
    scene.waive(waiver)
    assert scene.state.sequence == before
    text = waiver.statement()
    with pytest.raises(EntryRefusedError, match="is recorded twice"):
        scene.write(WaiverGiven(statement=text, statement_signature=ERIN.sign(text.encode())))


@pytest.mark.parametrize(
    "changes",
    [
        {"items": ()},
        {"reason": ""},
        {"expires_at": None},
        {"evidence": "Not A Word"},
        {"items": ("\x1b[2J",)},
    ],
)
def test_a_waiver_says_what_why_and_until_when(scene: RuledScene, changes: dict[str, object]) -> None:
    fields = read_statement(scene.waiver("2.0.0", KOLA, *FAILED).statement(), WAIVER, "test")
    wrong = write_statement(WAIVER, {**fields, **changes})  # type: ignore[dict-item]  # the mistakes in question
    with pytest.raises(InputError):
        read_waiver(wrong)


# --- past the door -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (MALLORY, {"by": MALLORY.fingerprint}),
        (MALLORY, {}),
        (ALICE, {}),
        (BOB, {"by": BOB.fingerprint}),
        (BOB, {"by": BOB.fingerprint, "role": "maintainer"}),
        (PIPELINE, {"by": PIPELINE.fingerprint}),
        (ERIN, {"product": "other"}),
        (ERIN, {"role": "maintainer"}),
    ],
)
def test_what_others_recorded_waives_nothing(
    scene: RuledScene, asked: Digest, key: FakeKey, changes: dict[str, object]
) -> None:
    scene.slip_waiver(scene.waiver("2.0.0", KOLA, *FAILED, **changes).statement(), key)
    assert scene.unmet(asked) == (RULE,)


def test_what_cannot_be_read_waives_nothing(scene: RuledScene, asked: Digest) -> None:
    fields = read_statement(scene.waiver("2.0.0", KOLA, *FAILED).statement(), WAIVER, "test")
    scene.slip_waiver(write_statement(WAIVER, {**fields, "more": 1}), ERIN)
    assert scene.unmet(asked) == (RULE,)
    scene.waive(scene.waiver("2.0.0", KOLA, *FAILED))
    assert scene.unmet(asked) == (), "and spoils no other"


def test_what_is_for_later_waives_nothing_yet(scene: RuledScene, asked: Digest) -> None:
    waiver = scene.waiver("2.0.0", KOLA, *FAILED, at=scene.now + HOUR)
    scene.slip_waiver(waiver.statement(), ERIN)
    assert scene.unmet(asked) == (RULE,)
    assert scene.unmet(asked, waiver.at) == ()


# --- downgrades ----------------------------------------------------------------------------------


def test_downgrades_are_waived_one_by_one() -> None:
    limited = 'soak = 0\nevidence = ["payload-proven", "comparison"]\nlimits = { downgrades = 0 }'
    scene = RuledScene(RULES.replace("soak = 48", limited))
    lines = (f"{DOWNGRADE}openssl 3.1 to 3.0", f"{DOWNGRADE}curl 8.2 to 8.1")
    scene.found("2.0.0", COMPARISON, against=Version(1, 0, 0), facts={DOWNGRADES: 2}, failed=lines)
    asked = scene.agree(scene.request("2.0.0", "beta"), ALICE, BOB)
    (rule,) = scene.decide(asked).unmet
    assert (rule.name, rule.detail) == ("limit downgrades", "2, 0 of them waived, at most 0")
    assert rule.who == ("Alice", "Erin")
    scene.waive(scene.waiver("2.0.0", COMPARISON, lines[0], "downgrade made-up 2 to 1"))
    assert scene.unmet(asked) == ("limit downgrades",)
    scene.waive(scene.waiver("2.0.0", KOLA, lines[1]))
    assert scene.unmet(asked) == ("limit downgrades",), "another check's"
    scene.waive(scene.waiver("2.0.0", COMPARISON, lines[1]))
    assert scene.unmet(asked) == ()
