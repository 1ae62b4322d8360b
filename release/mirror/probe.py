"""Finds out what a mirror can really do, by doing it under keys of its own, which are removed again.

A condition counts as kept when a write that violates it is refused *and* has changed nothing, and when of
several writers at the same time exactly one comes through.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from typing import Protocol, runtime_checkable

from release.digests import Digest, hash_stream
from release.errors import HumpyardError, InputError
from release.mirror.abilities import Abilities, Ability, Finding, Verdict
from release.mirror.store import ConflictError, LostRaceError, Store

SCRATCH = "probe-"
"""What the keys of all trials begin with. A probe that is killed leaves some behind."""
RACERS = 8
LARGE = (5 << 20) + 1
"""Bytes of a large object: S3's least part, and one more."""


class IgnoredError(Exception):
    """The mirror did what it should have refused, or said that it did what it did not do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """``run`` raises IgnoredError when the ability is only pretended, an error of ours when it is denied."""

    ability: Ability
    tried: str
    run: Callable[[], None]


@runtime_checkable
class Triable(Protocol):
    """A store that knows better trials of itself than those that every store can be put to."""

    def trials(self, scratch: str) -> Sequence[Trial]:
        """What to try, with keys that begin with ``scratch``. The first writes and reads back."""
        ...

    def abandon(self, scratch: str) -> None:
        """Remove what trials may leave besides objects."""
        ...


def probe(store: Store, where: str) -> Abilities:
    """Try everything once. Writes about 20 MiB, and leaves nothing, not after an error either.

    Raises:
        HumpyardError: the mirror does not take and give back a single object. Later trials that fail are
            findings.
    """
    scratch = f"{SCRATCH}{secrets.token_hex(8)}-"
    trials = store.trials(scratch) if isinstance(store, Triable) else store_trials(store, scratch)
    try:
        first, *others = trials
        findings = [_find(first, first.run)]
        findings += [_find(one, partial(_denied, one.run)) for one in others]
    finally:
        _tidy(store, scratch)
    return Abilities(where=where, findings=tuple(findings))


class _DeniedError(Exception):
    pass


def _denied(run: Callable[[], None]) -> None:
    try:
        run()
    except HumpyardError as error:
        raise _DeniedError(error.message) from error


def _find(trial: Trial, run: Callable[[], None]) -> Finding:
    verdict, found = Verdict.KEPT, "it does"
    try:
        run()
    except IgnoredError as error:
        verdict, found = Verdict.IGNORED, str(error)
    except _DeniedError as error:
        verdict, found = Verdict.REFUSED, str(error)
    return Finding(ability=trial.ability, verdict=verdict, tried=trial.tried, found=found)


def _tidy(store: Store, scratch: str) -> None:
    """Errors here would hide those of the trials, and findings say whether the mirror deletes."""
    with suppress(HumpyardError):
        for key in store.list(scratch):
            store.delete(key)
    if isinstance(store, Triable):
        with suppress(HumpyardError):
            store.abandon(scratch)


def race(attempts: Iterable[Callable[[], bool]]) -> int:
    """Run all at the same time; gives how many came through. The first error of ours goes on."""
    runs = list(attempts)
    barrier = Barrier(len(runs))

    def start(run: Callable[[], bool]) -> bool:
        barrier.wait()
        return run()

    with ThreadPoolExecutor(len(runs)) as pool:
        return sum(pool.map(start, runs))


def expect_one(winners: int) -> None:
    """Raises IgnoredError unless exactly one of several writers came through."""
    if winners != 1:
        raise IgnoredError(f"{winners} of {RACERS} writers at the same time were told that they wrote")


def expect_refused(accepted: bool) -> None:
    """Raises IgnoredError when what should have been refused was accepted."""
    if accepted:
        raise IgnoredError("it was accepted")


def expect_bytes(found: bytes, expected: bytes) -> None:
    """Raises IgnoredError when other bytes are there than should be."""
    if found != expected:
        raise IgnoredError(f"expected {expected!r} to be there, found {found[:100]!r}")


def large_bytes(filling: bytes) -> bytes:
    """A large object that is all ``filling``, a single byte."""
    return filling * LARGE


def _sha(data: bytes) -> Digest:
    return Digest.sha256(data)


@dataclass(frozen=True, slots=True)
class _StoreTrials:
    """Trials by what every store promises. A store's own look before each write is part of what is tried."""

    store: Store
    scratch: str

    def read_back(self) -> None:
        self.store.replace(f"{self.scratch}read", b"text")
        expect_bytes(self.store.read(f"{self.scratch}read"), b"text")

    def listing(self) -> None:
        if list(self.store.list(self.scratch)) != [f"{self.scratch}read"]:
            raise IgnoredError("what was written is not in the listing, or something else is")

    def create_once(self) -> None:
        key = f"{self.scratch}once"
        self.store.create(key, b"first", sha256=_sha(b"first"))
        expect_refused(self._created(key, b"second"))
        expect_bytes(self.store.read(key), b"first")
        expect_one(race(self._creating(number) for number in range(RACERS)))

    def swap(self) -> None:
        key = f"{self.scratch}pointer"
        first = self.store.swap_pointer(key, None, b"first")
        expect_refused(self._swapped(key, "0" * 32, b"stale"))
        expect_bytes(self.store.read(key), b"first")
        expect_one(race(self._swapping(key, first.tag, number) for number in range(RACERS)))

    def checksum(self) -> None:
        self._refuses_wrong(f"{self.scratch}wrong", b"text")

    def copy(self) -> None:
        self.store.copy(f"{self.scratch}read", f"{self.scratch}copy", sha256=_sha(b"text"))
        expect_bytes(self.store.read(f"{self.scratch}copy"), b"text")

    def copy_once(self) -> None:
        before = self.store.read(f"{self.scratch}once")
        with suppress(ConflictError):
            self.store.copy(f"{self.scratch}read", f"{self.scratch}once", sha256=_sha(b"text"))
            raise IgnoredError("it was accepted")
        expect_bytes(self.store.read(f"{self.scratch}once"), before)

    def large(self) -> None:
        key, data = f"{self.scratch}large", large_bytes(b"a")
        self.store.create(key, lambda: io.BytesIO(data), sha256=_sha(data))
        with self.store.open(key) as stream:
            if hash_stream(stream).sha256 != _sha(data):
                raise IgnoredError("other bytes came back")

    def large_once(self) -> None:
        expect_refused(self._created(f"{self.scratch}large", large_bytes(b"b")))

    def large_checksum(self) -> None:
        self._refuses_wrong(f"{self.scratch}wrong", large_bytes(b"c"))

    def delete(self) -> None:
        self.store.delete(f"{self.scratch}read")
        if self.store.stat(f"{self.scratch}read") is not None:
            raise IgnoredError("the object is still there")

    def _created(self, key: str, data: bytes) -> bool:
        try:
            self.store.create(key, data, sha256=_sha(data))
        except ConflictError:
            return False
        return True

    def _creating(self, number: int) -> Callable[[], bool]:
        return lambda: self._created(f"{self.scratch}race", f"{number}".encode())

    def _swapped(self, key: str, tag: str, data: bytes) -> bool:
        try:
            self.store.swap_pointer(key, tag, data)
        except LostRaceError:
            return False
        return True

    def _swapping(self, key: str, tag: str, number: int) -> Callable[[], bool]:
        return lambda: self._swapped(key, tag, f"{number}".encode())

    def _refuses_wrong(self, key: str, data: bytes) -> None:
        with suppress(InputError):
            self.store.create(key, data, sha256=_sha(b"other"))
            raise IgnoredError("it was accepted")
        if self.store.stat(key) is not None:
            raise IgnoredError("it was refused, and is there all the same")


def store_trials(store: Store, scratch: str) -> tuple[Trial, ...]:
    """What every store can be put to."""
    on = _StoreTrials(store, scratch)
    return tuple(
        Trial(ability=ability, tried=tried, run=run)
        for ability, tried, run in (
            (Ability.READ_BACK, "write an object, read it", on.read_back),
            (Ability.LISTING, "list the one object there is", on.listing),
            (Ability.CREATE_ONCE, f"write other bytes to a key; {RACERS} writers of a key", on.create_once),
            (Ability.SWAP, f"move a pointer from a tag it has not; {RACERS} who move it", on.swap),
            (Ability.CHECKSUM, "write bytes of another SHA-256", on.checksum),
            (Ability.COPY, "copy an object, read the copy", on.copy),
            (Ability.COPY_ONCE, "copy an object onto another one", on.copy_once),
            (Ability.LARGE, f"write {LARGE} bytes from a stream, read them", on.large),
            (Ability.LARGE_ONCE, f"write {LARGE} other bytes to the same key", on.large_once),
            (Ability.LARGE_CHECKSUM, f"write {LARGE} bytes of another SHA-256", on.large_checksum),
            (Ability.DELETE, "delete an object, look for it", on.delete),
        )
    )
