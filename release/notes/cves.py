"""CVE identifiers in notes. Form: https://www.cve.org/ResourcesSupport/AllResources/CNARules, section 4.3."""

from __future__ import annotations

import re

_LIKE = re.compile(r"\bCVE-[0-9XN?]+(?:-[0-9XN?]+)?", re.IGNORECASE)
_EXACT = re.compile(r"CVE-([0-9]{4})-([0-9]{4,19})", re.IGNORECASE)


def cve_ids(text: str) -> tuple[str, ...]:
    """The identifiers that a text names, each once, by year and number. Whether they exist is not checked."""
    found = {(match[1], match[2]) for like in _LIKE.findall(text) if (match := _EXACT.fullmatch(like))}
    return tuple(f"CVE-{year}-{number}" for year, number in sorted(found, key=_order))


def malformed_cve_ids(text: str) -> tuple[str, ...]:
    """What looks like an identifier and is none, a place kept for one (``CVE-2026-XXXX``) included."""
    return tuple(dict.fromkeys(like for like in _LIKE.findall(text) if not _EXACT.fullmatch(like)))


def _order(parts: tuple[str, str]) -> tuple[str, int, str]:
    year, number = parts
    return year, len(number), number
