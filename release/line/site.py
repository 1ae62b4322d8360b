"""What the pages are rendered from, out of the ledger's state, the policy and the releases. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from release.bundle.difference import BoardDifference
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.channel import Channel, Channels
from release.catalog.version import Version
from release.image.packages import Package
from release.ledger.state import Head, State, base_of
from release.ledger.statements import StopAction, StopSubject
from release.line.site_facts import floors_of_site, mirrors_of_site, rollouts_of
from release.line.site_people import (
    ReadNotes,
    approvals_of,
    evidence_of,
    known_issues_of,
    revisions_of,
)
from release.line.yard import PagesOptions
from release.notes.imported import ImportedRelease
from release.pages.history_merge import with_history
from release.pages.records import ChannelEntry, Hurry, Key, PublishedRelease, Stop, Support
from release.pages.site import Site
from release.promotion.policy import Policy
from release.promotion.request import read_request
from release.promotion.revision import PolicyOf
from release.promotion.support import supports


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the pages are told besides the ledger and its policy.

    ``releases`` has every registered one, checked to have the registered digest. ``policy_of`` gives policies
    of the past, ``read_notes`` the texts of corrections; both may raise InputError and NotVerifiedError, and
    are not asked where there is nothing. ``packages`` and ``differences`` are by release. ``rotations`` says
    by channel after which version the payload key changes.
    """

    releases: Mapping[Version, Release]
    policy_of: PolicyOf
    read_notes: ReadNotes
    packages: Mapping[Version, Mapping[Board, tuple[Package, ...]]] = field(default_factory=dict)
    differences: Mapping[Version, Mapping[Version, tuple[BoardDifference, ...]]] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    rotations: Mapping[str, Version] = field(default_factory=dict)
    history: tuple[ImportedRelease, ...] = ()


def site_from(
    product: str,
    state: State,
    policy: Policy,
    options: PagesOptions,
    known: Known,
) -> Site:
    """The site after the ledger's last entry; its time is that of the pipeline's last one.

    What people record changes pages, and not the time at which they are judged: a clock of theirs that is
    years ahead would end the support of streams, and tell everybody of a rollout that few machines have.

    Args:
        product: the name people read.
        state: what the ledger says.
        policy: in force there.
        options: where the pages are, and how they look.
        known: what else there is to tell.

    Raises:
        InputError: a channel was moved by a request that cannot be read; or the settings name support of a
            stream that the history does not have. And as ``known``.
    """
    channels = channels_of_site(policy, state)
    published = tuple(
        _published(state, policy, known.releases[version], known) for version in sorted(state.releases)
    )
    site = Site(
        product=product,
        base_url=options.base_url,
        channels=channels,
        releases=published,
        heads={name: head.version for name, head in state.heads.items()},
        generated_at=state.latest,
        feed_authority=options.feed_authority,
        freezes={channel.name: stops for channel in channels if (stops := _freezes(state, channel.name))},
        support=_support(policy, state),
        issues=known_issues_of(state, known.policy_of),
        rollouts=rollouts_of(state, policy, state.latest),
        mirrors=mirrors_of_site(state, policy, channels),
        keys=known.keys,
        floors=floors_of_site(policy, channels, known.rotations),
        brand=options.brand,
    )
    return with_history(site, known.history, options.supports)


def channels_of_site(policy: Policy, state: State) -> Channels:
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


def _published(state: State, policy: Policy, release: Release, known: Known) -> PublishedRelease:
    version, digest = release.version, state.releases[release.version].release
    entries: dict[str, ChannelEntry] = {}
    for head in state.history:
        if head.version == version and head.channel not in entries:
            entries[head.channel] = _entry(state, head, known)
    return PublishedRelease(
        release=release,
        release_digest=digest,
        channels=tuple(entries.values()),
        withdrawals=_stops(state, StopAction.WITHDRAW, lambda stop: stop.version == version),
        collected=state.collected.get(version),
        revisions=revisions_of(state, version, known.policy_of, known.read_notes, published=release.notes),
        evidence=evidence_of(state, policy, digest),
        packages=known.packages.get(version, {}),
        differences=known.differences.get(version, {}),
    )


def _entry(state: State, head: Head, known: Known) -> ChannelEntry:
    def paused(stop: StopSubject) -> bool:
        """What is paused in a stream is so in the channel that follows it, as ``State.pause_of`` has it."""
        stopped = str(stop.channel)
        return stop.version == head.version and head.channel in {stopped, base_of(stopped, state.streams)}

    return ChannelEntry(
        name=head.channel,
        since=head.since,
        pauses=_stops(state, StopAction.PAUSE, paused),
        hurry=_hurry(state, head),
        approvals=approvals_of(state, known.policy_of, head),
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
            since=record.told,
            reason=record.subject.reason,
            advice=record.subject.advice,
            lifted=record.lifted_at,
            automatic=record.by_pipeline,
        )
        for record in state.stops.values()
        if record.subject.action is action and fits(record.subject)
    )
