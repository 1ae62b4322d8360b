"""Which release of which channel has the fix of a CVE first, by what notes tell. Values, pure.

A release has what its notes claim. It also has what the releases have that it continues: those with lower
versions that its channels offered by then, the one it was rebuilt from, and those that its notes count from
("Changes since Stable 4459.2.4"). What notes say is not fixed, or not any more, it does not have, nor does
what continues it, until notes claim it again. Nothing else is concluded: that no notes name a CVE says
nothing of who is affected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from release.catalog.version import Version
from release.notes.cves import SEVERITIES, fixes_in, gravest
from release.pages.cve_count import Count, Fixed, bits
from release.pages.once import Once
from release.pages.records import PublishedRelease
from release.pages.site import Site

K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cve:
    """A CVE that notes name.

    ``packages`` are called as in the notes, sorted; none where the notes give none. ``severity`` is the
    gravest that any notes give, None when none gives one. ``fixed`` is by channel, in the site's order. So is
    ``mentioned``: the highest version whose notes name it, where the channel does not have the fix
    from there on for all that.
    """

    id: str
    packages: tuple[str, ...]
    severity: str | None
    fixed: Mapping[str, Fixed] = field(hash=False)
    mentioned: Mapping[str, Version] = field(default_factory=dict, hash=False)

    @property
    def year(self) -> int:
        """Of the id."""
        return int(self.id.split("-")[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class CveSet:
    """Some CVEs of an index. To count them is cheap; ``cves`` are made when asked for."""

    mask: int
    """The same as a number, to tell sets of one index apart."""
    _all: tuple[Cve, ...] = field(repr=False)
    _packages: Mapping[str | None, int] = field(repr=False, hash=False)
    _severities: Mapping[str, int] = field(repr=False, hash=False)

    def __len__(self) -> int:
        return self.mask.bit_count()

    @property
    def cves(self) -> tuple[Cve, ...]:
        """By year and number."""
        return tuple(self._all[place] for place in bits(self.mask))

    def by_package(self) -> Iterator[tuple[str | None, int]]:
        """Packages with what is theirs, as ``mask``, by name; first None with what has no package."""
        for name, mask in self._packages.items():
            if theirs := mask & self.mask:
                yield name, theirs

    def part(self, mask: int) -> CveSet:
        """Of the same index those that the number says."""
        return replace(self, mask=mask)

    def severities(self) -> Iterator[tuple[str, int]]:
        """How many have a severity, the gravest first; those of which no notes say one are in none."""
        for word, mask in self._severities.items():
            if count := (mask & self.mask).bit_count():
                yield word, count


@dataclass(frozen=True, slots=True, kw_only=True)
class CveIndex:
    """Every CVE that any notes name, by year and number.

    ``channels`` are those that have any, in the site's order. A channel that has streams is not among them:
    its streams are.
    """

    cves: tuple[Cve, ...]
    channels: tuple[str, ...]
    _places: Mapping[str, int] = field(repr=False, hash=False)
    _known: Mapping[Version, int] = field(repr=False, hash=False)
    _told: Mapping[Version, int] = field(repr=False, hash=False)
    _first: Mapping[tuple[str, Version], int] = field(repr=False, hash=False)
    _parents: Mapping[Version, tuple[Version, ...]] = field(repr=False, hash=False)
    _none: CveSet = field(repr=False)

    def get(self, identifier: str) -> Cve | None:
        """The CVE with that id, if any notes name it."""
        place = self._places.get(identifier)
        return None if place is None else self.cves[place]

    def known(self, version: Version) -> tuple[Cve, ...]:
        """Everything the release is known to have. Nothing for a release that the site does not have."""
        return self._of(self._known.get(version, 0))

    def told(self, version: Version) -> tuple[Cve, ...]:
        """What its own notes claim."""
        return self._of(self._told.get(version, 0))

    def parents(self, version: Version) -> tuple[Version, ...]:
        """The releases that it continues and so has what they have, ascending; none that adds nothing."""
        return self._parents.get(version, ())

    def own(self, version: Version) -> tuple[Cve, ...]:
        """What it is known to have and none of its ``parents`` is."""
        mask = self._known.get(version, 0)
        for parent in self.parents(version):
            mask &= ~self._known[parent]
        return self._of(mask)

    def gained(self, before: Version, after: Version) -> tuple[Cve, ...]:
        """What ``after`` is known to have and ``before`` is not. Turned round: what is not told any more."""
        return self.gained_set(before, after).cves

    def gained_set(self, before: Version, after: Version) -> CveSet:
        """The same, to count."""
        return replace(self._none, mask=self._known.get(after, 0) & ~self._known.get(before, 0))

    def first_in(self, channel: str, version: Version) -> tuple[Cve, ...]:
        """What the channel has from this release on, withdrawn or not."""
        return self.first_set(channel, version).cves

    def first_set(self, channel: str, version: Version) -> CveSet:
        """The same, to count."""
        return replace(self._none, mask=self._first.get((channel, version), 0))

    def _of(self, mask: int) -> tuple[Cve, ...]:
        return replace(self._none, mask=mask).cves


def cve_index(site: Site) -> CveIndex:
    """The index of a site: half a second for 540 releases, and nothing when asked again."""
    return _once(site)


def base_channels(site: Site) -> frozenset[str]:
    """Channels that have streams, those of an imported history included."""
    names = [channel.name for channel in site.channels]
    return frozenset(
        name for name in names if any(re.fullmatch(f"{re.escape(name)}-[0-9]{{4}}", other) for other in names)
    ) | {support.stream_of for support in site.support.values()}


def _index(site: Site) -> CveIndex:
    ascending = site.newest_first()[::-1]
    named = _named(ascending)
    ids = sorted(named, key=_order)
    count = Count(places={identifier: place for place, identifier in enumerate(ids)})
    for published in ascending:
        count.add(published)
    bases = base_channels(site)
    names = [
        channel.name
        for channel in site.channels
        if channel.name not in bases and (count.fixed(channel.name) or count.mentioned(channel.name))
    ]
    fixes = [(name, count.fixed(name)) for name in names]
    mentions = [(name, found) for name in names if (found := count.mentioned(name))]
    cves = tuple(
        Cve(
            id=identifier,
            packages=_packages(named[identifier]),
            severity=gravest(severity for _, severity in named[identifier]),
            fixed={name: fixed[place] for name, fixed in fixes if place in fixed},
            mentioned={name: mentioned[place] for name, mentioned in mentions if place in mentioned},
        )
        for place, identifier in enumerate(ids)
    )
    return CveIndex(
        cves=cves,
        channels=tuple(names),
        _places=count.places,
        _known=count.known,
        _told=count.told,
        _first=count.first,
        _parents=count.parents,
        _none=CveSet(
            mask=0,
            _all=cves,
            _packages=_masks(cves, lambda cve: cve.packages or (None,), lambda name: (name or "").lower()),
            _severities=_masks(cves, lambda cve: filter(None, [cve.severity]), SEVERITIES.index),
        ),
    )


def _named(releases: Iterable[PublishedRelease]) -> dict[str, set[tuple[str | None, str | None]]]:
    """By CVE the packages and severities that notes give it; where any claim a fix, only what those say."""
    claimed: dict[str, set[tuple[str | None, str | None]]] = {}
    every: dict[str, set[tuple[str | None, str | None]]] = {}
    for published in releases:
        for fix in fixes_in(published.notes):
            found = claimed if fix.claimed else every
            found.setdefault(fix.cve, set()).add((fix.package, fix.severity))
    return every | claimed


def _packages(named: set[tuple[str | None, str | None]]) -> tuple[str, ...]:
    names = {package for package, _ in named if package is not None}
    return tuple(sorted(names, key=lambda name: (name.lower(), name)))


def _masks(
    cves: tuple[Cve, ...], keys: Callable[[Cve], Iterable[K]], order: Callable[[K], Any]
) -> Mapping[K, int]:
    """The places of the CVEs by what they have."""
    places: dict[K, list[int]] = {}
    for place, cve in enumerate(cves):
        for key in keys(cve):
            places.setdefault(key, []).append(place)
    return {key: sum(1 << place for place in places[key]) for key in sorted(places, key=order)}


_once = Once(_index)


def _order(identifier: str) -> tuple[str, int, str]:
    _, year, number = identifier.split("-")
    return year, len(number), number
