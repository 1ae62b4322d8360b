"""A history that was imported, and the pipeline's own releases, on one site. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from release.catalog.channel import DEFAULT_CHANNELS, Channel, Channels
from release.catalog.version import Version
from release.errors import InputError
from release.notes.imported import ImportedRelease
from release.pages.records import ChannelEntry, Floor, PublishedRelease, Stop, Support
from release.pages.site import Site

_STREAM = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)-[0-9]{4}", re.ASCII)


def with_history(
    site: Site, imported: Sequence[ImportedRelease], supports: Mapping[str, Support] | None = None
) -> Site:
    """The site with the releases of a history besides its own.

    A release of ``lts-2024`` is one of that stream and, if no newer stream of ``lts`` was open when it was
    published, of ``lts``. A version that the site has already stays as it is there, withdrawals and pauses
    too; channels that only the history knows to have offered it are added.

    What a channel is at, the site's own heads say, even where the history has a greater version in it. A
    channel without a head of its own is at the greatest version that the history has in it, whoever else
    has that version, and also while it is withdrawn. In which order versions were published says nothing:
    fixes of an old one often come after a new one, and machines go up only.

    Channels that the site does not have are retired, but for streams that ``supports`` speaks of, and for
    what these are streams of. Floors of a channel are those of its streams in the history as well, and so
    are its freezes where the stream is not retired.

    Args:
        site: what the pipeline knows.
        imported: in any order, each version once.
        supports: of streams that only the history knows. What the site says of a stream goes before it.

    Raises:
        InputError: support of a stream that the history does not have, or of a channel that is no stream.
    """
    if not imported:
        return site
    given = _checked(imported, supports or {})
    openings = _openings(site, imported, given)
    channels = _channels(site, imported, openings)
    history = {one.version: _published(one, openings) for one in imported}
    return replace(
        site,
        channels=channels,
        releases=_releases(site, history),
        heads={**_newest(history.values()), **site.heads},
        freezes=_freezes(site, given),
        support=_supports(site, given, openings),
        floors=_floors(site, channels, openings),
        retired=site.retired | _retired(site, channels, given),
        generated_at=max(site.generated_at, *(one.created for one in imported)),
    )


def site_of_history(
    product: str,
    imported: Sequence[ImportedRelease],
    *,
    base_url: str | None = None,
    channels: Channels = DEFAULT_CHANNELS,
    supports: Mapping[str, Support] | None = None,
) -> Site:
    """A site of nothing but a history, as of its newest release. ``channels`` are those still in use.

    Raises:
        InputError: there is no release, or as ``with_history``.
    """
    if not imported:
        raise InputError("history: expected at least one release, found none")
    empty = Site(
        product=product,
        base_url=base_url,
        channels=channels,
        releases=(),
        heads={},
        generated_at=max(one.created for one in imported),
    )
    return with_history(empty, imported, supports)


@dataclass(frozen=True, slots=True)
class _Opening:
    """When a stream of ``base`` was opened."""

    base: str
    opened: datetime


def _base(channel: str) -> str | None:
    """``lts`` for ``lts-2024``; None for what is no stream."""
    match = _STREAM.fullmatch(channel)
    return None if match is None else match[1]


def _checked(imported: Iterable[ImportedRelease], supports: Mapping[str, Support]) -> Mapping[str, Support]:
    names = {one.channel for one in imported}
    for name, support in supports.items():
        if name not in names:
            found = ", ".join(sorted(name for name in names if _base(name)))
            raise InputError(f"support of {name!r}: the history has no such stream; it has {found or 'none'}")
        if _base(name) != support.stream_of:
            raise InputError(
                f"support of {name!r}: expected a stream of {_base(name)!r}, found {support.stream_of!r}"
            )
    return supports


def _openings(
    site: Site, imported: Iterable[ImportedRelease], supports: Mapping[str, Support]
) -> dict[str, _Opening]:
    """Of every stream, the pipeline's too: when the first release, or whoever supports it, opened it."""
    found: dict[str, _Opening] = {}
    for name, support in (*supports.items(), *site.support.items()):
        found[name] = _Opening(support.stream_of, support.opened)
    for one in imported:
        base = _base(one.channel)
        if base is None:
            continue
        known = found.get(one.channel)
        opened = one.created if known is None else min(known.opened, one.created)
        found[one.channel] = _Opening(base, opened)
    return found


def _channels(site: Site, imported: Iterable[ImportedRelease], openings: Mapping[str, _Opening]) -> Channels:
    """What the site does not have comes first, by name; streams come before their base, the oldest first."""
    bases = {opening.base for opening in openings.values()}
    plain = {one.channel for one in imported if one.channel not in openings} | bases
    order = [Channel(name) for name in sorted(plain) if name not in site.channels]
    order += [channel for channel in site.channels if channel.name not in openings]
    found: list[Channel] = []
    for channel in order:
        streams = [name for name, opening in openings.items() if opening.base == channel.name]
        streams.sort(key=lambda name: (openings[name].opened, name))
        found += [*(replace(channel, name=name) for name in streams), channel]
    return Channels(tuple(found))


def _published(one: ImportedRelease, openings: Mapping[str, _Opening]) -> PublishedRelease:
    entries = [ChannelEntry(name=one.channel, since=one.created)]
    opening = openings.get(one.channel)
    if opening is not None:
        alike = {name: other for name, other in openings.items() if other.base == opening.base}
        open_then = [name for name, other in alike.items() if other.opened <= one.created]
        if max(open_then, key=lambda name: (alike[name].opened, name)) == one.channel:
            entries.append(ChannelEntry(name=opening.base, since=one.created))
    return PublishedRelease(release=one, release_digest=None, channels=tuple(entries))


def _releases(site: Site, history: Mapping[Version, PublishedRelease]) -> tuple[PublishedRelease, ...]:
    """The site's own, with what the history says besides; then what only the history has, ascending."""
    own = [_both(published, history.get(published.release.version)) for published in site.releases]
    known = {published.release.version for published in own}
    return (*own, *(history[version] for version in sorted(history) if version not in known))


def _both(own: PublishedRelease, past: PublishedRelease | None) -> PublishedRelease:
    """The own release, offered by the channels of the history, too. Of one that both have, the own entry."""
    if past is None:
        return own
    return replace(
        own, channels=(*own.channels, *(entry for entry in past.channels if own.entry(entry.name) is None))
    )


def _newest(history: Iterable[PublishedRelease]) -> dict[str, Version]:
    """By channel, the greatest version that it offered."""
    found: dict[str, Version] = {}
    for published in history:
        for entry in published.channels:
            mine = published.release.version
            found[entry.name] = max(found.get(entry.name, mine), mine)
    return dict(sorted(found.items()))


def _freezes(site: Site, given: Mapping[str, Support]) -> dict[str, tuple[Stop, ...]]:
    """Who freezes a channel freezes its streams, those that the ledger has never heard of as well."""
    found = dict(site.freezes)
    for name, support in given.items():
        if name not in site.channels and (stops := site.freezes.get(support.stream_of)):
            found[name] = stops
    return found


def _floors(site: Site, channels: Channels, openings: Mapping[str, _Opening]) -> tuple[Floor, ...]:
    """Streams that only the history knows have the floors of their channel."""
    added = [
        replace(floor, channel=name)
        for name, opening in openings.items()
        if name not in site.channels
        for floor in site.floors
        if floor.channel == opening.base
    ]
    return tuple(
        sorted((*site.floors, *added), key=lambda floor: (channels.rank(floor.channel), floor.version))
    )


def _supports(
    site: Site, given: Mapping[str, Support], openings: Mapping[str, _Opening]
) -> dict[str, Support]:
    """A stream that went on in the pipeline was opened when the history says."""
    both = {**given, **site.support}
    return {name: replace(support, opened=openings[name].opened) for name, support in both.items()}


def _retired(site: Site, channels: Channels, given: Mapping[str, Support]) -> frozenset[str]:
    alive = {channel.name for channel in site.channels} | set(given)
    alive |= {support.stream_of for support in given.values()}
    return frozenset(channel.name for channel in channels if channel.name not in alive)
