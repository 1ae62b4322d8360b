"""Renders a site: values in, files out. Pure, except that templates are read from disk, and for the memo."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from release.errors import InputError
from release.memo import Memo, memo_in
from release.pages.brand import brand_style
from release.pages.crew import processors, work_off
from release.pages.markdown import convert
from release.pages.notes_view import notes_text
from release.pages.press import Press
from release.pages.site import Site
from release.pages.sources import SOURCES, Source

WORTHWHILE = 40
"""Releases from which on other processes pay: a third of a second's work (measured)."""
_PIECES = 16
"""Into how many tasks the conversion of notes is cut."""


def render_site(
    site: Site, templates: Path | None = None, *, memo: Path | None = None, processes: int | None = None
) -> Mapping[str, bytes]:
    """Every file of the site, by its path below the root of the pages, sorted by path.

    The same site and templates give the same bytes, with a memo or without, in one process or several.

    Args:
        site: what to say.
        templates: a directory whose files take the place of the built-in ones of the same name.
        memo: a file that remembers from run to run what notes became; made when it is missing.
        processes: how many work on it; None for what pays here.

    Raises:
        InputError: a template that is wrong, or colours that cannot be read.
    """
    if processes is None:
        processes = processors() if len(site.releases) >= WORTHWHILE else 1
    press = Press(templates, style=brand_style(site.brand))
    with _no_collections(), memo_in(memo) as known:
        _convert_ahead(known, [notes_text(published) for published in site.releases], processes)
        tasks = [partial(_files, source, site, press) for source in SOURCES]
        outcome = work_off(tasks, processes, known.learned)
        for learned in outcome.findings:
            known.learn(learned)
        return dict(sorted(pair for files in outcome.results for pair in files))


@contextmanager
def _no_collections() -> Iterator[None]:
    """Views are made and let go by the million, and none refers to itself: looking for such takes a tenth."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _convert_ahead(memo: Memo, texts: Sequence[str], processes: int) -> None:
    """Let the memo know the HTML of all texts that can be converted: what takes longest is shared evenly."""
    name = f"{convert.__module__}.{convert.__qualname__}"
    missing = sorted(
        {text for text in texts if memo.find(name, text) is None}, key=lambda one: (-len(one), one)
    )
    tasks = [partial(_convert, missing[start::_PIECES]) for start in range(_PIECES)]
    for learned in work_off(tasks if missing else [], processes, memo.learned).findings:
        memo.learn(learned)


def _convert(texts: Sequence[str]) -> None:
    """Notes that are refused are refused again by whoever needs them."""
    for text in texts:
        with suppress(InputError):
            convert(text)


def _files(source: Source, site: Site, press: Press) -> list[tuple[str, bytes]]:
    return list(source(site, press))
