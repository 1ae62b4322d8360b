"""A replica in any store: a bucket, or a directory for a web server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from release.mirror.current_view import SMALL, CopiedViews, CurrentViews, LinkedViews
from release.mirror.directory import DirectoryStore
from release.mirror.plan import Wanted
from release.mirror.replica import CurrentView, Document, MayFollow, anything
from release.mirror.store import ObjectStat, Store
from release.mirror.sync import Reporter, SyncReport, Upload, publish, silent

_LOOKS = 8
"""Objects that are looked at side by side: over a network a look is mostly waiting."""


class StoreReplica:
    """``release.mirror.replica.Replica`` over a ``Store``; made by ``linked`` or ``copied``."""

    def __init__(self, store: Store, views: CurrentViews) -> None:
        self._store = store
        self._views = views

    @classmethod
    def linked(cls, store: DirectoryStore) -> Self:
        """In a directory: ``current`` is a symbolic link. Not for the origin, whose pointers are files."""
        return cls(store, LinkedViews(store))

    @classmethod
    def copied(cls, store: Store, *, small: int = SMALL) -> Self:
        """In a store without links. Files of up to ``small`` bytes are copied into ``current/``."""
        return cls(store, CopiedViews(store, small=small))

    def present(self, wanted: Sequence[Wanted]) -> Mapping[str, ObjectStat | None]:
        """See ``Replica.present``."""
        with ThreadPoolExecutor(_LOOKS) as pool:
            return dict(
                zip(
                    (one.key for one in wanted),
                    pool.map(lambda one: self._store.stat(one.key), wanted),
                    strict=True,
                )
            )

    def write_once(self, files: Sequence[Upload], reporter: Reporter = silent) -> SyncReport:
        """See ``Replica.write_once``. Nothing is read back here: that is for the mirror's public address."""
        return publish(self._store, files, reporter, read_back=False)

    def replace(self, documents: Sequence[Document], may_follow: MayFollow = anything) -> None:
        """See ``Replica.replace``. Documents that ``may_follow`` judges are up to ``POINTER_LIMIT`` long."""
        for document in documents:
            self._views.replace(document, may_follow)

    def show_current(self, view: CurrentView, may_follow: MayFollow = anything) -> None:
        """See ``Replica.show_current`` and ``current_view``."""
        self._views.show(view, may_follow)

    def read(self, key: str, limit: int) -> bytes:
        """See ``Replica.read``."""
        return self._views.read(key, limit)

    def list(self, prefix: str) -> Iterator[str]:
        """See ``Replica.list``."""
        return self._views.list(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Replica.delete``."""
        for key in keys:
            self._store.delete(key)
