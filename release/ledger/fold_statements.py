"""Steps of the fold for what people sign: requests, sign-offs, waivers, stops. Pure.

What a statement is worth (roles, quorums, expiry) is the gate's business, with one exception: a stop
holds as soon as it is recorded, whoever's it is. To stop too much is safe; the audit tells whose it was.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from release.catalog.naming import ledger_key
from release.digests import Digest
from release.ledger.fold_contradiction import ContradictionError, need
from release.ledger.fold_offers import end_stopped
from release.ledger.kinds import RequestMade, SignOffGiven, StopOrdered, WaiverGiven
from release.ledger.state import (
    RequestRecord,
    SignOffRecord,
    State,
    StopRecord,
    WaiverRecord,
    frozen,
)
from release.ledger.statements import (
    PromotionSubject,
    ResumeSubject,
    StopAction,
    StopSubject,
    Subject,
    request_subject,
    sign_off_subject,
    statement_digest,
    stop_subject,
    waiver_subject,
)
from release.ledger.verified import VerifiedEntry

AHEAD = timedelta(days=31)
"""How long after what the pipeline said last people's clocks are believed.

Longer than a pipeline is silent, so that who says something in a quiet month is told of at the right time;
short enough for a clock that is years ahead to do no harm that lasts.
"""


def request(content: RequestMade, state: State, verified: VerifiedEntry) -> State:
    """A request is there to be signed off."""
    digest = statement_digest(content.statement)
    need(digest not in state.requests, f"request {digest} is recorded twice")
    subject = request_subject(content.statement, place_of(verified))
    _check_subject(subject, state)
    record = RequestRecord(
        digest=digest,
        statement=content.statement,
        subject=subject,
        signer=signer_of(verified),
        recorded=verified.entry.time,
    )
    return with_request(state, record)


def _check_subject(subject: Subject, state: State) -> None:
    if isinstance(subject, PromotionSubject):
        need(state.knows(subject.channel), f"channel {subject.channel!r} is unknown")
    elif isinstance(subject, ResumeSubject):
        need(subject.stop in state.stops, f"stop {subject.stop} is unknown")


def with_request(state: State, record: RequestRecord) -> State:
    """The state with this record in the place of the one before."""
    return replace(state, requests=frozen({**state.requests, record.digest: record}))


def open_request(state: State, digest: Digest) -> RequestRecord:
    """A request that can still be signed off and carried out. Raises ContradictionError for any other."""
    record = state.requests.get(digest)
    if record is None:
        raise ContradictionError(f"request {digest} is unknown")
    need(not record.carried_out, f"request {digest} was carried out already")
    return record


def sign_off(content: SignOffGiven, state: State, verified: VerifiedEntry) -> State:
    """Somebody said something to an open request."""
    digest = statement_digest(content.statement)
    subject = sign_off_subject(content.statement, place_of(verified))
    record = open_request(state, subject.request)
    need(
        all(known.digest != digest for known in record.sign_offs),
        f"sign-off {digest} is recorded twice",
    )
    given = SignOffRecord(
        digest=digest,
        statement=content.statement,
        signer=signer_of(verified),
        recorded=verified.entry.time,
        sequence=verified.entry.sequence,
    )
    return with_request(state, replace(record, sign_offs=(*record.sign_offs, given)))


def waiver(content: WaiverGiven, state: State, verified: VerifiedEntry) -> State:
    """Somebody answers for failures of a release."""
    digest = statement_digest(content.statement)
    release = waiver_subject(content.statement, place_of(verified)).release
    known = state.waivers.get(release, ())
    need(all(one.digest != digest for one in known), f"waiver {digest} is recorded twice")
    need(_is_registered(state, release), f"release {release} is not registered")
    record = WaiverRecord(
        digest=digest,
        statement=content.statement,
        signer=signer_of(verified),
        recorded=verified.entry.time,
    )
    return replace(state, waivers=frozen({**state.waivers, release: (*known, record)}))


def stop(content: StopOrdered, state: State, verified: VerifiedEntry) -> State:
    """Somebody stops something; offers that it stops end."""
    digest = statement_digest(content.statement)
    need(digest not in state.stops, f"stop {digest} is recorded twice")
    subject = stop_subject(content.statement, place_of(verified))
    _check_stop(subject, state)
    record = StopRecord(
        digest=digest,
        statement=content.statement,
        subject=subject,
        signer=signer_of(verified),
        recorded=verified.entry.time,
        told=believed_time(state, verified),
    )
    after = replace(state, stops=frozen({**state.stops, digest: record}))
    return end_stopped(after, _stopped_at(state, verified))


def _check_stop(subject: StopSubject, state: State) -> None:
    if subject.channel is not None:
        need(state.knows(subject.channel), f"channel {subject.channel!r} is unknown")
    if subject.version is not None:
        release = state.releases.get(subject.version)
        need(
            release is not None and release.release == subject.release,
            f"release {subject.version} ({subject.release}) is not registered",
        )
    if subject.action is StopAction.PAUSE:
        head = state.heads.get(str(subject.channel))
        at = None if head is None else head.version
        need(at == subject.version, f"{subject.channel} is at {at}, there is no rollout of {subject.version}")


def believed_time(state: State, verified: VerifiedEntry) -> datetime:
    """When people are told that it was said. A person's clock is their own, and may be years ahead."""
    time = verified.entry.time
    by_pipeline = verified.signer in state.pipeline_keys
    return time if by_pipeline else min(time, state.latest + AHEAD)


def _stopped_at(state: State, verified: VerifiedEntry) -> datetime:
    """When offers ended. A person's clock is their own: a wrong one must not let an offer go on."""
    by_pipeline = verified.signer in state.pipeline_keys
    return verified.entry.time if by_pipeline else min(verified.entry.time, state.latest)


def _is_registered(state: State, release: Digest) -> bool:
    return any(known.release == release for known in state.releases.values())


def signer_of(verified: VerifiedEntry) -> str:
    """Who signed the statement of an entry."""
    need(verified.statement_signer is not None, "the statement's signature was not verified")
    return str(verified.statement_signer)


def place_of(verified: VerifiedEntry) -> str:
    """Where an entry is, for messages."""
    return ledger_key(verified.entry.sequence)
