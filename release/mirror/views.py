"""Folders that change in one step: a symbolic link that leads to a folder made for it.

``current`` is a link to ``.view-current.<random>`` beside it, which holds documents as plain files and
relative links to files of a version. It is changed by making another such folder and renaming a new link
over the old one (rename(2)): whoever opens ``current`` gets one folder or the other, and what he opened stays
whole. Folders that were replaced are kept for a while, for those who are just reading them.
"""

from __future__ import annotations

import os
import posixpath
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from release.errors import InputError
from release.mirror.folders import lock, object_errors, open_folder, open_object
from release.mirror.keys import check_key
from release.mirror.store import MissingObjectError
from release.mirror.streams import mapped_stream, read_bounded

GRACE = 3600.0
"""Seconds that a folder is kept after another took its place."""

DOCUMENT_LIMIT = 16 << 20
"""Bytes that a document in a view may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a folder shows, by name: files of the store by their keys, and documents by their bytes."""

    files: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, bytes] = field(default_factory=dict)


class Views:
    """The views below the root of a directory store. One writer at a time, in all processes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, key: str) -> View | None:
        """What the view ``key`` shows, None when it was never made.

        Raises:
            InputError: something else is there, or in it.
        """
        with self._place(key) as (folder, name, above):
            return _read(folder, name, above, key)

    def change(self, key: str, decide: Callable[[View | None], View]) -> bool:
        """Let ``key`` show what ``decide`` makes of what it shows now. False when that is the same.

        Raises:
            InputError: as in ``read``.
        """
        with (
            object_errors(self._root / key),
            lock(self._root, "views"),
            self._place(key, create=True) as (folder, name, above),
        ):
            before = _link(folder, name, key)
            present = _read(folder, name, above, key)
            wanted = decide(present)
            if wanted == present:
                return False
            made = _make(folder, name, above, wanted)
            link = f"{made}.link"
            os.symlink(made, link, dir_fd=folder)
            os.replace(link, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
            _remove_others(folder, name, made, before)
            return True

    @contextmanager
    def _place(self, key: str, *, create: bool = False) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        """A descriptor of the folder that the view is in, the view's name, the names down to the folder."""
        *folders, name = check_key(key).split("/")
        with (
            object_errors(self._root / key),
            open_folder(self._root, folders, create=create) as folder,
        ):
            yield folder, name, tuple(folders)


def view_pattern(name: str) -> re.Pattern[str]:
    """What the folders behind the view ``name`` are called, and new links to them."""
    return re.compile(rf"\.view-{re.escape(name)}\.[0-9a-f]{{16}}(\.link)?", re.ASCII)


def _link(folder: int, name: str, key: str) -> str | None:
    """The name of the folder that the link leads to, None without a link."""
    try:
        target = os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError:  # EINVAL: it is no link
        return check_view_link(key, None)
    return check_view_link(key, target)


def check_view_link(key: str, target: str | None) -> str:
    """Return ``target`` if what is at ``key`` is a link of ours to it. Raises InputError otherwise."""
    if target is None:
        raise InputError(
            f"{key}: expected a symbolic link to a view, found something else",
            hint="a replica needs a directory of its own, not that of the origin; if it is an old mirror,"
            " move this folder away",
        )
    if not view_pattern(key.rpartition("/")[2]).fullmatch(target):
        raise InputError(
            f"{key}: expected a symbolic link to a view, found one to {target!r}",
            hint="somebody else made it; remove it, then run the same command again",
        )
    return target


def _read(folder: int, name: str, above: tuple[str, ...], key: str) -> View | None:
    target = _link(folder, name, key)
    if target is None:
        return None
    files: dict[str, str] = {}
    documents: dict[str, bytes] = {}
    with _opened(folder, target) as view, os.scandir(view) as entries:
        for entry in entries:
            if entry.is_symlink():
                leads = os.readlink(entry.name, dir_fd=view)
                files[entry.name] = linked_key("/".join((*above, target)), leads)
            else:
                documents[entry.name] = _document(view, entry.name, f"{key}/{entry.name}")
    return View(files=files, documents=documents)


def _document(view: int, name: str, where: str) -> bytes:
    file = open_object(view, name)
    stream = mapped_stream(
        lambda count: os.read(file, count), lambda: os.close(file), lambda: object_errors(Path(where))
    )
    with stream:
        return read_bounded(stream, where, DOCUMENT_LIMIT)


def _make(folder: int, name: str, above: tuple[str, ...], view: View) -> str:
    """A new folder that shows ``view``, on the disk; nobody is led to it yet."""
    made = f".view-{name}.{secrets.token_hex(8)}"
    os.mkdir(made, dir_fd=folder)
    with _opened(folder, made) as inside:
        for entry, data in view.documents.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(entry, flags, 0o666, dir_fd=inside), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        for entry, key in view.files.items():
            os.symlink(relative_link("/".join((*above, made)), key), entry, dir_fd=inside)
        os.fsync(inside)
    return made


@contextmanager
def _opened(folder: int, name: str) -> Iterator[int]:
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield inner
    finally:
        os.close(inner)


def _remove_others(folder: int, name: str, made: str, before: str | None) -> None:
    """Remove older views, and what killed writers left. What cannot be removed is left to the next writer.

    A view that is replaced is touched, and goes when that is ``GRACE`` ago by the clock of the file system.
    """
    with suppress(OSError):  # it may be gone, as far as we know
        if before is not None:
            os.utime(before, dir_fd=folder, follow_symlinks=False)
    now = os.stat(made, dir_fd=folder).st_mtime
    for entry in os.listdir(folder):
        if entry in {made, before} or not view_pattern(name).fullmatch(entry):
            continue
        with suppress(OSError):
            if entry.endswith(".link"):
                os.unlink(entry, dir_fd=folder)
            elif now - os.stat(entry, dir_fd=folder).st_mtime > GRACE:
                shutil.rmtree(entry, dir_fd=folder)


def relative_link(folder: str, key: str) -> str:
    """What a link in ``folder`` must hold to lead to ``key``; both from the root."""
    return posixpath.relpath(f"/{key}", f"/{folder}")


def linked_key(folder: str, link: str) -> str:
    """Where such a link leads. It is no key when that is outside of the root: check it before it is used."""
    return posixpath.normpath(f"{folder}/{link}")


def shown_key(view: View | None, key: str, name: str) -> str:
    """The key of the file that a view shows as ``name``. Raises MissingObjectError when it shows none."""
    if view is None or name not in view.files:
        raise MissingObjectError(f"{key}: there is no such object")
    return view.files[name]
