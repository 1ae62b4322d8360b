"""One item of a list of changes as a line of HTML: text, code and links, nothing else.

Pages that tell thousands of items use it instead of ``to_html``, which takes a hundred times as long. What
it does not know of Markdown stays as it was written. Nothing acts: every piece of text is escaped here, and
links lead to http or https addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from markupsafe import Markup, escape

from release.notes.characters import FORBIDDEN

ITEM_LIMIT = 600
"""Characters of an item that are shown; the release's own page has all of it."""

_PIECE = re.compile(
    r"""
    `(?P<code>[^`\n]{1,300})`
    | \[(?P<text>[^][\n]{1,300})\]\((?P<href>https?://[^/\\\s()<>"']
        (?:[^\s()<>"']|\([^\s()<>"']{0,300}\)){0,1000})\)
    | (?P<mark>\*\*|(?<![a-z0-9])__|__(?![a-z0-9]))
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_MARKER = re.compile(r"\A\s*[-*+]\s+")


@lru_cache(maxsize=1 << 15)
def item_html(text: str) -> Markup:
    """``text`` is a list item in Markdown as people wrote it, also one of several lines. Takes any text."""
    line = FORBIDDEN.sub("\ufffd", " ".join(_MARKER.sub("", text, count=1).split()))
    return Markup("").join(_pieces(line))


def plain(text: str) -> str:
    """The same without links and marks, for comparisons and sorting."""
    line = " ".join(_MARKER.sub("", text, count=1).split())
    return _PIECE.sub(lambda match: match["code"] or match["text"] or "", line)


def _pieces(line: str) -> Iterator[Markup]:
    place = 0
    for match in _PIECE.finditer(line):
        if match.start() > ITEM_LIMIT:
            break
        yield escape(line[place : match.start()])
        place = match.end()
        if match["code"]:
            yield Markup("<code>{}</code>").format(match["code"])
        elif match["href"]:
            yield Markup('<a href="{}">{}</a>').format(match["href"], match["text"])
    rest = line[place:]
    yield escape(rest if len(rest) <= ITEM_LIMIT else rest[:ITEM_LIMIT].rsplit(" ", 1)[0] + " …")
