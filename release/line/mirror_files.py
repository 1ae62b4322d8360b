"""The files that a mirror has of a release in one channel, and where they come from: the store.

Small ones are read here; the others become streams that are opened when they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from release.bundle.digests_file import CHECKSUM_SUFFIX, render_checksum
from release.bundle.document import MAX_DOCUMENT
from release.bundle.layout import derived_files, document_key, schema_key, shipped
from release.bundle.release import Release
from release.catalog.naming import NamingScheme, image_prefix
from release.digests import Digest
from release.ledger.state import State
from release.line.mirror_wishes import Place
from release.line.sources import registered_release
from release.mirror.store import ObjectReader
from release.mirror.sync import Upload

SIGNATURE_LIMIT = 64 << 10
"""Bytes that a detached signature may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorRelease:
    """All files of a release in a channel, in the order in which they appear on a mirror.

    ``content`` first; when it was read back, ``vouching``: signatures, then ``release.json``, then its
    signature. Whoever finds that one finds everything else.
    """

    release: Digest
    """The release digest."""
    content: tuple[Upload, ...]
    vouching: tuple[Upload, ...]
    checksums: tuple[Upload, ...] = ()
    """A ``.sha256`` beside each image file, for people. Unsigned: DIGESTS says the same. Not in the store."""

    @property
    def written(self) -> MirrorRelease:
        """The same as it is where the pipeline writes it, and not the store itself is public."""
        return replace(self, content=self.content + self.checksums, checksums=())

    @property
    def files(self) -> tuple[Upload, ...]:
        """All of them."""
        return self.content + self.vouching

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(file.size for file in self.files)


def mirror_release(store: ObjectReader, state: State, place: Place, naming: NamingScheme) -> MirrorRelease:
    """What a mirror is to have at ``place``.

    The release is what the ledger names, byte by byte. Its signatures are taken from the store as they
    are: whether they hold was found out when the release was verified there.

    Raises:
        InputError: the ledger has no such release, or the store lacks something.
        NotVerifiedError: the store's ``release.json`` is not the one registered.
    """
    release, document = registered_release(store, state, place.version)
    content: list[Upload] = []
    checksums: list[Upload] = []
    signatures: list[Upload] = []
    suffix = naming.signature_suffix
    for item in shipped(release):
        target = _target(item.key, release, place.channel)
        content.append(
            Upload(
                key=target,
                source=partial(store.open, item.key),
                size=item.artifact.size,
                sha256=item.artifact.sha256,
            )
        )
        if item.payload is None:
            checksums.append(_small(target + CHECKSUM_SUFFIX, render_checksum(item.artifact)))
        derived = derived_files(item, naming)
        content += [_small(_target(key, release, place.channel), data) for key, data in derived.items()]
        for key in (item.key, *derived):
            data = store.read(key + suffix, SIGNATURE_LIMIT)
            signatures.append(_small(_target(key, release, place.channel) + suffix, data))
    schema, own = schema_key(place.version), document_key(place.version)
    content.append(_small(schema, store.read(schema, MAX_DOCUMENT)))
    signatures.append(_small(schema + suffix, store.read(schema + suffix, SIGNATURE_LIMIT)))
    last = _small(own + suffix, store.read(own + suffix, SIGNATURE_LIMIT))
    return MirrorRelease(
        release=Digest.sha256(document),
        content=tuple(content),
        vouching=(*signatures, _small(own, document), last),
        checksums=tuple(checksums),
    )


def size_of(release: Release) -> int:
    """Bytes of the files that ``release.json`` records: nearly all that a mirror gets."""
    return sum(item.artifact.size for item in shipped(release))


def _target(key: str, release: Release, channel: str) -> str:
    """Images are under the channel that offers them, payloads under ``update/``, whatever the channel."""
    for board in release.boards:
        built = image_prefix(release.channel, board.board, release.version)
        if key.startswith(built):
            return image_prefix(channel, board.board, release.version) + key.removeprefix(built)
    return key


def _small(key: str, data: bytes) -> Upload:
    return Upload(key=key, source=data, size=len(data), sha256=Digest.sha256(data))
