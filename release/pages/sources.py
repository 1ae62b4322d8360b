"""Everything that a site consists of: each source gives files, by path below the root of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from release.pages import addresses
from release.pages.documents import machine_index, release_list
from release.pages.feeds import atom_feed
from release.pages.press import Press
from release.pages.release_view import release_view
from release.pages.site import Site
from release.pages.view import index_view

Files = Iterator[tuple[str, bytes]]
Source = Callable[[Site, Press], Files]


def home_files(site: Site, press: Press) -> Files:
    """The home page."""
    yield addresses.INDEX, press.page("index.html", view=index_view(site))


def release_files(site: Site, press: Press) -> Files:
    """A page for each release, for ever."""
    for published in site.releases:
        path = addresses.release_page(published.release.version)
        yield path, press.page("release.html", view=release_view(site, published))


def document_files(site: Site, _press: Press) -> Files:
    """For programs and readers of feeds."""
    yield addresses.MACHINE_INDEX, machine_index(site)
    for name in (None, *(channel.name for channel in site.channels)):
        yield addresses.feed(name), atom_feed(site, name)
        yield addresses.release_list(name), release_list(site, name)


SOURCES: tuple[Source, ...] = (
    home_files,
    release_files,
    document_files,
)
