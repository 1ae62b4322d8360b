"""Which releases have the fixes of which CVEs, counted release by release. Pure.

Sets of CVEs and of releases are kept as bits of one integer; 540 releases know 7,614 CVEs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from release.catalog.version import Version
from release.errors import InputError
from release.notes.cves import fixes_in
from release.pages.records import PublishedRelease

_SINCE = re.compile(r"Changes since[ *_]+[A-Za-z][A-Za-z0-9-]*(?: [0-9]{4})?[ *_]+([0-9]+\.[0-9]+\.[0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Where a channel has a fix first.

    Attributes:
        version: the first release of the channel that has it and is not withdrawn; if all are, the first.
            Every release of the channel with a higher version has it, too.
        told: its own notes claim it; else it continues a release whose notes do.
        withdrawn: whatever brought it to the channel is withdrawn.
        earlier: a withdrawn release that had it before ``version``.
    """

    version: Version
    told: bool
    withdrawn: bool = False
    earlier: Version | None = None


def baselines(notes: str) -> tuple[Version, ...]:
    """The releases that notes say they count changes from, each once, as they stand there."""
    found = []
    for text in dict.fromkeys(_SINCE.findall(notes)):
        try:
            found.append(Version.parse(text))
        except InputError:  # 01.2.3 is nobody's version
            continue
    return tuple(found)


def bits(mask: int) -> Iterator[int]:
    """The places of the ones, ascending. Text is the quickest way to them."""
    text = f"{mask:b}"[::-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)


@dataclass(slots=True)
class _Channel:
    """What is known of a channel up to its highest version so far, by place of the CVE."""

    offered: list[tuple[datetime, int]] = field(default_factory=list)
    """Since when, and the number of the release, ascending."""
    standing: int = 0
    """What a release has brought that is not withdrawn."""
    fixed: dict[int, Fixed] = field(default_factory=dict)
    mentioned: dict[int, Version] = field(default_factory=dict)


@dataclass(slots=True)
class Count:
    """What is gathered on the way through the releases, the lowest version first.

    ``known`` is what a release has, ``told`` what its own notes claim; ``parents`` are those that it
    continues, without those that add nothing; ``first`` is what the channel has from the release on.
    """

    places: Mapping[str, int]
    told: dict[Version, int] = field(default_factory=dict)
    known: dict[Version, int] = field(default_factory=dict)
    parents: dict[Version, tuple[Version, ...]] = field(default_factory=dict)
    first: dict[tuple[str, Version], int] = field(default_factory=dict)
    _channels: dict[str, _Channel] = field(default_factory=dict)
    _order: list[Version] = field(default_factory=list)
    """Of each number the release."""
    _numbers: dict[Version, int] = field(default_factory=dict)
    _lineage: list[int] = field(default_factory=list)
    """By number everything that the release continues, and what that does."""
    _undone: list[int] = field(default_factory=list)
    """By number what is not fixed any more, and was not claimed again."""

    def fixed(self, channel: str) -> Mapping[int, Fixed]:
        """Where the channel has fixes first, by place."""
        return self._channels[channel].fixed if channel in self._channels else {}

    def mentioned(self, channel: str) -> Mapping[int, Version]:
        """The highest versions of the channel whose notes name what they do not fix, by place."""
        return self._channels[channel].mentioned if channel in self._channels else {}

    def add(self, published: PublishedRelease) -> None:
        """Count one release; all with lower versions were counted."""
        version, told, undone, mentioned = published.release.version, 0, 0, 0
        for fix in fixes_in(published.notes):
            place = 1 << self.places[fix.cve]
            told |= place if fix.claimed else 0
            undone |= place if fix.undone else 0
            mentioned |= 0 if fix.claimed else place
        before, lineage = self._latest(self._before(published))
        known = 0
        for number in before:
            known |= self.known[self._order[number]]
            undone |= self._undone[number]
        undone &= ~told
        self.known[version] = known = known & ~undone | told
        self.told[version] = told
        self.parents[version] = self._needed(self._within(before, known))
        self._numbers[version] = len(self._order)
        self._order.append(version)
        self._lineage.append(lineage)
        self._undone.append(undone)
        for entry in published.channels:
            channel = self._channels.setdefault(entry.name, _Channel())
            self._enter(entry.name, channel, published)
            channel.mentioned |= dict.fromkeys(bits(mentioned), version)
            channel.offered.append((entry.since, self._numbers[version]))

    def _before(self, published: PublishedRelease) -> int:
        """What the release continues, as numbers. A channel may publish a lower version later."""
        origin = published.release.lineage.derives_from
        named = [*baselines(published.notes), *([] if origin is None else [origin])]
        found = 0
        for version in named:
            found |= 1 << self._numbers[version] if version in self._numbers else 0
        for entry in published.channels:
            if entry.name in self._channels:
                for since, number in self._channels[entry.name].offered:
                    found |= 1 << number if since <= entry.since else 0
        return found

    def _latest(self, before: int) -> tuple[list[int], int]:
        """Those that no other of them continues, and the lineage of all."""
        found, lineage = [], 0
        while before:
            number = before.bit_length() - 1
            found.append(number)
            lineage |= 1 << number | self._lineage[number]
            before &= ~lineage
        return found, lineage

    def _within(self, before: Iterable[int], known: int) -> set[Version]:
        """Those that have nothing else than ``known``; instead of others what those continue."""
        rest, seen = [self._order[number] for number in before], set[Version]()
        while rest:
            version = rest.pop()
            if version not in seen:
                seen.add(version)
                rest += self.parents[version] if self.known[version] & ~known else ()
        return {version for version in seen if not self.known[version] & ~known}

    def _needed(self, before: set[Version]) -> tuple[Version, ...]:
        """Those that have something which no other of them has; of equal ones the lowest."""
        known = {one: self.known[one] for one in sorted(before)}
        needed = dict(known)
        for one in reversed(known):
            rest = 0
            for other, mask in needed.items():
                rest |= mask if other != one else 0
            if not known[one] & ~rest:
                del needed[one]
        return tuple(needed)

    def _enter(self, name: str, channel: _Channel, published: PublishedRelease) -> None:
        version = published.release.version
        known, told = self.known[version], self.told[version]
        previous = self.known[self._order[channel.offered[-1][1]]] if channel.offered else 0
        self.first[name, version] = first = known & ~previous
        for place in bits(previous & ~known):  # it was undone, or is of a lower version that came later
            gone = channel.fixed.pop(place)
            if gone.told:
                channel.mentioned[place] = gone.version
        if published.withdrawn:
            channel.standing &= known
            for place in bits(first):
                channel.fixed[place] = Fixed(version=version, told=bool(told >> place & 1), withdrawn=True)
            return
        for place in bits(known & ~channel.standing):
            earlier = channel.fixed.get(place)
            channel.fixed[place] = Fixed(
                version=version,
                told=bool(told >> place & 1),
                earlier=None if earlier is None else earlier.version,
            )
        channel.standing = known
