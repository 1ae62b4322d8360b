"""What is installed, by release and board, for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.canonical import Json
from release.pages import addresses
from release.pages.machine.writing import SCHEMA_VERSION, dump
from release.pages.press import Press
from release.pages.records import PublishedRelease
from release.pages.site import Site


def package_files(site: Site, _press: Press) -> Iterator[tuple[str, bytes]]:
    """``packages.json`` of every release of which a package list is at hand, the lowest version first."""
    for published in reversed(site.newest_first()):
        if published.packages:
            yield addresses.packages(published.release.version), package_document(site, published)


def package_document(site: Site, published: PublishedRelease) -> bytes:
    """The packages of a release in compact JSON, by board.

    Boards are sorted, packages by name and then by version as text. A name is there twice where two of its
    versions are installed. Names are only ever added to the document.
    """
    boards: dict[str, Json] = {
        str(board): [{"name": one.name, "version": one.version} for one in sorted(packages)]
        for board, packages in sorted(published.packages.items())
    }
    document: dict[str, Json] = {
        "schema_version": SCHEMA_VERSION,
        "product": site.product,
        "version": str(published.release.version),
        "boards": boards,
    }
    return dump(document, compact=True)
