"""What is new in a release for those who had another one before. Pure.

A release that records its changes (``Release.changes``) says exactly what is in it. Of one that does not, an
imported one above all, only its notes are known: what they tell counts as told, item by item. People who
publish notes put items together; so an item like ``Linux ([6.12.101](...))`` also counts as told where notes
have ``Linux ([6.12.102](...) (includes [6.12.101](...)))``: the facts of an item are its name with each of
its versions or identifiers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache

from release.bundle.change import Change, ChangeKind, change_id
from release.bundle.release import Release
from release.memo import remembered
from release.notes.imported import ImportedRelease
from release.notes.items import passages

_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
_WORD = re.compile(r"[^\s,()]+")
_JOINING = frozenset({"includes", "and"})
_NO_CHANGES = frozenset({"known issues", "known bugs"})
_SEEN = 2048


@lru_cache(maxsize=_SEEN)
def told_items(notes: str) -> tuple[Change, ...]:
    """The list items of anybody's Markdown notes, each once, in their order.

    The heading says which kind they are of; what is below another one is of the kind ``changes``, but for
    known issues, which are none. What a second part of the notes ("Changes since ...") repeats of the first
    is not told again.
    """
    return tuple(Change.of(ChangeKind(kind), text) for kind, text in json.loads(_told(notes)))


@remembered
def _told(notes: str) -> str:
    """The same as JSON, for a memo: kind and text of each."""
    found: dict[str, Change] = {}
    told: set[str] = set()
    for passage in passages(notes):
        if passage.is_item and passage.section not in _NO_CHANGES:
            change = Change.of(passage.kind or ChangeKind.CHANGES, passage.text)
            if not is_told(change, told):
                found[change.id] = change
                told |= {change.id, *facts(change.text)}
    return json.dumps([(change.kind, change.text) for change in found.values()])


def is_told(change: Change, told: AbstractSet[str]) -> bool:
    """Whether an item, or each of its facts, is among those told."""
    if change.id in told:
        return True
    stated = facts(change.text)
    return bool(stated) and stated <= told


@lru_cache(maxsize=1 << 15)
def facts(item: str) -> frozenset[str]:
    """Ids of what an item like ``- NAME (A, B (includes C))`` states; none of a sentence."""
    name, _, rest = " ".join(item.split())[2:].partition("(")
    words = [word for word in _WORD.findall(_LINK.sub(r" \1 ", rest)) if word not in _JOINING]
    if not name or not rest.endswith(")") or not all(re.search(r"[0-9]", word) for word in words):
        return frozenset()
    return frozenset(change_id(f"fact {name} {word}".lower()) for word in words)


def items_of(release: Release | ImportedRelease) -> tuple[Change, ...]:
    """What is known of a release in words: recorded, or told in its notes."""
    if isinstance(release, Release) and release.changes:
        return tuple(change for change in release.changes if change.text)
    return told_items(release.notes)


def told_by(release: Release | ImportedRelease) -> frozenset[str]:
    """Ids of everything that is in a release, as recorded, or else of everything that its notes tell."""
    there = release.changes if isinstance(release, Release) else ()
    if not there:
        return _told_by_notes(release.notes)
    stated = (facts(change.text) for change in there if change.text)
    return frozenset(change.id for change in there).union(*stated)


def told_in(offered: Sequence[Release | ImportedRelease]) -> frozenset[str]:
    """What users of a channel know that offered these releases, the oldest first.

    It is what the last of them has, if that is recorded; notes tell only what was new, so those of older
    releases count too, back to the last one that has a record.
    """
    told: set[str] = set()
    for release in reversed(offered):
        told.update(told_by(release))
        if isinstance(release, Release) and release.changes:
            break
    return frozenset(told)


def library_of(releases: Iterable[Release | ImportedRelease]) -> dict[str, Change]:
    """The words of all changes that any of these releases has words for, by id; the first ones count."""
    library: dict[str, Change] = {}
    for release in releases:
        for change in items_of(release):
            library.setdefault(change.id, change)
    return library


def changes_since(
    told: AbstractSet[str], release: Release | ImportedRelease, library: Mapping[str, Change]
) -> tuple[Change, ...]:
    """What is in ``release`` and not ``told``, as notes order it: by kind, then by what it says.

    Words that the release does not have itself come from ``library``; a change that nobody has words for
    was told before there were records, and is left out.
    """
    there = release.changes if isinstance(release, Release) and release.changes else items_of(release)
    worded = (change if change.text else library.get(change.id) for change in there)
    return _in_order(change for change in worded if change is not None and not is_told(change, told))


def channel_changes(
    release: Release | ImportedRelease,
    previous: Sequence[Release | ImportedRelease],
    library: Mapping[str, Change],
) -> tuple[Change, ...]:
    """What ``release`` brings to a channel that offered ``previous`` before, the oldest first.

    What other channels were told does not count, so whatever came in releases that this one skipped is
    told here; above all breaking changes, and those that ask for something to be done.
    """
    return changes_since(told_in(previous), release, library)


def changes_between(
    before: Sequence[Release | ImportedRelease],
    gained: Sequence[Release | ImportedRelease],
    library: Mapping[str, Change],
) -> tuple[Change, ...]:
    """What a machine gets that goes from the last release of ``before`` to the last one of ``gained``.

    Args:
        before: what the channel offered up to the release that the machine runs, the oldest first.
        gained: what it offered after that, up to the one that the machine goes to, the oldest first.
        library: see ``library_of``.

    What came and went again in between is left out where releases record what they have.
    """
    told = set(told_in(before))
    last = gained[-1] if gained else None
    kept = {change.id for change in last.changes} if isinstance(last, Release) and last.changes else None
    found: dict[str, Change] = {}
    for release in gained:
        recorded = isinstance(release, Release) and release.changes
        for change in changes_since(told, release, library):
            if kept is None or change.id in kept or not recorded:
                found.setdefault(change.id, change)
        told.update(told_by(release))
    return _in_order(found.values())


def _in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    once = {change.id: change for change in changes}
    return tuple(sorted(once.values(), key=lambda one: (one.kind.rank, one.text.lower(), one.text)))


@lru_cache(maxsize=_SEEN)
def _told_by_notes(notes: str) -> frozenset[str]:
    items = told_items(notes)
    return frozenset(item.id for item in items).union(*(facts(item.text) for item in items))
