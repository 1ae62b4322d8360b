"""Checks a whole site: links lead somewhere, nothing is loaded from elsewhere, budgets are kept. Pure.

Not checked: whether the HTML is valid, how it looks, and what other sites have.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from release.pages import addresses
from release.pages.check_budgets import Budget, budgets
from release.pages.check_data import data_faults
from release.pages.check_html import PageFacts, read_page

_ELSEWHERE = re.compile(r"(?:https?://[^/]|mailto:|data:,)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that is wrong: in which file, and what, in words."""

    path: str
    fault: str

    def __str__(self) -> str:
        return f"{self.path}: {self.fault}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found. ``links`` counts those inside the site that were followed."""

    findings: tuple[Finding, ...]
    budgets: tuple[Budget, ...]
    files: int
    pages: int
    links: int

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong, and no budget exceeded."""
        return not self.findings and all(budget.kept for budget in self.budgets)


def check_site(files: Mapping[str, bytes]) -> Checked:
    """Check every file of a site, given by its path below the root of the pages.

    Links that leave the root, to files of the mirror, and links to other sites are not followed.
    """
    pages = {path: read_page(data) for path, data in files.items() if path.endswith(".html")}
    needed, followed = (addresses.INDEX, addresses.MACHINE_INDEX), 0
    findings = [Finding(path, "is missing") for path in needed if path not in files]
    home = pages.get(addresses.INDEX)
    base = None if home is None or home.canonical is None else home.canonical.removesuffix(addresses.INDEX)
    for path, page in pages.items():
        findings += (Finding(path, fault) for fault in page.faults)
        findings += (Finding(path, f"the id {name!r} is there twice") for name in page.twice)
        findings += (Finding(path, fault) for fault in _link_faults(path, page, files, pages, base))
        followed += sum(not _ELSEWHERE.match(link) for link in page.links)
    for path, data in files.items():
        findings += (Finding(path, fault) for fault in data_faults(path, data))
    return Checked(
        findings=tuple(sorted(findings)),
        budgets=budgets(files, pages),
        files=len(files),
        pages=len(pages),
        links=followed,
    )


def _link_faults(
    path: str, page: PageFacts, files: Mapping[str, bytes], pages: Mapping[str, PageFacts], base: str | None
) -> Iterator[str]:
    for link in page.links:
        if base is not None and link.startswith(base):
            if path != addresses.NOT_FOUND:
                yield f"the link {link!r} is absolute, and leads into this site"
            # That page is shown in the place of any other, so its links cannot be relative.
            yield from _dead(link.removeprefix(base) or addresses.INDEX, "", files, pages)
        elif link.startswith("/"):
            yield f"the link {link!r} is absolute: it works on no other mirror"
        elif not _ELSEWHERE.match(link):
            yield from _dead(link, path, files, pages)


def _dead(link: str, path: str, files: Mapping[str, bytes], pages: Mapping[str, PageFacts]) -> Iterator[str]:
    """Whether a link on the page ``path`` leads into the void."""
    try:
        parts = urlsplit(link)
    except ValueError as error:
        yield f"the link {link!r} is no address: {error}"
        return
    if parts.scheme:
        yield f"the link {link!r} is none that belongs on a page"
        return
    joined = posixpath.join(posixpath.dirname(path), unquote(parts.path)) if parts.path else path
    target = posixpath.normpath(joined)
    if target.startswith("../"):
        return
    if target not in files:
        yield f"the link {link!r} leads nowhere"
    elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
        yield f"the link {link!r} leads to no such place on the page"
