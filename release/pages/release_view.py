"""View models of a release's own page. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from release.bundle.layout import document_key
from release.bundle.release import BoardRelease, PayloadRecord
from release.catalog.artifact import Artifact
from release.catalog.naming import NamingScheme, image_prefix, update_prefix
from release.catalog.version import Version
from release.pages import addresses
from release.pages.history import Event, history
from release.pages.lineage import LineageView, lineage_view, software_versions
from release.pages.links import Link, known_link, release_link
from release.pages.markdown import to_html
from release.pages.notices import Notice, release_notices
from release.pages.records import AnyRelease, PublishedRelease
from release.pages.site import Site
from release.pages.standings import Mark, Standing, assurance, is_current, standings
from release.pages.view import Frame, board_names, frame, full_payload, kernel_version, summary
from release.pages.wording import Time, channel_title, share, size, time_of

_SIGNATURE = NamingScheme().signature_suffix
_OFFERED = frozenset({"current", "frozen"})
"""Words of standings in which a channel offers the release, and that is all there is to say."""


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
class ReleaseView:
    """The page of one release. ``support`` says of the streams that are at it when support ends or ended."""

    frame: Frame
    version: str
    withdrawn: bool
    only_on_record: bool
    """Nothing of it is there to take: it is withdrawn, or not kept any more."""
    notices: tuple[Notice, ...]
    standings: tuple[Standing, ...]
    current: tuple[str, ...]
    superseded: tuple[Standing, ...]
    support: tuple[tuple[str, Time], ...]
    assurance: Mark | None
    built_for: str
    created: Time
    boards_text: str
    kernel: str | None
    lineage: LineageView
    boards: tuple[BoardSection, ...]
    notes: Markup | None
    software: tuple[tuple[str, str], ...]
    history: tuple[Event, ...]
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
    newer, older = _neighbours(site, release.version, page)
    document = addresses.from_page(page, site.artifact_base + document_key(release.version))
    return ReleaseView(
        frame=_frame(site, published, page),
        version=str(release.version),
        withdrawn=bool(published.withdrawn),
        only_on_record=published.only_on_record,
        notices=release_notices(site, published, page),
        standings=states,
        current=tuple(state.title for state in states if state.word in _OFFERED),
        superseded=tuple(state for state in states if state.superseded_by is not None),
        support=_support(site, published),
        assurance=assurance(release),
        built_for=channel_title(release.channel),
        created=time_of(release.created),
        boards_text=board_names(release),
        kernel=kernel_version(release),
        lineage=lineage_view(site, published, page),
        boards=tuple(_board(site, published, board, page) for board in release.boards),
        notes=to_html(published.notes) if published.notes.strip() else None,
        software=tuple(software_versions(release).items()),
        history=history(site, published, page),
        digest=str(published.release_digest),
        document=Link(document, "release.json"),
        document_signature=document + _SIGNATURE,
        keys=_keys(release),
        newer=newer,
        older=older,
    )


def _frame(site: Site, published: PublishedRelease, page: str) -> Frame:
    release = published.release
    title, description = f"{site.product} {release.version}", summary(release, release.channel)
    if published.withdrawn:
        title, description = f"{title} (withdrawn)", f"Withdrawn: do not install it. {description}"
    return frame(site, page, title=title, description=description)


def _support(site: Site, published: PublishedRelease) -> tuple[tuple[str, Time], ...]:
    return tuple(
        (
            f"{channel_title(entry.name)} support {'ended' if site.has_ended(entry.name) else 'until'}",
            time_of(site.support[entry.name].ends),
        )
        for entry in published.channels
        if entry.name in site.support and is_current(site, published, entry)
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


def _keys(release: AnyRelease) -> tuple[str, ...]:
    keys = (key for board in release.boards for payload in board.payloads for key in payload.signatures)
    return tuple(dict.fromkeys(keys))


def _neighbours(site: Site, version: Version, page: str) -> tuple[Link | None, Link | None]:
    versions = [published.release.version for published in site.newest_first()]
    place = versions.index(version)

    def link(index: int) -> Link | None:
        if not 0 <= index < len(versions):
            return None
        return release_link(site, versions[index], page)

    return link(place - 1), link(place + 1)
