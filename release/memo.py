"""What was made of a text before, so that it need not be made again: costly pure functions remember.

A memo can be deleted at any time. It is never stale: what it remembers is named by a digest of the text, of
the sources of ``release.pages``, ``release.notes`` and what they are made from, and of the versions of what
they use. One that is broken is ignored. It is as
trusted as the program: keep it where only the pipeline writes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import release as package

_LIBRARIES = ("jinja2", "markdown", "markupsafe", "nh3")
_SOURCES = ("pages", "notes", "bundle", "catalog")
"""The packages below ``release`` whose functions remember, or are used by those that do."""
_PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
_TABLE = "CREATE TABLE IF NOT EXISTS made (key BLOB PRIMARY KEY, value BLOB, digest BLOB)"


class Memo:
    """Values by name and text. With a ``path`` they are kept there, in one file, by ``keep``."""

    def __init__(self, path: Path | None = None) -> None:
        self._version = sources_version()
        self._file = None if path is None or self._version is None else _File(path)
        self._values: dict[bytes, str] = {}
        self._fresh: dict[bytes, str] = {}
        self._used: set[bytes] = set()

    def find(self, name: str, text: str) -> str | None:
        """What the function ``name`` once made of ``text``; None when that is not known."""
        key = self._key(name, text)
        value = self._values.get(key)
        if value is None and self._file is not None:
            value = self._file.read(key)
        if value is not None:
            self._values[key] = value
            self._used.add(key)
        return value

    def add(self, name: str, text: str, value: str) -> None:
        """Remember what the function made of it."""
        key = self._key(name, text)
        self._values[key] = self._fresh[key] = value
        self._used.add(key)

    def learned(self) -> object:
        """What became known since, and what was asked for: for ``learn``, in another process."""
        return self._fresh, self._used

    def learn(self, learned: object) -> None:
        """Take over what another process came to know."""
        if isinstance(learned, tuple):
            fresh, used = learned
            self._values |= fresh
            self._fresh |= fresh
            self._used |= used

    def keep(self, *, forget: bool = True) -> None:
        """Write what is new, and ``forget`` what was not asked for. What cannot be written is not kept."""
        if self._file is not None:
            self._file.write(self._fresh, used=self._used if forget else None)
            self._fresh = {}

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _key(self, name: str, text: str) -> bytes:
        said = f"{self._version}\0{name}\0{text}"
        return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=32).digest()


_current: ContextVar[Memo | None] = ContextVar("memo", default=None)


@contextmanager
def memo_in(path: Path | None) -> Iterator[Memo]:
    """Let functions remember, in this thread, while the block runs, and keep that in ``path``.

    When the block ends well, what was not asked for is forgotten.
    """
    memo = Memo(path)
    token = _current.set(memo)
    try:
        yield memo
        memo.keep()
    except BaseException:
        memo.keep(forget=False)
        raise
    finally:
        _current.reset(token)
        memo.close()


def remembered(make: Callable[[str], str]) -> Callable[[str], str]:
    """A pure function that asks the memo at hand first. Errors are not remembered."""
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def recall(text: str) -> str:
        return recalled(name, text, lambda: make(text))

    return recall


def recalled(name: str, text: str, make: Callable[[], str]) -> str:
    """What ``make`` makes, or made before under the same name and ``text``, which must decide it."""
    memo = _current.get()
    if memo is None:
        return make()
    value = memo.find(name, text)
    if value is None:
        value = make()
        memo.add(name, text, value)
    return value


@cache
def sources_version() -> str | None:
    """A digest of everything that decides what functions make; None where sources are not at hand."""
    root = Path(package.__file__).parent
    found = sorted(path for part in _SOURCES for path in (root / part).rglob("*.py"))
    try:
        said = [f"{name} {version(name)}" for name in _LIBRARIES]
        said += [
            f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in found
        ]
    except (OSError, PackageNotFoundError):
        return None
    if not found:
        return None
    text = "\n".join([platform.python_implementation(), platform.python_version(), *said])
    return hashlib.sha256(text.encode()).hexdigest()


class _File:
    """An SQLite database of values, each with a digest that is checked. Every error means: not known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not self._open():
            with suppress(OSError):
                path.unlink()
            self._open()

    def _open(self) -> bool:
        try:
            self._connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
            # Nothing is lost with a memo, so no write waits for the disk.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(_TABLE)
            self._connection.execute("SELECT key, value, digest FROM made LIMIT 1")
        except sqlite3.OperationalError:
            self.close()  # busy, or a place that cannot be written: it is not broken
            return True
        except sqlite3.Error:
            self.close()
            return False
        return True

    def read(self, key: bytes) -> str | None:
        if self._process != os.getpid():
            self._reopen()
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT value, digest FROM made WHERE key = ?", (key,)).fetchone()
            if row is None or _digest(key, row[0]) != row[1]:
                return None
            return bytes(row[0]).decode()
        except (sqlite3.Error, TypeError, ValueError):
            return None

    def write(self, fresh: Mapping[bytes, str], *, used: set[bytes] | None) -> None:
        """Add values, and remove those that were not used; none when ``used`` is None."""
        if self._connection is None:
            return
        rows = [(key, text.encode(), _digest(key, text.encode())) for key, text in fresh.items()]
        try:
            keys = [] if used is None else self._connection.execute("SELECT key FROM made")
            unused = [(key,) for (key,) in keys if used is not None and key not in used]
            if not rows and not unused:
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("DELETE FROM made WHERE key = ?", unused)
            self._connection.executemany("INSERT OR REPLACE INTO made VALUES (?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, TypeError):
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _reopen(self) -> None:
        """In a fork of the process that opened it: a connection is of one process, and is not closed here."""
        self._inherited, self._connection, self._process = self._connection, None, os.getpid()
        self._open()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _digest(key: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(value, key=key, digest_size=32).digest()
