"""Everything that a site consists of: each source gives files, by path below the root of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from release.pages import addresses
from release.pages.channel_view import channel_view
from release.pages.compare import compare_files
from release.pages.cve_view import cve_files
from release.pages.facts import fact_files
from release.pages.from_files import from_files
from release.pages.home_view import home_view
from release.pages.machine.files import machine_files
from release.pages.packages import package_files
from release.pages.press import Press
from release.pages.reading import Reading
from release.pages.release_view import release_view
from release.pages.releases_view import releases_view
from release.pages.site import Site

Files = Iterator[tuple[str, bytes]]
COPY, FILTER = "copy.js", "filter.js"
Source = Callable[[Site, Press], Files]


def home_files(site: Site, press: Press) -> Files:
    """The home page."""
    yield addresses.INDEX, press.page("index.html", view=home_view(site))


def list_files(site: Site, press: Press) -> Files:
    """All releases, and those of each channel."""
    yield addresses.RELEASES, press.page("releases.html", script=FILTER, view=releases_view(site))
    for channel in site.channels:
        path = addresses.channel_page(channel.name)
        yield path, press.page("channel.html", script=FILTER, view=channel_view(site, channel.name))


def release_files(site: Site, press: Press) -> Files:
    """A page for each release, for ever."""
    reading = Reading.of(site)
    for published in site.releases:
        path, view = addresses.release_page(published.release.version), release_view(reading, published)
        yield (
            path,
            press.page("release.html", script=COPY if view.downloads.has_commands else None, view=view),
        )


def key_files(site: Site, _press: Press) -> Files:
    """The public keys themselves."""
    for key in site.keys:
        yield key.path, key.data


SOURCES: tuple[Source, ...] = (
    from_files,
    release_files,
    machine_files,
    list_files,
    cve_files,
    compare_files,
    home_files,
    fact_files,
    package_files,
    key_files,
)
"""What takes longest first, so that several processes end at about the same time."""
