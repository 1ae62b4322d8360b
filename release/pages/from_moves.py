"""Where machines can go whose channel has ended, and what is other software there. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.pages import addresses
from release.pages.cve_index import cve_index
from release.pages.lineage import NOTHING, software_versions
from release.pages.links import Link, release_link
from release.pages.notices import waits_for
from release.pages.order import is_lower
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site
from release.pages.view import aside, stopped
from release.pages.wording import channel_title, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareRow:
    """Software that is another before and after. ``change``: added, removed, updated, downgraded, changed."""

    name: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where machines of a channel that has ended can go. ``cves`` says how many it has fixes of."""

    link: Link
    compare: str
    cves: str
    software: tuple[SoftwareRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """``move`` is the best that can be taken now; where nothing can, ``waiting`` is what goes on.

    Where that is a stream, ``later`` says what to wait for, as the channel's page does; else it is empty.
    """

    move: Move | None
    waiting: tuple[Link, ...] = ()
    later: str = ""


def has_ended(site: Site, channel: str) -> bool:
    """Whether nothing comes to the channel any more."""
    return channel in site.retired or site.has_ended(channel)


def onward_of(site: Site, published: PublishedRelease, channel: str, page: str) -> Onward:
    """From the ended ``channel``: to the newest stream beside it, else to the most settled channel.

    Nobody is sent to a release that is withdrawn, or whose rollout is paused; nor out of streams while one
    of them goes on, because there is no way back down: what stops it will be over.
    """
    streams, others = _going_on(site, channel)
    found = [(name, head) for name in streams or others if (head := site.current(name))]
    for name, head in found:
        if not stopped(head, name):
            text = f"{channel_title(name)} {head.release.version}"
            return Onward(move=_move(site, published, head, text, page))
    later = next((waits_for(head, name) for name, head in found if streams), "")
    return Onward(move=None, waiting=tuple(_stopped(site, *one, page) for one in found), later=later)


def _stopped(site: Site, channel: str, head: PublishedRelease, page: str) -> Link:
    text = f"{channel_title(channel)} {head.release.version}"
    # That it is withdrawn, every link says by itself.
    said = text if head.withdrawn else text + aside(stopped(head, channel))
    return release_link(site, head.release.version, page, said)


def software_rows(before: AnyRelease, after: AnyRelease) -> tuple[SoftwareRow, ...]:
    """What ``before`` has otherwise, in the order of ``after``; then what is gone."""
    old, new = software_versions(before), software_versions(after)
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        SoftwareRow(
            name=name,
            before=old.get(name, NOTHING),
            after=new.get(name, NOTHING),
            change=_change(old.get(name), new.get(name)),
        )
        for name in names
        if old.get(name) != new.get(name)
    )


def _change(before: str | None, after: str | None) -> str:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    lower = is_lower(after, before)
    return "changed" if lower is None else "downgraded" if lower else "updated"


def _going_on(site: Site, channel: str) -> tuple[list[str], list[str]]:
    """Channels that have not ended: streams beside this one, the newest first; and the others.

    Only those that have a release.
    """
    base, _, year = channel.rpartition("-")
    names = [one.name for one in reversed(tuple(site.channels)) if one.name in site.heads]
    alive = [name for name in names if not has_ended(site, name)]
    streams = [name for name in alive if year.isdecimal() and name.startswith(f"{base}-")]
    return streams, [name for name in alive if name not in site.support and not site.streams(name)]


def _move(site: Site, published: PublishedRelease, head: PublishedRelease, text: str, page: str) -> Move:
    before, after = published.release, head.release
    query = f"{addresses.COMPARE}?from={before.version}&to={after.version}"
    return Move(
        link=release_link(site, after.version, page, text),
        compare=addresses.from_page(page, query),
        cves=counted(len(cve_index(site).gained_set(before.version, after.version)), "CVE"),
        software=software_rows(before, after),
    )
