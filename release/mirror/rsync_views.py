"""``current/`` on the far side of rsync: as one symbolic link, or as copies. See ``current_view``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from release.canonical import dump
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, storage_errors
from release.mirror.current_view import BELOW_VIEW, IN_VIEW, SMALL, file_name, judge
from release.mirror.plan import Wanted
from release.mirror.replica import CurrentView, Document, MayFollow, anything
from release.mirror.rsync_files import MODES, RsyncFiles, lay_out, make_parent
from release.mirror.rsync_program import DeadLinkError
from release.mirror.store import MissingObjectError, ObjectTooLargeError
from release.mirror.views import (
    DOCUMENT_LIMIT,
    View,
    check_view_link,
    linked_key,
    relative_link,
    shown_key,
    view_pattern,
)


class RsyncCopies:
    """Views as copies, for a far side that keeps no links. Small files change at once, then the documents."""

    def __init__(self, files: RsyncFiles, *, small: int = SMALL) -> None:
        """``small``: bytes up to which files are copied."""
        self._files = files
        self._small = small

    def show(self, view: CurrentView, may_follow: MayFollow) -> None:
        """See ``CurrentViews.show``. rsync cannot copy over there: small files come here and go back."""
        for document in view.documents:
            judge(document, self._present(document, may_follow), may_follow)
        documents = {document.key for document in view.documents}
        small = [one for one in view.files if one.size <= self._small]
        copies = {view.prefix + file_name(one): one for one in small}
        self._files.put({key: data for key, data in self._fetched(copies).items() if key not in documents})
        for document in view.documents:
            self.replace(document, may_follow)
        self._files.delete(set(self._files.keys(view.prefix)) - documents - set(copies))

    def replace(self, document: Document, may_follow: MayFollow) -> None:
        """See ``CurrentViews.replace``; the moment between look and write is open."""
        judge(document, self._present(document, may_follow), may_follow)
        self._files.put({document.key: document.data})

    def read(self, key: str, limit: int) -> bytes:
        """See ``CurrentViews.read``."""
        return self._files.read(key, limit)

    def list(self, prefix: str) -> Iterator[str]:
        """See ``CurrentViews.list``."""
        return iter(self._files.keys(prefix))

    def _present(self, document: Document, may_follow: MayFollow) -> bytes | None:
        """What is there, where somebody asks."""
        if may_follow is anything:
            return None
        try:
            return self._files.read(document.key, DOCUMENT_LIMIT)
        except MissingObjectError:
            return None

    def _fetched(self, copies: dict[str, Wanted]) -> dict[str, bytes]:
        """The bytes of small files, by the keys that they are to have."""
        with self._files.scratch() as folder:
            self._files.fetch(folder, [one.key for one in copies.values()], self._small)
            return {key: _verified(folder / one.key, one) for key, one in copies.items()}


class RsyncLinks:
    """Views as one symbolic link each, which rsync replaces by rename(2) (measured with 3.5.0).

    The folder before is kept; older ones go at once.
    """

    def __init__(self, files: RsyncFiles) -> None:
        self._files = files

    def show(self, view: CurrentView, may_follow: MayFollow) -> None:
        """See ``CurrentViews.show``. One step for everything."""
        sizes = self._files.sizes([one.key for one in view.files])
        for one in view.files:
            if one.key not in sizes:
                raise MissingObjectError(f"{one.key}: there is no such object")
            if sizes[one.key] != one.size:
                raise NotVerifiedError(f"{one.key}: expected {one.size} bytes, found {sizes[one.key]}")
        documents = {document.key.removeprefix(view.prefix): document for document in view.documents}
        key = view.prefix.removesuffix("/")
        target, present = self._view(key)
        for name, document in documents.items():
            judge(document, None if present is None else present.documents.get(name), may_follow)
        wanted = View(
            files={file_name(one): one.key for one in view.files if file_name(one) not in documents},
            documents={name: one.data for name, one in documents.items()},
        )
        if wanted != present:
            self._swap(key, target, wanted)

    def replace(self, document: Document, may_follow: MayFollow) -> None:
        """See ``CurrentViews.replace``; the moment between look and write is open."""
        matched = IN_VIEW.fullmatch(document.key)
        if matched is None:
            RsyncCopies(self._files).replace(document, may_follow)
            return
        key, name = matched.groups()
        target, present = self._view(key)
        before = present or View()
        judge(document, before.documents.get(name), may_follow)
        files = {one: file for one, file in before.files.items() if one != name}
        wanted = View(files=files, documents={**before.documents, name: document.data})
        if wanted != present:
            self._swap(key, target, wanted)

    def read(self, key: str, limit: int) -> bytes:
        """See ``CurrentViews.read``."""
        matched = IN_VIEW.fullmatch(key)
        if matched is None:
            return self._files.read(key, limit)
        _, view = self._view(matched[1])
        document = None if view is None else view.documents.get(matched[2])
        if document is None:
            return self._files.read(shown_key(view, key, matched[2]), limit)
        if len(document) > limit:
            raise ObjectTooLargeError(f"{key}: expected at most {limit} bytes, found {len(document)}")
        return document

    def list(self, prefix: str) -> Iterator[str]:
        """See ``CurrentViews.list``. Nothing in a view is a key."""
        return iter(()) if BELOW_VIEW.match(prefix) else iter(self._files.keys(prefix))

    def _view(self, key: str) -> tuple[str | None, View | None]:
        """The name of the folder behind a view, and what it shows; None twice when there is no view."""
        above, _, name = key.rpartition("/")
        found = [one for one in self._files.entries(above, name) if one.name.rstrip("/") == key]
        if not found:
            return None, None
        target = check_view_link(key, found[0].link)
        folder = f"{above}/{target}"
        entries = self._files.entries(folder, "*")
        links = {one.name.removeprefix(f"{folder}/"): one.link for one in entries if one.link is not None}
        names = [one.name for one in entries if one.is_file and one.size <= DOCUMENT_LIMIT]
        with self._files.scratch() as scratch:
            self._files.fetch(scratch, names, DOCUMENT_LIMIT)
            documents = {one.removeprefix(f"{folder}/"): _bytes(scratch / one) for one in names}
        files = {name: linked_key(folder, link) for name, link in links.items()}
        return target, View(files=files, documents=documents)

    def _swap(self, key: str, before: str | None, view: View) -> None:
        above, _, name = key.rpartition("/")
        made = f".view-{name}.{_fingerprint(view)}"
        with self._files.scratch() as folder:
            inside = f"{above}/{made}"
            lay_out(folder, {f"{inside}/{one}": data for one, data in view.documents.items()})
            for one, target in view.files.items():
                _link(folder / inside / one, relative_link(inside, target))
            self._files.rsync.push(folder, "--recursive", "--links", "--checksum", MODES, create=True)
        self._check_links(inside, view)
        with self._files.scratch() as folder:
            _link(folder / key, made)
            self._files.rsync.push(folder, "--recursive", "--links", MODES)
        old = (one.name.rstrip("/") for one in self._files.entries(above, f".view-{name}.*"))
        pattern = view_pattern(name)
        self._files.delete(
            one
            for one in old
            if (last := one.rpartition("/")[2]) not in {made, before} and pattern.fullmatch(last)
        )

    def _check_links(self, folder: str, view: View) -> None:
        """Raises InputError, before anybody is led there, unless the far side keeps links that lead on."""
        try:
            found = {one.name for one in self._files.entries(folder, "*", follow=True) if one.is_file}
            lost = [name for name in view.files if f"{folder}/{name}" not in found]
        except DeadLinkError:
            lost = list(view.files)
        if lost:
            raise InputError(
                f"{folder}: expected links to files, found that {', '.join(sorted(lost)[:5])} lead nowhere",
                hint="set `munge symlinks = no` for this module of the daemon, or `links = false` here",
            )


def _fingerprint(view: View) -> str:
    """Names the folder of a view by what it shows."""
    documents = {name: Digest.sha256(data).hex for name, data in view.documents.items()}
    return Digest.sha256(dump({"files": dict(view.files), "documents": dict(documents)})).hex[:16]


def _link(path: Path, target: str) -> None:
    make_parent(path)
    with storage_errors(path):
        path.symlink_to(target)


def _verified(path: Path, wanted: Wanted) -> bytes:
    data = _bytes(path)
    found = Digest.sha256(data)
    if found != wanted.sha256:
        raise NotVerifiedError(f"{wanted.key}: expected {wanted.sha256}, found {found}")
    return data


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise MissingObjectError(f"{path.name}: there is no such object")
    with storage_errors(path):
        return path.read_bytes()
