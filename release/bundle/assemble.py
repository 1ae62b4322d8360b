"""Lay a release out on disk exactly as it will be published, and sign what has no signature yet."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from release.bundle.document import MAX_DOCUMENT, decode, encode, json_schema
from release.bundle.layout import (
    ANY_DOCUMENT,
    Shipped,
    derived_files,
    published_keys,
    schema_key,
    shipped,
    signed_keys,
)
from release.bundle.release import (
    BoardRelease,
    Measured,
    PayloadRecord,
    Release,
    payload_order,
)
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.board import Board
from release.catalog.naming import NamingScheme
from release.digests import Digest, hash_file
from release.errors import InputError, NotVerifiedError, storage_errors

_NAMING = NamingScheme()


class FileSigner(Protocol):
    """Makes detached OpenPGP signatures."""

    def sign_file(self, data: Path, out: Path) -> None:
        """Write a binary detached signature of ``data`` to ``out``, which does not exist yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A file of an image set, and what it was when its signature was verified."""

    path: Path
    artifact: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPayload:
    """A payload on disk. It is published under its record's name, whatever ``path`` is called."""

    path: Path
    record: PayloadRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardInputs:
    """What one board's part of a release is made of.

    Attributes:
        board: which one.
        image: the raw partition.
        kernel: the kernel the payloads install, if any.
        files: the image set's files to publish. Each may have the build's own ``.sig`` beside
            it, which is then published as it is; whoever read the image set has verified it.
        payloads: finished, signed, verified and proven.
    """

    board: Board
    image: Measured
    kernel: Measured | None = None
    files: tuple[ImageFile, ...]
    payloads: tuple[BuiltPayload, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A file ready to be published: its key on the mirror, where it is, what it is (bytes)."""

    key: str
    path: Path
    size: int
    sha256: Digest


def measure(path: Path, name: str | None = None) -> Artifact:
    """Hash a file that is published as ``name``, its own when None. Reads it once, to its end."""
    return Artifact.from_digests(name or path.name, hash_file(path, ARTIFACT_ALGORITHMS))


def describe_board(inputs: BoardInputs) -> BoardRelease:
    """One board's part of the release, in order. Raises InputError for names that occur twice."""
    files = [file.artifact for file in inputs.files]
    records = [payload.record for payload in inputs.payloads]
    return BoardRelease(
        board=inputs.board,
        image=inputs.image,
        kernel=inputs.kernel,
        files=tuple(sorted(files, key=lambda artifact: artifact.name)),
        payloads=tuple(sorted(records, key=payload_order)),
    )


def stage(
    release: Release,
    inputs: Sequence[BoardInputs],
    staging: Path,
    signer: FileSigner,
    naming: NamingScheme = _NAMING,
) -> tuple[StagedFile, ...]:
    """Stage ``release`` under ``staging``: its files, DIGESTS, checksums, document and signatures.

    Files are hard links where the file system allows, else copies. Safe to run twice and to kill
    at any moment: what is there and right stays, its signature too (an OpenPGP signature carries
    its time, so making it anew would change what is published); a file's signature is removed
    before the file is replaced, so one that is there always belongs to its file. ``release.json``
    and its signature come last. Use one staging directory for one release.

    Not checked: signatures that were there before, and payloads (``release.bundle.verify`` does).

    Raises:
        InputError: ``inputs`` are not those the release was made from, or have changed since.
        UnavailableError: staging cannot be written; the same call completes it later.
    """
    document = encode(release)
    sources = _sources(release, inputs)
    with storage_errors(staging):
        staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=staging, prefix=".scratch-") as scratch:
            stager = _Stager(staging, Path(scratch), signer, naming)
            for item, source in sources:
                stager.place(item, source)
            stager.write(schema_key(release.version), _schema_file())
            *content, last = signed_keys(release, naming)
            for key in content:
                stager.sign(key)
            stager.write(last, document)
            stager.sign(last)
    return staged_files(staging, naming)


def staged_release(staging: Path) -> Release | None:
    """The release whose document is staged, or None. Its files may not all be there."""
    with storage_errors(staging):
        found = sorted(staging.glob(ANY_DOCUMENT))
        if not found:
            return None
        if len(found) > 1:
            raise InputError(
                f"{staging}: expected one release, found {len(found)}",
                hint="use one staging directory for each release",
            )
        with found[0].open("rb") as source:
            return decode(source.read(MAX_DOCUMENT + 1))


def staged_files(staging: Path, naming: NamingScheme = _NAMING) -> tuple[StagedFile, ...]:
    """Everything to publish, in publish order, measured now. Other files in ``staging`` are not in it.

    Raises:
        InputError: no release is staged, or a file of it is missing.
        NotVerifiedError: a file is not what ``release.json`` records.
    """
    release = staged_release(staging)
    if release is None:
        raise InputError(f"{staging}: no release is staged here")
    recorded = {item.key: item.artifact for item in shipped(release)}
    files: list[StagedFile] = []
    for key in published_keys(release, naming):
        measured = hash_file(staging / key)
        artifact = recorded.get(key)
        if artifact is not None and (measured.size, measured.sha256) != (artifact.size, artifact.sha256):
            raise NotVerifiedError(
                f"{staging / key}: expected {artifact.size} bytes, {artifact.sha256},"
                f" found {measured.size} bytes, {measured.sha256}"
            )
        files.append(StagedFile(key=key, path=staging / key, size=measured.size, sha256=measured.sha256))
    return tuple(files)


@dataclass(frozen=True, slots=True)
class _Stager:
    """Writes under ``root``. Every file appears whole, by a rename from ``scratch``."""

    root: Path
    scratch: Path
    signer: FileSigner
    naming: NamingScheme

    def place(self, item: Shipped, source: Path) -> None:
        """Put a shipped file, its own signature if it has one, and its hash files in their places."""
        target = self.root / item.key
        if not _is(target, item.artifact.sha256):
            temporary = self.scratch / "file"
            _link_or_copy(source, temporary)
            found = hash_file(temporary).sha256
            if found != item.artifact.sha256:
                raise InputError(
                    f"{source}: changed since it was measured: expected {item.artifact.sha256}, found {found}"
                )
            self._replace(item.key, temporary)
        for key, data in derived_files(item, self.naming).items():
            self.write(key, data)
        suffix = self.naming.signature_suffix
        signature = source.with_name(source.name + suffix)
        if signature.is_file():
            self.write(item.key + suffix, signature.read_bytes())

    def write(self, key: str, data: bytes) -> None:
        """Write a small file, unless it is there already."""
        if not _is(self.root / key, Digest.sha256(data)):
            temporary = self.scratch / "file"
            temporary.unlink(missing_ok=True)  # never write into what may be a link to a source
            temporary.write_bytes(data)
            self._replace(key, temporary)

    def sign(self, key: str) -> None:
        """Sign a staged file, unless it has a signature."""
        target = self.root / key
        signature = key + self.naming.signature_suffix
        if (self.root / signature).is_file():
            return
        temporary = self.scratch / "signature"
        self.signer.sign_file(target, temporary)
        if not temporary.is_file() or temporary.stat().st_size == 0:
            raise NotVerifiedError(f"{target}: the signer left no signature")
        self._replace(signature, temporary)

    def _replace(self, key: str, temporary: Path) -> None:
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        # Before the file: killed in between, a file without a signature is left, never a wrong one.
        target.with_name(target.name + self.naming.signature_suffix).unlink(missing_ok=True)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)


def _sources(release: Release, inputs: Sequence[BoardInputs]) -> list[tuple[Shipped, Path]]:
    """Pair every file of the release with the path of its bytes."""
    if [entry.board for entry in release.boards] != sorted(entry.board for entry in inputs):
        raise InputError(f"release {release.version}: its boards are not those of the inputs")
    files = {(entry.board, file.artifact): file.path for entry in inputs for file in entry.files}
    payloads = {(entry.board, built.record): built.path for entry in inputs for built in entry.payloads}
    pairs: list[tuple[Shipped, Path]] = []
    for item in shipped(release):
        board = item.board.board
        source = (
            files.get((board, item.artifact)) if item.payload is None else payloads.get((board, item.payload))
        )
        if source is None:
            raise InputError(f"release {release.version}: {item.key}: not among the inputs")
        pairs.append((item, source))
    return pairs


def _schema_file() -> bytes:
    return (json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _is(path: Path, expected: Digest) -> bool:
    return path.is_file() and hash_file(path).sha256 == expected


def _link_or_copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # another file system, or one without links, or a source we may only read
        shutil.copyfile(source, target)
