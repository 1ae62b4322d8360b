"""Sites of releases that differ in nothing but version, channel, notes and what befell them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from release.catalog.version import Version
from release.image.packages import Package
from release.notes.imported import ImportedRelease, read_history
from release.pages.history_merge import site_of_history
from release.pages.records import PublishedRelease, Stop, Support
from release.pages.site import Site
from tests.unit.pages.samples import AMD64, board, day, payload, published, release, site


def fixes(*identifiers: str, package: str = "curl", since: str = "") -> str:
    """Notes that name CVEs, and what they count changes from."""
    head = f"_Changes since **{since}**_\n\n" if since else ""
    return f"{head}#### Security fixes:\n\n- {package} ({', '.join(identifiers)})\n"


def ours(version: str, *channels: str, notes: str = "", derives_from: str | None = None) -> PublishedRelease:
    """A release of the pipeline, with the same bits in several channels. Higher versions are later."""
    number = Version.parse(version).patch + 1
    item = release(
        version, board(AMD64, payload(90 << 20)), created=day(number), notes=notes, derives_from=derives_from
    )
    return published(item, **dict.fromkeys(channels, day(number, 12)))


def withdrawn(item: PublishedRelease) -> PublishedRelease:
    """The same, withdrawn."""
    return replace(item, withdrawals=(Stop(since=day(19), reason="It does not boot"),))


def site_at(*releases: PublishedRelease) -> Site:
    """Every channel is at the highest version that it offered."""
    heads: dict[str, Version] = {}
    for item in releases:
        for entry in item.channels:
            heads[entry.name] = max(item.release.version, heads.get(entry.name, item.release.version))
    return replace(site(*releases), heads=heads)


def imported(version: str, channel: str, notes: str, *, days: int, **software: str) -> ImportedRelease:
    """A release of a history, published so many days after the first of August 2026."""
    return ImportedRelease(
        version=Version.parse(version),
        channel=channel,
        created=day(1) + timedelta(days=days),
        architectures=("amd64",),
        software=tuple(Package(name=name, version=text) for name, text in sorted(software.items())),
        notes=notes,
    )


@cache
def real_site(shared: Path) -> Site:
    """Flatcar's whole public history, with LTS 2024 still supported. One value, whoever asks."""
    ends = datetime(2026, 12, 31, tzinfo=UTC)
    support = Support(stream_of="lts", opened=datetime(2025, 1, 30, tzinfo=UTC), ends=ends)
    releases = read_history(shared / "data/flatcar-releases")
    return site_of_history(
        "ExampleOS",
        releases,
        base_url="https://releases.example.org/pages/",
        supports={"lts-2024": support},
    )


def history(*releases: ImportedRelease) -> Site:
    """A site of nothing else."""
    return site_of_history("ExampleOS", releases)
