"""A stop: one person of a stop role halts a rollout, a channel or a release, at once and alone."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import with_config

from release.digests import Digest
from release.ledger.fields import (
    ChannelName,
    Fingerprint,
    Line,
    Prose,
    Reader,
    Sha256,
    Utc,
    VersionText,
    Word,
)
from release.ledger.state import StopRecord
from release.ledger.statements import (
    STOP,
    StopAction,
    StopSubject,
    read_statement,
    statement_digest,
    write_statement,
)
from release.promotion.policy import Policy


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """What ``by`` stops; which fields each action needs is told by ``StopSubject``."""

    product: Line
    action: StopAction
    channel: ChannelName | None = None
    version: VersionText | None = None
    release: Sha256 | None = None
    role: Word
    by: Fingerprint
    at: Utc
    reason: Line
    advice: Prose = ""
    """What those who have the release shall do; shown on its page."""

    def __post_init__(self) -> None:
        self.subject  # noqa: B018  checks that the right things are named

    @property
    def subject(self) -> StopSubject:
        """As the ledger reads it."""
        return StopSubject(
            action=self.action,
            channel=self.channel,
            version=self.version,
            release=self.release,
            reason=self.reason,
            advice=self.advice,
        )

    def statement(self) -> str:
        """The text to be signed by ``by``."""
        return write_statement(STOP, _READER.write(self))

    @property
    def digest(self) -> Digest:
        """The SHA-256 of the statement's bytes."""
        return statement_digest(self.statement())


_READER = Reader(StopOrder)


def read_stop(text: str, where: str = "stop") -> StopOrder:
    """Read a stop's statement. Raises InputError. Its signature is not checked here."""
    return _READER.read(read_statement(text, STOP, where), where)


def stopped_by(stop: StopRecord, policy: Policy) -> str:
    """Who stopped it, for people to read; somebody who has left the policy is told by their key."""
    if stop.by_pipeline:
        return "the pipeline"
    person = policy.person(stop.signer)
    return stop.signer if person is None else person.name
