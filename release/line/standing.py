"""How things stand: everything a person should know today, the loud first. Pure.

What is shown is derived here from the ledger and the policy, not copied from pages or from the head; the
head is looked at as its readers do, for whether it is there, true and fresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from release.errors import HumpyardError, InputError
from release.ledger.fields import format_time
from release.ledger.state import State, StopRecord
from release.ledger.statements import StopAction
from release.line.alert import Alert, Loudness
from release.line.standing_delivery import Shown, documents_unfit, floors_missing, mirrors_behind
from release.promotion.policy import Policy
from release.promotion.request import read_request
from release.promotion.status import Phase, RequestStatus
from release.promotion.stop import stopped_by
from release.promotion.support import supports
from release.signing.key_health import Certificate, KeyHealth, health
from release.signing.trusted_keys import PayloadKey
from release.trust.head import ChannelHead, MirrorHead
from release.trust.making import head_of

_SOON = timedelta(days=90)
"""How long before its end the support of a stream is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was found before anything is judged. ``head`` is what the mirror has, or why it is no good.

    ``documents`` are the store's channel documents. ``payload_keys`` are those believed, by channel.
    ``now`` is aware, UTC.
    """

    state: State
    policy: Policy
    now: datetime
    head: MirrorHead | HumpyardError | None
    documents: Shown
    requests: Sequence[RequestStatus]
    certificates: Sequence[Certificate]
    payload_keys: Mapping[str, Sequence[PayloadKey]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An OpenPGP key that matters, and whose it is. ``health`` is None where its public half is missing."""

    name: str
    fingerprint: str
    pipeline: bool
    health: KeyHealth | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All of it, ready to be printed. ``channels`` are None for a channel that has nothing yet."""

    alerts: tuple[Alert, ...]
    channels: Mapping[str, ChannelHead | None]
    owners: tuple[Owner, ...]
    known: Known


def standing_of(known: Known) -> Standing:
    """Judge what is known."""
    said = [alert for rule in RULES for alert in rule(known)]
    heads = head_of(known.state, known.policy, known.now).channels
    names = dict.fromkeys((*known.state.channels, *heads))
    return Standing(
        alerts=tuple(sorted(said, key=lambda one: -one.loudness)),  # stable: in the order of RULES
        channels={name: heads.get(name) for name in names},
        owners=_owners(known),
        known=known,
    )


def _stops(known: Known) -> Iterator[Alert]:
    for stop in known.state.standing_stops():
        who = stopped_by(stop, known.policy)
        tail = f"since {format_time(stop.recorded)} by {who}: {_line(stop.subject.reason)}"
        yield Alert(
            loudness=_loudness(known.state, stop),
            about="stop",
            text=f"{stop} ({stop.digest.hex[:12]}) {tail}",
        )


def _loudness(state: State, stop: StopRecord) -> Loudness:
    subject = stop.subject
    if subject.action is StopAction.FREEZE:
        return Loudness.WARNING
    offered = {(head.channel, head.version) for head in state.heads.values()}
    if subject.action is StopAction.PAUSE:  # one that the channel has left behind hurts nobody
        return Loudness.ALARM if (subject.channel, subject.version) in offered else Loudness.NOTE
    return Loudness.ALARM if any(version == subject.version for _, version in offered) else Loudness.WARNING


def _head(known: Known) -> Iterator[Alert]:
    head, now = known.head, known.now
    if head is None:
        yield _alarm("head", "the mirror has no signed head: readers refuse it (humpyard head refresh)")
    elif isinstance(head, HumpyardError):
        yield _alarm("head", _line(head.message))
    elif now >= head.expires:
        yield _alarm("head", f"the mirror's head expired {format_time(head.expires)}: readers refuse it")
    else:
        if head.expires - now < (head.expires - head.issued) / 4:
            text = f"the mirror's head expires {format_time(head.expires)}, and was not signed anew in time"
            yield Alert(loudness=Loudness.WARNING, about="head", text=text)
        behind = known.state.sequence - head.ledger.sequence
        if behind > 0:
            text = f"the mirror's head is {behind} ledger entries behind: the pipeline's next run signs it"
            yield Alert(loudness=Loudness.NOTE, about="head", text=text)


def _documents(known: Known) -> Iterator[Alert]:
    return documents_unfit(known.documents, known.now)


def _mirrors(known: Known) -> Iterator[Alert]:
    return mirrors_behind(known.state, known.policy)


def _floors(known: Known) -> Iterator[Alert]:
    return floors_missing(known.state, known.policy)


def _keys(known: Known) -> Iterator[Alert]:
    for owner in _owners(known):
        found = owner.health
        if found is None:
            text = f"key of {owner.name} ({owner.fingerprint}): its public half is in no file of openpgp.keys"
            yield Alert(loudness=Loudness.WARNING, about="key", text=text)
        elif not found.can_sign:
            loudness = Loudness.ALARM if owner.pipeline else Loudness.WARNING
            yield Alert(loudness=loudness, about="key", text=f"key of {owner.name}: {found.describe()}")
        elif found.warning is not None:
            yield Alert(
                loudness=_KEY_LOUDNESS[found.warning],
                about="key",
                text=f"key of {owner.name}: {found.describe()}",
            )
    yield from _lifetime(known)


_KEY_LOUDNESS = {7: Loudness.ALARM, 30: Loudness.WARNING, 90: Loudness.NOTE}


def _lifetime(known: Known) -> Iterator[Alert]:
    """Publishing asks more of the pipeline's key than that it lives."""
    lifetime = known.policy.signing.release_lifetime
    mine = [owner.health for owner in _owners(known) if owner.pipeline and owner.health is not None]
    able = [found for found in mine if found.can_sign]
    if able and not any(found.outlives(known.now + lifetime) for found in able):
        text = (
            f"no key of the pipeline lasts for the {lifetime.days} days of a release: publishing is refused"
        )
        yield _alarm("key", text)


def _owners(known: Known) -> tuple[Owner, ...]:
    """The pipeline's keys, then everybody's in the policy, in its order."""
    listed = {one.fingerprint: one for one in known.certificates}

    def owner(name: str, fingerprint: str, *, pipeline: bool) -> Owner:
        found = listed.get(fingerprint)
        judged = None if found is None else health(found, known.now)
        return Owner(name=name, fingerprint=fingerprint, pipeline=pipeline, health=judged)

    ours = [owner("the pipeline", key, pipeline=True) for key in sorted(known.state.pipeline_keys)]
    people = [
        owner(person.name, key, pipeline=False)
        for person in known.policy.people
        for key in person.fingerprints
    ]
    return (*ours, *people)


def _support(known: Known) -> Iterator[Alert]:
    found = supports(known.state, known.policy)
    for one in found:
        if one.ends <= known.now:
            text = f"support of {one.stream} ended {one.ends:%Y-%m-%d}"
            yield Alert(loudness=Loudness.WARNING, about="support", text=text)
        elif one.ends - known.now <= _SOON:
            text = f"support of {one.stream} ends {one.ends:%Y-%m-%d}"
            yield Alert(loudness=Loudness.WARNING, about="support", text=text)
        newest = one.stream in {known.state.newest_stream(base) for base in known.state.streams}
        if newest and one.next_due <= known.now:
            text = f"the stream after {one.stream} was due {one.next_due:%Y-%m-%d}, for machines to move over"
            yield Alert(loudness=Loudness.WARNING, about="support", text=text)


def _windows(known: Known) -> Iterator[Alert]:
    for window in known.policy.freezes:
        until = window.until(known.now)
        if until is not None:
            where = ", ".join(window.channels) or "all channels"
            text = f"freeze window {window.name!r}: nothing moves in {where} until {format_time(until)}"
            yield Alert(loudness=Loudness.NOTE, about="window", text=text)


def _hurried(known: Known) -> Iterator[Alert]:
    """What was hurried stays loud for as long as a channel is at it."""
    for head in known.state.heads.values():
        record = None if head.request is None else known.state.requests.get(head.request)
        if record is None or head.channel in known.state.streams:
            continue
        try:
            asked = read_request(record.statement)
        except InputError:
            continue  # its gate was not open to anything this program cannot read
        if asked.hurry:
            told = f" (incident {asked.incident})" if asked.incident else ""
            text = f"{head.channel} was hurried to {head.version}, skipping {' and '.join(asked.hurry)}"
            yield Alert(loudness=Loudness.WARNING, about="hurry", text=f"{text}: {_line(asked.reason)}{told}")


def _waiting(known: Known) -> Iterator[Alert]:
    ready = [one for one in known.requests if one.phase is Phase.READY]
    for one in ready:
        text = f"{one.case.title}: the gate is open, and the pipeline has not carried it out yet"
        yield Alert(loudness=Loudness.NOTE, about="request", text=text)


def _alarm(about: str, text: str) -> Alert:
    return Alert(loudness=Loudness.ALARM, about=about, text=text)


def _line(text: str) -> str:
    """What people wrote, on one line."""
    return " ".join(text.split())


RULES: tuple[Callable[[Known], Iterator[Alert]], ...] = (
    _stops,
    _head,
    _documents,
    _mirrors,
    _floors,
    _keys,
    _hurried,
    _support,
    _windows,
    _waiting,
)
"""What is looked at; alerts of one loudness come in this order."""
