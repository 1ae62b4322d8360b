"""Mirrors that end the process, or what looks like it, after a given number of writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock

from release.line.yard import MirrorAccess, Yard
from release.mirror.plan import Wanted
from release.mirror.replica import CurrentView, Document, MayFollow, Replica, anything
from release.mirror.store import ObjectStat
from release.mirror.sync import Action, Reporter, SyncReport, Upload, silent


class CutError(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class Cutter:
    """Counts writes of all mirrors, and calls ``cut`` after the one of that number, counted from 0."""

    def __init__(self, number: int, cut: Callable[[], None]) -> None:
        self.number = number
        self.names: list[str] = []
        self._cut = cut
        self._lock = Lock()

    def wrote(self, name: str) -> None:
        """Something was written."""
        with self._lock:
            self.names.append(name)
            if len(self.names) == self.number + 1:
                self._cut()


def raise_cut() -> None:
    """End what works in this process."""
    raise CutError


def cutting(yard: Yard, cutter: Cutter) -> Yard:
    """The same yard, whose mirrors are counted."""
    return replace(yard, mirrors={name: _cutting(one, cutter) for name, one in yard.mirrors.items()})


def _cutting(access: MirrorAccess, cutter: Cutter) -> MirrorAccess:
    opened = access.replica
    assert opened is not None
    return replace(access, replica=lambda: CuttingReplica(opened(), cutter))


class CuttingReplica:
    """A replica whose writes are counted, object by object."""

    def __init__(self, replica: Replica, cutter: Cutter) -> None:
        self._replica = replica
        self._cutter = cutter

    def present(self, wanted: Sequence[Wanted]) -> Mapping[str, ObjectStat | None]:
        """See ``Replica.present``."""
        return self._replica.present(wanted)

    def write_once(self, files: Sequence[Upload], reporter: Reporter = silent) -> SyncReport:
        """See ``Replica.write_once``."""

        def tell(action: Action, key: str, size: int) -> None:
            reporter(action, key, size)
            if action is Action.UPLOADED:
                self._cutter.wrote(key)

        return self._replica.write_once(files, tell)

    def replace(self, documents: Sequence[Document], may_follow: MayFollow = anything) -> None:
        """See ``Replica.replace``."""
        for document in documents:
            self._replica.replace([document], may_follow)
            self._cutter.wrote(document.key)

    def show_current(self, view: CurrentView, may_follow: MayFollow = anything) -> None:
        """See ``Replica.show_current``."""
        self._replica.show_current(view, may_follow)
        self._cutter.wrote(view.prefix)

    def read(self, key: str, limit: int) -> bytes:
        """See ``Replica.read``."""
        return self._replica.read(key, limit)

    def list(self, prefix: str) -> Iterator[str]:
        """See ``Replica.list``."""
        return self._replica.list(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Replica.delete``."""
        self._replica.delete(keys)
