"""Composing the notes of a candidate, and recording what of the changelog it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from release.bundle.change import Change, ChangeKind
from release.canonical import Json
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.errors import InputError
from release.line.sources import registered_release
from release.line.workspace import Workspace, read_record, read_text, write_record
from release.line.yard import Yard
from release.notes.compose import compose_notes, record_changes
from release.notes.fragments import read_fragments
from release.notes.imported import ImportedRelease
from release.notes.past import Past

_NEXT = Version.parse("999999999.0.0")
"""Above every version that a channel may have offered."""


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
    imported ``history`` count too; those that are withdrawn now do not.

    Raises:
        InputError: a fragment that cannot be read; names file and line.
        NotVerifiedError: the store's document of one of these releases is not the one registered.
    """
    if yard.changelog is None:
        return Composed()
    fragments = read_fragments(yard.changelog)
    baselines = past_of(yard, history).baselines(channel, version, lineage)
    return Composed(notes=compose_notes(fragments, baselines), changes=record_changes(fragments, baselines))


def preview(
    yard: Yard, channel: str, lineage: Lineage, history: tuple[ImportedRelease, ...] = ()
) -> Composed:
    """What the next release for ``channel`` would tell. Raises as ``compose``, and without a changelog."""
    state = yard.ledger.state()
    if not state.knows(channel):
        raise InputError(f"channel {channel!r}: expected one of {', '.join(state.channels)}")
    if yard.changelog is None:
        raise InputError("changelog: expected a directory in the settings, found none")
    return compose(yard, channel, _NEXT, lineage, history)


def begun_notes(yard: Yard, version: Version) -> str:
    """The notes of a candidate as they are now, somebody's edits included. Raises InputError for no such."""
    space = Workspace.of(yard.work, version)
    if not space.notes.is_file():
        raise InputError(
            f"candidate {version}: not begun here",
            hint="name a channel for what its next release would tell, or `notes show` a published release",
        )
    return read_text(space.notes)


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


def past_of(yard: Yard, history: tuple[ImportedRelease, ...]) -> Past:
    """What the ledger knows of, with documents from the store, and the imported history."""
    state = yard.ledger.state()
    offered: dict[str, list[Version]] = {}
    for head in state.history:
        offered.setdefault(head.channel, []).append(head.version)
    return Past(
        offered=offered,
        built_for={version: entry.built_for for version, entry in state.releases.items()},
        read=lambda version: registered_release(yard.store, state, version)[0],
        imported=history,
        withdrawn={version for version in state.releases if state.withdrawal(version)},
    )
