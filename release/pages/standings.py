"""How releases stand with channels, in one word each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release.catalog.version import Version
from release.notes.imported import ImportedRelease
from release.pages.links import Link, release_link
from release.pages.records import AnyRelease, ChannelEntry, PublishedRelease, standing
from release.pages.site import Site
from release.pages.wording import Time, channel_title, counted, time_of


class Level(StrEnum):
    """What colour a statement has. The statement itself never relies on it."""

    GOOD = "good"
    INFO = "info"
    """It is on its way."""
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
    """How a release stands with one channel.

    ``superseded_by`` is None where it is current, and where the channel is at something lower: nothing goes
    from a higher version to that.
    """

    channel: str
    title: str
    since: Time
    level: Level
    word: str
    hurried: bool
    superseded_by: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """A rollout that goes on. ``percent`` is 0 to 99; ``share`` says it. ``windows`` are words."""

    channel: str
    title: str
    percent: int
    share: str
    began: Time
    complete: Time
    windows: tuple[str, ...]


def standings(site: Site, published: PublishedRelease, page: str) -> tuple[Standing, ...]:
    """How the release stands with every channel that has offered it, the most settled first."""
    return tuple(_standing(site, published, entry, page) for entry in settled_first(site, published))


def settled_first(site: Site, published: PublishedRelease) -> list[ChannelEntry]:
    """Of the channels that offer it, or did, the most settled first."""
    return sorted(published.channels, key=lambda entry: site.channels.rank(entry.name), reverse=True)


def is_current(site: Site, published: PublishedRelease, entry: ChannelEntry) -> bool:
    """Whether the channel still points to the release; also while it is withdrawn, for want of another."""
    return site.heads.get(entry.name) in {None, published.release.version}


def marks(site: Site, published: PublishedRelease, entry: ChannelEntry) -> tuple[Mark, ...]:
    """What to know before taking what a channel points to, the worst first; at least one.

    That everybody may have it is said where nothing speaks against it.
    """
    found: list[Mark] = []
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
        if not standing(entry.pauses) and not site.has_ended(entry.name):
            going = rollout_view(site, entry.name)
            found.append(
                Mark(Level.GOOD, "Available to all")
                if going is None
                else Mark(Level.INFO, f"Rolling out: {going.share}")
            )
        found += [mark for mark in [assurance(published.release)] if mark]
    return tuple(found)


def issue_mark(site: Site, version: Version) -> Mark | None:
    """How many known issues a release has that users must still reckon with; None without any."""
    count = sum(issue.state.is_open and version in issue.affected for issue in site.issues)
    return Mark(Level.WARN, counted(count, "known issue")) if count else None


def rollout_view(site: Site, channel: str) -> RolloutView | None:
    """The rollout of what the channel is at, as long as it is not complete."""
    rollout = site.rollouts.get(channel)
    if rollout is None or rollout.share >= 1:
        return None
    percent = int(100 * rollout.share)
    return RolloutView(
        channel=channel,
        title=channel_title(channel),
        percent=percent,
        share=f"{percent}\xa0%",
        began=time_of(rollout.began),
        complete=time_of(rollout.complete),
        windows=rollout.windows,
    )


def assurance(release: AnyRelease) -> Mark | None:
    """What ``release.json`` says was done to the payloads. It repeats a record and verifies nothing.

    None for an imported release, of which no payloads are known.
    """
    if isinstance(release, ImportedRelease):
        return None
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
        if head is None or head <= published.release.version
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
    if site.has_ended(entry.name) or entry.name in site.retired:
        return Level.WARN, "ended"
    return (Level.INFO, "rolling out") if rollout_view(site, entry.name) else (Level.GOOD, "current")
