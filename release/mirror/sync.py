"""Publishing files to a store: plan, upload in the given order, read back, compare.

Files that name or vouch for others can be held back until those have been read back.

Safe to run twice and after a kill at any point: what is there already is kept, the rest is uploaded.
Pointers are not moved here; that comes after, see ``pointers``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import BinaryIO, Protocol

from release.digests import Digest, FileDigests, Hasher, chunks, hash_stream
from release.errors import InputError, NotVerifiedError
from release.mirror.plan import Wanted, make_plan
from release.mirror.store import MissingObjectError, ObjectReader, ObjectStat, ObjectWriter, Source
from release.mirror.streams import source_name, source_size, watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file, where it goes, and what it must be. ``size`` is in bytes.

    ``source`` may open a stream of another store, so that nothing of it is ever whole on this machine.
    ``content_type`` None leaves it to ``content_types``.
    """

    key: str
    source: Source
    size: int
    sha256: Digest
    content_type: str | None = None

    @property
    def wanted(self) -> Wanted:
        """The object it becomes."""
        return Wanted(key=self.key, size=self.size, sha256=self.sha256)


class Action(StrEnum):
    """What was done about one object."""

    KEPT = "kept"
    UPLOADED = "uploaded"
    VERIFIED = "verified"


class Reporter(Protocol):
    """Is told of progress, object by object. Must not raise."""

    def __call__(self, action: Action, key: str, size: int) -> None:
        """``action`` was done about the object ``key`` of ``size`` bytes."""
        ...


class Progress(Protocol):
    """Is told how far one object is, in bytes, about once a mebibyte. Must not raise."""

    def __call__(self, key: str, done: int, size: int) -> None:
        """``done`` of ``size`` bytes of the object ``key`` were taken from its source.

        What a store has taken is sent, or was there before, or is among the few parts that wait.
        """
        ...


def silent(action: Action, key: str, size: int) -> None:
    """The reporter that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What publishing did, by keys in order. ``uploaded_bytes`` counts the uploaded objects."""

    uploaded: tuple[str, ...]
    kept: tuple[str, ...]
    uploaded_bytes: int


def publish(
    store: ObjectWriter,
    files: Sequence[Upload],
    reporter: Reporter = silent,
    *,
    last: Collection[str] = (),
    progress: Progress | None = None,
    read_back: bool = True,
) -> SyncReport:
    """Bring ``files`` onto ``store``, in their order.

    All files and all keys are looked at before the first is written. Every uploaded object is read
    back through the store and hashed; of kept ones a SHA-256 the store states is believed.

    Args:
        store: where to.
        files: what, in this order.
        reporter: is told of each step.
        last: keys that appear only when all other files have been read back: whoever finds them
            finds everything else, and finds it right.
        progress: is told of each mebibyte.
        read_back: False for a caller that reads all of it back by itself, where the public does.

    Raises:
        ConflictError: a key holds other bytes; nothing was written (unless another writer came in
            between).
        InputError: a file is missing or is not what was promised.
        NotVerifiedError: the store gave back other bytes than it was given.
    """
    for file in files:
        check_source(file)
    wanted = [file.wanted for file in files]
    plan = make_plan(wanted, {one.key: _present(store, one) for one in wanted})
    plan.check()
    for one in plan.keep:
        reporter(Action.KEPT, one.key, one.size)
    missing = {one.key for one in plan.upload}
    for held_back in (False, True):
        now = [one for one in files if one.key in missing and (one.key in last) is held_back]
        _upload(store, now, reporter, progress)
        if read_back:
            verify_objects(store, (file.wanted for file in now), reporter)
    return SyncReport(
        uploaded=tuple(one.key for one in plan.upload),
        kept=tuple(one.key for one in plan.keep),
        uploaded_bytes=sum(one.size for one in plan.upload),
    )


def _upload(
    store: ObjectWriter, files: Sequence[Upload], reporter: Reporter, progress: Progress | None
) -> None:
    for file in files:
        source = file.source if progress is None else _told(file, progress)
        store.create(file.key, source, sha256=file.sha256, content_type=file.content_type)
        reporter(Action.UPLOADED, file.key, file.size)


def _told(file: Upload, progress: Progress) -> Source:
    return watched(file.source, lambda done: progress(file.key, done, file.size))


def verify_objects(reader: ObjectReader, wanted: Iterable[Wanted], reporter: Reporter = silent) -> None:
    """Read every object in full and compare size and SHA-256.

    Raises:
        NotVerifiedError: names all objects that are missing or differ.
    """
    wrong: list[str] = []
    for one in wanted:
        try:
            with reader.open(one.key) as stream:
                found = _hash(stream, one.size + 1)  # endless data ends here
        except MissingObjectError:
            wrong.append(f"{one.key}: is missing")
            continue
        if (found.size, found.sha256) == (one.size, one.sha256):
            reporter(Action.VERIFIED, one.key, one.size)
        else:
            wrong.append(_difference(one, found))
    if wrong:
        raise NotVerifiedError(
            "the store does not give back what was published:\n" + "\n".join(f"  {text}" for text in wrong),
            hint="do not move a pointer; look at the storage, remove the wrong objects, publish again",
        )


def check_source(file: Upload) -> None:
    """Raises InputError when a source cannot be read, or says that it has another size than it should."""
    size = source_size(file.source)
    if size not in {None, file.size}:  # of a stream it is found out when its digest is
        raise InputError(
            f"{source_name(file.source)}, to be stored as {file.key}:"
            f" expected {file.size} bytes, found {size}"
        )


def _present(store: ObjectReader, wanted: Wanted) -> ObjectStat | None:
    """What is there, read in full when only that tells whether it is the wanted object."""
    found = store.stat(wanted.key)
    if found is None or found.sha256 is not None or found.size != wanted.size:
        return found
    with store.open(wanted.key) as stream:
        return replace(found, sha256=hash_stream(stream).sha256)


def _hash(stream: BinaryIO, limit: int) -> FileDigests:
    hasher = Hasher()
    for data in chunks(stream, limit):
        hasher.update(data)
    return hasher.result()


def _difference(wanted: Wanted, found: FileDigests) -> str:
    return (
        f"{wanted.key}: expected {wanted.size} bytes, {wanted.sha256};"
        f" found {found.size} bytes, {found.sha256}"
    )
