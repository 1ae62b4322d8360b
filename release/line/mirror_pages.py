"""Pages on the mirrors: copies of those in the store, once a mirror shows the state that they tell of."""

from __future__ import annotations

from collections.abc import Sequence

from release.catalog.naming import HEAD_FILE, PAGES_PREFIX
from release.digests import Digest
from release.line.mirror_saying import Saying, saying_of
from release.line.mirror_show import Shown, check_lacking, each_mirror
from release.line.mirrors import Mirror, mirrors_of
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.plan import Wanted
from release.mirror.replica import Document, Replica
from release.mirror.store import MissingObjectError
from release.pages.publish_order import in_order
from release.trust.head import HEAD_LIMIT

_PAGE_LIMIT = 64 << 20
_BATCH = 8 << 20
"""Bytes of pages that are held, and written, at once."""


def mirror_pages_job(yard: Yard) -> Job:
    """The step that brings the pages to the mirrors. None where the policy has no mirrors."""
    if not yard.policy().mirrors:
        return ()
    title = "bring the pages to the mirrors"
    return (Step("mirror-pages", title, lambda report: bring_pages(yard, report).line()),)


def bring_pages(yard: Yard, report: Report) -> Shown:
    """Bring every mirror the pages, unless it shows another state than the store. Raises as ``show``."""
    mirrors, saying = mirrors_of(yard, yard.policy()), saying_of(yard)
    if saying is None or not mirrors:
        return Shown()
    return each_mirror(yard, mirrors, "pages", lambda one: _bring(yard, one, saying), report)


def _bring(yard: Yard, mirror: Mirror, saying: Saying) -> str:
    access = mirror.reach()
    check_lacking(saying, mirror.site)
    if access.replica is None:
        return "is the store"
    replica = access.replica()
    if replica.read(HEAD_FILE, HEAD_LIMIT) != saying.data:
        return "shows another state than the store: the next run goes on"
    paths = (key.removeprefix(PAGES_PREFIX) for key in saying.pages)
    for group in in_order(paths):
        _bring_group(yard, replica, [PAGES_PREFIX + path for path in group])
    return f"has {len(saying.pages)} pages"


def _bring_group(yard: Yard, replica: Replica, keys: Sequence[str]) -> None:
    """Pages that may come in any order. When the call is over, the mirror has them."""
    batch: list[Document] = []
    for key in keys:
        try:
            batch.append(Document(key=key, data=yard.store.read(key, _PAGE_LIMIT)))
        except MissingObjectError:
            continue  # rendered anew meanwhile, without it
        if sum(len(one.data) for one in batch) >= _BATCH:
            _replace(replica, batch)
            batch = []
    _replace(replica, batch)


def _replace(replica: Replica, documents: Sequence[Document]) -> None:
    """Write those that are not known to be there: a look costs less than a write."""
    wanted = [Wanted(key=one.key, size=len(one.data), sha256=Digest.sha256(one.data)) for one in documents]
    there = replica.present(wanted)
    claims = {key: None if found is None else found.sha256 for key, found in there.items()}
    missing = zip(documents, wanted, strict=True)
    replica.replace([document for document, one in missing if claims[one.key] != one.sha256])
