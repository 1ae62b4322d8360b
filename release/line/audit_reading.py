"""Reading a mirror for the audit: nothing is believed, nothing ends it but a mirror that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from release.audit.documents import Had
from release.audit.opening import Stored
from release.catalog.naming import LEDGER_PREFIX, ledger_key
from release.digests import Digest, Hasher, chunks
from release.errors import InputError
from release.ledger.entries import ENTRY_LIMIT, LedgerBrokenError, read_sealed
from release.line.visiting import MirrorSource
from release.mirror.store import MissingObjectError

_BEYOND = 8
"""Where nothing can be listed: so many numbers in a row without an entry, after the last one that the
head names, end the search."""
_LARGEST_GAP = 1000
"""So many before it, too: then the head names what is not there at all."""


@dataclass(slots=True)
class MirrorReading:
    """What the audit asks of a mirror. ``listed`` may not be possible; it tells so by None."""

    source: MirrorSource
    unlisted: set[str] = field(default_factory=set)
    """Prefixes that were to be listed and could not be."""

    def had(self, key: str, limit: int) -> Had:
        """The bytes of an object of at most ``limit`` bytes, or why there are none."""
        try:
            return Had(data=self.source.read(key, limit))
        except MissingObjectError:
            return Had(absent=True)
        except InputError as error:
            return Had(problem=error.message)

    def digest(self, key: str, limit: int) -> tuple[Digest | None, str]:
        """The SHA-256 of an object, read as a stream; None, and why, where there is none.

        More than ``limit`` bytes are not read: of an object that is longer it is the digest of nothing
        that was ever named.
        """
        hasher = Hasher()
        try:
            with self.source.open(key) as stream:
                for data in chunks(stream, limit + 1):
                    hasher.update(data)
        except MissingObjectError:
            return None, ""
        except InputError as error:
            return None, error.message
        return hasher.result().sha256, ""

    def listed(self, prefix: str) -> list[str] | None:
        """All keys that begin with ``prefix``; None when this mirror cannot be listed."""
        try:
            return list(self.source.list(prefix))
        except InputError:
            self.unlisted.add(prefix)
            return None

    def ledger(self, last: int) -> Iterator[Stored]:
        """Every object of the ledger. ``last`` is where a signed head says that it ends, -1 for none."""
        keys = self.listed(LEDGER_PREFIX)
        if keys is None:
            yield from self._by_number(last)
            return
        for key in keys:
            had = self.had(key, ENTRY_LIMIT)
            if not had.absent:  # else removed since it was listed: it is told as missing
                yield _stored(key, had)

    def has_entry(self, number: int) -> bool:
        """Whether there is something that looks like this entry; nothing is verified."""
        key = ledger_key(number)
        return _looks_right(self.had(key, ENTRY_LIMIT), key)

    def _by_number(self, last: int) -> Iterator[Stored]:
        """Ask for one number after the other. A web server may answer anything where there is nothing."""
        waiting: list[Stored] = []
        empty = absent = 0
        for number in count():
            key = ledger_key(number)
            had = self.had(key, ENTRY_LIMIT)
            if number <= last or _looks_right(had, key):
                yield from waiting
                waiting = []
                if not had.absent:
                    yield _stored(key, had)
                empty = empty + 1 if had.data is None else 0
            else:
                empty += 1
                absent += had.absent
                waiting += [] if had.data is None else [_stored(key, had)]
            if empty >= (_LARGEST_GAP if number <= last else _BEYOND):
                yield from waiting if absent else ()  # it does say where it has nothing: this is something
                return


def _stored(key: str, had: Had) -> Stored:
    return Stored(key=key, data=had.data, problem=had.problem)


def _looks_right(had: Had, key: str) -> bool:
    if had.data is not None:
        with suppress(LedgerBrokenError):
            read_sealed(had.data, key)
            return True
    return False
