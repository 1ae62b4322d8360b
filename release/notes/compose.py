"""Fragments become notes: Markdown with Flatcar's sections and lines, and a record of what is in the release.

A release may be compared with two others: what the channel offered before, and what it derives from. So
Flatcar's notes of a new major release have two parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from release.bundle.change import Change, ChangeKind
from release.errors import InputError
from release.notes.changes import is_told
from release.notes.fragments import Fragment

HEADINGS = {
    ChangeKind.BREAKING: "#### Breaking changes:",
    ChangeKind.ACTION_REQUIRED: "#### Action required:",
    ChangeKind.SECURITY: "#### Security fixes:",
    ChangeKind.BUGFIXES: "#### Bug fixes:",
    ChangeKind.CHANGES: "#### Changes:",
    ChangeKind.UPDATES: "#### Updates:",
}
"""What each section of notes is called, in the order in which they come."""

NOTHING = "No changes were recorded."

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .+-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a release is compared with.

    ``name`` is for people, for example ``Alpha 4757.0.0``; None leaves the line that names it out. ``told``
    is what it has: see ``release.notes.changes.told_by``.
    """

    name: str | None = None
    told: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.name is not None and not _NAME.fullmatch(self.name):
            raise InputError(f"baseline {self.name!r}: expected words like 'Alpha 4757.0.0'")


def compose_notes(fragments: Iterable[Fragment], baselines: Sequence[Baseline]) -> str:
    """The notes as Markdown, a part for each baseline; the order of ``fragments`` does not matter.

    Fragments are told by day and name within their section. Within a part an item is told once, in the first
    section that has it. A part without any says so.
    """
    ordered = _ordered(fragments)
    return "\n".join(_part(one, _untold(ordered, one.told)) for one in baselines)


def record_changes(fragments: Iterable[Fragment], baselines: Sequence[Baseline]) -> tuple[Change, ...]:
    """Every item of the changelog, ascending by id.

    It has its words where a baseline does not have it, or it must not be missed.
    """
    ordered = _ordered(fragments)
    new = {change.id for one in baselines for change in _untold(ordered, one.told)}
    found: dict[str, Change] = {}
    for change in ordered:
        worded = change.id in new or change.kind.must_be_told
        found.setdefault(change.id, change if worded else Change(id=change.id, kind=change.kind))
    return tuple(found[one] for one in sorted(found))


def _ordered(fragments: Iterable[Fragment]) -> list[Change]:
    ordered = sorted(fragments, key=lambda one: (one.kind.rank, one.day, one.name))
    return [Change.of(one.kind, item) for one in ordered for item in one.items]


def _untold(changes: Iterable[Change], told: frozenset[str]) -> list[Change]:
    once: dict[str, Change] = {}
    for change in changes:
        if change.id not in once and not is_told(change, told):
            once[change.id] = change
    return list(once.values())


def _part(baseline: Baseline, changes: Sequence[Change]) -> str:
    paragraphs = [] if baseline.name is None else [f"_Changes since **{baseline.name}**_"]
    for kind, heading in HEADINGS.items():
        items = [change.text for change in changes if change.kind is kind]
        if items:
            paragraphs.append(f"{heading}\n\n" + "\n".join(items))
    return "\n\n".join(paragraphs if changes else [*paragraphs, NOTHING]) + "\n"
