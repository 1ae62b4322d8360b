"""In which order files of a site are shown, and when a new site must not take the place of the old. Pure.

Whoever sees a page finds what it leads to: releases are written before lists of them, lists before what
points to the newest, the home page last. A run that is killed between two leaves readers what they had, or
new pages that nothing leads to yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from release.errors import RefusedError
from release.pages import addresses

_FIRST = ("releases/", f"{addresses.API}releases/", addresses.SCHEMAS, "keys/")
_POINTERS = (
    addresses.MACHINE_INDEX,
    addresses.MACHINE_TABLE,
    addresses.API_INDEX,
    addresses.API_CHANNELS,
    addresses.SITEMAP,
    "streams/",
    "updates/",
)
_NAMED = 5
"""Releases that a refusal names."""


def rank(path: str) -> int:
    """0 for what leads nowhere, up to 3 for the home page; paths are below the root of the pages."""
    if path == addresses.INDEX:
        return 3
    if path.startswith(_POINTERS):
        return 2
    return 0 if path.startswith(_FIRST) and path != addresses.RELEASES else 1


def in_order(paths: Iterable[str]) -> list[list[str]]:
    """Groups of paths, sorted. All of a group may be written at once, before the next."""
    ascending = sorted(paths)
    groups = ([path for path in ascending if rank(path) == number] for number in range(4))
    return [group for group in groups if group]


def check_not_smaller(before: bytes | None, after: bytes, where: str) -> None:
    """Refuse a site that lacks releases which the old one has: most likely a setting went missing.

    Args:
        before: ``index.json`` of what is there; None, or what cannot be read, refuses nothing.
        after: of what is to take its place.
        where: what is there, for the message.

    Raises:
        RefusedError: names the releases.
    """
    gone = sorted(_listed(before) - _listed(after))
    if gone:
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        raise RefusedError(
            f"{where}: the new pages lack releases that are there: {', '.join(gone[:_NAMED])}{more}",
            hint="is pages.history in humpyard.toml what it was? To let them go: pages build --allow-removal",
        )


def _listed(index: bytes | None) -> frozenset[str]:
    try:
        return frozenset(str(one["version"]) for one in json.loads(index or b"")["releases"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
