"""What a release fixes: CVEs by package, and how grave they are where the notes say so. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from release.notes.cves import SEVERITIES, Fix, fixes_in, gravest
from release.pages import addresses
from release.pages.links import Link
from release.pages.records import PublishedRelease
from release.pages.wording import counted

FEW = 12
"""A package with fewer CVEs is not folded."""

WITHOUT_PACKAGE = "Fixed, without a package in the notes"
MENTIONED = "Only mentioned, not told to be fixed: read the notes"
"""Notes name a CVE also to say that nobody is affected, or that it is not fixed yet."""


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
    """What is fixed; one in two packages counts once. ``summary`` is ``474 CVEs in 2 packages``.

    What notes only mention is in ``packages``, so that every CVE of the notes is there, and in nothing else.
    """

    count: int
    summary: str
    severities: str
    packages: tuple[FixedPackage, ...]


def security_view(published: PublishedRelease, page: str) -> SecurityView:
    """What the notes, as they read now, say is fixed."""
    found: defaultdict[str | None, list[Fix]] = defaultdict(list)
    severities: defaultdict[str, list[str | None]] = defaultdict(list)
    mentioned: dict[str, Fix] = {}
    for fix in fixes_in(published.notes):
        if fix.claimed:
            found[fix.package].append(fix)
            severities[fix.cve].append(fix.severity)
        else:
            mentioned[fix.cve] = Fix(fix.cve)
    names = sorted((name for name in found if name is not None), key=lambda name: (name.lower(), name))
    groups = [*((name, found[name]) for name in names), (WITHOUT_PACKAGE, found[None])]
    groups.append((MENTIONED, list(mentioned.values())))
    return SecurityView(
        count=len(severities),
        summary=_summary(len(severities), len(names)),
        severities=_severities([gravest(given) for given in severities.values()]),
        packages=tuple(_package(name, fixes, page) for name, fixes in groups if fixes),
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
    texts = [f"{counts[word]} {word}" for word in SEVERITIES if counts[word]]
    if texts and counts[None]:
        texts.append(f"{counts[None]} without severity")
    return ", ".join(texts)
