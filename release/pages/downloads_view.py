"""View models of what a release has to take: payloads, images, and the commands that verify them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from release.bundle.release import BoardRelease, PayloadRecord
from release.catalog.artifact import Artifact
from release.catalog.naming import NamingScheme, image_prefix, update_prefix
from release.pages import addresses
from release.pages.links import Link, known_link
from release.pages.reading import Reading, boards_of
from release.pages.records import PublishedRelease
from release.pages.site import Site
from release.pages.view import full_payload
from release.pages.wording import share, size

_SIGNATURE = NamingScheme().signature_suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file, with the signature beside it. Without ``href`` it is on record, but not to be taken."""

    name: str
    href: str | None
    signature: str | None
    size: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRow:
    """An update payload. ``share`` and ``bar`` (0 to 100) compare a delta with the full payload."""

    file: FileRow
    source: str | None
    source_link: Link | None
    share: str | None
    bar: int | None
    profile: str
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSection:
    """Everything for one board. ``verify`` is the text of the commands."""

    name: str
    image_size: str
    image_sha256: str
    payloads: tuple[PayloadRow, ...]
    has_deltas: bool
    files: tuple[FileRow, ...]
    verify: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadsView:
    """What there is to take, board by board. ``missing`` are boards that others of its channels have.

    ``imported``: nothing is known of its files. ``keys`` is the page of the keys to verify with.
    """

    boards: tuple[BoardSection, ...]
    missing: tuple[str, ...]
    imported: bool
    keys: str

    @property
    def has_commands(self) -> bool:
        """Whether there is anything to copy."""
        return any(board.verify for board in self.boards)


def downloads_view(reading: Reading, published: PublishedRelease, page: str) -> DownloadsView:
    """The files of a release."""
    release = published.release
    return DownloadsView(
        boards=tuple(_board(reading.site, published, board, page) for board in release.boards),
        missing=_missing(reading, published),
        imported=published.is_imported,
        keys=addresses.from_page(page, addresses.KEYS),
    )


def _missing(reading: Reading, published: PublishedRelease) -> tuple[str, ...]:
    """What other releases of its channels were built for: a board, or as much of its name as is known.

    Of an imported release only the architecture is known, ``amd64`` of ``amd64-usr``.
    """
    there = {name.partition("-")[0] for name in boards_of(published.release)}
    names = {name for entry in published.channels for name in reading.boards[entry.name]}
    absent = {name.partition("-")[0]: name for name in sorted(names)}
    return tuple(
        architecture if published.is_imported else name
        for architecture, name in absent.items()
        if architecture not in there
    )


def _board(site: Site, published: PublishedRelease, board: BoardRelease, page: str) -> BoardSection:
    release = published.release
    payload_base = site.artifact_base + update_prefix(board.board, release.version)
    file_base = site.artifact_base + image_prefix(release.channel, board.board, release.version)
    full = full_payload(board)
    payloads = tuple(_payload(site, item, full, payload_base, page) for item in board.payloads)
    files = tuple(_file(artifact, file_base, page) for artifact in board.files)
    address = addresses.absolute(site, payload_base if payloads else file_base)
    if published.only_on_record:
        payloads = tuple(replace(payload, file=_kept(payload.file)) for payload in payloads)
        files, address = tuple(_kept(file) for file in files), None
    return BoardSection(
        name=str(board.board),
        image_size=size(board.image.size),
        image_sha256=board.image.sha256.hex,
        payloads=payloads,
        has_deltas=any(payload.source for payload in payloads),
        files=files,
        verify=_commands(address, [*(payload.file for payload in payloads), *files]),
    )


def _kept(file: FileRow) -> FileRow:
    """On record, so that what a machine has can be recognised, but nothing to take."""
    return replace(file, href=None, signature=None)


def _payload(
    site: Site, payload: PayloadRecord, full: PayloadRecord | None, base: str, page: str
) -> PayloadRow:
    count = payload.artifact.size
    compared = payload.source is not None and full is not None
    return PayloadRow(
        file=_file(payload.artifact, base, page),
        source=None if payload.source is None else str(payload.source),
        source_link=known_link(site, payload.source, page),
        share=share(count, full.artifact.size) if compared and full else None,
        bar=min(100, max(1, round(100 * count / full.artifact.size))) if compared and full else None,
        profile=payload.profile,
        proven=payload.proven,
    )


def _file(artifact: Artifact, base: str, page: str) -> FileRow:
    href = addresses.from_page(page, base + artifact.name)
    return FileRow(
        name=artifact.name,
        href=href,
        signature=href + _SIGNATURE,
        size=size(artifact.size),
        bytes=artifact.size,
        sha256=artifact.sha256.hex,
    )


def _commands(base: str | None, rows: list[FileRow]) -> str:
    """Shell commands that end in ``OK`` and ``Good signature``. Nothing is fetched without a ``base``.

    Names and digests are safe in a shell by their own types, the address by ``Site``.
    """
    if not rows:
        return ""
    name = rows[0].name
    lines = [] if base is None else [f"curl -fLO {base}{name}", f"curl -fLO {base}{name}{_SIGNATURE}"]
    lines += ["sha256sum --check --ignore-missing <<'END'", *(f"{row.sha256}  {row.name}" for row in rows)]
    return "\n".join([*lines, "END", f"gpgv --keyring ./release-keys.gpg {name}{_SIGNATURE} {name}"])
