"""Releases as their notes read now: what corrections made of them, and of the records of changes. Pure.

A record of changes is signed, so it stays as it was; but people who correct notes know better than the
changelog that both were made from. What a correction takes out is told nowhere any more, and what it puts in
is told wherever a recorded change is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from release.bundle.change import Change
from release.bundle.release import Release
from release.catalog.version import Version
from release.notes.changes import told_items
from release.pages.once import Once
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site


@dataclass(frozen=True, slots=True)
class _Correction:
    """What corrections did to the items of a release's notes.

    ``kept`` are ids of changes that a later release has if it goes on from this one: those that the notes
    told before and after. Not all that is recorded: the changelog may be corrected as well.
    """

    version: Version
    kept: frozenset[str]
    gone: frozenset[str]
    added: tuple[Change, ...]

    def holds_for(self, release: Release) -> bool:
        """Whether it is of this release, or of one that this one goes on from."""
        if release.version <= self.version:
            return release.version == self.version
        return bool(self.kept) and self.kept <= {change.id for change in release.changes}


@Once
def told_now(site: Site) -> Mapping[Version, AnyRelease]:
    """By version, every release with the notes that it has now, and changes that go with them.

    A correction holds for later releases, too, whose records say that they go on from the corrected one; but
    what their own notes tell stays. Without, a channel that skipped the corrected release would never hear of
    it. What must be told and stands in the notes alone, as people wrote it there, counts as recorded.
    """
    corrections = [one for found in reversed(site.newest_first()) if (one := _correction(found))]
    return {one.release.version: _told_now(one, corrections) for one in site.releases}


def _told_now(published: PublishedRelease, corrections: Iterable[_Correction]) -> AnyRelease:
    release = published.release
    if not isinstance(release, Release) or not release.changes:
        return replace(release, notes=published.notes) if published.revisions else release
    own = {item.id: item for item in told_items(published.notes)}
    found = {change.id: change for change in release.changes}
    for one in corrections:
        if one.holds_for(release):
            found = {key: change for key, change in found.items() if key in own or key not in one.gone}
            found.update((item.id, item) for item in one.added)
    found.update((key, item) for key, item in own.items() if item.kind.must_be_told)
    changes = tuple(found[key] for key in sorted(found))
    if changes == release.changes and not published.revisions:
        return release
    return replace(release, notes=published.notes, changes=changes)


def _correction(published: PublishedRelease) -> _Correction | None:
    """What was corrected of a release with a record; None for others, which have no more than their notes."""
    release = published.release
    if not published.revisions or not isinstance(release, Release) or not release.changes:
        return None
    before = {item.id: item for item in told_items(release.notes)}
    now = {item.id: item for item in told_items(published.notes)}
    recorded = {change.id for change in release.changes}
    gone = frozenset(before.keys() - now.keys())
    return _Correction(
        version=release.version,
        kept=frozenset(recorded & before.keys() & now.keys()) or frozenset(recorded - gone),
        gone=gone,
        added=tuple(item for key, item in now.items() if before.get(key) != item),
    )
