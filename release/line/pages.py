"""Rendering the pages and putting them on the mirror, where only what changed is written."""

from __future__ import annotations

from release.catalog.naming import PAGES_PREFIX
from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.state import State
from release.line.channel_documents import key_floors
from release.line.history import imported_history
from release.line.notes_texts import notes_reader
from release.line.policies import policy_in_force, policy_reader
from release.line.site import Known, channels_of_site, site_from
from release.line.site_keys import keys_of_site
from release.line.sources import registered_release
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.store import MissingObjectError
from release.pages.render import render_site
from release.pages.site import Site

MEMO = "pages.memo"
"""The file below ``yard.work`` that remembers what notes became. It may be deleted at any time."""
_HOME = "index.html"
_LIMIT = 64 << 20


def pages_job(yard: Yard) -> Job:
    """The step that renders everything. Pages lead to files, so it comes after publishing."""
    return (Step("render-pages", "render pages and feeds", lambda report: _render(yard, report)),)


def site_of(yard: Yard, state: State) -> Site:
    """What the ledger, the signed releases, the settings and the history say, as the pages need it."""
    releases = {
        version: registered_release(yard.store, state, version)[0] for version in sorted(state.releases)
    }
    policy = policy_in_force(yard.store, state)
    known = Known(
        releases=releases,
        policy_of=policy_reader(yard.store),
        read_notes=notes_reader(yard.store),
        keys=keys_of_site(yard, state, channels_of_site(policy, state)),
        rotations=_rotations(yard, state),
        history=imported_history(yard.pages),
    )
    return site_from(yard.product, state, policy, yard.pages, known)


def _rotations(yard: Yard, state: State) -> dict[str, Version]:
    """None where the settings are wrong: whoever signs channel documents says so, and pages must come out."""
    try:
        return key_floors(yard, state)
    except (InputError, RefusedError):
        return {}


def _render(yard: Yard, report: Report) -> str:
    files = render_site(
        site_of(yard, yard.ledger.state()), templates=yard.pages.templates, memo=yard.work / MEMO
    )
    # The home page last: whoever sees the new one finds what it leads to.
    order = sorted(files, key=lambda path: (path == _HOME, path))
    written = 0
    for number, path in enumerate(order, start=1):
        key = PAGES_PREFIX + path
        if _present(yard, key) != files[path]:
            yard.store.replace(key, files[path])
            written += 1
        report(number, len(order))
    return f"{len(order)} files, {written} of them new or changed"


def _present(yard: Yard, key: str) -> bytes | None:
    try:
        return yard.store.read(key, _LIMIT)
    except MissingObjectError:
        return None
