"""A replica: a mirror that is filled from the origin, whatever machinery it is filled by.

The origin alone is the truth, with its ledger and its compare-and-swap. A replica holds the same bytes for
machines and people to fetch. What is under a version is written once here, too; what moves (documents, and
each channel's ``current/``) is put there whole, in a given order, and never back to something older when the
caller says how to tell.

Nothing a replica says about its own bytes is believed: they are read back over HTTP from its public address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError
from release.mirror.keys import check_key
from release.mirror.plan import Wanted
from release.mirror.store import ObjectStat
from release.mirror.sync import Reporter, SyncReport, Upload, silent

CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A small mutable object: the head, a channel document, a listing, ``channel-info.txt``.

    ``content_type`` None leaves it to ``content_types``.
    """

    key: str
    data: bytes
    content_type: str | None = None

    def __post_init__(self) -> None:
        check_key(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentView:
    """What ``<channel>/<board>/current/`` shows.

    Attributes:
        channel: whose view it is, as a key's first segment.
        board: which board's.
        version: the version shown.
        files: what is there of the version, shown under their last segments. They are on the replica
            already, mostly under ``<channel>/<board>/<version>/``; an alias of a stream has them elsewhere.
        documents: what else is there, keys below ``prefix``; in the order they appear, the one that leads
            to all others (``version.txt``) last. A document goes before a file of the same name.
        folder: the view's name, for aliases such as ``current-2024``.
    """

    channel: str
    board: Board
    version: Version
    files: tuple[Wanted, ...]
    documents: tuple[Document, ...]
    folder: str = CURRENT

    def __post_init__(self) -> None:
        check_key(self.prefix + "any")
        names = [one.key.rpartition("/")[2] for one in self.files]
        if len(set(names)) != len(names):
            raise InputError(f"{self.prefix}: two files of one name are to be shown")
        for document in self.documents:
            name = document.key.removeprefix(self.prefix)
            if name == document.key or "/" in name:
                raise InputError(f"{document.key}: expected a key directly below {self.prefix}")

    @property
    def prefix(self) -> str:
        """What its keys begin with."""
        return f"{self.channel}/{self.board}/{self.folder}/"


MayFollow = Callable[[Document, bytes], bool]
"""Whether a document may take the place of the bytes that are there now under its key."""


def anything(document: Document, there: bytes) -> bool:  # noqa: ARG001 - the form of MayFollow
    """The rule for documents that can be rendered again: the last writer wins."""
    return True


class Replica(Protocol):
    """One mirror. Raises nothing but ``release.errors``; storage that fails is UnavailableError.

    Every call is safe to repeat, and to repeat after a kill.
    """

    def present(self, wanted: Sequence[Wanted]) -> Mapping[str, ObjectStat | None]:
        """What is there under each wanted key, without reading it. A SHA-256 is a claim, or None."""
        ...

    def write_once(self, files: Sequence[Upload], reporter: Reporter = silent) -> SyncReport:
        """Bring files there. Nothing is visible under a key before all of it is there. Resumable.

        What must appear later than other files goes into a later call.

        Raises:
            ConflictError: other bytes are there already; they stay.
            InputError: a source is not what was promised.
            StorageFullError: no space left there.
        """
        ...

    def replace(self, documents: Sequence[Document], may_follow: MayFollow = anything) -> None:
        """Write or overwrite, in the given order, each in one step. The same bytes again: nothing is done.

        ``may_follow`` is asked, for each document where other bytes are there, right before it is written.
        A store with compare-and-swap writes only over the very bytes that were judged; others (rsync) leave
        the moment between the look and the write open.

        Raises:
            LostRaceError: ``may_follow`` said no, or others kept writing. Documents before it are written.
        """
        ...

    def show_current(self, view: CurrentView, may_follow: MayFollow = anything) -> None:
        """Let a channel's ``current/`` show a version. What was shown before and is not now goes away.

        Whether it changes in one step or file by file depends on the kind of replica.

        Raises:
            LostRaceError: as in ``replace``; the view is as it was where it changes in one step.
            MissingObjectError: a file of the view is not on this replica.
        """
        ...

    def read(self, key: str, limit: int) -> bytes:
        """A small object. Raises MissingObjectError, or ObjectTooLargeError above ``limit`` bytes."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that start with ``prefix``, sorted. What is only linked into ``current/`` is left out."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, for retention only; absent ones are no error."""
        ...
