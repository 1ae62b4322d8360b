"""View models of a release's own page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from release.bundle.layout import document_key
from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.catalog.artifact import Artifact
from release.catalog.naming import NamingScheme, image_prefix, update_prefix
from release.catalog.version import Version
from release.pages import addresses
from release.pages.markdown import to_html
from release.pages.site import PublishedRelease, Site
from release.pages.view import (
    Assurance,
    Frame,
    Link,
    Standing,
    assurance,
    board_names,
    frame,
    full_payload,
    kernel_version,
    standings,
    summary,
)
from release.pages.wording import Time, channel_title, share, size, time_of

_SIGNATURE = NamingScheme().signature_suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file to download, with the signature beside it."""

    name: str
    href: str
    signature: str
    size: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRow:
    """An update payload. ``share`` and ``bar`` (0 to 100) compare a delta with the full payload."""

    file: FileRow
    source: str | None
    source_href: str | None
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
    fetch: str | None
    verify: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """The page of one release."""

    frame: Frame
    version: str
    standings: tuple[Standing, ...]
    current: tuple[str, ...]
    superseded: tuple[Standing, ...]
    assurance: Assurance
    built_for: str
    created: Time
    boards_text: str
    kernel: str | None
    derives_from: str | None
    derives_href: str | None
    lineage: str
    boards: tuple[BoardSection, ...]
    notes: Markup | None
    software: tuple[tuple[str, str], ...]
    digest: str
    document: Link
    document_signature: str
    keys: tuple[str, ...]
    newer: Link | None
    older: Link | None


def release_view(site: Site, published: PublishedRelease) -> ReleaseView:
    """Everything on the page of ``published``.

    Raises:
        InputError: the notes cannot be rendered.
    """
    release = published.release
    page = addresses.release_page(release.version)
    states = standings(site, published, page)
    derives = release.lineage.derives_from
    newer, older = _neighbours(site, release.version, page)
    document = addresses.from_page(page, site.artifact_base + document_key(release.version))
    return ReleaseView(
        frame=frame(
            site,
            page,
            title=f"{site.product} {release.version}",
            description=summary(release, release.channel),
        ),
        version=str(release.version),
        standings=states,
        current=tuple(state.title for state in states if state.superseded_by is None),
        superseded=tuple(state for state in states if state.superseded_by is not None),
        assurance=assurance(release),
        built_for=channel_title(release.channel),
        created=time_of(release.created),
        boards_text=board_names(release),
        kernel=kernel_version(release),
        derives_from=None if derives is None else str(derives),
        derives_href=_page_of(site, derives, page),
        lineage=release.lineage.kind.value,
        boards=tuple(_board(site, release, board, page) for board in release.boards),
        notes=to_html(release.notes) if release.notes.strip() else None,
        software=_software(release),
        digest=str(published.release_digest),
        document=Link(document, "release.json"),
        document_signature=document + _SIGNATURE,
        keys=_keys(release),
        newer=newer,
        older=older,
    )


def _board(site: Site, release: Release, board: BoardRelease, page: str) -> BoardSection:
    payload_base = site.artifact_base + update_prefix(board.board, release.version)
    file_base = site.artifact_base + image_prefix(release.channel, board.board, release.version)
    full = full_payload(board)
    payloads = tuple(_payload(site, item, full, payload_base, page) for item in board.payloads)
    files = tuple(_file(artifact, file_base, page) for artifact in board.files)
    rows = [payload.file for payload in payloads] + list(files)
    first = payload_base if payloads else file_base
    return BoardSection(
        name=str(board.board),
        image_size=size(board.image.size),
        image_sha256=board.image.sha256.hex,
        payloads=payloads,
        has_deltas=any(payload.source for payload in payloads),
        files=files,
        fetch=addresses.absolute(site, first + rows[0].name) if rows else None,
        verify=_commands(site, first, rows),
    )


def _payload(
    site: Site, payload: PayloadRecord, full: PayloadRecord | None, base: str, page: str
) -> PayloadRow:
    count = payload.artifact.size
    compared = payload.source is not None and full is not None
    return PayloadRow(
        file=_file(payload.artifact, base, page),
        source=None if payload.source is None else str(payload.source),
        source_href=_page_of(site, payload.source, page),
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


def _commands(site: Site, base: str, rows: list[FileRow]) -> str:
    """Shell commands that end in ``OK`` and ``Good signature``.

    Names and digests are safe in a shell by their own types, ``base`` and ``base_url`` by ``Site``.
    """
    if not rows:
        return ""
    name = rows[0].name
    address = addresses.absolute(site, base + name)
    lines = [] if address is None else [f"curl -fLO {address}", f"curl -fLO {address}{_SIGNATURE}"]
    lines += ["sha256sum --check --ignore-missing <<'END'", *(f"{row.sha256}  {row.name}" for row in rows)]
    return "\n".join([*lines, "END", f"gpgv --keyring ./release-keys.gpg {name}{_SIGNATURE} {name}"])


def _software(release: Release) -> tuple[tuple[str, str], ...]:
    versions: dict[str, list[str]] = {}
    for package in release.software:
        versions.setdefault(package.name, []).append(package.version)
    return tuple((name, ", ".join(texts)) for name, texts in versions.items())


def _keys(release: Release) -> tuple[str, ...]:
    keys = (key for board in release.boards for payload in board.payloads for key in payload.signatures)
    return tuple(dict.fromkeys(keys))


def _page_of(site: Site, version: Version | None, page: str) -> str | None:
    if version is None or site.find(version) is None:
        return None
    return addresses.from_page(page, addresses.release_page(version))


def _neighbours(site: Site, version: Version, page: str) -> tuple[Link | None, Link | None]:
    versions = [published.release.version for published in site.newest_first()]
    place = versions.index(version)

    def link(index: int) -> Link | None:
        if not 0 <= index < len(versions):
            return None
        return Link(addresses.from_page(page, addresses.release_page(versions[index])), str(versions[index]))

    return link(place - 1), link(place + 1)
