"""``api/v1/releases/VERSION.json``: everything that is known of a release, also of an imported one. Pure.

Nothing in it changes by itself: shares of rollouts and the time of the data are told by the documents of
channels. What changes it is a channel that goes on, a stop, a correction, an issue.
"""

from __future__ import annotations

from collections.abc import Iterator

from release.bundle.layout import Shipped, shipped
from release.canonical import Json
from release.pages import addresses
from release.pages.machine.book import Book, architectures, cve_count, fixes, published_at
from release.pages.machine.writing import SCHEMA_VERSION, Object, dump, first_stop, link, moment, words
from release.pages.records import ChannelEntry, Evidence, KnownIssue, PublishedRelease, Rollout, standing
from release.pages.wording import rfc3339

SIGNATURE = ".sig"


def release_document(book: Book, published: PublishedRelease) -> bytes:
    """The document. Paths are relative to it; null where there is nothing to take.

    ``fixes`` is what the notes say is fixed, no more: absence does not mean unaffected.
    """
    release, site = published.release, book.site
    page = addresses.api_release(release.version)
    origin = release.lineage.derives_from
    document = book.document(published)
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "product": site.product,
            "version": str(release.version),
            "status": book.status(published).value,
            "imported": published.is_imported,
            "built_for": release.channel,
            "created_at": rfc3339(release.created),
            "published_at": moment(published_at(published)),
            "changed_at": rfc3339(book.changed(published)),
            "lineage": {
                "kind": release.lineage.kind.value,
                "derives_from": None if origin is None else str(origin),
            },
            "channels": [_channel(book, published, entry) for entry in book.entries(published)],
            "current_in": words(book.at_it(published, paused=False)),
            "paused_in": words(book.at_it(published, paused=True)),
            "withdrawn": _withdrawn(book, published),
            "collected_at": moment(published.collected),
            "architectures": words(architectures(published)),
            "boards": words([board.board for board in release.boards]),
            "artifacts": [_artifact(book, published, item, page) for item in _shipped(published)],
            "software": _software(published),
            "packages": link(page, addresses.packages(release.version)) if published.packages else None,
            "cves": cve_count(published),
            "fixes": [
                {"cve": fix.cve, "package": fix.package, "severity": fix.severity} for fix in fixes(published)
            ],
            "attention": [
                {"id": change.id, "kind": change.kind.value, "text": change.text}
                for change in book.attention(published)
            ],
            "known_issues": [_issue(issue, page) for issue in book.issues.get(release.version, ())],
            "evidence": [_evidence(one) for one in published.evidence],
            "revisions": [
                {"at": rfc3339(revision.recorded), "what": revision.summary}
                for revision in published.revisions
            ],
            "notes": published.notes,
            "digest": None if published.release_digest is None else str(published.release_digest),
            "document": None if document is None else link(page, document),
            "page": link(page, addresses.release_page(release.version)),
            "from": link(page, addresses.from_version_page(release.version)),
        }
    )


def _evidence(one: Evidence) -> Json:
    return {
        "name": one.name,
        "passed": one.passed,
        "waived": one.waived,
        "detail": one.detail,
        "recorded_at": rfc3339(one.recorded),
        "facts": dict(sorted(one.facts.items())),
    }


def _shipped(published: PublishedRelease) -> Iterator[Shipped]:
    if not published.is_imported:
        yield from shipped(published.release)  # type: ignore[arg-type]  # is_imported has said which


def _channel(book: Book, published: PublishedRelease, entry: ChannelEntry) -> Json:
    site, name, version = book.site, entry.name, published.release.version
    is_head = site.heads.get(name) == version
    before = book.neighbour(name, version, -1)
    # Nothing took the place of what the channel is at, also where a history has more above it.
    after = None if is_head else book.neighbour(name, version, 1)
    support = site.support.get(name)
    rollout = site.rollouts.get(name) if is_head else None
    return {
        "name": name,
        "status": book.standing_in(published, entry).value,
        "since": rfc3339(entry.since),
        "supersedes": None if before is None else str(before),
        "superseded_by": None if after is None else str(after),
        "paused": first_stop(standing(entry.pauses)),
        "hurried": None
        if entry.hurry is None
        else {
            "skipped": words(entry.hurry.skipped),
            "reason": entry.hurry.reason,
            "incident": entry.hurry.incident,
        },
        "approved_by_roles": words(entry.approvals),
        "rollout": None if rollout is None else rollout_plan(rollout),
        "stream_of": book.base(name),
        "supported_until": None if support is None else rfc3339(support.ends),
        "floors": [
            {"version": str(floor.version), "reason": floor.reason}
            for floor in site.floors
            if floor.channel == name and floor.version < version
        ],
    }


def rollout_plan(rollout: Rollout) -> Object:
    """When how many machines may have it. Shares are 0 to 1; between steps they grow evenly if ``linear``."""
    return {
        "began_at": rfc3339(rollout.began),
        "complete_at": rfc3339(rollout.complete),
        "linear": rollout.linear,
        "steps": [{"at": rfc3339(time), "share": float(share)} for time, share in rollout.steps],
        "windows": words(rollout.windows),
    }


def _withdrawn(book: Book, published: PublishedRelease) -> Json:
    stop = first_stop(published.withdrawn)
    if not isinstance(stop, dict):
        return None
    version = published.release.version
    heads = ((entry.name, book.site.heads.get(entry.name)) for entry in book.entries(published))
    return {
        **stop,
        "instead": {
            name: str(head)
            for name, head in heads
            if head is not None and head > version and not book.site.is_withdrawn(head)
        },
    }


def _artifact(book: Book, published: PublishedRelease, item: Shipped, page: str) -> Json:
    path = None if published.only_on_record else link(page, book.site.artifact_base + item.key)
    payload, artifact = item.payload, item.artifact
    source = None if payload is None else payload.source
    return {
        "board": str(item.board.board),
        "architecture": item.board.board.architecture,
        "role": _role(item),
        "name": artifact.name,
        "path": path,
        "signature": None if path is None else path + SIGNATURE,
        "size": artifact.size,
        "sha256": artifact.sha256.hex,
        "sha512": artifact.sha512.hex,
        "delta_from": None if source is None else str(source),
        "extension": None if payload is None else payload.extension,
        "proven": None if payload is None else payload.proven,
    }


def _role(item: Shipped) -> str:
    if item.payload is None:
        return "file"
    if item.payload.extension is not None:
        return "extension-update"
    return "update" if item.payload.source is None else "delta-update"


def _software(published: PublishedRelease) -> Object:
    """Every version of each, by name."""
    found: dict[str, list[Json]] = {}
    for package in published.release.software:
        found.setdefault(package.name, []).append(package.version)
    return {**found}


def _issue(issue: KnownIssue, page: str) -> Json:
    return {
        "name": issue.name,
        "title": issue.title,
        "state": issue.state.value,
        "opened_at": rfc3339(issue.opened),
        "updated_at": rfc3339(issue.updated),
        "fixed_in": words(issue.fixed_in),
        "page": link(page, addresses.issue(issue.name)),
    }
