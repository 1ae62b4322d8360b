"""Parts of JSON Schemas (draft 2020-12), so that a schema reads like the document. Pure."""

from __future__ import annotations

from typing import Any

from release.canonical import Json

Schema = dict[str, Any]

_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
PATH: Schema = {"type": "string", "format": "uri-reference", "minLength": 1}
TIME: Schema = {"type": "string", "format": "date-time", "pattern": _TIME}
DAY: Schema = {"type": "string", "format": "date", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
VERSION: Schema = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"}
CHANNEL: Schema = {"type": "string", "pattern": r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "maxLength": 40}
BOARD: Schema = {"type": "string", "pattern": r"^[a-z0-9]+-[a-z]+$"}
CVE: Schema = {"type": "string", "pattern": r"^CVE-[0-9]{4}-[0-9]{4,19}$"}
SHA256: Schema = {"type": "string", "pattern": r"^[0-9a-f]{64}$"}
SHA512: Schema = {"type": "string", "pattern": r"^[0-9a-f]{128}$"}
DIGEST: Schema = {"type": "string", "pattern": r"^sha256:[0-9a-f]{64}$"}


def record(required: Schema, optional: Schema | None = None) -> Schema:
    """An object that has at least these names. More may come: readers must bear it."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": [*required],
    }


def every(item: Schema, **rules: Json) -> Schema:
    """A list."""
    return {"type": "array", "items": item, **rules}


def each(value: Schema, names: Schema | None = None) -> Schema:
    """An object by names that are data."""
    return {
        "type": "object",
        "additionalProperties": value,
        **({} if names is None else {"propertyNames": names}),
    }


def maybe(part: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [part, {"type": "null"}]}


def word(*words: str) -> Schema:
    """One of some words."""
    return {"enum": [*words]}
