"""JSON Schemas of documents in forms that others have given: Flatcar, Fedora CoreOS, endoflife.date. Pure.

Sources: the lists of 2026-08 in tests/vectors; coreos/stream-metadata-go ``stream``; the schema of updates in
coreos/fedora-coreos-tracker; ``ProductDetails`` of endoflife.date's OpenAPI.
"""

from __future__ import annotations

from release.pages.machine.schema_parts import (
    COUNT,
    DAY,
    FLAG,
    PATH,
    SHA256,
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

_LAST: Schema = {"last-modified": TIME}


def list_schema() -> Schema:
    """Of ``releases-json/releases{,-CHANNEL}.json``."""
    date: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000$"}
    stop = record({"since": TIME, "reason": TEXT, "advice": TEXT, "automatic": FLAG})
    entry = record(
        {
            "channel": TEXT,
            "architectures": every(TEXT),
            "release_date": date,
            "major_software": each(every(TEXT, minItems=1, maxItems=1)),
            "release_notes": {"type": "string", "minLength": 1},
        },
        {"withdrawn": stop, "paused": stop},
    )
    return each(entry, {"pattern": r"^(\d+\.\d+\.\d+|current(-\d{4})?)$"})


def stream_schema() -> Schema:
    """Of ``streams/CHANNEL.json``."""
    part = record({"location": PATH, "signature": PATH, "sha256": SHA256})
    form = {**each(part, word("disk", "kernel", "initramfs", "rootfs")), "minProperties": 1}
    platform = record({"release": VERSION, "formats": each(form)})
    return record(
        {
            "stream": TEXT,
            "metadata": record({**_LAST, "generator": TEXT}),
            "architectures": each(record({"artifacts": each(platform)})),
        }
    )


def updates_schema() -> Schema:
    """Of ``updates/CHANNEL.json``: a release that is neither rolled out nor a barrier is left out."""
    reason = record({"reason": PATH})
    rollout = record(
        {"start_percentage": SHARE},
        {"start_epoch": COUNT, "duration_minutes": {"type": "integer", "minimum": 1}},
    )
    metadata = {
        **record({}, {"rollout": rollout, "barrier": reason}),
        "minProperties": 1,
    }
    release = record({"version": VERSION, "metadata": metadata})
    return record({"stream": TEXT, "metadata": record(_LAST), "releases": every(release)})


def product_schema() -> Schema:
    """Of ``api/v1/products/NAME.json``."""
    latest = record({"name": VERSION, "date": maybe(DAY), "link": maybe(PATH)})
    cycle = record(
        {
            "name": TEXT,
            "codename": {"type": "null"},
            "label": TEXT,
            "releaseDate": DAY,
            "isLts": FLAG,
            "ltsFrom": maybe(DAY),
            "isEol": FLAG,
            "eolFrom": maybe(DAY),
            "isMaintained": FLAG,
            "latest": maybe(latest),
        }
    )
    labels = record(dict.fromkeys(("eoas", "discontinued", "eol", "eoes"), maybe(TEXT)))
    product = record(
        {
            "name": {"type": "string", "pattern": r"^[a-z0-9]+(-[a-z0-9]+)*$"},
            "label": TEXT,
            "aliases": every(TEXT),
            "category": TEXT,
            "tags": every(TEXT),
            "versionCommand": maybe(TEXT),
            "identifiers": every(record({"id": TEXT, "type": TEXT})),
            "labels": labels,
            "links": record({"icon": maybe(PATH), "html": PATH, "releasePolicy": maybe(PATH)}),
            "releases": every(cycle),
        }
    )
    return record({"schema_version": TEXT, "generated_at": TIME, "last_modified": TIME, "result": product})
