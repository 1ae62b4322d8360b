"""Rendering the pages and putting them on the mirror, where only what changed is written."""

from __future__ import annotations

from release.catalog.naming import PAGES_PREFIX
from release.catalog.version import Version
from release.ledger.state import State
from release.line.sources import registered_release
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.store import MissingObjectError
from release.pages.render import render_site
from release.pages.site import ChannelEntry, PublishedRelease, Site

_HOME = "index.html"
_LIMIT = 64 << 20


def pages_job(yard: Yard) -> Job:
    """The step that renders everything. Pages lead to files, so it comes after publishing."""
    return (Step("render-pages", "render pages and feeds", lambda report: _render(yard, report)),)


def site_of(yard: Yard, state: State) -> Site:
    """What the ledger and the signed releases say, as the pages need it."""
    return Site(
        product=yard.product,
        base_url=yard.pages.base_url,
        channels=yard.policy().channels,
        releases=tuple(_published(yard, state, version) for version in sorted(state.releases)),
        heads={name: head.version for name, head in state.heads.items()},
        generated_at=state.latest,
        feed_authority=yard.pages.feed_authority,
    )


def _published(yard: Yard, state: State, version: Version) -> PublishedRelease:
    release, _ = registered_release(yard.store, state, version)
    since: dict[str, ChannelEntry] = {}
    for head in state.history:
        if head.version == version:
            since.setdefault(head.channel, ChannelEntry(name=head.channel, since=head.since))
    return PublishedRelease(
        release=release,
        release_digest=state.releases[version].release,
        channels=tuple(since.values()),
    )


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
