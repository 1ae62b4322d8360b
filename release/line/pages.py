"""Rendering the pages and putting them on the mirror, where only what changed is written."""

from __future__ import annotations

from release.catalog.naming import PAGES_PREFIX
from release.ledger.state import State
from release.line.policies import policy_in_force
from release.line.site import site_from
from release.line.sources import registered_release
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.store import MissingObjectError
from release.pages.render import render_site
from release.pages.site import Site

_HOME = "index.html"
_LIMIT = 64 << 20


def pages_job(yard: Yard) -> Job:
    """The step that renders everything. Pages lead to files, so it comes after publishing."""
    return (Step("render-pages", "render pages and feeds", lambda report: _render(yard, report)),)


def site_of(yard: Yard, state: State) -> Site:
    """What the ledger and the signed releases say, as the pages need it."""
    releases = {
        version: registered_release(yard.store, state, version)[0] for version in sorted(state.releases)
    }
    return site_from(yard.product, state, policy_in_force(yard.store, state), releases, yard.pages)


def _render(yard: Yard, report: Report) -> str:
    files = render_site(site_of(yard, yard.ledger.state()), templates=yard.pages.templates)
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
