"""What the pages are rendered from, out of the ledger's state, the policy and the releases. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from release.bundle.release import Release
from release.catalog.channel import Channel, Channels
from release.catalog.version import Version
from release.ledger.state import Head, State, base_of
from release.ledger.statements import StopAction, StopSubject
from release.line.yard import PagesOptions
from release.pages.records import ChannelEntry, Hurry, PublishedRelease, Stop, Support
from release.pages.site import Site
from release.promotion.policy import Policy
from release.promotion.request import read_request
from release.promotion.support import supports


def site_from(
    product: str, state: State, policy: Policy, releases: Mapping[Version, Release], options: PagesOptions
) -> Site:
    """The site after the ledger's last entry.

    Args:
        product: the name people read.
        state: what the ledger says.
        policy: in force there.
        releases: every registered release, checked to have the registered digest.
        options: where the pages are.

    Raises:
        InputError: a channel was moved by a request that cannot be read.
    """
    channels = _channels(policy, state)
    return Site(
        product=product,
        base_url=options.base_url,
        channels=channels,
        releases=tuple(_published(state, releases[version]) for version in sorted(state.releases)),
        heads={name: head.version for name, head in state.heads.items()},
        generated_at=state.latest,
        feed_authority=options.feed_authority,
        freezes={channel.name: stops for channel in channels if (stops := _freezes(state, channel.name))},
        support=_support(policy, state),
    )


def _channels(policy: Policy, state: State) -> Channels:
    """Those of the policy; before one with streams its streams, in the order they were opened."""
    found: list[Channel] = []
    for channel in policy.channels:
        if channel.name in state.streams:
            opened = (head.channel for head in state.streams_of(channel.name))
            found += [replace(channel, name=stream) for stream in opened]
        found.append(channel)
    return Channels(tuple(found))


def _support(policy: Policy, state: State) -> dict[str, Support]:
    return {
        one.stream: Support(
            stream_of=str(base_of(one.stream, state.streams)), opened=one.opened, ends=one.ends
        )
        for one in supports(state, policy)
    }


def _published(state: State, release: Release) -> PublishedRelease:
    version = release.version
    entries: dict[str, ChannelEntry] = {}
    for head in state.history:
        if head.version == version:
            entries.setdefault(head.channel, _entry(state, head))
    return PublishedRelease(
        release=release,
        release_digest=state.releases[version].release,
        channels=tuple(entries.values()),
        withdrawals=_stops(state, StopAction.WITHDRAW, lambda stop: stop.version == version),
        collected=state.collected.get(version),
    )


def _entry(state: State, head: Head) -> ChannelEntry:
    named = (head.channel, head.version)
    return ChannelEntry(
        name=head.channel,
        since=head.since,
        pauses=_stops(state, StopAction.PAUSE, lambda stop: (stop.channel, stop.version) == named),
        hurry=_hurry(state, head),
    )


def _hurry(state: State, head: Head) -> Hurry | None:
    """What the request that moved the channel asked to skip; None when it skipped nothing."""
    if head.request is None:
        return None
    request = read_request(state.requests[head.request].statement, f"request {head.request}")
    if not request.hurry:
        return None
    return Hurry(
        skipped=tuple(word.value for word in request.hurry),
        reason=request.reason,
        incident=request.incident or "",
    )


def _freezes(state: State, channel: str) -> tuple[Stop, ...]:
    """Of the channel, or of the one that it is a stream of."""
    named = {channel, base_of(channel, state.streams)}
    return _stops(state, StopAction.FREEZE, lambda stop: stop.channel in named)


def _stops(state: State, action: StopAction, fits: Callable[[StopSubject], bool]) -> tuple[Stop, ...]:
    """Stops of one kind that there are, and that there were."""
    return tuple(
        Stop(
            since=record.recorded,
            reason=record.subject.reason,
            advice=record.subject.advice,
            lifted=record.lifted_at,
            automatic=record.by_pipeline,
        )
        for record in state.stops.values()
        if record.subject.action is action and fits(record.subject)
    )
