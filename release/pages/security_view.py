"""What a release fixes: CVEs by package, and how grave they are where the notes say so. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from release.notes.cves import Fix, fixes_in
from release.pages import addresses
from release.pages.links import Link
from release.pages.records import PublishedRelease
from release.pages.wording import counted

FEW = 12
"""A package with fewer CVEs is not folded."""

_SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPackage:
    """A package and the CVEs that are fixed in it. ``severities`` is empty where none is given."""

    name: str
    count: str
    severities: str
    fixes: tuple[Link, ...]
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityView:
    """What is fixed; one in two packages counts once. ``summary`` is ``474 CVEs in 2 packages``."""

    count: int
    summary: str
    severities: str
    packages: tuple[FixedPackage, ...]


def security_view(published: PublishedRelease, page: str) -> SecurityView:
    """What the notes, as they read now, say is fixed."""
    found: defaultdict[str | None, list[Fix]] = defaultdict(list)
    for fix in fixes_in(published.notes):
        found[fix.package].append(fix)
    names = sorted((name for name in found if name is not None), key=lambda name: (name.lower(), name))
    fixes = {fix.cve: fix.severity for fix in fixes_in(published.notes)}
    return SecurityView(
        count=len(fixes),
        summary=_summary(len(fixes), len(names)),
        severities=_severities(list(fixes.values())),
        packages=tuple(
            _package(name or "Named in the notes without a package", found[name], page)
            for name in (*names, *([None] if None in found else []))
        ),
    )


def _summary(fixes: int, packages: int) -> str:
    text = counted(fixes, "CVE")
    return f"{text} in {counted(packages, 'package')}" if packages else text


def _package(name: str, fixes: list[Fix], page: str) -> FixedPackage:
    root = addresses.from_page(page, "")
    return FixedPackage(
        name=name,
        count=counted(len(fixes), "CVE"),
        severities=_severities([fix.severity for fix in fixes]),
        fixes=tuple(Link(root + addresses.cve(fix.cve), _text(fix)) for fix in fixes),
        is_open=len(fixes) < FEW,
    )


def _text(fix: Fix) -> str:
    return fix.cve if fix.severity is None else f"{fix.cve} {fix.severity}"


def _severities(given: list[str | None]) -> str:
    """``1 critical, 3 high, 12 without severity``; empty where none is given."""
    counts = Counter(given)
    texts = [f"{counts[word]} {word}" for word in _SEVERITIES if counts[word]]
    if texts and counts[None]:
        texts.append(f"{counts[None]} without severity")
    return ", ".join(texts)
