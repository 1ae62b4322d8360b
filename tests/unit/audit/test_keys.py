"""What an audit says of keys: revoked, ended, ending, not given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from release.audit.finding import Code, Severity
from release.signing.key_health import Certificate
from release.signing.openpgp_status import RevokedKeyError
from tests.unit.audit.mirrors import Mirror, certificate
from tests.unit.ledger.fakes import PIPELINE, FakeKey, FakeKeyring
from tests.unit.promotion.scene import ALICE, BOB, CAROL, MALLORY

DAY = timedelta(days=1)


@pytest.fixture
def mirror() -> Mirror:
    mirror = Mirror()
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    mirror.publish()
    return mirror


def given(mirror: Mirror, key: FakeKey, **changes: object) -> tuple[Certificate, ...]:
    """Everybody's, with one that is different."""
    return tuple(
        certificate(one, **changes if one == key else {})  # type: ignore[arg-type]  # single fields by name
        for one in mirror.keys.keys
    )


@dataclass(slots=True)
class RevokingKeyring:
    """As gpg tells of a key that was revoked: the signature fits, and shall not count."""

    keys: FakeKeyring
    revoked: FakeKey
    times: list[datetime] = field(default_factory=list)

    def verify(self, data: bytes, signature: str, *, at: datetime) -> str:
        found = self.keys.verify(data, signature, at=at)
        if found == self.revoked.fingerprint:
            raise RevokedKeyError("made by a key that was revoked", found)
        return found


def test_a_key_that_was_revoked_since_is_one_break_and_hides_nothing(mirror: Mirror) -> None:
    """Readers refuse the ledger then. Whether a decision was allowed is told all the same."""
    verifier = RevokingKeyring(mirror.keys, ALICE)
    certificates = given(mirror, ALICE, revoked=True)
    finding = mirror.one(Code.KEY_REVOKED, verifier=verifier, certificates=certificates)
    assert (finding.where, finding.severity) == (ALICE.fingerprint, Severity.BREAK)
    assert "it signed 1 times, first in ledger/00000007.json" in finding.found
    codes = {code for code, _ in mirror.codes(verifier=verifier, certificates=certificates)}
    assert codes == {Code.KEY_REVOKED, Code.KEY_EXPIRING}
    mirror.register("3.0.0")
    moved = mirror.move_anyway(mirror.request("3.0.0", "alpha"))
    mirror.publish()
    assert (Code.DECISION_NOT_ALLOWED, moved) in mirror.codes(verifier=verifier, certificates=certificates)


@pytest.mark.parametrize(
    ("days", "said"), [(100, None), (90, "within 90"), (29, "within 30"), (7, "within 7"), (1, "within 7")]
)
def test_a_key_that_must_still_sign_is_watched(mirror: Mirror, days: int, said: str | None) -> None:
    for key in (PIPELINE, CAROL):
        certificates = given(mirror, key, ends=mirror.now + days * DAY)
        if said is None:
            assert not mirror.codes(certificates=certificates)
            continue
        finding = mirror.only(Code.KEY_EXPIRING, certificates=certificates)
        assert (finding.where, finding.severity) == (key.fingerprint, Severity.WARNING)
        assert finding.found.endswith(f"{said} days")


def test_a_key_that_ended_and_is_needed_no_more_is_a_note(mirror: Mirror) -> None:
    mirror.write_request(mirror.asked("2.0.0", "stable", MALLORY).statement(), MALLORY)
    mirror.publish()
    certificates = given(mirror, MALLORY, ends=mirror.now - DAY)
    finding = mirror.one(Code.KEY_ENDED, certificates=certificates)
    assert (finding.where, finding.severity) == (MALLORY.fingerprint, Severity.NOTE)
    assert "it signed 1 times" in finding.found
    assert not mirror.audit(certificates=certificates).broken


def test_people_of_the_policy_whose_key_was_not_given_are_named(mirror: Mirror) -> None:
    certificates = tuple(certificate(key) for key in mirror.keys.keys if key != CAROL)
    finding = mirror.only(Code.KEY_UNKNOWN, certificates=certificates)
    assert (finding.where, finding.severity) == (CAROL.fingerprint, Severity.WARNING)
    assert "Carol" in finding.expected
