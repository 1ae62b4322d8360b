"""What notes owe their readers of CVEs: what security fragments say of them has to be told. Pure.

A fix is told where notes claim it (``release.notes.cves``). That they name the CVE is not enough: they may
say that it is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from release.bundle.change import ChangeKind, change_id
from release.notes.compose import HEADINGS
from release.notes.cves import Fix, claimed_cves, cve_ids, fixes_in
from release.notes.fragments import Fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedCves:
    """CVEs by what has to be told of them.

    Attributes:
        fixes: that they are fixed.
        names: no more than their names, as of those that the release is not affected by.
    """

    fixes: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def owed_cves(fragments: Iterable[Fragment], told: AbstractSet[str]) -> OwedCves:
    """What notes made of these fragments owe. ``told`` are ids of items that users know from before.

    Each item is read by itself below the heading of its kind: a title in another one changes nothing. A fix
    that any item takes back is none.
    """
    items = ((one.kind, item) for one in fragments for item in one.items if change_id(item) not in told)
    said = [(kind, fix) for kind, item in items if cve_ids(item) for fix in _said(kind, item)]
    undone = {fix.cve for _, fix in said if fix.undone}
    security = [fix for kind, fix in said if kind is ChangeKind.SECURITY]
    fixes = {fix.cve for fix in security if fix.claimed} - undone
    return OwedCves(fixes=frozenset(fixes), names=frozenset({fix.cve for fix in security} - fixes))


def still_owed(owed: OwedCves, notes: Iterable[str]) -> OwedCves:
    """What is not told by any of these notes: those of the release, then of older ones, the newest first.

    A claim counts for nothing where newer notes take the fix back. No more notes are asked for than needed.
    """
    fixes, names, undone = set(owed.fixes), set(owed.names), set[str]()
    every = iter(notes)
    while fixes - undone or names:
        text = next(every, None)
        if text is None:
            break
        fixes.difference_update({*claimed_cves(text)} - undone)
        names.difference_update(cve_ids(text))
        undone.update(fix.cve for fix in fixes_in(text) if fix.undone)
    return OwedCves(fixes=frozenset(fixes), names=frozenset(names))


def _said(kind: ChangeKind, item: str) -> tuple[Fix, ...]:
    return fixes_in(f"{HEADINGS[kind]}\n\n{item}\n")
