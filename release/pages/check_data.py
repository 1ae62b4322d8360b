"""Checks of documents for programs: JSON can be read, feeds are well formed and their ids unique. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET

ATOM = "{http://www.w3.org/2005/Atom}"


def data_faults(path: str, data: bytes) -> Iterator[str]:
    """What is wrong with a document, by the ending of its name; nothing for others."""
    if path.endswith(".json"):
        yield from _json_faults(path, data)
    elif path.endswith(".xml"):
        yield from _xml_faults(data)
    elif path.endswith(".ics"):
        lines = data.split(b"\n")
        if lines[0] != b"BEGIN:VCALENDAR\r" or lines[-2:] != [b"END:VCALENDAR\r", b""]:
            yield "no calendar, or its lines do not end as they must (CRLF)"


def _json_faults(path: str, data: bytes) -> Iterator[str]:
    try:
        found = json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        yield f"no JSON: {error}"
        return
    if path.startswith("releases-feed/"):
        items = found.get("items") if isinstance(found, dict) else None
        if not isinstance(items, list):
            yield "no JSON Feed: it has no items"
            return
        yield from _ids([str(item.get("id")) if isinstance(item, dict) else "" for item in items])


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _xml_faults(data: bytes) -> Iterator[str]:
    try:
        # Written by this package; expat refuses entities that grow (2.4.1 and later).
        root = ET.fromstring(data)  # noqa: S314
    except ET.ParseError as error:
        yield f"no XML: {error}"
        return
    if root.tag != f"{ATOM}feed":
        return
    yield from (
        f"the feed has no <{name}>" for name in ("id", "title", "updated") if not root.findtext(ATOM + name)
    )
    entries = root.findall(f"{ATOM}entry")
    yield from _ids([entry.findtext(f"{ATOM}id") or "" for entry in entries])
    for entry in entries:
        if not entry.findtext(f"{ATOM}updated") or not entry.findtext(f"{ATOM}title"):
            yield f"entry {entry.findtext(f'{ATOM}id')!r} has no <updated> or no <title>"


def _ids(found: list[str]) -> Iterator[str]:
    for identifier, count in Counter(found).items():
        if not identifier or identifier == "None":
            yield "an entry has no id"
        elif count > 1:
            yield f"{count} entries have the id {identifier!r}"
