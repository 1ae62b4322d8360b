"""Composing the notes of a candidate, and recording what of the changelog it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from release.bundle.change import Change, ChangeKind
from release.bundle.release import Release
from release.canonical import Json
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.errors import InputError
from release.ledger.state import State
from release.line.sources import registered_release
from release.line.workspace import Workspace, read_record, write_record
from release.line.yard import Yard
from release.notes.changes import told_in
from release.notes.compose import Baseline, compose_notes, record_changes
from release.notes.fragments import read_fragments
from release.notes.imported import ImportedRelease

_LONGEST_ACRONYM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """Notes, Markdown, and the record of the changelog that they were made from: see ``Release.changes``."""

    notes: str = ""
    changes: tuple[Change, ...] = ()


def compose(
    yard: Yard,
    channel: str,
    version: Version,
    lineage: Lineage,
    history: tuple[ImportedRelease, ...] = (),
) -> Composed:
    """The changelog as notes of ``version``, built for ``channel``; empty for a pipeline without one.

    They tell what is new since what the channel offered last, of lower versions, and in a second part what is
    new since the release that ``lineage`` names, if that is another one. Releases that are only known from an
    imported ``history`` count too.

    Raises:
        InputError: a fragment that cannot be read; names file and line.
        NotVerifiedError: the store's document of one of these releases is not the one registered.
    """
    if yard.changelog is None:
        return Composed()
    fragments = read_fragments(yard.changelog)
    baselines = baselines_of(_Past(yard, yard.ledger.state(), history), channel, version, lineage)
    return Composed(notes=compose_notes(fragments, baselines), changes=record_changes(fragments, baselines))


def write_changes(space: Workspace, changes: tuple[Change, ...]) -> None:
    """Keep the record until the release is assembled."""
    listed: list[Json] = [{"id": one.id, "kind": one.kind.value, "text": one.text} for one in changes]
    write_record(space.changes, {"changes": listed})


def read_changes(space: Workspace) -> tuple[Change, ...]:
    """The record of ``write_changes``; empty without. Raises InputError when it is not one."""
    listed = (read_record(space.changes) or {}).get("changes", [])
    try:
        return tuple(
            Change(id=str(one["id"]), kind=ChangeKind(str(one["kind"])), text=str(one["text"]))
            for one in cast("list[dict[str, Json]]", listed)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{space.changes}: not a record of changes",
            hint=f"remove {space.root} and build the candidate anew",
        ) from error


def baselines_of(past: _Past, channel: str, version: Version, lineage: Lineage) -> tuple[Baseline, ...]:
    """What ``version`` is compared with, one or two; a nameless one that has nothing where there is none."""
    found = [past.channel(channel, below=version)]
    if lineage.derives_from is not None:
        found.append(past.release(lineage.derives_from))
    named = {one.name: one for one in found if one is not None}
    return tuple(named.values()) or (Baseline(),)


def _title(channel: str) -> str:
    word, dash, rest = channel.partition("-")
    return (word.upper() if len(word) <= _LONGEST_ACRONYM else word.capitalize()) + dash + rest


@dataclass(frozen=True, slots=True)
class _Past:
    """What was released before, here and by other means."""

    yard: Yard
    state: State
    imported: tuple[ImportedRelease, ...]

    def channel(self, channel: str, below: Version) -> Baseline | None:
        """What the channel offered last, of versions below that one. None if it offered nothing."""
        own = [head.version for head in self.state.history if head.channel == channel]
        return self._baseline(channel, [one for one in own if one < below], below)

    def release(self, version: Version) -> Baseline | None:
        """One release, with what users of its channel knew before. None for one that nobody knows."""
        before = next((one for one in self.imported if one.version == version), None)
        if before is not None and version not in self.state.releases:
            told = told_in([*self._imported(before.channel, version), before])
            return Baseline(name=f"{_title(before.channel)} {version}", told=told)
        if version not in self.state.releases:
            return None
        channel = self.state.releases[version].built_for
        own = [head.version for head in self.state.history if head.channel == channel]
        return self._baseline(channel, [*(one for one in own if one < version), version], version)

    def _baseline(self, channel: str, own: list[Version], below: Version) -> Baseline | None:
        documents = reversed(list(self._documents(own)))
        offered: list[Release | ImportedRelease] = [*self._imported(channel, below), *documents]
        if not offered:
            return None
        return Baseline(name=f"{_title(channel)} {offered[-1].version}", told=told_in(offered))

    def _imported(self, channel: str, below: Version) -> list[ImportedRelease]:
        found = [one for one in self.imported if one.channel == channel and one.version < below]
        return sorted(found, key=lambda one: (one.created, one.version))

    def _documents(self, versions: list[Version]) -> Iterator[Release]:
        """From the last one back to the first that records all that it has."""
        for version in reversed(versions):
            release, _ = registered_release(self.yard.store, self.state, version)
            yield release
            if release.changes:
                return
