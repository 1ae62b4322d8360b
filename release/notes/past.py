"""What a release is compared with: what was released before, here and by other means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """

    offered: Mapping[str, Sequence[Version]]
    built_for: Mapping[Version, str]
    read: Callable[[Version], Release]
    imported: Sequence[ImportedRelease] = ()

    def baselines(self, channel: str, version: Version, lineage: Lineage) -> tuple[Baseline, ...]:
        """What ``version``, built for ``channel``, is compared with: one or two.

        That is what the channel offered last, of lower versions, and what it derives from, unless that is the
        same, or nobody knows it. Without any it is one without a name, which has nothing.
        """
        found = [self.before(channel, version)]
        if lineage.derives_from is not None:
            found.append(self.at(lineage.derives_from))
        named = {one.name: one for one in found if one is not None}
        return tuple(named.values()) or (Baseline(),)

    def before(self, channel: str, version: Version) -> Baseline | None:
        """The last release below ``version`` that the channel offered, and what it was told until then."""
        own = [one for one in self.offered.get(channel, ()) if one < version]
        imported = self._imported(channel, version)
        return self._baseline(channel, imported, own)

    def at(self, version: Version) -> Baseline | None:
        """A release, and what its channel was told until then. None for one that nobody knows."""
        channel = self.built_for.get(version)
        if channel is not None:
            own = [one for one in self.offered.get(channel, ()) if one < version]
            return self._baseline(channel, self._imported(channel, version), [*own, version])
        known = next((one for one in self.imported if one.version == version), None)
        if known is None:
            return None
        return self._baseline(known.channel, [*self._imported(known.channel, version), known], [])

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
