"""What each channel has offered. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from release.pages.once import Once
from release.pages.records import PublishedRelease
from release.pages.site import Site


@Once
def offered(site: Site) -> Mapping[str, tuple[PublishedRelease, ...]]:
    """By channel, the releases that it has offered, the lowest version first."""
    found: dict[str, list[PublishedRelease]] = {}
    for published in reversed(site.newest_first()):
        for entry in published.channels:
            found.setdefault(entry.name, []).append(published)
    return {name: tuple(releases) for name, releases in found.items()}
