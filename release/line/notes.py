"""Composing release notes for a candidate."""

from __future__ import annotations

from release.line.yard import Yard
from release.notes.fragments import compose_notes, read_fragments


def compose(yard: Yard, channel: str) -> str:
    """The changelog fragments as notes, counted from what ``channel`` offers now. Empty without any.

    Raises InputError, with file and line, for a fragment that cannot be read.
    """
    if yard.changelog is None:
        return ""
    head = yard.ledger.state().heads.get(channel)
    baseline = None if head is None else f"{channel.capitalize()} {head.version}"
    return compose_notes(read_fragments(yard.changelog), baseline)
