"""View model of the page of rollouts and mirrors: how far what channels are at has come. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from release.catalog.channel import Channel
from release.pages import addresses
from release.pages.links import Link, release_link
from release.pages.records import Rollout, Stop, standing
from release.pages.site import Site
from release.pages.standings import Level, Mark
from release.pages.view import Frame, frame
from release.pages.wording import Time, channel_title, listing, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """From ``time`` on, ``share`` of the machines may have it. ``reached`` at the time of the data."""

    time: Time
    share: str
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """How a channel's release reaches its machines; ``percent`` is None where everybody has it at once."""

    name: str
    title: str
    href: str
    current: Link | None
    since: Time | None
    state: Mark
    reason: str
    percent: str | None
    share: str
    complete: Time | None
    how: str
    windows: tuple[str, ...]
    steps: tuple[StepRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorCell:
    """Whether a mirror has what a channel is at. Channels without files of this pipeline have none."""

    channel: str
    state: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorRow:
    """One mirror and every channel that it is to have."""

    name: str
    url: str
    cells: tuple[MirrorCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """The page. ``rollouts`` are those channels that a release reaches bit by bit."""

    frame: Frame
    channels: tuple[ChannelStatus, ...]
    rollouts: tuple[ChannelStatus, ...]
    mirrors: tuple[MirrorRow, ...]


def status_view(site: Site) -> StatusView:
    """Channels that are not retired, the most settled first; mirrors as the policy has them."""
    channels = [channel for channel in reversed(tuple(site.channels)) if channel.name not in site.retired]
    rows = tuple(_channel(site, channel) for channel in channels)
    return StatusView(
        frame=frame(
            site,
            addresses.STATUS,
            title=f"Rollouts and mirrors of {site.product}",
            description=_description(rows),
        ),
        channels=rows,
        rollouts=tuple(row for row in rows if row.percent is not None),
        mirrors=tuple(
            MirrorRow(
                name=mirror.name,
                url=mirror.url,
                cells=tuple(
                    MirrorCell(
                        channel=channel_title(name),
                        state=Mark(Level.GOOD, "Verified")
                        if name in mirror.verified
                        else Mark(Level.WARN, "Not verified yet"),
                    )
                    for name in mirror.channels
                    if _has_files(site, name)
                ),
            )
            for mirror in site.mirrors
        ),
    )


def percent(share: Decimal) -> str:
    """``38 %``, ``0.5 %``: no more digits than it has, and at most one after the point."""
    rounded = (100 * share).quantize(Decimal("0.1"))
    whole = rounded.to_integral_value()
    return f"{whole if rounded == whole else rounded}\xa0%"


def _channel(site: Site, channel: Channel) -> ChannelStatus:
    name = channel.name
    published, rollout = site.current(name), site.rollouts.get(name)
    entry = None if published is None else published.entry(name)
    state, stop = _state(site, name, rollout)
    shown = rollout is not None and published is not None
    return ChannelStatus(
        name=name,
        title=channel_title(name),
        href=addresses.from_page(addresses.STATUS, addresses.channel_page(name)),
        current=None
        if published is None
        else release_link(site, published.release.version, addresses.STATUS),
        since=None if entry is None else time_of(entry.since),
        state=state,
        reason="" if stop is None else stop.reason,
        percent=f"{100 * rollout.share:.1f}" if rollout is not None and shown else None,
        share=percent(rollout.share) if rollout is not None and shown else "",
        complete=time_of(rollout.complete) if rollout is not None and shown else None,
        how=_how(rollout) if rollout is not None and shown else "",
        windows=rollout.windows if rollout is not None and shown else (),
        steps=_steps(rollout, site.generated_at) if rollout is not None and shown else (),
    )


def _has_files(site: Site, name: str) -> bool:
    published = site.current(name)
    return published is not None and not published.is_imported


def _state(site: Site, name: str, rollout: Rollout | None) -> tuple[Mark, Stop | None]:
    """In a few words, the worst first, and what somebody said about it."""
    published = site.current(name)
    if published is None:
        return Mark(Level.PLAIN, "No release yet"), None
    entry = published.entry(name)
    if published.withdrawn:
        return Mark(Level.BAD, "Withdrawn"), published.withdrawn[0]
    if entry is not None and (pauses := standing(entry.pauses)):
        halted = all(stop.automatic for stop in pauses)
        return Mark(Level.WARN, "Rollout halted" if halted else "Rollout paused"), pauses[0]
    if frozen := site.frozen(name):
        return Mark(Level.WARN, "Channel frozen"), frozen[0]
    return _unstopped(site, name, rollout), None


def _unstopped(site: Site, name: str, rollout: Rollout | None) -> Mark:
    if site.has_ended(name):
        return Mark(Level.WARN, "Support ended")
    if rollout is not None and rollout.share < 1:
        return Mark(Level.INFO, "Rolling out")
    return Mark(Level.GOOD, "Available to all")


def _steps(rollout: Rollout, now: datetime) -> tuple[StepRow, ...]:
    return tuple(
        StepRow(
            time=time_of(time),
            share=percent(share),
            reached=time <= now and share <= rollout.share,
        )
        for time, share in rollout.steps
    )


def _how(rollout: Rollout) -> str:
    return "The share grows evenly between these times." if rollout.linear else "The share grows in steps."


def _description(rows: tuple[ChannelStatus, ...]) -> str:
    said = [
        f"{row.title} {row.current.text}: {row.state.text.lower()}{f' ({row.share})' if row.share else ''}"
        for row in rows
        if row.current is not None
    ]
    return f"{listing(said)}." if said else "No channel has a release yet."
