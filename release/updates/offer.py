"""What a machine is offered. Pure: document, machine, time and local limits in, an answer out.

Rules, in this order:

1. The document must be there, not expired, and for the machine's board.
2. Offers are asked from the newest to the oldest, down to the machine's version: machines never go down.
   The first is taken that is offered (not paused, withdrawn or halted here), has begun, admits the
   machine's place in the queue, and whose window is open. A group's limits can only hold back more.
3. Where floors lie between the machine and that release, it gets the lowest of them. Floors have no
   queue of their own: a machine comes to one only when the release behind it is there and admits it. A
   floor that is withdrawn, paused or halted lets nobody pass, nor does one that no mirror has.
4. It gets a delta where one fits: made for the very bits it runs, by a profile that its client applies,
   switched on for that client, and not after a delta to that version failed on it. Else the full payload.

``0.0.0``, with which people force an update, is a version like others: older than everything.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from release.catalog.version import Version
from release.digests import Digest
from release.promotion.delivery import OfferWindow
from release.promotion.rollout import BUCKETS, admits, bucket, in_window
from release.trust.channel_document import ChannelDocument, Offer, OfferedPayload, OfferedRelease
from release.trust.head import ChannelStatus
from release.updates.clients import CLIENTS
from release.updates.machine import Machine


class Reason(StrEnum):
    """Why there is no update now: a closed set of words for metrics, logs and people."""

    UP_TO_DATE = "up-to-date"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    HALTED_HERE = "halted-here"
    """This server stopped it by itself; the pipeline has not said so yet."""
    NOT_BEGUN = "not-begun"
    WAITING = "waiting"
    """Its turn has not come."""
    WINDOW_CLOSED = "window-closed"
    GROUP = "group"
    """A limit of its group holds it back."""
    FLOOR_CLOSED = "floor-closed"
    """It would have to pass through a release that nobody may have."""
    NO_MIRROR = "no-mirror"
    """No mirror is known to have all of it."""

    UNKNOWN_APPLICATION = "unknown-application"
    UNKNOWN_CHANNEL = "unknown-channel"
    UNKNOWN_BOARD = "unknown-board"
    NO_DOCUMENT = "no-document"
    """The channel is served, and its document is not there or not believed."""
    EXPIRED = "expired"
    """The document is too old to be believed."""

    @property
    def is_error(self) -> bool:
        """Whether something is wrong, and the client is told so."""
        return self in _ERRORS


_ERRORS = frozenset(
    {
        Reason.UNKNOWN_APPLICATION,
        Reason.UNKNOWN_CHANNEL,
        Reason.UNKNOWN_BOARD,
        Reason.NO_DOCUMENT,
        Reason.EXPIRED,
    }
)


class Choice(StrEnum):
    """Why the payload is a delta or the full one."""

    DELTA = "delta"
    NO_DELTA = "no-delta"
    """There is none from the machine's version."""
    NOT_RELEASED = "not-released"
    """The machine runs a build of its own, whose bits nobody knows."""
    CLIENT = "client"
    """Its client does not apply such a payload, as far as is known."""
    SWITCHED_OFF = "switched-off"
    FAILED_BEFORE = "failed-before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an update server holds back of what a document allows. It can add nothing.

    Attributes:
        share: the most of its machines (0 to 1) that a group gives a release; the queue's first.
        delay: how much later than others the group follows; active time of the rollout, and of those
            after it: what the channel left behind sooner is not withheld for ever.
        windows: when it offers anything, beside the channel's own.
        halted: digests of releases that are offered to nobody here.
        deltas: names of the client profiles that are offered deltas.
    """

    share: Decimal = Decimal(1)
    delay: timedelta = timedelta()
    windows: tuple[OfferWindow, ...] = ()
    halted: Container[Digest] = frozenset()
    deltas: Container[str] = frozenset(client.name for client in CLIENTS if client.applies)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoUpdate:
    """The machine stays as it is. Of several releases it does not get, the newest has the word."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """``payload`` of ``release``. ``target`` is the version behind it, another one where it is a floor."""

    release: OfferedRelease
    payload: OfferedPayload
    choice: Choice
    target: Version

    @property
    def is_delta(self) -> bool:
        """Whether it applies to one version only."""
        return self.payload.source is not None

    @property
    def is_floor(self) -> bool:
        """Whether there is more to come after it."""
        return self.release.version != self.target


Answer = Update | NoUpdate


def decide(
    document: ChannelDocument | None, machine: Machine, now: datetime, limits: Limits = NO_LIMITS
) -> Answer:
    """What a machine is offered at ``now`` (aware). The document is one that was verified."""
    if document is None:
        return NoUpdate(reason=Reason.NO_DOCUMENT)
    if now >= document.expires:
        return NoUpdate(reason=Reason.EXPIRED)
    if machine.board != str(document.board):
        return NoUpdate(reason=Reason.UNKNOWN_BOARD)
    reason, newer = None, timedelta()
    for offer in document.offers:
        if offer.release.version <= machine.version:
            break
        held = _held_back(offer, machine, now, limits, limits.delay - newer)
        newer += offer.rollout.active_at(now)
        release = offer.release if held else _next_step(document, offer.release, machine.version)
        held = held or _closed(document, release, offer.release, limits)
        if held is None:
            payload, choice = choose_payload(release, machine, limits)
            return Update(release=release, payload=payload, choice=choice, target=offer.release.version)
        reason = reason or held
    return NoUpdate(reason=reason or Reason.UP_TO_DATE)


def choose_payload(
    release: OfferedRelease, machine: Machine, limits: Limits = NO_LIMITS
) -> tuple[OfferedPayload, Choice]:
    """The payload that brings the machine to ``release``, and why that one."""
    deltas = [one for one in release.payloads if one.source == machine.version and not one.extension]
    fitting = [one for one in deltas if one.profile in machine.client.applies]
    if not deltas:
        choice = Choice.NO_DELTA
    elif not machine.released:
        choice = Choice.NOT_RELEASED
    elif not fitting:
        choice = Choice.CLIENT
    elif machine.client.name not in limits.deltas:
        choice = Choice.SWITCHED_OFF
    elif release.version in machine.failed_deltas:
        choice = Choice.FAILED_BEFORE
    else:
        return min(fitting, key=lambda one: (one.size, one.name)), Choice.DELTA
    return release.full, choice


def _held_back(
    offer: Offer, machine: Machine, now: datetime, limits: Limits, delay: timedelta
) -> Reason | None:
    """Why the machine does not get what is offered, by its own rules; None when it does."""
    if offer.status is ChannelStatus.WITHDRAWN:
        return Reason.WITHDRAWN
    if offer.status is not ChannelStatus.OFFERED:
        return Reason.PAUSED
    if offer.release.release in limits.halted:
        return Reason.HALTED_HERE
    since = offer.rollout.since  # None: the channel moved on, and its share stays what it was
    if since is not None and now < since and not offer.rollout.active:
        return Reason.NOT_BEGUN
    return _waits(offer, machine, now, limits, delay) or _outside(offer, now, limits)


def _waits(offer: Offer, machine: Machine, now: datetime, limits: Limits, delay: timedelta) -> Reason | None:
    rules, active = offer.rollout.rules, offer.rollout.active_at(now)
    place = bucket(machine.id, offer.release.release)
    if not admits(rules, active, place):
        return Reason.WAITING
    late = delay > timedelta() and not admits(rules, active - delay, place)
    if late or (limits.share < 1 and place >= math.ceil(Fraction(limits.share) * BUCKETS)):
        return Reason.GROUP
    return None


def _outside(offer: Offer, now: datetime, limits: Limits) -> Reason | None:
    if not in_window(offer.rollout.rules.windows, now):
        return Reason.WINDOW_CLOSED
    return None if in_window(limits.windows, now) else Reason.GROUP


def _next_step(document: ChannelDocument, target: OfferedRelease, version: Version) -> OfferedRelease:
    """The lowest floor above ``version`` and up to ``target``; ``target`` where there is none."""
    for floor in document.floors:
        if version < floor.release.version <= target.version:
            return floor.release
    return target


def _closed(
    document: ChannelDocument, release: OfferedRelease, target: OfferedRelease, limits: Limits
) -> Reason | None:
    """Why nobody may have ``release`` on the way to ``target``; None when that is not so."""
    closed = any(one.withdrawn for one in document.floors if one.release.release == release.release)
    if closed or (release is not target and _stopped(document, release, limits)):
        return Reason.FLOOR_CLOSED
    return None if release.mirrors and target.mirrors else Reason.NO_MIRROR


def _stopped(document: ChannelDocument, floor: OfferedRelease, limits: Limits) -> bool:
    """Whether a floor is also on offer, and stopped there; or halted here."""
    return floor.release in limits.halted or any(
        offer.status is not ChannelStatus.OFFERED
        for offer in document.offers
        if offer.release.release == floor.release
    )
