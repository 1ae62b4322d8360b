"""Holding the notes of a candidate against the packages of its images, before anything is signed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from release.bundle.change import change_id
from release.canonical import Json
from release.catalog.board import Board
from release.errors import RefusedError
from release.image.packages import read_packages
from release.line.workspace import Workspace, read_text, write_record
from release.line.yard import Yard
from release.notes.fragments import read_fragments
from release.notes.promises import (
    PACKAGE_NAMES,
    Outcome,
    Promise,
    Unchecked,
    Unkept,
    check_promises,
    promises_in,
    updates_in,
)
from release.pages.markdown import to_html

_SHOWN = 5
_NAMED = 12
"""Promises that a line names because they were not checked."""


def check_notes(yard: Yard, space: Workspace, board: Board, package_list: Path) -> str:
    """Compare what the notes say of versions with the package list of a board's image.

    Everything that was found is left in the board's workspace: each item for updates is kept, not kept, or
    not checked. Returns a line for people, which names what was not checked, first what is for the image.

    Raises:
        RefusedError: the notes promise a version that the image does not have.
        InputError: the list, or the notes, cannot be read, or the notes cannot be rendered.
    """
    notes = read_text(space.notes)
    to_html(notes)  # what cannot be shown on a page must not be published
    names = {**PACKAGE_NAMES, **{name.lower(): package for name, package in yard.package_names.items()}}
    outcome = check_promises(promises_in(updates_in(notes)), read_packages(package_list), names)
    write_record(space.board(board).promises, _record(outcome))
    if outcome.unkept:
        raise _refusal(yard, space, board, outcome)
    told = f"{len(outcome.kept)} promises of the notes are kept, {len(outcome.unchecked)} are not checked"
    return told + _unchecked(outcome.unchecked, space.board(board).promises)


def _unchecked(found: Sequence[Unchecked], record: Path) -> str:
    ordered = sorted(found, key=lambda one: one.elsewhere)
    named = [f"{_named(one.promise)} ({one.why})" for one in ordered[:_NAMED]]
    more = f"; and {len(found) - _NAMED} more in {record}" if len(found) > _NAMED else ""
    return f": {'; '.join(named)}{more}" if named else ""


def _named(promise: Promise) -> str:
    """A promise in words that no terminal obeys."""
    words = " ".join(one for one in (promise.name, promise.version) if one)
    return words if words.isascii() and words.isprintable() else ascii(words)


def _refusal(yard: Yard, space: Workspace, board: Board, outcome: Outcome) -> RefusedError:
    files = _files(yard)
    shown = [_told(one, files.get(one.promise.item, str(space.notes)), board) for one in outcome.unkept]
    more = f" (and {len(shown) - _SHOWN} more)" if len(shown) > _SHOWN else ""
    return RefusedError(
        "; ".join(shown[:_SHOWN]) + more,
        hint=f"correct the fragment and {space.notes}, or remove {space.root} and build an image that has it;"
        " if the notes mean another package, name it in the settings: [notes] packages (docs/notes.md)",
    )


def _told(found: Unkept, where: str, board: Board) -> str:
    promise, package = found.promise, found.package
    return (
        f"{where}: the notes promise {promise.name} {promise.version},"
        f" the image of {board} has {package.name} {package.version}"
    )


def _files(yard: Yard) -> dict[str, str]:
    """The fragment that tells an item, by the item's id."""
    if yard.changelog is None:
        return {}
    return {
        change_id(item): str(yard.changelog / one.kind / one.name)
        for one in reversed(read_fragments(yard.changelog))
        for item in one.items
    }


def _record(outcome: Outcome) -> dict[str, Json]:
    return {
        "kept": [_promise(one) for one in outcome.kept],
        "unkept": [
            {**_promise(one.promise), "package": one.package.name, "installed": one.package.version}
            for one in outcome.unkept
        ],
        "unchecked": [{**_promise(one.promise), "why": one.why} for one in outcome.unchecked],
    }


def _promise(promise: Promise) -> dict[str, Json]:
    return {"name": promise.name, "version": promise.version, "prefix": promise.prefix}
