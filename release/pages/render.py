"""Renders a site: values in, files out. Pure, except that templates are read from disk, and for the memo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from release.pages.crew import convert_ahead
from release.pages.memo import memo_in
from release.pages.press import Press
from release.pages.site import Site
from release.pages.sources import SOURCES


def render_site(
    site: Site, templates: Path | None = None, *, memo: Path | None = None, processes: int | None = None
) -> Mapping[str, bytes]:
    """Every file of the site, by its path below the root of the pages, sorted by path.

    The same site and templates give the same bytes, with a memo or without, in one process or two.

    Args:
        site: what to say.
        templates: a directory whose files take the place of the built-in ones of the same name.
        memo: a file that remembers from run to run what notes became; made when it is missing.
        processes: that convert notes, 1 or 2; None for what pays here.

    Raises:
        InputError: notes that cannot be rendered, or a template that is wrong.
    """
    press = Press(templates)
    with memo_in(memo) as known:
        convert_ahead(known, [published.notes for published in site.releases], processes)
        return dict(sorted(pair for source in SOURCES for pair in source(site, press)))
