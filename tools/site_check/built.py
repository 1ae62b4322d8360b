"""A built site on disk: its files by kind of page, what they weigh, and pages that stand for their kind."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from release.errors import InputError

KINDS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "home": re.compile(r"index\.html"),
        "channel": re.compile(r"channels/[^/]+/index\.html"),
        "releases": re.compile(r"releases/index\.html"),
        "release": re.compile(r"releases/[^/]+/index\.html"),
        "from": re.compile(r"from/[^/]+/index\.html"),
        "compare": re.compile(r"compare/index\.html"),
        "CVE index": re.compile(r"cve/index\.html"),
        "CVE year": re.compile(r"cve/[0-9]{4}/index\.html"),
        "keys": re.compile(r"keys/index\.html"),
        "support": re.compile(r"eol/index\.html"),
        "known issues": re.compile(r"known-issues/index\.html"),
        "status": re.compile(r"status/index\.html"),
        "feeds": re.compile(r"feeds/index\.html"),
        "not found": re.compile(r"404\.html"),
    }
)
"""Kinds of pages by their path. Any other page is ``other``, and counts as one."""

STATES: Final[Mapping[str, re.Pattern[bytes]]] = MappingProxyType(
    {
        "withdrawn": re.compile(rb"<h1[^>]*>.{0,200}Withdrawn", re.DOTALL | re.IGNORECASE),
        "rolling out": re.compile(rb"Rolling out", re.IGNORECASE),
        "paused": re.compile(rb"Rollout paused|rollout (?:is|was) paused", re.IGNORECASE),
        "corrected": re.compile(rb"[Cc]orrected|[Cc]orrection"),
        "superseded": re.compile(rb"Superseded in "),
        "support ended": re.compile(rb"support (?:of LTS [0-9]{4} has )?ended", re.IGNORECASE),
        "never promoted": re.compile(rb"No channel offers this release yet"),
    }
)
"""States of a release's page that must be looked at, by words that only such a page has."""

_LEVEL = 6
"""What web servers compress with unless told otherwise."""

_PART = re.compile(
    rb"""<(?:script|img|iframe|source)[^>]*\bsrc=["']?([^"'\s>]+)|<link[^>]*\brel=["']?(?:stylesheet|icon|preload)["']?[^>]*\bhref=["']?([^"'\s>]+)""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page that stands for others: of what kind, why it, where."""

    kind: str
    reason: str
    path: str


@dataclass(frozen=True)
class BuiltSite:
    """The files below ``root``. Nothing is read before it is asked for."""

    root: Path

    @cached_property
    def files(self) -> Sequence[str]:
        """Paths of all files, sorted. Raises InputError where there is no home page."""
        if not (self.root / "index.html").is_file():
            raise InputError(f"{self.root}: expected a site with index.html", hint="run `make site` first")
        return sorted(
            path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()
        )

    @cached_property
    def pages(self) -> Mapping[str, Sequence[str]]:
        """Paths of pages by kind; a kind that the site lacks has none."""
        found: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for path in self.files:
            if path.endswith(".html"):
                kind = next((name for name, form in KINDS.items() if form.fullmatch(path)), "other")
                found.setdefault(kind, []).append(path)
        return found

    @cached_property
    def weights(self) -> Mapping[str, int]:
        """Bytes of each page, compressed, with everything that it fetches."""
        return {path: self._weight(path) for paths in self.pages.values() for path in paths}

    def read(self, path: str) -> bytes:
        """A file of the site."""
        return (self.root / path).read_bytes()

    def examples(self) -> Iterator[Page]:
        """The heaviest page of each kind and the lightest, and one of each state that there is."""
        for kind, paths in self.pages.items():
            ordered = sorted(paths, key=lambda path: (self.weights[path], path))
            if ordered:
                yield Page(kind, "heaviest", ordered[-1])
            if len(ordered) > 1 and kind != "CVE year":
                yield Page(kind, "lightest", ordered[0])
        for state, words in STATES.items():
            newest_first = reversed(self.pages["release"])
            found = next((path for path in newest_first if words.search(self.read(path))), None)
            if found is not None:
                yield Page("release", state, found)

    def _weight(self, path: str) -> int:
        data = self.read(path)
        parts = {(one or other).decode() for one, other in _PART.findall(data)}
        fetched = [part for part in sorted(parts) if not part.startswith("data:")]
        return compressed(data) + sum(self._part_weight(path, part) for part in fetched)

    def _part_weight(self, page: str, part: str) -> int:
        if "://" in part or part.startswith("//"):
            raise InputError(f"{page}: expected no part from elsewhere, found {part}")
        return compressed((self.root / page).parent.joinpath(part).read_bytes())


def compressed(data: bytes) -> int:
    """How many bytes a web server sends for it."""
    return len(gzip.compress(data, _LEVEL, mtime=0))


def percentile(sizes: Sequence[int], percent: int) -> int:
    """The smallest of ``sizes`` that so many percent of them do not exceed."""
    ordered = sorted(sizes)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
