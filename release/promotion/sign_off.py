"""A sign-off: one person says go or no-go to one request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import with_config

from release.digests import Digest
from release.ledger.fields import Fingerprint, Prose, Reader, Sha256, Utc, Word
from release.ledger.statements import SIGN_OFF, read_statement, statement_digest, write_statement
from release.promotion.request import check_period


class Verdict(StrEnum):
    """What somebody says to a request."""

    GO = "go"
    NO_GO = "no-go"
    """A veto, until its author takes it back or says go later, or enough people overrule it."""
    WITHDRAW = "withdraw"
    """Takes back whatever the same person said before."""
    OVERRULE = "overrule"
    """Sets aside every no-go recorded before it, together with others of the overrule quorum."""


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """What one person says to the request of digest ``request``."""

    request: Sha256
    verdict: Verdict
    role: Word
    """In which capacity; it counts for this role only."""
    by: Fingerprint
    at: Utc
    expires_at: Utc
    reason: Prose = ""

    def __post_init__(self) -> None:
        check_period("sign-off", self.at, self.expires_at)

    def statement(self) -> str:
        """The text to be signed by ``by``."""
        return write_statement(SIGN_OFF, _READER.write(self))

    @property
    def digest(self) -> Digest:
        """The SHA-256 of the statement's bytes."""
        return statement_digest(self.statement())


_READER = Reader(SignOff)


def read_sign_off(text: str, where: str = "sign-off") -> SignOff:
    """Read a sign-off's statement. Raises InputError. Its signature is not checked here."""
    return _READER.read(read_statement(text, SIGN_OFF, where), where)


def new_sign_off(
    request: Digest,
    verdict: Verdict,
    *,
    role: str,
    by: str,
    now: datetime,
    valid_for: timedelta,
    reason: str = "",
) -> SignOff:
    """A sign-off made ``now`` (aware, UTC) that counts for ``valid_for``; the policy may say shorter."""
    return SignOff(
        request=request,
        verdict=verdict,
        role=role,
        by=by,
        at=now,
        expires_at=now + valid_for,
        reason=reason,
    )
