"""Bringing releases to mirrors: bytes, read back over HTTP, what vouches for them, read back, the ledger.

Mirrors work side by side, a thread each, and none waits for another. Only the caller's thread writes to
the ledger. Whatever is killed, wherever, is completed by doing the same again: what is on a mirror stays,
what is not is sent, and all of it is read back before the ledger says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from release.errors import HumpyardError, UnavailableError
from release.ledger.chain import Proposal
from release.ledger.kinds import MirrorVerified
from release.ledger.state import State
from release.line.mirror_files import MirrorRelease, mirror_release, size_of
from release.line.mirror_notes import take_note
from release.line.mirror_probe import check_replica
from release.line.mirror_watch import Carrier, GivenUpError, Watch
from release.line.mirror_wishes import Place
from release.line.mirrors import Behind, Mirror
from release.line.read_back import ReadBackError, read_back
from release.line.sources import registered_release
from release.line.steps import Report
from release.line.yard import Yard
from release.mirror.store import ConflictError
from release.mirror.store_replica import StoreReplica
from release.pages.listing import release_listings

_late: dict[str, Future[None]] = {}
"""Threads that nobody waited for and that may still work, by the public address of their mirror."""
_LOOK = 0.2
"""Seconds between looks at whether somebody is waited for in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What to bring to one mirror, in this order."""

    mirror: Mirror
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What became of one place on one mirror. ``error`` None: all of it is there, as everybody sees it."""

    mirror: Mirror
    place: Place
    brought: MirrorRelease | None = None
    error: HumpyardError | None = None


@dataclass(slots=True)
class Brought:
    """What a round brought: by mirror, the places that are verified now; and who is behind, and why."""

    verified: dict[str, list[Place]] = field(default_factory=dict)
    behind: list[Behind] = field(default_factory=list)

    def line(self, nothing: str = "mirrors have everything") -> str:
        """One line."""
        done = [f"{name} has {', '.join(map(str, places))}" for name, places in self.verified.items()]
        late = [f"BEHIND {one}" for one in self.behind]
        return "; ".join((*done, *late)) or nothing


def never(_state: State) -> bool:
    """Every mirror is waited for."""
    return False


def bring(
    yard: Yard, errands: Sequence[Errand], report: Report, *, enough: Callable[[State], bool] = never
) -> Brought:
    """Do all errands. A mirror that fails is told of and stops no other.

    Args:
        yard: of the pipeline, which writes what was verified into the ledger.
        errands: at most one for a mirror.
        report: is told of bytes.
        enough: whether, as the ledger is, nobody has to be waited for longer than his patience.

    Raises:
        HumpyardError: the ledger cannot be written, or the store cannot say what a release is.
    """
    result = Brought()
    errands = _free(errands, result)
    if not errands:
        return result
    state = yard.ledger.state()
    watch = Watch(report, _total(yard, state, errands))
    found: SimpleQueue[_Found] = SimpleQueue()
    threads = [_Thread(one, Carrier(watch, one.mirror.name)) for one in errands]
    pool = ThreadPoolExecutor(len(threads))
    try:
        for thread in threads:
            thread.future = pool.submit(_run, yard, state, thread.errand, thread.carrier, found.put)
        _attend(yard, threads, found, result, enough)
    finally:
        for thread in threads:
            thread.carrier.give_up()
        pool.shutdown(wait=False, cancel_futures=True)
    _take_notes(yard, errands, result)
    return result


@dataclass(slots=True)
class _Thread:
    errand: Errand
    carrier: Carrier
    future: Future[None] = field(default_factory=Future)

    @property
    def patience(self) -> float:
        access = self.errand.mirror.access
        return 0.0 if access is None else access.patience


def _free(errands: Sequence[Errand], result: Brought) -> list[Errand]:
    """Those with something to bring, to mirrors that no thread of before is still busy with."""
    free = []
    for one in errands:
        before = _late.get(one.mirror.site.url)
        if before is not None and before.done():
            del _late[one.mirror.site.url]
            before = None
        if before is None and one.places:
            free.append(one)
        elif one.places:
            error = GivenUpError(f"{one.mirror.name}: an earlier try is not over yet")
            result.behind.append(Behind(mirror=one.mirror.name, what="not tried again", error=error))
    return free


def _attend(
    yard: Yard,
    threads: Sequence[_Thread],
    found: SimpleQueue[_Found],
    result: Brought,
    enough: Callable[[State], bool],
) -> None:
    """Record what threads find while they run, and leave those that nobody has to wait for.

    A thread that is left ends by itself, at its next piece of data or when its connection does. What it
    wrote until then stays; it is not recorded.
    """
    left = {thread.future: thread for thread in threads}
    waits_since = time.monotonic() if enough(yard.ledger.state()) else None
    while left:
        done, _ = wait(left, timeout=_LOOK, return_when=FIRST_COMPLETED)
        is_news = _record_all(yard, found, result)
        for future in done:
            left.pop(future)
            future.result()  # raises what is a fault of ours
        if waits_since is None and is_news and enough(yard.ledger.state()):
            waits_since = time.monotonic()
        if waits_since is not None:
            waited = time.monotonic() - waits_since
            for late in [one for one in left.values() if waited >= one.patience]:
                left.pop(late.future)
                _late[late.errand.mirror.site.url] = late.future
                result.behind.append(late.carrier.left_behind())


def _run(yard: Yard, state: State, errand: Errand, carrier: Carrier, tell: Callable[[_Found], None]) -> None:
    """One mirror's thread. What is wrong with one release is not yet wrong with the next."""
    for place in errand.places:
        brought = None
        try:
            check_replica(errand.mirror)
            brought = mirror_release(yard.store, state, place, yard.naming)
            bring_release(errand.mirror, brought, carrier)
            _list(yard, state, errand.mirror, place)
        except HumpyardError as error:
            tell(_Found(mirror=errand.mirror, place=place, brought=brought, error=error))
            if isinstance(error, UnavailableError):
                return
        else:
            tell(_Found(mirror=errand.mirror, place=place, brought=brought))


def bring_release(mirror: Mirror, release: MirrorRelease, carrier: Carrier) -> None:
    """Bring one release to one mirror, and read all of it from its public address.

    Raises:
        ReadBackError: the address gives something else.
        ConflictError: other bytes are there.
        HumpyardError: whatever else is wrong with the mirror, or with the store.
    """
    access = mirror.reach()
    replica = None if access.replica is None else access.replica()
    public = access.public(mirror.site.url)
    release = release if replica is None else release.written
    for files in (release.content, release.vouching):
        carrier.check()
        if replica is not None:
            watched = [replace(one, source=carrier.source(one.key, one.source)) for one in files]
            try:
                replica.write_once(watched, carrier.sent)
            except ConflictError:  # what everybody sees of it decides whether the mirror still counts
                read_back(public, mirror.site.url, (one.wanted for one in files), carrier.read)
                raise
        read_back(public, mirror.site.url, (one.wanted for one in files), carrier.read)


def _list(yard: Yard, state: State, mirror: Mirror, place: Place) -> None:
    """Put listings into the folders of a release. They are rendered, so they are not read back."""
    release, _ = registered_release(yard.store, state, place.version)
    templates = yard.pages.templates
    documents = release_listings(release, yard.naming, channels=(place.channel,), templates=templates)
    access = mirror.reach()
    replica = StoreReplica.copied(yard.store) if access.replica is None else access.replica()
    replica.replace(documents)


def _record_all(yard: Yard, found: SimpleQueue[_Found], result: Brought) -> bool:
    """Whether there was anything."""
    is_news = False
    while True:
        try:
            one = found.get_nowait()
        except Empty:
            return is_news
        is_news = True
        _record(yard, one)
        if one.error is None:
            result.verified.setdefault(one.mirror.name, []).append(one.place)
        else:
            result.behind.append(Behind(mirror=one.mirror.name, what=str(one.place), error=one.error))


def _record(yard: Yard, found: _Found) -> None:
    """Write what was seen into the ledger. That a mirror could not be asked is no news for it."""
    passed = found.error is None
    if found.brought is None or not (passed or isinstance(found.error, ReadBackError)):
        return
    url = found.mirror.site.url
    verified = MirrorVerified(
        mirror=found.mirror.name,
        channel=found.place.channel,
        version=found.place.version,
        release=found.brought.release,
        passed=passed,
        detail=f"{len(found.brought.files)} files, {found.brought.size:,} bytes"
        + (f" read from {url}" if passed else f" expected at {url}; something is missing or differs"),
    )
    yard.ledger.append(mirror_verified(verified), now=yard.clock())


def mirror_verified(found: MirrorVerified) -> Proposal:
    """Record what a mirror has, or has no more, unless the ledger says so already.

    Of a release that was collected meanwhile nothing is recorded: its bytes are about to go.
    """

    def propose(state: State) -> MirrorVerified | None:
        if found.version in state.collected:
            return None
        known = found.mirror in state.mirrors_with(found.channel, found.version)
        return None if known == found.passed else found

    return propose


def _total(yard: Yard, state: State, errands: Sequence[Errand]) -> int:
    """Bytes of all errands, each sent and read back."""
    sizes: dict[Place, int] = {}
    for place in {place for one in errands for place in one.places}:
        sizes[place] = size_of(registered_release(yard.store, state, place.version)[0])
    return 2 * sum(sizes[place] for one in errands for place in one.places)


def _take_notes(yard: Yard, errands: Sequence[Errand], result: Brought) -> None:
    problems = {one.mirror: f"{one.what}: {one.error.message}" for one in reversed(result.behind)}
    for errand in errands:
        take_note(yard, errand.mirror.name, problems.get(errand.mirror.name))
