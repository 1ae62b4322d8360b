"""From verified entries to what is so: a pure fold, one step per entry.

``step`` checks everything an entry must hold against the state before it, so that the state after
any number of entries is right for exactly those (prefix-consistent). It does not judge whether a
move was *wise*: the gate does, and the audit asks the gate again.

Keys are judged at the time an entry says, so that time must be worth something: no entry may be dated
before what the pipeline said last, and people's entries, whose clocks are theirs, move that floor for
nobody. What remains: whoever holds an expired key *and* may write to the store can date an entry back
to the pipeline's last one. The gate still judges requests and sign-offs at its own time. A revoked
key never counts: retire a key by letting it expire, and keep its public half in the keyring.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from release.catalog.naming import ledger_key
from release.digests import Digest
from release.errors import InputError
from release.ledger.entries import CLOCK_SKEW, Entry, LedgerBrokenError
from release.ledger.fields import format_time
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    Genesis,
    PointerMoved,
    ReleaseRegistered,
    RequestMade,
    SignOffGiven,
    read_content,
)
from release.ledger.state import (
    EvidenceRecord,
    Head,
    RequestRecord,
    SignOffRecord,
    State,
    frozen,
)
from release.ledger.statements import request_subject, sign_off_subject, statement_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom the reader trusts from outside the ledger: OpenPGP primary fingerprints.

    ``pipeline`` anchors the ledger: the first entry may name no other keys as the pipeline's.
    ``people`` may put their own requests and sign-offs into the ledger; what those are worth is the
    policy's business. People who hand them to the pipeline need not be listed.
    """

    pipeline: frozenset[str]
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedEntry:
    """An entry whose signatures hold.

    ``signer`` signed the body; ``statement_signer`` the statement inside, where the kind has one.
    Both are OpenPGP primary fingerprints.
    """

    entry: Entry
    digest: Digest
    """SHA-256 of the stored object."""
    signer: str
    statement_signer: str | None = None


def fold(entries: Iterable[VerifiedEntry], trust: Trust) -> State | None:
    """The state after all entries, None when there are none. Raises as ``step``."""
    state: State | None = None
    for verified in entries:
        state = step(state, verified, trust)
    return state


def step(state: State | None, verified: VerifiedEntry, trust: Trust) -> State:
    """The state after one more entry.

    Raises:
        LedgerBrokenError: the entry does not follow, was written by someone who may not write its
            kind, is of an unknown kind, or says something that cannot be so.
    """
    entry = verified.entry
    where = ledger_key(entry.sequence)
    try:
        content = read_content(entry.kind, entry.data, where)
        if state is None:
            return _begin(content, verified, trust)
        _check_place(state, entry)
        _check_writer(state, content, verified, trust)
        after = _apply(content, state, verified)
    except InputError as error:
        raise LedgerBrokenError(error.message, hint=error.hint) from error
    except _ContradictionError as error:
        raise LedgerBrokenError(f"{where}: {error}") from error
    by_pipeline = verified.signer in state.pipeline_keys
    latest = max(state.latest, entry.time) if by_pipeline else state.latest
    return replace(after, sequence=entry.sequence, digest=verified.digest, latest=latest)


class _ContradictionError(Exception):
    """What an entry says cannot be so. ``step`` adds where."""


def _need(met: bool, message: str) -> None:
    if not met:
        raise _ContradictionError(message)


def _begin(content: Content, verified: VerifiedEntry, trust: Trust) -> State:
    entry = verified.entry
    where = ledger_key(entry.sequence)
    if entry.sequence != 0 or entry.previous is not None or not isinstance(content, Genesis):
        raise LedgerBrokenError(f"{where}: expected the ledger to begin with a genesis entry")
    keys = frozenset(content.pipeline_keys)
    if not keys <= trust.pipeline:
        strangers = ", ".join(sorted(keys - trust.pipeline))
        raise LedgerBrokenError(
            f"{where}: names pipeline keys that are not trusted here: {strangers}",
            hint="get the pipeline's fingerprints from its operators, not from the mirror",
        )
    if verified.signer not in keys:
        raise LedgerBrokenError(f"{where}: signed by {verified.signer}, which is no pipeline key")
    return State(
        sequence=0,
        digest=verified.digest,
        latest=entry.time,
        product=content.product,
        pipeline_keys=keys,
        policy=content.policy,
        channels=content.channels,
    )


def _check_place(state: State, entry: Entry) -> None:
    expected = state.sequence + 1
    _need(entry.sequence == expected, f"expected entry {expected}, found {entry.sequence}")
    _need(
        entry.previous == state.digest,
        f"expected to follow {state.digest}, found previous {entry.previous}",
    )
    _need(
        entry.time >= state.latest - CLOCK_SKEW,
        f"dated {format_time(entry.time)}, but the pipeline was at {format_time(state.latest)} before:"
        " time does not go back; check the clocks of both machines",
    )


def _check_writer(state: State, content: Content, verified: VerifiedEntry, trust: Trust) -> None:
    if verified.signer in state.pipeline_keys:
        return
    _need(
        isinstance(content, RequestMade | SignOffGiven),
        f"a {verified.entry.kind} entry may only be written by the pipeline, not by {verified.signer}",
    )
    _need(
        verified.signer in trust.people and verified.signer == verified.statement_signer,
        f"written by {verified.signer}, who may only record statements of their own and must be known",
    )


def _apply(content: Content, state: State, verified: VerifiedEntry) -> State:
    match content:
        case ReleaseRegistered():
            return _register(content, state, verified)
        case RequestMade():
            return _request(content, state, verified)
        case SignOffGiven():
            return _sign_off(content, state, verified)
        case EvidenceFound():
            return _evidence(content, state, verified)
        case PointerMoved():
            return _move(content, state, verified)
        case Genesis():
            raise _ContradictionError("the ledger has begun already")


def _register(content: ReleaseRegistered, state: State, verified: VerifiedEntry) -> State:
    _need(content.version not in state.releases, f"release {content.version} is registered twice")
    for channel in (content.built_for, *content.offered_in):
        _need(channel in state.channels, f"channel {channel!r} is unknown")
    if content.offered_in:
        came_first = "requests" if state.requests else "releases that were offered nowhere"
        _need(
            not state.requests and all(known.offered_in for known in state.releases.values()),
            f"release {content.version} cannot have been offered before the ledger began:"
            f" {came_first} came first",
        )
    after = replace(state, releases=frozen({**state.releases, content.version: content}))
    for channel in content.offered_in:
        head = Head(
            channel=channel,
            version=content.version,
            release=content.release,
            generation=after.generation(channel) + 1,
            since=verified.entry.time,
            request=None,
        )
        after = _with_head(after, head)
    return after


def _with_head(state: State, head: Head) -> State:
    before = state.heads.get(head.channel)
    _need(
        before is None or head.version > before.version,
        f"{head.channel} would go from {before.version if before else None} to {head.version}: not upwards",
    )
    return replace(
        state,
        heads=frozen({**state.heads, head.channel: head}),
        history=(*state.history, head),
    )


def _statement_signer(verified: VerifiedEntry) -> str:
    _need(verified.statement_signer is not None, "the statement's signature was not verified")
    return str(verified.statement_signer)


def _request(content: RequestMade, state: State, verified: VerifiedEntry) -> State:
    digest = statement_digest(content.statement)
    _need(digest not in state.requests, f"request {digest} is recorded twice")
    subject = request_subject(content.statement, ledger_key(verified.entry.sequence))
    _need(subject.channel in state.channels, f"channel {subject.channel!r} is unknown")
    record = RequestRecord(
        digest=digest,
        statement=content.statement,
        subject=subject,
        signer=_statement_signer(verified),
        recorded=verified.entry.time,
    )
    return _with_request(state, record)


def _with_request(state: State, record: RequestRecord) -> State:
    return replace(state, requests=frozen({**state.requests, record.digest: record}))


def _open_request(state: State, digest: Digest) -> RequestRecord:
    record = state.requests.get(digest)
    if record is None:
        raise _ContradictionError(f"request {digest} is unknown")
    _need(not record.moved, f"request {digest} was carried out already")
    return record


def _sign_off(content: SignOffGiven, state: State, verified: VerifiedEntry) -> State:
    digest = statement_digest(content.statement)
    subject = sign_off_subject(content.statement, ledger_key(verified.entry.sequence))
    record = _open_request(state, subject.request)
    _need(
        all(sign_off.digest != digest for sign_off in record.sign_offs),
        f"sign-off {digest} is recorded twice",
    )
    sign_off = SignOffRecord(
        digest=digest,
        statement=content.statement,
        signer=_statement_signer(verified),
        recorded=verified.entry.time,
        sequence=verified.entry.sequence,
    )
    return _with_request(state, replace(record, sign_offs=(*record.sign_offs, sign_off)))


def _evidence(content: EvidenceFound, state: State, verified: VerifiedEntry) -> State:
    found = EvidenceRecord(passed=content.passed, detail=content.detail, recorded=verified.entry.time)
    of_release = {**state.evidence.get(content.release, {}), content.name: found}
    return replace(state, evidence=frozen({**state.evidence, content.release: frozen(of_release)}))


def _move(content: PointerMoved, state: State, verified: VerifiedEntry) -> State:
    record = _open_request(state, content.request)
    asked = record.subject
    _need(
        (asked.channel, asked.version, asked.release) == (content.channel, content.version, content.release),
        f"moves {content.channel} to {content.version} ({content.release}), but the request asks for "
        f"{asked.channel} to {asked.version} ({asked.release})",
    )
    _need(
        asked.policy == state.policy,
        f"the request was made under policy {asked.policy}, in force is {state.policy}",
    )
    generation = state.generation(content.channel)
    _need(
        asked.generation == generation and content.generation == generation + 1,
        f"expected {content.channel} to go from generation {generation} to {generation + 1}, found a request "
        f"at {asked.generation} and a move to {content.generation}",
    )
    before = state.heads.get(content.channel)
    _need(
        content.from_version == (before.version if before else None),
        f"says that {content.channel} was at {content.from_version}",
    )
    release = state.releases.get(content.version)
    _need(
        release is not None and release.release == content.release,
        f"release {content.version} ({content.release}) is not registered",
    )
    head = Head(
        channel=content.channel,
        version=content.version,
        release=content.release,
        generation=content.generation,
        since=verified.entry.time,
        request=content.request,
    )
    return _with_request(_with_head(state, head), replace(record, moved=True))
