"""Renders a site: values in, files out. Pure except that templates are read from disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from release.pages.press import Press
from release.pages.site import Site
from release.pages.sources import SOURCES


def render_site(site: Site, templates: Path | None = None) -> Mapping[str, bytes]:
    """Every file of the site, by its path below the root of the pages, sorted by path.

    The same site and templates give the same bytes.

    Args:
        site: what to say.
        templates: a directory whose files take the place of the built-in ones of the same name.

    Raises:
        InputError: notes that cannot be rendered, or a template that is wrong.
    """
    press = Press(templates)
    return dict(sorted(pair for source in SOURCES for pair in source(site, press)))
