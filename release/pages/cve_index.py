"""Which release of which channel has the fix of a CVE first, by what notes tell. Values, pure.

A release has what its notes name. It also has what the releases have that it continues: the one before it
in each of its channels, the one it was rebuilt from, and those that its notes count from ("Changes since
Stable 4459.2.4"). Nothing else is concluded: that no notes name a CVE says nothing of who is affected.

Sets of CVEs are kept as bits of one integer for each release; 540 releases know 7,614 of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from release.catalog.version import Version
from release.errors import InputError
from release.notes.cves import fixes_in
from release.pages.once import Once
from release.pages.records import PublishedRelease
from release.pages.site import Site

K = TypeVar("K")

SEVERITIES = ("critical", "high", "medium", "low")
"""The gravest first."""

_SINCE = re.compile(r"Changes since[ *_]+[A-Za-z][A-Za-z0-9-]*(?: [0-9]{4})?[ *_]+([0-9]+\.[0-9]+\.[0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Where a channel has a fix first.

    Attributes:
        version: the first release of the channel that has it and is not withdrawn; if all are, the first.
        told: its own notes name the CVE; else it continues a release whose notes do.
        withdrawn: whatever brought it to the channel is withdrawn.
        earlier: a withdrawn release that had it before ``version``.
    """

    version: Version
    told: bool
    withdrawn: bool = False
    earlier: Version | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cve:
    """A CVE that notes name.

    ``packages`` are called as in the notes, sorted; none when only free text names it. ``severity`` is the
    gravest that any notes give, None when none gives one. ``fixed`` is by channel, in the site's order.
    """

    id: str
    packages: tuple[str, ...]
    severity: str | None
    fixed: Mapping[str, Fixed] = field(hash=False)

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
        return tuple(self._all[place] for place in _bits(self.mask))

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
        """What its own notes name."""
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


def baselines(notes: str) -> tuple[Version, ...]:
    """The releases that notes say they count changes from, each once, as they stand there."""
    found = []
    for text in dict.fromkeys(_SINCE.findall(notes)):
        try:
            found.append(Version.parse(text))
        except InputError:  # 01.2.3 is nobody's version
            continue
    return tuple(found)


def base_channels(site: Site) -> frozenset[str]:
    """Channels that have streams, those of an imported history included."""
    names = [channel.name for channel in site.channels]
    return frozenset(
        name for name in names if any(re.fullmatch(f"{re.escape(name)}-[0-9]{{4}}", other) for other in names)
    ) | {support.stream_of for support in site.support.values()}


@dataclass(slots=True)
class _Count:
    """What is gathered on the way through the releases, the lowest version first."""

    places: Mapping[str, int]
    told: dict[Version, int] = field(default_factory=dict)
    known: dict[Version, int] = field(default_factory=dict)
    parents: dict[Version, tuple[Version, ...]] = field(default_factory=dict)
    last: dict[str, Version] = field(default_factory=dict)
    """Of each channel, the release before."""
    standing: dict[str, int] = field(default_factory=dict)
    """Of each channel what a release has brought that is not withdrawn."""
    first: dict[tuple[str, Version], int] = field(default_factory=dict)
    fixed: dict[str, dict[int, Fixed]] = field(default_factory=dict)

    def add(self, published: PublishedRelease, notes: str) -> None:
        """Count one release; all with lower versions were counted."""
        version, names = published.release.version, [entry.name for entry in published.channels]
        told = 0
        for fix in fixes_in(notes):
            told |= 1 << self.places[fix.cve]
        before = {*baselines(notes), *(self.last[name] for name in names if name in self.last)}
        if published.release.lineage.derives_from is not None:
            before.add(published.release.lineage.derives_from)
        known = told
        for one in before:
            known |= self.known.get(one, 0)
        self.parents[version] = self._needed(before)
        self.told[version], self.known[version] = told, known
        for name in names:
            self._enter(name, version, withdrawn=bool(published.withdrawn))

    def _needed(self, before: set[Version]) -> tuple[Version, ...]:
        """Those that have something which no other of them has; of equal ones the lowest."""
        known = {one: self.known[one] for one in sorted(before) if one in self.known}
        needed = dict(known)
        for one in reversed(known):
            rest = 0
            for other, mask in needed.items():
                rest |= mask if other != one else 0
            if not known[one] & ~rest:
                del needed[one]
        return tuple(needed)

    def _enter(self, name: str, version: Version, *, withdrawn: bool) -> None:
        known, told = self.known[version], self.told[version]
        previous = self.known[self.last[name]] if name in self.last else 0
        self.first[name, version] = known & ~previous
        self.last[name] = version
        fixed = self.fixed.setdefault(name, {})
        if withdrawn:
            for place in _bits(self.first[name, version]):
                fixed[place] = Fixed(version=version, told=bool(told >> place & 1), withdrawn=True)
            return
        for place in _bits(known & ~self.standing.get(name, 0)):
            earlier = fixed.get(place)
            fixed[place] = Fixed(
                version=version,
                told=bool(told >> place & 1),
                earlier=None if earlier is None else earlier.version,
            )
        self.standing[name] = known


def _index(site: Site) -> CveIndex:
    packages: dict[str, set[str]] = {}
    severities: dict[str, set[str]] = {}
    ascending = site.newest_first()[::-1]
    for published in ascending:
        for fix in fixes_in(published.notes):
            packages.setdefault(fix.cve, set()).update([fix.package] if fix.package else [])
            severities.setdefault(fix.cve, set()).update([fix.severity] if fix.severity else [])
    ids = sorted(packages, key=_order)
    count = _Count(places={identifier: place for place, identifier in enumerate(ids)})
    for published in ascending:
        count.add(published, published.notes)
    bases = base_channels(site)
    names = [
        channel.name
        for channel in site.channels
        if channel.name not in bases and count.fixed.get(channel.name)
    ]
    cves = tuple(
        Cve(
            id=identifier,
            packages=tuple(sorted(packages[identifier], key=lambda name: (name.lower(), name))),
            severity=next((word for word in SEVERITIES if word in severities[identifier]), None),
            fixed={name: count.fixed[name][place] for name in names if place in count.fixed[name]},
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


def _bits(mask: int) -> Iterator[int]:
    """The places of the ones, ascending. Text is the quickest way to them."""
    text = f"{mask:b}"[::-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)
