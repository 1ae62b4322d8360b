"""How documents for programs are written: JSON, links, stops. Pure."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic_core import PydanticSerializationError, to_json

from release.canonical import Json
from release.notes.characters import FORBIDDEN
from release.pages.records import Stop
from release.pages.wording import rfc3339

Object = dict[str, Json]

SCHEMA_VERSION = 1
"""Of every document that is ours. Names are only ever added, and their meaning never changes."""

_ESCAPED = (b"\x7f", b"\\u00", b"\\b", b"\\f", b"\\r")
"""How control characters stand in JSON."""


def dump(value: Mapping[str, Json], *, compact: bool = False, ascii_only: bool = False) -> bytes:
    """The document: indented by two unless ``compact``, names in the order given, one line feed at the end.

    UTF-8; with ``ascii_only`` all else is escaped. Characters that act on the reader are replaced by U+FFFD,
    in names as well as in values.
    """
    found = dict(value)
    if ascii_only:
        return json.dumps(readable(found), indent=2).encode() + b"\n"
    indent = None if compact else 2
    try:
        data = to_json(found, indent=indent)  # json's bytes, in an eighth of its time
    except PydanticSerializationError:  # half of a surrogate pair
        data = b""
    if not data or _may_act(data):
        data = to_json(readable(found), indent=indent)
    return data + b"\n"


def _may_act(data: bytes) -> bool:
    """Whether JSON may have a character that acts on the reader: never no where it has one."""
    if any(mark in data for mark in _ESCAPED):
        return True
    return not data.isascii() and FORBIDDEN.search(data.decode()) is not None


def readable(value: Json) -> Json:
    """The value without characters that act on the reader."""
    if isinstance(value, str):
        return FORBIDDEN.sub("\ufffd", value)
    if isinstance(value, list):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return {FORBIDDEN.sub("\ufffd", name): readable(item) for name, item in value.items()}
    return value


def link(page: str, target: str) -> str:
    """From the document ``page`` to ``target``, both relative to the root of the pages.

    The shortest relative reference, so that it works on every mirror. Absolute addresses stay as they are.
    """
    if "://" in target:
        return target
    path, mark, anchor = target.partition("#")
    tail = "/" if path.endswith("/") else ""
    return posixpath.relpath(path, posixpath.dirname(page) or ".") + tail + mark + anchor


def moment(time: datetime | None) -> str | None:
    """RFC 3339, or null."""
    return None if time is None else rfc3339(time)


def words(texts: Sequence[object]) -> list[Json]:
    """A list of texts."""
    return [str(text) for text in texts]


def first_stop(stops: Sequence[Stop]) -> Json:
    """The first of the stops that stand, null where there is none; the pages tell the others, too."""
    if not stops:
        return None
    first = stops[0]
    return {
        "since": rfc3339(first.since),
        "reason": first.reason,
        "advice": first.advice,
        "automatic": first.automatic,
    }
