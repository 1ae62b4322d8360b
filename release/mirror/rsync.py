"""A replica that the real program rsync fills: at a daemon, or over ssh.

rsync compares and repairs by checksums of its own (MD5 or xxHash, as both sides agree), which tell damage but
not malice. What counts is the SHA-256 that is read back over HTTP afterwards, by whoever asked for the
transfer.

What is sent is laid out in a folder of the work directory first: files as links to where they are, bytes and
streams as copies, ``batch`` bytes of them at a time. What was half sent stays on the far side under
``.rsync-partial`` and is gone on with. There is no compare-and-swap: two pipelines that write one document in
the same moment may overtake each other between the look and the write, so let one pipeline write a mirror.

A daemon needs ``read only = no`` and, for ``current`` as a symbolic link, ``munge symlinks = no``: munged
links look right to rsync and lead nowhere for the web server, so they are followed once before anybody is led
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from release.errors import InputError, storage_errors
from release.mirror.current_view import IN_VIEW, SMALL, CurrentViews
from release.mirror.keys import check_key
from release.mirror.plan import Plan, Wanted, make_plan
from release.mirror.replica import CurrentView, Document, MayFollow, anything
from release.mirror.rsync_files import MODES, RsyncFiles, make_parent
from release.mirror.rsync_program import Rsync
from release.mirror.rsync_views import RsyncCopies, RsyncLinks
from release.mirror.store import ConflictError, ObjectStat
from release.mirror.streams import check_sha256, verified_chunks
from release.mirror.sync import Action, Reporter, SyncReport, Upload, check_source, silent

BATCH = 1 << 30
"""Bytes that are copied for one transfer at most, unless a single file is larger."""


class RsyncReplica:
    """``release.mirror.replica.Replica`` at an rsync target."""

    def __init__(
        self, rsync: Rsync, work: Path, *, links: bool = False, small: int = SMALL, batch: int = BATCH
    ) -> None:
        """Contacts nobody.

        Args:
            rsync: how to reach the far side.
            work: a local directory with room for ``batch`` bytes, or for the largest stream.
            links: ``current`` as a symbolic link; the far side must keep links as they are.
            small: without links, bytes up to which files are copied into ``current/``.
            batch: see ``BATCH``.
        """
        self._files = RsyncFiles(rsync, work)
        self._views: CurrentViews = (
            RsyncLinks(self._files) if links else RsyncCopies(self._files, small=small)
        )
        self._batch = batch

    def present(self, wanted: Sequence[Wanted]) -> Mapping[str, ObjectStat | None]:
        """See ``Replica.present``. rsync tells no SHA-256."""
        keys = [check_key(one.key) for one in wanted]
        sizes = self._files.sizes(keys)
        return {key: ObjectStat(size=sizes[key]) if key in sizes else None for key in keys}

    def write_once(self, files: Sequence[Upload], reporter: Reporter = silent) -> SyncReport:
        """See ``Replica.write_once``.

        Files of the right size are compared by rsync's checksum, so their sources are read. All sizes are
        looked at, and all files that are there compared, before the first is sent.
        """
        for file in files:
            check_key(file.key)
            check_sha256(file.sha256)
            check_source(file)
        plan = self._plan(files)
        there = {one.key for one in plan.keep}
        for batch in self._batches([file for file in files if file.key in there]):
            self._compare(batch)
            for file in batch:
                reporter(Action.KEPT, file.key, file.size)
        for batch in self._batches([file for file in files if file.key not in there]):
            self._send(batch)
            for file in batch:
                reporter(Action.UPLOADED, file.key, file.size)
        return SyncReport(
            uploaded=tuple(one.key for one in plan.upload),
            kept=tuple(one.key for one in plan.keep),
            uploaded_bytes=sum(one.size for one in plan.upload),
        )

    def replace(self, documents: Sequence[Document], may_follow: MayFollow = anything) -> None:
        """See ``Replica.replace``. One transfer for each document that is not there yet."""
        unjudged = [one for one in documents if may_follow is anything and not IN_VIEW.fullmatch(one.key)]
        equal = self._files.equal({one.key: one.data for one in unjudged})
        for document in documents:
            if document.key not in equal:
                self._views.replace(document, may_follow)

    def show_current(self, view: CurrentView, may_follow: MayFollow = anything) -> None:
        """See ``Replica.show_current`` and ``rsync_views``."""
        self._views.show(view, may_follow)

    def read(self, key: str, limit: int) -> bytes:
        """See ``Replica.read``."""
        return self._views.read(check_key(key), limit)

    def list(self, prefix: str) -> Iterator[str]:
        """See ``Replica.list``. The folder that ``prefix`` is in is walked by rsync."""
        return self._views.list(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Replica.delete``. Folders stay."""
        self._files.delete(self._files.sizes([check_key(key) for key in keys]))

    def _plan(self, files: Sequence[Upload]) -> Plan:
        """What is missing, and what has the right size; raises ConflictError for other sizes."""
        wanted = [file.wanted for file in files]
        sizes = self._files.sizes([one.key for one in wanted])
        found: dict[str, ObjectStat | None] = {}
        for one in wanted:
            size = sizes.get(one.key)
            same = one.sha256 if size == one.size else None  # so far; the checksum is asked for later
            found[one.key] = None if size is None else ObjectStat(size=size, sha256=same)
        plan = make_plan(wanted, found)
        plan.check()
        return plan

    def _batches(self, files: Sequence[Upload]) -> Iterator[tuple[Upload, ...]]:
        """Files in groups, so that what must be copied for a group is bounded."""
        batch: tuple[Upload, ...] = ()
        copied = 0
        for file in files:
            size = 0 if isinstance(file.source, Path) else file.size
            if batch and copied + size > self._batch:
                yield batch
                batch, copied = (), 0
            batch = (*batch, file)
            copied += size
        if batch:
            yield batch

    def _compare(self, files: Sequence[Upload]) -> None:
        """Raises ConflictError, naming all, where other bytes are there."""
        with self._files.scratch() as folder:
            _stage(folder, files)
            self._refuse_others(folder, [file.key for file in files])

    def _send(self, files: Sequence[Upload]) -> None:
        keys = [file.key for file in files]
        with self._files.scratch() as folder:
            _stage(folder, files)
            changes = self._files.rsync.push(
                folder,
                "--copy-links",
                "--ignore-existing",
                "--delay-updates",
                "--partial-dir=.rsync-partial",
                MODES,
                names=keys,
                create=True,
            )
            sent = {one.name for one in changes if one.is_file}
            # Somebody else wrote these since we looked.
            self._refuse_others(folder, [key for key in keys if key not in sent])

    def _refuse_others(self, folder: Path, keys: Sequence[str]) -> None:
        if not keys:
            return
        changes = self._files.rsync.push(
            folder, "--copy-links", "--checksum", "--dry-run", names=keys, create=True
        )
        others = sorted(one.name for one in changes if one.is_file)
        if others:
            raise ConflictError(
                f"{self._files.rsync.target}: these keys hold other bytes already:\n"
                + "\n".join(f"  {key}" for key in others),
                hint="published bytes are never changed: give the changed build a new version; if the mirror"
                " is damaged, remove these files there",
            )


def _stage(folder: Path, files: Sequence[Upload]) -> None:
    """Lay out what is to be sent. Raises InputError when a source is not what was promised."""
    for file in files:
        path = folder / file.key
        make_parent(path)
        chunks = verified_chunks(file.key, file.source, file.sha256)
        if isinstance(file.source, Path):
            size = sum(map(len, chunks))
            with storage_errors(path):
                path.symlink_to(file.source.absolute())
        else:
            with storage_errors(path), path.open("xb") as stream:
                size = sum(map(stream.write, chunks))
        if size != file.size:
            raise InputError(f"what is to be stored as {file.key}: expected {file.size} bytes, found {size}")
