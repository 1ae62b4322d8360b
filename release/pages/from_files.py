"""The pages of what one gets from a version on, printed: what they share is printed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from markupsafe import Markup

from release.pages import addresses
from release.pages.from_view import FromView, Path, from_view
from release.pages.press import Press
from release.pages.site import Site


def from_files(site: Site, press: Press) -> Iterator[tuple[str, bytes]]:
    """A page for each release, for ever.

    Releases are on the way from many versions: what the template ``_from.html`` makes of a row or an item is
    made once.
    """
    macros = press.environment.get_template("_from.html").module
    parts = {
        name: _Printer(getattr(macros, name))
        for name in ("row", "older", "item", "long", "short", "software")
    }
    for published in site.newest_first():
        path = addresses.from_version_page(published.release.version)
        view = from_view(site, published)
        yield path, press.page("from.html", decided_by=_decides(view, parts), view=view, parts=parts)


def _decides(view: FromView, parts: Mapping[str, _Printer]) -> str:
    """Everything that is on a page: what pages share as it is printed, the rest as values."""
    light = replace(view, paths=tuple(_light(path) for path in view.paths))
    printed = [
        parts[name](values)
        for path in view.paths
        for name, values in (
            ("row", path.rows),
            ("older", path.older),
            ("item", path.told.required),
            *(("item", group.items) for group in path.told.groups),
            ("long", path.security.long),
            ("short", path.security.short),
        )
    ]
    return "\0".join([repr(light), *printed])


def _light(path: Path) -> Path:
    groups = tuple(replace(group, items=()) for group in path.told.groups)
    return replace(
        path,
        rows=(),
        older=(),
        told=replace(path.told, required=(), groups=groups),
        security=replace(path.security, long=(), short=()),
    )


class _Printer:
    """Prints values, each object once."""

    def __init__(self, macro: Callable[[object], str]) -> None:
        self._macro = macro
        self._printed: dict[int, tuple[object, str]] = {}

    def __call__(self, values: tuple[object, ...]) -> Markup:
        return Markup("".join(map(self._print, values)))  # noqa: S704  # a macro's, which escapes

    def _print(self, value: object) -> str:
        known = self._printed.get(id(value))
        if known is None:
            known = self._printed[id(value)] = (value, self._macro(value))
        return known[1]
