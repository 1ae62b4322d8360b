"""The objects of the ledger in their places: what is missing, misplaced, there twice, not as others name it.

An entry that is signed says its own number, so one that was moved is found by it and read in its place.
Each entry names the SHA-256 of the one before, and the mirror's head that of the last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from release.audit.finding import Code, Finding
from release.audit.opening import Opened
from release.catalog.naming import HEAD_FILE, ledger_key
from release.digests import Digest
from release.trust.head import LedgerPosition


@dataclass(frozen=True, slots=True)
class _Naming:
    """``namer``, signed, says that entry ``number`` has this digest; None for none at all."""

    namer: str
    number: int
    digest: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """``places``: the signed entry of each number, in order. Numbers without one are left out."""

    places: Mapping[int, Opened]
    findings: tuple[Finding, ...]


def arrange(objects: Sequence[Opened], head: LedgerPosition | None) -> Arrangement:
    """Put every object where it belongs. ``head`` is where a signed head says that the ledger ends."""
    signed: defaultdict[int, list[Opened]] = defaultdict(list)
    for one in objects:
        if one.sequence is not None:
            signed[one.sequence].append(one)
    namings = [] if head is None else [_Naming(HEAD_FILE, head.sequence, head.digest)]
    chosen: dict[int, Opened] = {}
    for number in sorted(signed, reverse=True):  # the one after first: it names this one
        named = {one.digest for one in (*namings[:1], *namings[-1:]) if one.number == number}
        chosen[number] = best = _choose(signed[number], named)
        if best.entry is not None and number > 0:
            namings.append(_Naming(best.key, number - 1, best.entry.entry.previous))
    places = {number: chosen[number] for number in sorted(chosen)}
    findings = (
        *(finding for one in objects for finding in one.findings),
        *_missing(places, objects),
        *_elsewhere(places),
        *(finding for number in places for finding in _others(places[number], signed[number])),
        *_links(places, objects, namings),
    )
    return Arrangement(places=places, findings=findings)


def _choose(candidates: Sequence[Opened], named: Collection[Digest | None]) -> Opened:
    """Of several signed entries of one number the one that others name, else the one in its place."""
    return max(candidates, key=lambda one: (one.digest in named, one.number == one.sequence))


def _missing(places: Mapping[int, Opened], objects: Sequence[Opened]) -> Iterator[Finding]:
    """Numbers of which there is no object that could be the entry, as ranges: one may be very high."""
    broken = {one.number for one in objects if one.entry is None and one.number is not None}
    expected = 0
    for number in sorted({*places, *broken}):
        if number > expected:
            last = number - 1
            which = f"entry {expected}" if last == expected else f"entries {expected} to {last}"
            yield Finding(
                code=Code.ENTRY_MISSING,
                where=ledger_key(expected),
                expected=which,
                found=f"none, though entry {number} is there",
            )
        expected = number + 1


def _elsewhere(places: Mapping[int, Opened]) -> Iterator[Finding]:
    for number, one in places.items():
        if one.number != number:
            yield Finding(
                code=Code.ENTRY_MISPLACED,
                where=one.key,
                expected="nothing" if one.number is None else f"entry {one.number}",
                found=f"entry {number}",
                hint=f"it belongs to {ledger_key(number)}, where it is not",
            )


def _others(best: Opened, candidates: Sequence[Opened]) -> Iterator[Finding]:
    for one in candidates:
        if one is best:
            continue
        if one.digest == best.digest:
            yield Finding(
                code=Code.ENTRY_DOUBLED,
                where=one.key,
                expected="nothing" if one.number is None else f"nothing, or entry {one.number}",
                found=f"a copy of entry {best.sequence}, which is at {best.key}",
            )
        else:
            yield _forked(one, f"{best.digest}, as at {best.key}")


def _links(
    places: Mapping[int, Opened], objects: Sequence[Opened], namings: Sequence[_Naming]
) -> Iterator[Finding]:
    broken = {one.number: one for one in objects if one.entry is None}
    for naming in reversed(namings):
        place = places.get(naming.number)
        if place is not None and place.digest != naming.digest:
            yield _forked(place, f"{naming.digest or 'no entry'}, as {naming.namer} names it")
            continue
        found = broken.get(naming.number)
        if place is None and found is not None and found.digest != naming.digest:
            yield Finding(
                code=Code.ENTRY_ALTERED,
                where=found.key,
                expected=f"{naming.digest}, as {naming.namer} names it",
                found=f"{found.digest or 'bytes that cannot be read'}",
            )


def _forked(one: Opened, expected: str) -> Finding:
    return Finding(
        code=Code.LEDGER_FORKED,
        where=one.key,
        expected=expected,
        found=f"{one.digest}, another entry {one.sequence} that is signed, too",
        hint="there are two ledgers: the store was put back to an older time and went on, or a key that"
        " signs entries is in wrong hands; or somebody altered nothing but the wrapping of its signature",
    )
