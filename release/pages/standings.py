"""How releases stand with channels, in one word each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release.pages.links import Link, release_link
from release.pages.records import AnyRelease, ChannelEntry, PublishedRelease, standing
from release.pages.site import Site
from release.pages.wording import Time, channel_title, time_of


class Level(StrEnum):
    """What colour a statement has. The statement itself never relies on it."""

    GOOD = "good"
    PLAIN = "plain"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Mark:
    """A statement in a few words."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a release stands with one channel. ``superseded_by`` is None where it is current."""

    channel: str
    title: str
    since: Time
    level: Level
    word: str
    hurried: bool
    superseded_by: Link | None


def standings(site: Site, published: PublishedRelease, page: str) -> tuple[Standing, ...]:
    """How the release stands with every channel that has offered it, the most settled first."""
    entries = sorted(published.channels, key=lambda entry: site.channels.rank(entry.name), reverse=True)
    return tuple(_standing(site, published, entry, page) for entry in entries)


def is_current(site: Site, published: PublishedRelease, entry: ChannelEntry) -> bool:
    """Whether the channel still points to the release; also while it is withdrawn, for want of another."""
    return site.heads.get(entry.name) in {None, published.release.version}


def marks(site: Site, published: PublishedRelease, entry: ChannelEntry) -> tuple[Mark, ...]:
    """What to know before taking what a channel points to, the worst first; at least one."""
    found = []
    if published.withdrawn:
        found.append(Mark(Level.BAD, "Withdrawn"))
    if pauses := standing(entry.pauses):
        halted = all(stop.automatic for stop in pauses)
        found.append(Mark(Level.WARN, "Rollout halted" if halted else "Rollout paused"))
    if site.frozen(entry.name):
        found.append(Mark(Level.WARN, "Channel frozen"))
    if site.has_ended(entry.name):
        found.append(Mark(Level.WARN, "Support ended"))
    if entry.hurry:
        found.append(Mark(Level.WARN, "Hurried"))
    if not published.withdrawn:
        found.append(assurance(published.release))
    return tuple(found)


def assurance(release: AnyRelease) -> Mark:
    """What ``release.json`` says was done to the payloads. It repeats a record and verifies nothing."""
    payloads = [payload for board in release.boards for payload in board.payloads]
    if not payloads:
        return Mark(Level.WARN, "No update payloads")
    if not all(payload.proven for payload in payloads):
        return Mark(Level.WARN, "Not all proven")
    if not all(payload.signatures for payload in payloads):
        return Mark(Level.WARN, "Not all signed")
    return Mark(Level.GOOD, "Signed and proven")


def _standing(site: Site, published: PublishedRelease, entry: ChannelEntry, page: str) -> Standing:
    level, word = _word(site, published, entry)
    head = site.heads.get(entry.name)
    return Standing(
        channel=entry.name,
        title=channel_title(entry.name),
        since=time_of(entry.since),
        level=level,
        word=word,
        hurried=entry.hurry is not None,
        superseded_by=None
        if head is None or is_current(site, published, entry)
        else release_link(site, head, page),
    )


def _word(site: Site, published: PublishedRelease, entry: ChannelEntry) -> tuple[Level, str]:
    if published.withdrawn:
        return Level.BAD, "withdrawn"
    if not is_current(site, published, entry):
        return Level.PLAIN, "superseded"
    if standing(entry.pauses):
        return Level.WARN, "paused"
    if site.frozen(entry.name):
        return Level.WARN, "frozen"
    if site.has_ended(entry.name):
        return Level.WARN, "ended"
    return Level.GOOD, "current"
