"""The objects of a mirror, from outside: all of their lengths, and the bytes of all or of a sample."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from release.audit.finding import Code, Finding
from release.digests import FileDigests, Hasher, chunks
from release.errors import InputError, UnavailableError
from release.mirror.http import HttpReader
from release.mirror.plan import Wanted
from release.mirror.store import MissingObjectError

_GIVE_UP = 3
"""So many objects in a row that the server fails to give end the audit of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is read in full: ``count`` objects or ``size`` bytes, whichever is reached first.

    Drawn by ``seed``, so that the same seed reads the same objects of the same mirror again.
    """

    seed: int
    count: int = 50
    size: int = 1 << 30


@dataclass(slots=True, kw_only=True)
class Looking:
    """Looks at objects with several readers at once. ``open_reader`` makes one for a thread.

    ``late`` is asked before each object whether time is up.
    """

    open_reader: Callable[[], HttpReader]
    workers: int
    late: Callable[[], bool]
    objects: int = 0
    read: int = 0
    size: int = 0
    last: UnavailableError | None = None
    """Why it was given up; None while it was not."""
    in_time: bool = True
    _failed: int = 0
    _local: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lengths(self, wanted: Sequence[Wanted]) -> Iterator[Finding]:
        """Compare what the server says of each object's length."""
        yield from self._all(self._length, wanted)

    def contents(self, wanted: Sequence[Wanted]) -> Iterator[Finding]:
        """Read each object to its end, and compare."""
        yield from self._all(self._content, wanted)

    def _all(self, look: Callable[[Wanted], Finding | None], wanted: Sequence[Wanted]) -> Iterator[Finding]:
        with ThreadPoolExecutor(self.workers) as pool:
            for finding in pool.map(lambda one: self._one(look, one), wanted):
                if finding is not None:
                    yield finding

    def _one(self, look: Callable[[Wanted], Finding | None], wanted: Wanted) -> Finding | None:
        with self._lock:
            self.in_time = self.in_time and not self.late()
            if not self.in_time or self._failed >= _GIVE_UP:
                return None
        try:
            finding = look(wanted)
        except UnavailableError as error:
            with self._lock:
                self._failed += 1
                self.last = error
            return _finding(Code.OBJECT_UNREADABLE, wanted, error.message)
        with self._lock:
            self._failed = 0
        return finding

    @property
    def given_up(self) -> bool:
        """Whether the server failed too often."""
        return self._failed >= _GIVE_UP

    def _reader(self) -> HttpReader:
        reader: HttpReader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self.open_reader()
        return reader

    def _length(self, wanted: Wanted) -> Finding | None:
        try:
            found = self._reader().stat(wanted.key)
        except InputError as error:
            return _finding(Code.OBJECT_UNREADABLE, wanted, error.message)
        with self._lock:
            self.objects += 1
        return (
            _finding(Code.OBJECT_MISSING, wanted, "nothing") if found is None else _sized(wanted, found.size)
        )

    def _content(self, wanted: Wanted) -> Finding | None:
        try:
            found = self._hashed(wanted)
        except MissingObjectError:
            return _finding(Code.OBJECT_MISSING, wanted, "nothing")
        except InputError as error:
            return _finding(Code.OBJECT_UNREADABLE, wanted, error.message)
        with self._lock:
            self.read += 1
            self.size += found.size
        if found.sha256 == wanted.sha256:
            return None
        if found.size != wanted.size:
            return _sized(wanted, found.size)
        code = Code.SIGNATURE_WRONG if wanted.key.endswith(".sig") else Code.OBJECT_WRONG
        return _finding(code, wanted, f"{found.size} bytes, {found.sha256}")

    def _hashed(self, wanted: Wanted) -> FileDigests:
        hasher = Hasher()
        with self._reader().open(wanted.key) as stream:
            for data in chunks(stream, wanted.size + 1):  # endless data ends here
                hasher.update(data)
        return hasher.result()


def drawn(wanted: Sequence[Wanted], sample: Sample, always: Collection[str]) -> tuple[Wanted, ...]:
    """What is read in full: those of the keys ``always``, and a sample of the others."""
    rest = sorted((one for one in wanted if one.key not in always), key=lambda one: one.key)
    random.Random(sample.seed).shuffle(rest)  # noqa: S311  a sample that can be drawn again, no secret
    found, size = [one for one in wanted if one.key in always], 0
    for one in rest[: sample.count]:
        if size + one.size > sample.size:
            continue
        size += one.size
        found.append(one)
    return tuple(found)


def extras(listed: Iterator[str], known: Collection[str], owned: Callable[[str], bool]) -> Iterator[Finding]:
    """Keys that are there and that nobody published; ``owned`` tells of those that are made elsewhere."""
    for key in listed:
        if key not in known and not owned(key):
            yield Finding(
                code=Code.OBJECT_EXTRA,
                where=key,
                expected="only what releases and their listings have",
                found="an object that no release.json names",
                hint="the pipeline did not write it; find out who may write to this mirror",
            )


def _sized(wanted: Wanted, size: int) -> Finding | None:
    if size == wanted.size:
        return None
    code = Code.OBJECT_SHORT if size < wanted.size else Code.OBJECT_LONG
    return _finding(code, wanted, f"{size} bytes" if size < wanted.size else "more")


_HINTS: Mapping[Code, str] = {
    Code.OBJECT_UNREADABLE: "look at the log of the mirror's web server",
}


def _finding(code: Code, wanted: Wanted, found: str) -> Finding:
    return Finding(
        code=code,
        where=wanted.key,
        expected=f"{wanted.size} bytes, {wanted.sha256}",
        found=found,
        hint=_HINTS.get(code, "remove it on the mirror, then: humpyard mirrors sync"),
    )
