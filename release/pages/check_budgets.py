"""Bytes that kinds of pages may have, and have: compressed by gzip, level 9, as a server would. Pure."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from release.pages import addresses
from release.pages.check_html import PageFacts

_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """``measured`` bytes of at most ``limit``, compressed; the largest is ``path``."""

    name: str
    limit: int
    measured: int
    path: str
    files: int

    @property
    def kept(self) -> bool:
        """Whether it is not exceeded."""
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    limit: int
    pattern: str
    share: float = 1.0
    """Of the pages, the smallest first, that must keep within the limit."""


_KINDS = (
    _Kind("home page, all included", 15 * _KIB, re.escape(addresses.INDEX)),
    _Kind("release pages, 95 of 100", 20 * _KIB, r"releases/[0-9.]+/index\.html", 0.95),
    _Kind("list of all releases", 20 * _KIB, re.escape(addresses.RELEASES)),
    _Kind("lists of channels", 20 * _KIB, r"channels/[^/]+/index\.html"),
    _Kind("CVEs of a year", 30 * _KIB, r"cve/[0-9]{4}/index\.html"),
)
_STYLE, _SCRIPT = 4 * _KIB, 5 * _KIB


def budgets(files: Mapping[str, bytes], pages: Mapping[str, PageFacts]) -> tuple[Budget, ...]:
    """Every budget for which the site has files, in a fixed order."""
    found = [budget for kind in _KINDS if (budget := _measured(kind, files)) is not None]
    style = max((page.style for page in pages.values()), key=len, default=b"")
    found.append(Budget(name="style sheet", limit=_STYLE, measured=compressed(style), path="", files=1))
    scripts = {script for page in pages.values() for script in page.scripts}
    total = sum(compressed(script) for script in scripts)
    found.append(Budget(name="scripts, together", limit=_SCRIPT, measured=total, path="", files=len(scripts)))
    return tuple(found)


def compressed(data: bytes) -> int:
    """Bytes of it after gzip."""
    return len(gzip.compress(data, 9, mtime=0)) if data else 0


def _measured(kind: _Kind, files: Mapping[str, bytes]) -> Budget | None:
    sizes = sorted(
        (compressed(data), path) for path, data in files.items() if re.fullmatch(kind.pattern, path)
    )
    if not sizes:
        return None
    size, path = sizes[math.ceil(kind.share * len(sizes)) - 1]
    return Budget(name=kind.name, limit=kind.limit, measured=size, path=path, files=len(sizes))
