"""Rendering the pages and putting them on the mirror, where only what changed is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from release.catalog.naming import PAGES_PREFIX
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError, UnavailableError
from release.ledger.state import State
from release.line.channel_documents import key_floors
from release.line.contents import contents_of
from release.line.history import last_history
from release.line.list_memory import ListMemory
from release.line.notes_texts import notes_reader
from release.line.policies import policy_in_force, policy_reader
from release.line.site import Known, channels_of_site, site_from
from release.line.site_keys import keys_of_site
from release.line.sources import registered_release
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.store import MissingObjectError, Store
from release.pages import addresses
from release.pages.directory import write_site
from release.pages.publish_order import check_not_smaller, in_order
from release.pages.render import render_site
from release.pages.site import Site

P = ParamSpec("P")
T = TypeVar("T")

MEMO = "pages.memo"
"""The file below ``yard.work`` that remembers what notes became. It may be deleted at any time."""
LISTS = "lists"
"""The directory below ``yard.work`` that remembers what is in images. It may be deleted at any time, too."""
HISTORY = "history"
"""The directory below ``yard.work`` with copies of the history that could be read last; as the others."""
_LIMIT = 64 << 20
_TRIES = 4
"""How often pages are rendered at most because the ledger went on meanwhile."""
_REQUESTS = 16
"""Files that are looked at, or written, side by side: over a network that is mostly waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Every file of the pages, by path below their root. ``unread`` says what could not be told, and why."""

    files: Mapping[str, bytes]
    unread: tuple[str, ...] = ()

    def line(self, changed: int, removed: int = 0) -> str:
        """For people: what became of them."""
        gone = f", {removed} removed" if removed else ""
        lists = "".join(f"; not read: {line}" for line in self.unread)
        return f"{len(self.files)} files, {changed} of them new or changed{gone}{lists}"


def pages_job(yard: Yard, *, allow_removal: bool = False) -> Job:
    """The step that renders everything. Pages lead to files, so it comes after publishing.

    ``allow_removal``: let the new pages know of fewer releases than those that are there.
    """

    def render(report: Report) -> str:
        return publish_pages(yard, report, allow_removal=allow_removal)

    return (Step("render-pages", "render pages and feeds", render),)


def site_job(yard: Yard, directory: Path, *, allow_removal: bool = False) -> Job:
    """The step that writes everything into a directory, in the place of the site that is there."""

    def write(_report: Report) -> str:
        found = rendered(yard)
        done = write_site(directory, found.files, allow_removal=allow_removal)
        return found.line(done.changed, done.removed)

    return (Step("build-site", "build the pages", write),)


def rendered(yard: Yard, state: State | None = None) -> Rendered:
    """The pages as the ledger says, now or after ``state``.

    Writes nothing but what it remembers below ``yard.work``.
    """
    site, unread = _told(yard, yard.ledger.state() if state is None else state)
    files = render_site(site, templates=yard.pages.templates, memo=yard.work / MEMO)
    return Rendered(files=files, unread=unread)


def publish_pages(yard: Yard, report: Report, *, allow_removal: bool = False) -> str:
    """Put the pages into the store: what is new or changed, in ``publish_order``. Nothing is ever removed.

    What the store has decides, file by file, so that a run that was killed is gone on with by the next.

    Whoever writes last must know the most, or a withdrawal goes away again: when the ledger goes on
    meanwhile, everything is rendered anew. The last try is finished all the same, for what is old is better
    than what is half new.

    Raises:
        RefusedError: releases are missing that the pages in the store know, and that is not allowed.
        UnavailableError: the ledger went on in each of several tries.
    """
    changed: set[str] = set()
    for left in reversed(range(_TRIES)):
        state = yard.ledger.state()
        found = rendered(yard, state)
        files = found.files
        if not allow_removal:
            before = _read(yard.store, PAGES_PREFIX + addresses.MACHINE_INDEX)
            check_not_smaller(before, files[addresses.MACHINE_INDEX], "the pages in the store")
        for done in _bringing(yard.store, files, changed, report):
            current = yard.ledger.state().sequence == state.sequence
            if done == len(files) and current:
                return found.line(len(changed))
            if left and not current:
                break
    raise UnavailableError(
        f"{PAGES_PREFIX}: the ledger went on {_TRIES} times while pages were written; they may lack the end",
        hint="run the same command again",
    )


def _bringing(store: Store, files: Mapping[str, bytes], changed: set[str], report: Report) -> Iterator[int]:
    """Write what the store lacks. Stops after each group, before what leads to it; gives how many are done.

    ``changed`` gets the paths that were written.
    """
    done = 0
    with ThreadPoolExecutor(_REQUESTS) as pool:
        for group in in_order(files):
            # One that fails ends it here: the next group leads to this one.
            brought = pool.map(lambda path: _bring(store, path, files[path]), group)
            for path, wrote in zip(group, brought, strict=True):
                done += 1
                if wrote:
                    changed.add(path)
                report(done, len(files))
            yield done


def _bring(store: Store, path: str, data: bytes) -> bool:
    """Write a file unless the store has it; returns whether it had to."""
    key = PAGES_PREFIX + path
    found = store.stat(key)
    if found is not None and found.size == len(data):
        # Not every store knows digests without reading.
        known = found.sha256 == Digest.sha256(data) if found.sha256 else _read(store, key) == data
        if known:
            return False
    store.replace(key, data)
    return True


def site_of(yard: Yard, state: State) -> Site:
    """What the ledger, the signed releases, the settings and the history say, as the pages need it."""
    return _told(yard, state)[0]


def _told(yard: Yard, state: State) -> tuple[Site, tuple[str, ...]]:
    """The site, and a line for each list, text or policy that could not be read."""
    releases = {
        version: registered_release(yard.store, state, version)[0] for version in sorted(state.releases)
    }
    policy = policy_in_force(yard.store, state)
    memory = ListMemory(folder=yard.work / LISTS)
    contents = contents_of(yard.store, yard.naming, state, releases, memory)
    history, unread = last_history(yard.pages, yard.work / HISTORY)
    lost: set[str] = set()
    known = Known(
        releases=releases,
        packages=contents.packages,
        differences=contents.differences,
        policy_of=_noting(policy_reader(yard.store), lost),
        read_notes=_noting(notes_reader(yard.store), lost),
        keys=keys_of_site(yard, state, channels_of_site(policy, state)),
        rotations=_rotations(yard, state),
        history=history,
    )
    site = site_from(yard.product, state, policy, yard.pages, known)
    return site, (*unread, *sorted(lost), *contents.unread)


def _noting(read: Callable[P, T], lost: set[str]) -> Callable[P, T]:
    """The same, and why it could not be done is put into ``lost``."""

    def noting(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return read(*arguments, **options)
        except (InputError, NotVerifiedError) as error:
            lost.add(error.message)
            raise

    return noting


def _rotations(yard: Yard, state: State) -> dict[str, Version]:
    """None where the settings are wrong: whoever signs channel documents says so, and pages must come out."""
    try:
        return key_floors(yard, state)
    except (InputError, RefusedError):
        return {}


def _read(store: Store, key: str) -> bytes | None:
    try:
        return store.read(key, _LIMIT)
    except MissingObjectError:
        return None
