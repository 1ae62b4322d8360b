"""Fetching what a delta starts from: the image and kernel of a release published before.

The bytes are believed because the ledger names the release digest, the signed ``release.json`` has
that digest, and the files and the raw partition have the digests it records.
"""

from __future__ import annotations

from pathlib import Path

from release.bundle.document import MAX_DOCUMENT, decode
from release.bundle.layout import document_key
from release.bundle.release import BoardRelease, Release
from release.catalog.board import Board
from release.catalog.naming import image_prefix
from release.catalog.version import Version
from release.digests import Digest, HashingWriter, chunks, hash_file
from release.errors import InputError, NotVerifiedError, RefusedError, storage_errors
from release.image.partition import unpack_image
from release.ledger.fields import format_time
from release.ledger.state import State
from release.line.proving import Target
from release.line.workspace import BoardSpace
from release.line.yard import Yard
from release.mirror.store import ObjectReader
from release.scratch import scratch_directory


def registered_release(store: ObjectReader, state: State, version: Version) -> tuple[Release, bytes]:
    """The release of a version, as registered in the ledger, with the document's bytes.

    Raises:
        InputError: the ledger has no such release, or the store has no document.
        NotVerifiedError: the document is not the one registered.
    """
    entry = state.releases.get(version)
    if entry is None:
        known = ", ".join(str(one) for one in sorted(state.releases)) or "none"
        raise InputError(
            f"release {version}: not registered in the ledger; registered are: {known}",
            hint="publish it first: humpyard release publish",
        )
    key = document_key(version)
    data = store.read(key, MAX_DOCUMENT)
    if Digest.sha256(data) != entry.release:
        raise NotVerifiedError(f"{key}: expected {entry.release} as registered, found {Digest.sha256(data)}")
    return decode(data), data


class CollectedError(RefusedError):
    """The bytes of the release are not kept any more."""


def check_kept(state: State, version: Version) -> None:
    """Raises CollectedError when the bytes of a release may be gone."""
    since = state.collected.get(version)
    if since is not None:
        raise CollectedError(
            f"release {version}: its files were collected {format_time(since)}, only its documents are kept",
            hint="take another release; docs/retention.md tells what is kept, and how to hold a release",
        )


def kept_pair(yard: Yard, old: Version, new: Version) -> tuple[Release, Release]:
    """Two registered releases whose files are kept, to be compared.

    Raises:
        InputError: a release is not registered.
        NotVerifiedError: what the store holds is not what was registered.
        CollectedError: a release is not kept any more.
    """
    state = yard.ledger.state()
    for version in (old, new):
        check_kept(state, version)
    before, _ = registered_release(yard.store, state, old)
    after, _ = registered_release(yard.store, state, new)
    return before, after


def origin_of(yard: Yard, board: Board, version: Version) -> Target:
    """What a machine that runs ``version`` has: the image and kernel of the release as registered."""
    release, _ = registered_release(yard.store, yard.ledger.state(), version)
    shipped = release.board(board)
    return Target(image=shipped.image.sha256, kernel=shipped.kernel.sha256 if shipped.kernel else None)


def fetch(yard: Yard, space: BoardSpace, board: Board, version: Version) -> str:
    """Bring the raw image and the kernel of ``version`` into ``space``, unless they are there.

    Raises:
        NotVerifiedError: what the store gives is not what the release records.
        CollectedError: it is not kept any more.
    """
    state = yard.ledger.state()
    check_kept(state, version)
    release, _ = registered_release(yard.store, state, version)
    shipped, origin = release.board(board), origin_of(yard, board, version)
    image, kernel = space.source_image(version), space.source_kernel(version)
    if _is(image, origin.image) and (origin.kernel is None or _is(kernel, origin.kernel)):
        return f"{image.stat().st_size:,} bytes, fetched before"
    with scratch_directory(space.root) as folder, storage_errors(space.root):
        packed, raw = folder / "packed", folder / "raw"
        download(yard.store, release, shipped, yard.naming.update_image, packed)
        if unpack_image(packed, raw).sha256 != origin.image:
            raise NotVerifiedError(f"release {version}: its image on the mirror is not the one it names")
        if origin.kernel is not None:
            download(yard.store, release, shipped, yard.naming.kernel, folder / "kernel")
            (folder / "kernel").replace(kernel)
        raw.replace(image)
    return f"{image.stat().st_size:,} bytes from the mirror"


def _is(path: Path, expected: Digest) -> bool:
    return path.is_file() and hash_file(path).sha256 == expected


def download(store: ObjectReader, release: Release, board: BoardRelease, name: str, target: Path) -> None:
    """Bring one file of a release to ``target``.

    Raises:
        InputError: the release has no such file.
        NotVerifiedError: the store gives other bytes than the release records.
    """
    artifact = next((one for one in board.files if one.name == name), None)
    if artifact is None:
        raise InputError(f"release {release.version}: has no {name} for {board.board}")
    key = image_prefix(release.channel, board.board, release.version) + name
    with store.open(key) as stream, target.open("wb") as sink:
        writer = HashingWriter(sink)
        for data in chunks(stream, artifact.size + 1):
            writer.write(data)
    found = writer.hasher.result().sha256
    if found != artifact.sha256:
        raise NotVerifiedError(f"{key}: expected {artifact.sha256}, found {found}")
