"""Rollouts, mirrors and floors as the pages tell of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from release.catalog.channel import Channels
from release.catalog.version import Version
from release.ledger.state import Head, Offer, State, base_of
from release.pages.records import Floor, MirrorSite, Rollout
from release.promotion.delivery import OfferWindow
from release.promotion.policy import Policy
from release.promotion.rollout import share
from release.trust.channel_making import rollout_of

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHARE = Decimal("0.0001")


def rollouts_of(state: State, policy: Policy, at: datetime) -> dict[str, Rollout]:
    """By channel, the rollout of what it is at, if not everybody may have it yet ``at`` that time (UTC).

    None for what is withdrawn: it goes no further. Where one is stopped, the times of what is to come are
    as if it went on ``at`` that time.
    """
    found = {}
    for channel, head in state.heads.items():
        rollout = None if state.withdrawal(head.version) else _rollout(state, policy, head, at)
        if rollout is not None:
            found[channel] = rollout
    return found


def _rollout(state: State, policy: Policy, head: Head, at: datetime) -> Rollout | None:
    told = rollout_of(state, policy, head)
    rules, active = told.rules, told.active_at(at)
    offers = [one for one in state.offers if (one.channel, one.version) == (head.channel, head.version)]
    if not offers or active >= rules.steps[-1].after:
        return None
    exact = share(rules, active)
    return Rollout(
        began=offers[0].begins,
        steps=tuple((_reached(offers, step.after, at), step.share) for step in rules.steps),
        linear=rules.linear,
        share=(Decimal(exact.numerator) / exact.denominator).quantize(_SHARE, ROUND_DOWN),
        windows=tuple(window_words(window) for window in rules.windows),
    )


def _reached(offers: list[Offer], after: timedelta, at: datetime) -> datetime:
    """When a release had been, or will have been, offered for so long."""
    left = after
    for offer in offers:
        if offer.ends is None or left <= offer.ends - offer.begins:
            return offer.begins + left
        left -= offer.ends - offer.begins
    return at + left


def window_words(window: OfferWindow) -> str:
    """``Mon to Fri, 09:00 to 17:00, Europe/Berlin``."""
    days = ", ".join(_runs(sorted(window.days)))
    return f"{days}, {window.begins:%H:%M} to {window.ends:%H:%M}, {window.zone.key}"


def _runs(days: list[int]) -> Iterator[str]:
    """Three days or more that follow each other: ``Mon to Wed``; others one by one."""
    while days:
        run = 1
        while run < len(days) and days[run] == days[0] + run:
            run += 1
        named = [_DAYS[day] for day in days[:run]]
        yield f"{named[0]} to {named[-1]}" if run > 2 else ", ".join(named)
        days = days[run:]


def mirrors_of_site(state: State, policy: Policy, channels: Channels) -> tuple[MirrorSite, ...]:
    """The policy's mirrors, in its order, and which of the channels each has up to date."""
    return tuple(
        MirrorSite(
            name=mirror.name,
            url=mirror.url,
            channels=tuple(channel.name for channel in channels if mirror.serves(channel.name)),
            verified=tuple(
                channel.name
                for channel in channels
                if mirror.serves(channel.name) and mirror.name in _having(state, channel.name)
            ),
        )
        for mirror in policy.mirrors
    )


def _having(state: State, channel: str) -> frozenset[str]:
    """Names of the mirrors that have what the channel, or the stream that it follows, is at."""
    head = state.heads.get(channel)
    if head is None:
        return frozenset()
    stream = state.newest_stream(channel) if channel in state.streams else None
    having = state.mirrors_with(channel, head.version)
    return having if stream is None else having | state.mirrors_with(stream, head.version)


def floors_of_site(
    policy: Policy, channels: Channels, rotations: Mapping[str, Version] | None = None
) -> tuple[Floor, ...]:
    """Floors of every channel, ascending; those of a channel are its streams' as well.

    ``rotations``: by channel, the version that machines must have before the payload key changes.
    """
    found: dict[tuple[str, Version], str] = {}
    for name, version in (rotations or {}).items():
        found[name, version] = "It brings the public key that later updates are signed with."
    for floor in policy.floors:
        for channel in channels:
            if floor.channel in {channel.name, base_of(channel.name, policy.streams)}:
                found[channel.name, floor.version] = floor.reason
    known = [pair for pair in found if pair[0] in channels]
    order = sorted(known, key=lambda pair: (channels.rank(pair[0]), pair[1]))
    return tuple(Floor(channel=name, version=version, reason=found[name, version]) for name, version in order)
