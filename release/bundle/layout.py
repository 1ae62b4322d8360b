"""Where the files of a release are on a mirror, and in what order they get there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from release.bundle.digests_file import CHECKSUM_SUFFIX, render_checksum, render_digests
from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.catalog.artifact import Artifact
from release.catalog.naming import (
    RELEASE_DOCUMENT,
    NamingScheme,
    image_prefix,
    release_prefix,
    update_prefix,
)
from release.catalog.version import Version
from release.digests import Digest

RELEASE_SCHEMA = "release.schema.json"
"""The JSON Schema, beside ``release.json``."""

ANY_DOCUMENT = f"releases/*/{RELEASE_DOCUMENT}"
"""A glob pattern for ``document_key`` of any version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """One file of a release and its key. ``payload`` is None for a file of the image set."""

    key: str
    artifact: Artifact
    board: BoardRelease
    payload: PayloadRecord | None = None


def shipped(release: Release) -> Iterator[Shipped]:
    """Every file that ``release.json`` records, board by board, payloads after files."""
    for board in release.boards:
        prefix = image_prefix(release.channel, board.board, release.version)
        for artifact in board.files:
            yield Shipped(key=prefix + artifact.name, artifact=artifact, board=board)
        prefix = update_prefix(board.board, release.version)
        for payload in board.payloads:
            artifact = payload.artifact
            yield Shipped(key=prefix + artifact.name, artifact=artifact, board=board, payload=payload)


def derived_files(item: Shipped, naming: NamingScheme) -> dict[str, bytes]:
    """The hash files beside a shipped file, by key: its DIGESTS, and a payload's checksum."""
    files = {item.key + naming.digests_suffix: render_digests(item.artifact)}
    if item.payload is not None:
        files[item.key + CHECKSUM_SUFFIX] = render_checksum(item.artifact)
    return files


def document_key(version: Version) -> str:
    """The key of a release's ``release.json``."""
    return release_prefix(version) + RELEASE_DOCUMENT


def schema_key(version: Version) -> str:
    """The key of the JSON Schema of a release's ``release.json``."""
    return release_prefix(version) + RELEASE_SCHEMA


def notes_key(version: Version, notes: Digest) -> str:
    """The key of a corrected text of a release's notes, named by its bytes."""
    return f"{release_prefix(version)}notes/{notes.hex}.md"


def signed_keys(release: Release, naming: NamingScheme) -> tuple[str, ...]:
    """Every key that has a detached signature beside it, ``release.json`` last."""
    files = [key for item in shipped(release) for key in (item.key, *derived_files(item, naming))]
    return (*files, schema_key(release.version), document_key(release.version))


def published_keys(release: Release, naming: NamingScheme) -> tuple[str, ...]:
    """Every key of a release in the order of publishing.

    First the bytes, then their signatures, then ``release.json``, and its signature as the very
    last: whoever finds that one finds everything else.
    """
    *content, document = signed_keys(release, naming)
    suffix = naming.signature_suffix
    return (*content, *(key + suffix for key in content), document, document + suffix)
