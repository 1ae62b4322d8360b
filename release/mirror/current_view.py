"""How ``<channel>/<board>/current/`` is shown, by what a store can do.

* **Linked** (directories): ``current`` is a symbolic link that is changed in one step. At any moment it leads
  to all of the old view or all of the new one.
* **Copied** (S3, and whatever has no links): copies of small files, then the documents, ``version.txt`` last,
  then what is stale goes. Between the first and the last a reader sees some of both. Big files are not there:
  read ``version.txt`` first, and take them from the version it names.

Over HTTP two requests are two looks at ``current/``, and the channel may move in between, whatever the kind
of mirror. Who needs several files that belong together reads ``version.txt`` once, then the version's folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from release.digests import Digest
from release.errors import NotVerifiedError
from release.mirror.content_types import MUTABLE
from release.mirror.directory import DirectoryStore
from release.mirror.keys import check_prefix
from release.mirror.plan import Wanted
from release.mirror.replica import CurrentView, Document, MayFollow, anything
from release.mirror.store import LostRaceError, MissingObjectError, ObjectTooLargeError, Store
from release.mirror.views import View, Views, shown_key

SMALL = 1 << 20
"""Bytes up to which a file is copied into ``current/`` of a store without links."""

_TRIES = 5
_VIEW = r"([a-z0-9-]+/[a-z0-9]+-[a-z]+/current(?:-[0-9a-z]+)*)/"
BELOW_VIEW = re.compile(_VIEW, re.ASCII)
"""What a prefix of nothing but a view's keys begins with."""
IN_VIEW = re.compile(rf"{_VIEW}([^/]+)", re.ASCII)
"""A key in a view: the view's own, and the name in it."""


class CurrentViews(Protocol):
    """Shows views on one store, and answers for the keys in them."""

    def show(self, view: CurrentView, may_follow: MayFollow) -> None:
        """See ``Replica.show_current``."""
        ...

    def replace(self, document: Document, may_follow: MayFollow) -> None:
        """See ``Replica.replace``, for one document."""
        ...

    def read(self, key: str, limit: int) -> bytes:
        """See ``Replica.read``."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """See ``Replica.list``."""
        ...


class CopiedViews:
    """Views in a store that has objects and nothing else."""

    def __init__(self, store: Store, *, small: int = SMALL) -> None:
        """``small``: bytes up to which files are copied."""
        self._store = store
        self._small = small

    def show(self, view: CurrentView, may_follow: MayFollow) -> None:
        """See ``CurrentViews.show``.

        All documents are judged before the first file is copied. A publisher that falls behind after that
        leaves small files of its version until the next one; it cannot put its documents over newer ones.
        """
        for document in view.documents:
            judge(document, self._present(document.key), may_follow)
        documents = {document.key for document in view.documents}
        copies = {view.prefix + file_name(one): one for one in view.files if one.size <= self._small}
        for key, file in copies.items():
            if key not in documents:
                self._copy(file, key)
        for document in view.documents:
            self.replace(document, may_follow)
        for key in list(self._store.list(view.prefix)):
            if key not in documents and key not in copies:
                self._store.delete(key)

    def replace(self, document: Document, may_follow: MayFollow) -> None:
        """See ``CurrentViews.replace``."""
        replace_document(self._store, document, may_follow)

    def read(self, key: str, limit: int) -> bytes:
        """See ``CurrentViews.read``."""
        return self._store.read(key, limit)

    def list(self, prefix: str) -> Iterator[str]:
        """See ``CurrentViews.list``."""
        return self._store.list(prefix)

    def _present(self, key: str) -> bytes | None:
        pointer = self._store.read_pointer(key)
        return None if pointer is None else pointer.data

    def _copy(self, file: Wanted, key: str) -> None:
        present = self._store.stat(key)
        if present is not None and present.sha256 == file.sha256:
            return
        data = self._store.read(file.key, file.size)
        found = Digest.sha256(data)
        if found != file.sha256:
            raise NotVerifiedError(f"{file.key}: expected {file.sha256}, found {found}")
        self._store.replace(key, data, cache_control=MUTABLE)


class LinkedViews:
    """Views in a directory with symbolic links."""

    def __init__(self, store: DirectoryStore) -> None:
        self._store = store
        self._views = Views(store.root)

    def show(self, view: CurrentView, may_follow: MayFollow) -> None:
        """See ``CurrentViews.show``. One step for everything."""
        for file in view.files:
            found = self._store.stat(file.key)
            if found is None:
                raise MissingObjectError(f"{file.key}: there is no such object")
            if found.size != file.size:
                raise NotVerifiedError(f"{file.key}: expected {file.size} bytes, found {found.size}")
        documents = {document.key.removeprefix(view.prefix): document for document in view.documents}
        files = {file_name(one): one.key for one in view.files if file_name(one) not in documents}

        def decide(present: View | None) -> View:
            for name, document in documents.items():
                judge(document, None if present is None else present.documents.get(name), may_follow)
            return View(files=files, documents={name: one.data for name, one in documents.items()})

        self._views.change(view.prefix.removesuffix("/"), decide)

    def replace(self, document: Document, may_follow: MayFollow) -> None:
        """See ``CurrentViews.replace``. A document of a view is changed by showing another view."""
        matched = IN_VIEW.fullmatch(document.key)
        if matched is None:
            replace_document(self._store, document, may_follow)
            return
        key, name = matched.groups()

        def decide(present: View | None) -> View:
            before = present or View()
            judge(document, before.documents.get(name), may_follow)
            files = {one: key for one, key in before.files.items() if one != name}
            return View(files=files, documents={**before.documents, name: document.data})

        self._views.change(key, decide)

    def read(self, key: str, limit: int) -> bytes:
        """See ``CurrentViews.read``."""
        matched = IN_VIEW.fullmatch(key)
        if matched is None:
            return self._store.read(key, limit)
        view = self._views.read(matched[1])
        document = None if view is None else view.documents.get(matched[2])
        if document is None:
            return self._store.read(shown_key(view, key, matched[2]), limit)
        if len(document) > limit:
            raise ObjectTooLargeError(f"{key}: expected at most {limit} bytes, found {len(document)}")
        return document

    def list(self, prefix: str) -> Iterator[str]:
        """See ``CurrentViews.list``. Nothing in a view is a key."""
        return iter(()) if BELOW_VIEW.match(prefix) else self._store.list(check_prefix(prefix))


def replace_document(store: Store, document: Document, may_follow: MayFollow) -> None:
    """Write a document over what ``may_follow`` lets it, by compare-and-swap; see ``Replica.replace``."""
    key, data = document.key, document.data
    if may_follow is anything:
        present = store.stat(key)
        if present is None or present.size != len(data) or store.read(key, len(data)) != data:
            store.replace(key, data, content_type=document.content_type, cache_control=MUTABLE)
        return
    for _ in range(_TRIES):
        pointer = store.read_pointer(key)
        judge(document, None if pointer is None else pointer.data, may_follow)
        try:
            store.swap_pointer(key, None if pointer is None else pointer.tag, data)
        except LostRaceError:
            continue
        return
    raise LostRaceError(f"{key}: others wrote it {_TRIES} times meanwhile")


def judge(document: Document, present: bytes | None, may_follow: MayFollow) -> None:
    """Raises LostRaceError unless the document may take the place of ``present``."""
    if present is None or present == document.data or may_follow(document, present):
        return
    raise LostRaceError(
        f"{document.key}: what is there may not be replaced by what was to be written: it is newer",
        hint="another run of the pipeline went further; read the ledger again, then run the same command",
    )


def file_name(file: Wanted) -> str:
    """What a file is called in a view."""
    return file.key.rpartition("/")[2]
