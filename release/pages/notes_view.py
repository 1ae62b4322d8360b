"""The notes of a release as its page shows them: walls of CVE links become their number. Pure.

A kernel update names hundreds of CVEs. The page lists them once, by package, with links to where they are
told; in the notes their number stands. Every identifier that is taken out here is in that list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from release.notes.cves import cve_ids
from release.pages.markdown import shown
from release.pages.records import PublishedRelease

WALL = 4
"""So many links to CVEs in a row are a wall. Fewer stay as they were written."""

_SEEN = 2048
"""Notes that are kept in memory: more than any site has."""
_LINK = r"\[CVE-[0-9]{4}-[0-9]{4,19}\]\(https?://[^()\s]{1,500}\)"
_WALL = re.compile(rf"{_LINK}(?:[ \t]*+(?:[,;][ \t]*+)?+{_LINK}){{{WALL - 1},}}", re.IGNORECASE | re.ASCII)
_SINCE = re.compile(r"<p><em>(Changes since <strong>[^<>]{1,100}</strong>):?</em>:?</p>\n?")
_EMPTY = re.compile(r"<h([3-6])(?: id=\"[^\"]*\")?>[^<]*</h\1>\s*(?=<h([3-6])|\Z)")
_NESTS = re.compile(r"<(/?)(?:ul|ol|li|blockquote|table|pre)\b")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesPart:
    """What the notes tell of one baseline. ``title`` is ``Changes since Stable 4593.2.4``, or empty."""

    title: str
    html: Markup


def notes_text(published: PublishedRelease) -> str:
    """The Markdown that the page of a release is made from: its notes with numbers instead of walls."""
    return _numbered(published.notes)


@lru_cache(maxsize=_SEEN)
def _numbered(notes: str) -> str:
    return _WALL.sub(_number, notes)


def without_walls(text: str, listed: frozenset[str]) -> str:
    """Markdown with numbers instead of those walls whose CVEs are all ``listed`` elsewhere on the page."""
    return _WALL.sub(lambda match: _number(match) if listed.issuperset(cve_ids(match[0])) else match[0], text)


def has_walls(published: PublishedRelease) -> bool:
    """Whether CVEs were taken out of the notes."""
    return _WALL.search(published.notes) is not None


def notes_parts(published: PublishedRelease) -> tuple[NotesPart, ...]:
    """The notes, one part for each baseline. Headings with nothing below them are left out."""
    if not published.notes.strip():
        return ()
    html = str(shown(notes_text(published)))
    parts, title, place, seen, depth = [], "", 0, 0, 0
    for match in _SINCE.finditer(html):
        depth += _depth(html[seen : match.start()])
        seen = match.start()
        if depth:
            continue
        parts.append((title, html[place : match.start()]))
        title, place = _TAG.sub("", match[1]), match.end()
    parts.append((title, html[place:]))
    return tuple(
        NotesPart(title=str(Markup(title).unescape()), html=Markup(full))  # noqa: S704  # cut from to_html's
        for title, text in parts
        if (full := _without_empty(text)) or title
    )


def _number(match: re.Match[str]) -> str:
    return f"{len(cve_ids(match[0]))} CVEs"


def _depth(html: str) -> int:
    """How many more lists, quotations, tables and code begin in the text than end."""
    return sum(-1 if close else 1 for close in _NESTS.findall(html))


def _without_empty(html: str) -> str:
    """Without headings that are followed by one that is not below them, or by nothing."""
    text = html.strip()
    while True:
        shorter = _EMPTY.sub(lambda match: match[0] if (match[2] or "0") > match[1] else "", text).strip()
        if shorter == text:
            return text
        text = shorter
