"""View models of where a release comes from: evidence, approvals, documents, corrections. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from release.bundle.layout import document_key
from release.catalog.naming import NamingScheme
from release.pages import addresses
from release.pages.downloads_view import BoardSection
from release.pages.lineage import LineageView, lineage_view
from release.pages.links import Link
from release.pages.reading import Reading
from release.pages.records import AnyRelease, Evidence, PublishedRelease
from release.pages.site import Site
from release.pages.standings import Level, Mark, settled_first
from release.pages.wording import Time, channel_title, listing, numbered, time_of

_SIGNATURE = NamingScheme().signature_suffix
_SBOM = (NamingScheme().sbom, ".spdx.json", ".cdx.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """The latest result of one check."""

    name: str
    result: Mark
    detail: str
    recorded: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceView:
    """Where a release comes from. ``document`` is None for one that was imported.

    ``approvals`` are by channel, as roles and how many people had them. ``sboms`` are bills of materials
    among the files that are there to take, by board; ``keys`` have a label each.
    """

    document: Link | None
    document_signature: str
    digest: str
    evidence: tuple[EvidenceRow, ...]
    approvals: tuple[tuple[str, str], ...]
    sboms: tuple[tuple[str, Link], ...]
    keys: tuple[tuple[str, str], ...]
    lineage: LineageView
    programs: tuple[Link, ...]


def provenance_view(
    reading: Reading, published: PublishedRelease, boards: tuple[BoardSection, ...], page: str
) -> ProvenanceView:
    """What is known of how a release was made and let through."""
    site, release = reading.site, published.release
    document = addresses.from_page(page, site.artifact_base + document_key(release.version))
    return ProvenanceView(
        document=None if published.is_imported else Link(document, "release.json"),
        document_signature=document + _SIGNATURE,
        digest=str(published.release_digest),
        evidence=tuple(_row(one) for one in published.evidence),
        approvals=_approvals(site, published),
        sboms=tuple(
            (board.name, Link(file.href, file.name))
            for board in boards
            for file in board.files
            if file.href and file.name.endswith(_SBOM)
        ),
        keys=_keys(release),
        lineage=lineage_view(reading, published, page),
        programs=_programs(published, page),
    )


def _programs(published: PublishedRelease, page: str) -> tuple[Link, ...]:
    """What programs are told of the release."""
    version = published.release.version
    found = [Link(addresses.from_page(page, addresses.api_release(version)), "JSON")]
    if published.packages:
        found.append(Link(addresses.from_page(page, addresses.packages(version)), "Packages, JSON"))
    return tuple(found)


def _row(one: Evidence) -> EvidenceRow:
    if one.passed:
        result = Mark(Level.GOOD, "Passed")
    else:
        result = Mark(Level.WARN, "Waived") if one.waived else Mark(Level.BAD, "Failed")
    return EvidenceRow(name=one.name, result=result, detail=one.detail, recorded=time_of(one.recorded))


def _approvals(site: Site, published: PublishedRelease) -> tuple[tuple[str, str], ...]:
    entries = settled_first(site, published)
    return tuple((channel_title(entry.name), _roles(entry.approvals)) for entry in entries if entry.approvals)


def _roles(roles: tuple[str, ...]) -> str:
    """``release manager (2) and security``."""
    counts = Counter(roles)
    return listing([role if counts[role] == 1 else f"{role} ({counts[role]})" for role in sorted(counts)])


def _keys(release: AnyRelease) -> tuple[tuple[str, str], ...]:
    keys = (key for board in release.boards for payload in board.payloads for key in payload.signatures)
    return numbered([("Payload key", key) for key in dict.fromkeys(keys)])
