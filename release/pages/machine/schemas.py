"""Which kinds of documents there are, and their JSON Schemas as they are published. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from release.bundle.document import json_schema
from release.pages import addresses
from release.pages.machine import schemas_foreign, schemas_own
from release.pages.machine.schema_parts import Schema
from release.pages.machine.writing import dump
from release.pages.site import Site

_DRAFT = "https://json-schema.org/draft/2020-12/schema"

_KINDS: dict[str, tuple[str, Callable[[], Schema]]] = {
    "index": ("index.json", schemas_own.index_schema),
    "api": ("api/v1/index.json", schemas_own.entry_point_schema),
    "channels": ("api/v1/channels.json", schemas_own.channels_schema),
    "channel": ("api/v1/channels/NAME.json", schemas_own.channel_schema),
    "version": ("api/v1/releases/VERSION.json", schemas_own.release_schema),
    "packages": ("api/v1/releases/VERSION/packages.json", schemas_own.packages_schema),
    "cves": ("api/v1/cves.json", schemas_own.cves_schema),
    "known-issues": ("api/v1/known-issues.json", schemas_own.issues_schema),
    "product": ("api/v1/products/NAME.json", schemas_foreign.product_schema),
    "list": ("releases-json/releases.json, releases-json/releases-CHANNEL.json", schemas_foreign.list_schema),
    "stream": ("streams/CHANNEL.json", schemas_foreign.stream_schema),
    "updates": ("updates/CHANNEL.json", schemas_foreign.updates_schema),
}

SCHEMA_NAMES = (*_KINDS, "release")
"""``release`` is that of the signed ``release.json``."""


def schema_of(name: str) -> Schema:
    """The schema of a kind of documents, without an address of its own."""
    if name == "release":
        return json_schema()
    title, build = _KINDS[name]
    return {"$schema": _DRAFT, "title": title, **build()}


def schema_files(site: Site) -> Iterator[tuple[str, bytes]]:
    """Every schema, by path. Each says its address in ``$id`` where that is known."""
    for name in SCHEMA_NAMES:
        path = addresses.schema(name)
        identity = addresses.absolute(site, path)
        schema: dict[str, Any] = {**schema_of(name), **({} if identity is None else {"$id": identity})}
        yield path, dump(schema)
