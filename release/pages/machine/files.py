"""Every document for programs, feeds included: a source of files of a site. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.pages import addresses
from release.pages.machine.atom import atom_feed
from release.pages.machine.book import Book
from release.pages.machine.channels import channel_document, channels_document
from release.pages.machine.cves import cves_document
from release.pages.machine.endoflife import product_document, product_name, product_snippet
from release.pages.machine.entry_point import entry_point
from release.pages.machine.fedora_coreos import stream_document, updates_document
from release.pages.machine.flatcar_lists import release_list
from release.pages.machine.indexes import machine_index, machine_table
from release.pages.machine.issues import issues_document
from release.pages.machine.json_feed import json_feed
from release.pages.machine.news import all_news, feeds_of
from release.pages.machine.releases import release_document
from release.pages.machine.schemas import schema_files
from release.pages.machine.sitemap import robots, sitemap
from release.pages.press import Press
from release.pages.site import Site

_Files = Iterator[tuple[str, bytes]]


def machine_files(site: Site, _press: Press) -> _Files:
    """For programs and readers of feeds.

    Raises:
        InputError: notes cannot be rendered.
    """
    book = Book(site)
    yield addresses.MACHINE_INDEX, machine_index(site, book)
    yield addresses.MACHINE_TABLE, machine_table(site, book)
    yield from _api(book)
    for name in (None, *(channel.name for channel in site.channels)):
        yield addresses.release_list(name), release_list(site, name, book)
    for channel in site.channels:
        yield addresses.stream_document(channel.name), stream_document(book, channel.name)
        yield addresses.updates_document(channel.name), updates_document(book, channel.name)
    items = all_news(book)
    for feed in feeds_of(site):
        yield feed.atom, atom_feed(site, feed, items)
        yield feed.json, json_feed(site, feed, items)
    if found := sitemap(book):
        yield addresses.SITEMAP, found
    yield addresses.ROBOTS, robots(book)


def _api(book: Book) -> _Files:
    site = book.site
    yield addresses.API_INDEX, entry_point(site)
    yield addresses.API_CHANNELS, channels_document(book)
    for channel in site.channels:
        yield addresses.api_channel(channel.name), channel_document(book, channel.name)
    for published in site.releases:
        yield addresses.api_release(published.release.version), release_document(book, published)
    yield addresses.API_CVES, cves_document(site)
    yield addresses.API_ISSUES, issues_document(site)
    name = product_name(site.product)
    yield addresses.api_product(name), product_document(book)
    yield addresses.product_snippet(name), product_snippet(book)
    yield from schema_files(site)
