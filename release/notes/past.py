"""What a release is compared with: what was released before, here and by other means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from release.bundle.release import Release
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.notes.changes import told_in
from release.notes.compose import Baseline
from release.notes.imported import ImportedRelease

_LONGEST_ACRONYM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Releases that are known.

    Attributes:
        offered: what each channel offered, in this order.
        built_for: the channel that a release was built for, for all that are registered.
        read: gives the document of a registered release.
        imported: releases of a history from before.
        withdrawn: releases that are withdrawn now. A few machines took them, most did not: what only they
            told is told again.
    """

    offered: Mapping[str, Sequence[Version]]
    built_for: Mapping[Version, str]
    read: Callable[[Version], Release]
    imported: Sequence[ImportedRelease] = ()
    withdrawn: AbstractSet[Version] = frozenset()

    def baselines(self, channel: str, version: Version, lineage: Lineage) -> tuple[Baseline, ...]:
        """What ``version``, built for ``channel``, is compared with: one or two.

        That is what the channel offered last, of lower versions, and what it derives from, unless that is the
        same, or nobody knows it. Withdrawn ones do not count. Without any it is one without a name, which has
        nothing.
        """
        found = [self.before(channel, version)]
        if lineage.derives_from is not None:
            found.append(self.at(lineage.derives_from))
        named = {one.name: one for one in found if one is not None}
        return tuple(named.values()) or (Baseline(),)

    def before(self, channel: str, version: Version) -> Baseline | None:
        """The last release below ``version`` that the channel offered, and what it was told until then."""
        return self._baseline(channel, self._imported(channel, version), self._own(channel, version))

    def at(self, version: Version) -> Baseline | None:
        """A release, and what its channel was told until then. None for one that nobody knows.

        Of one that is withdrawn it is the one before it.
        """
        channel = self.built_for.get(version)
        if channel is not None and version in self.withdrawn:
            return self.before(channel, version)
        if channel is not None:
            own = [*self._own(channel, version), version]
            return self._baseline(channel, self._imported(channel, version), own)
        known = next((one for one in self.imported if one.version == version), None)
        if known is None:
            return None
        return self._baseline(known.channel, [*self._imported(known.channel, version), known], [])

    def _own(self, channel: str, below: Version) -> list[Version]:
        offered = self.offered.get(channel, ())
        return [one for one in offered if one < below and one not in self.withdrawn]

    def _imported(self, channel: str, below: Version) -> list[ImportedRelease]:
        found = [one for one in self.imported if one.channel == channel and one.version < below]
        return sorted(found, key=lambda one: (one.created, one.version))

    def _baseline(
        self, channel: str, imported: Sequence[ImportedRelease], own: Sequence[Version]
    ) -> Baseline | None:
        documents = list(self._documents(own))
        told: list[Release | ImportedRelease] = [*imported, *reversed(documents)]
        if not told:
            return None
        return Baseline(name=f"{channel_title(channel)} {told[-1].version}", told=told_in(told))

    def _documents(self, versions: Sequence[Version]) -> Iterator[Release]:
        """From the last one back to the first that records all that it has."""
        for version in reversed(versions):
            release = self.read(version)
            yield release
            if release.changes:
                return


def channel_title(channel: str) -> str:
    """A channel as notes call it: ``Stable``, ``LTS-2024``."""
    word, dash, rest = channel.partition("-")
    return (word.upper() if len(word) <= _LONGEST_ACRONYM else word.capitalize()) + dash + rest
