"""What is on a mirror and nobody published. Only where the pipeline can list it: HTTP has no listing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from release.audit.finding import Code, Finding
from release.bundle.layout import notes_key, published_keys
from release.catalog.naming import (
    EVIDENCE_PREFIX,
    HEAD_FILE,
    LEDGER_PREFIX,
    PAGES_PREFIX,
    POLICY_PREFIX,
    image_prefix,
)
from release.catalog.version import Version
from release.errors import InputError, UnavailableError
from release.ledger.state import State
from release.line.mirror_audit_objects import extras
from release.line.mirrors import Mirror
from release.line.sources import registered_release
from release.line.yard import Yard

_MOVING = ("index.html", "index.json")
"""Listings, which are rendered anew."""


def extra_findings(yard: Yard, mirror: Mirror, state: State, wanted: Collection[str]) -> Iterator[Finding]:
    """Objects below a version that no release names; notes where nothing can be listed.

    Files of releases that are known, on their way there, or collected and not yet deleted, are none.
    """
    access = mirror.access
    if access is None or access.replica is None:
        yield _unlisted(mirror, "the settings give no way to list it")
        return
    known = {*wanted, *_published(yard, state)}
    try:
        yield from extras(access.replica().list(""), known, _owned)
    except (InputError, UnavailableError) as error:
        yield _unlisted(mirror, error.message)


def _unlisted(mirror: Mirror, why: str) -> Finding:
    return Finding(
        code=Code.NOT_LISTED,
        where=mirror.site.url,
        expected="a list of its objects",
        found=f"none: {why}; nothing that nobody names could be looked for",
    )


def _published(yard: Yard, state: State) -> Iterator[str]:
    """Every key that a registered release may have, in every channel that it was or may be in."""
    channels = {*state.channels, *(head.channel for head in state.history)}
    for version in state.releases:
        release, _ = registered_release(yard.store, state, version)
        keys = published_keys(release, yard.naming)
        yield from keys
        yield from (notes_key(version, one.notes) for one in state.revisions.get(version, ()))
        for board in release.boards:
            built = image_prefix(release.channel, board.board, version)
            names = [key.removeprefix(built) for key in keys if key.startswith(built)]
            for channel in channels:
                prefix = image_prefix(channel, board.board, version)
                yield from (prefix + name for name in names)


def _owned(key: str) -> bool:
    """What others write, and judge: the ledger and its documents, pages, and whatever moves."""
    if key.startswith((LEDGER_PREFIX, POLICY_PREFIX, EVIDENCE_PREFIX, PAGES_PREFIX)) or key == HEAD_FILE:
        return True
    parts = key.split("/")
    return parts[-1] in _MOVING or not any(map(_is_version, parts[:-1]))


def _is_version(segment: str) -> bool:
    try:
        Version.parse(segment)
    except InputError:
        return False
    return True
