"""JSON Schemas of our own documents for programs. Pure.

They say what a document always has. Names are only ever added, within version 1 of the API as well, so a
schema forbids none that it does not know.
"""

from __future__ import annotations

from release.bundle.change import ChangeKind
from release.notes.cves import SEVERITIES
from release.pages.machine.book import Status
from release.pages.machine.schema_parts import (
    BOARD,
    CHANNEL,
    COUNT,
    CVE,
    DIGEST,
    FLAG,
    PATH,
    SHA256,
    SHA512,
    SHARE,
    TEXT,
    TIME,
    VERSION,
    Schema,
    each,
    every,
    maybe,
    record,
    word,
)
from release.pages.machine.writing import SCHEMA_VERSION
from release.pages.records import IssueState

_HEAD: Schema = {"schema_version": {"const": SCHEMA_VERSION}, "product": TEXT}
_DATED: Schema = {**_HEAD, "generated_at": TIME}
_STATUS = word(*(status.value for status in Status))
_STOP = record({"since": TIME, "reason": TEXT, "advice": TEXT, "automatic": FLAG})
_HURRY = record({"skipped": every(TEXT), "reason": TEXT, "incident": TEXT})
_LINEAGE = record({"kind": word("same-bits", "rebuild"), "derives_from": maybe(VERSION)})
_FLOORS = every(record({"version": VERSION, "reason": TEXT}))
_PLAN: Schema = {
    "began_at": TIME,
    "complete_at": TIME,
    "linear": FLAG,
    "steps": every(record({"at": TIME, "share": SHARE}), minItems=1),
    "windows": every(TEXT),
}


def index_schema() -> Schema:
    """Of ``index.json``."""
    support = record({"stream_of": CHANNEL, "opened": TIME, "ends": TIME})
    channel = record(
        {
            "current": maybe(VERSION),
            "status": maybe(word("offered", "paused", "withdrawn", "ended")),
            "feed": PATH,
            "paused": maybe(_STOP),
            "frozen": maybe(_STOP),
            "streams": every(CHANNEL),
            "support": maybe(support),
            "retired": FLAG,
            "page": PATH,
            "json_feed": PATH,
            "list": PATH,
            "api": PATH,
        }
    )
    release = record(
        {
            "version": VERSION,
            "digest": maybe(DIGEST),
            "document": maybe(PATH),
            "page": PATH,
            "created": TIME,
            "boards": every(BOARD),
            "channels": each(TIME, CHANNEL),
            "withdrawn": maybe(_STOP),
            "hurried": each(_HURRY, CHANNEL),
            "lineage": _LINEAGE,
            "imported": FLAG,
            "status": _STATUS,
            "current_in": every(CHANNEL),
            "paused_in": every(CHANNEL),
            "architectures": every(TEXT),
            "cves": COUNT,
            "collected": maybe(TIME),
            "revisions": every(TIME),
            "known_issues": every(TEXT),
            "from": PATH,
            "api": PATH,
        }
    )
    return record(
        {
            **_DATED,
            "api": PATH,
            "compare": PATH,
            "channels": each(channel, CHANNEL),
            "releases": every(release),
        }
    )


def entry_point_schema() -> Schema:
    """Of ``api/v1/index.json``."""
    feed = record({"title": TEXT, "channel": maybe(CHANNEL), "atom": PATH, "json": PATH})
    return record(
        {
            **_DATED,
            "base_url": maybe(PATH),
            "links": each(maybe(TEXT)),
            "feeds": every(feed),
            "schemas": each(PATH),
        }
    )


def _channel() -> Schema:
    rollout = record({**_PLAN, "share": SHARE, "share_at": TIME})
    current = record(
        {
            "version": VERSION,
            "since": TIME,
            "status": _STATUS,
            "paused": maybe(_STOP),
            "withdrawn": maybe(_STOP),
            "architectures": every(TEXT),
            "rollout": maybe(rollout),
            "known_issues": every(TEXT),
            "document": maybe(PATH),
            "page": PATH,
            "api": PATH,
        }
    )
    return record(
        {
            "name": CHANNEL,
            "title": TEXT,
            "feeds_from": every(CHANNEL),
            "current": maybe(current),
            "frozen": maybe(_STOP),
            "stream_of": maybe(CHANNEL),
            "streams": every(CHANNEL),
            "supported_from": maybe(TIME),
            "supported_until": maybe(TIME),
            "support_ended": FLAG,
            "retired": FLAG,
            "floors": _FLOORS,
            "mirrors": every(record({"name": TEXT, "url": PATH, "verified": FLAG})),
            **dict.fromkeys(("page", "api", "feed", "json_feed", "list", "stream", "updates"), PATH),
        }
    )


def channels_schema() -> Schema:
    """Of ``api/v1/channels.json``."""
    return record({**_DATED, "channels": every(_channel())})


def channel_schema() -> Schema:
    """Of ``api/v1/channels/NAME.json``."""
    offer = record(
        {
            "version": VERSION,
            "since": TIME,
            "status": _STATUS,
            "architectures": every(TEXT),
            "cves": COUNT,
            "page": PATH,
            "api": PATH,
        }
    )
    return record({**_DATED, "channel": _channel(), "releases": every(offer)})


def release_schema() -> Schema:
    """Of ``api/v1/releases/VERSION.json``."""
    kinds = word(*(kind.value for kind in ChangeKind if kind.must_be_told))
    change = record({"id": {"type": "string", "pattern": "^[0-9a-f]{16}$"}, "kind": kinds, "text": TEXT})
    withdrawn = record({**_STOP["properties"], "instead": each(VERSION, CHANNEL)})
    return record(
        {
            **_HEAD,
            "version": VERSION,
            "status": _STATUS,
            "imported": FLAG,
            "built_for": CHANNEL,
            "created_at": TIME,
            "published_at": maybe(TIME),
            "changed_at": TIME,
            "lineage": _LINEAGE,
            "channels": every(_channel_of_release()),
            "current_in": every(CHANNEL),
            "paused_in": every(CHANNEL),
            "withdrawn": maybe(withdrawn),
            "collected_at": maybe(TIME),
            "architectures": every(TEXT),
            "boards": every(BOARD),
            "artifacts": every(_artifact()),
            "software": each(every(TEXT, minItems=1)),
            "packages": maybe(PATH),
            "cves": COUNT,
            "fixes": every(record({"cve": CVE, "package": maybe(TEXT), "severity": maybe(_severity())})),
            "attention": every(change),
            "known_issues": every(_issue_of_release()),
            "evidence": every(_evidence()),
            "revisions": every(record({"at": TIME, "what": TEXT})),
            "notes": TEXT,
            "digest": maybe(DIGEST),
            "document": maybe(PATH),
            "page": PATH,
            "from": PATH,
        }
    )


def _channel_of_release() -> Schema:
    return record(
        {
            "name": CHANNEL,
            "status": _STATUS,
            "since": TIME,
            "supersedes": maybe(VERSION),
            "superseded_by": maybe(VERSION),
            "paused": maybe(_STOP),
            "hurried": maybe(_HURRY),
            "approved_by_roles": every(TEXT),
            "rollout": maybe(record(_PLAN)),
            "stream_of": maybe(CHANNEL),
            "supported_until": maybe(TIME),
            "floors": _FLOORS,
        }
    )


def _artifact() -> Schema:
    return record(
        {
            "board": BOARD,
            "architecture": TEXT,
            "role": word("file", "update", "delta-update", "extension-update"),
            "name": TEXT,
            "path": maybe(PATH),
            "signature": maybe(PATH),
            "size": COUNT,
            "sha256": SHA256,
            "sha512": SHA512,
            "delta_from": maybe(VERSION),
            "extension": maybe(TEXT),
            "proven": maybe(FLAG),
        }
    )


def _issue_of_release() -> Schema:
    return record(
        {
            "name": TEXT,
            "title": TEXT,
            "state": word(*(state.value for state in IssueState)),
            "opened_at": TIME,
            "updated_at": TIME,
            "fixed_in": every(VERSION),
            "page": PATH,
        }
    )


def _evidence() -> Schema:
    return record(
        {
            "name": TEXT,
            "passed": FLAG,
            "waived": FLAG,
            "detail": TEXT,
            "recorded_at": TIME,
            "facts": each({"type": "integer"}),
        }
    )


def issues_schema() -> Schema:
    """Of ``api/v1/known-issues.json``."""
    issue = record(
        {
            "name": TEXT,
            "title": TEXT,
            "state": word(*(state.value for state in IssueState)),
            "open": FLAG,
            "text": TEXT,
            "workaround": TEXT,
            "opened_at": TIME,
            "updated_at": TIME,
            "affected": every(VERSION),
            "fixed_in": every(VERSION),
            "page": PATH,
        }
    )
    return record({**_DATED, "known_issues": every(issue)})


def packages_schema() -> Schema:
    """Of ``api/v1/releases/VERSION/packages.json``."""
    package = record({"name": TEXT, "version": TEXT})
    return record({**_HEAD, "version": VERSION, "boards": each(every(package), BOARD)})


def _severity() -> Schema:
    return word(*SEVERITIES)


def cves_schema() -> Schema:
    """Of ``api/v1/cves.json``."""
    fixed = record({"version": VERSION, "told": FLAG}, {"withdrawn": FLAG, "earlier": VERSION})
    cve = record(
        {
            "id": CVE,
            "packages": every(TEXT),
            "severity": maybe(_severity()),
            "fixed": each(fixed, CHANNEL),
            "mentioned": each(VERSION, CHANNEL),
        }
    )
    return record({**_DATED, "meaning": TEXT, "page": PATH, "channels": every(CHANNEL), "cves": every(cve)})
