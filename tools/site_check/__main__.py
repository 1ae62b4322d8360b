"""`python -m tools.site_check build/site`: what `make site-check` runs. Fails when a budget is missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from release.cli.output import complain
from release.errors import HumpyardError
from tools.site_check.browser import chromium, looked_at, pictures
from tools.site_check.builds import built_again
from tools.site_check.built import BuiltSite
from tools.site_check.links import checked, linked
from tools.site_check.measure import Measure, table
from tools.site_check.validator import validated
from tools.site_check.weights import weights

CACHE = Path("build/cache")
TABLE = Path("docs/site-budgets.md")
_TOLD = 20
"""Faults that are shown of each kind."""

_HEAD = """\
# The site's budgets

What `make site-check` measured on the site that `make site` builds: {releases} releases, {pages} pages,
{files} files. Sizes are those of a page with everything that it fetches, compressed as web servers do (gzip,
level 6). Times are those of one machine with two cores.

"""


def main(arguments: list[str]) -> int:
    """Measure; returns 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="make site-check", description=__doc__)
    parser.add_argument("site", type=Path, nargs="?", default=Path("build/site"))
    parser.add_argument("--yard", type=Path, default=Path("build/site-yard"), help="that it was built from")
    parser.add_argument(
        "--only", help="comma-separated: weights, browser, validator, links, linkchecker, builds"
    )
    parser.add_argument("--strict-times", action="store_true", help="fail on times, too")
    parser.add_argument("--write", action="store_true", help=f"put the table into {TABLE}")
    parser.add_argument("--shots", type=Path, help="put pictures of pages there, and measure nothing")
    options = parser.parse_args(arguments)
    site = BuiltSite(options.site)
    try:
        if options.shots:
            with chromium() as browser:
                for path in pictures(site, browser, tuple(site.examples()), options.shots):
                    print(path)
            return 0
        only = frozenset(options.only.split(",")) if options.only else None
        return _measure(site, options.yard, only, strict=options.strict_times, write=options.write)
    except HumpyardError as error:
        complain(error)
        return error.exit_code


def _measure(site: BuiltSite, yard: Path, only: frozenset[str] | None, *, strict: bool, write: bool) -> int:
    console = Console(highlight=False)
    found: list[Measure] = []
    for name, part in _parts(site, yard):
        if only is not None and name not in only:
            continue
        for one in part():
            found.append(one)
            _tell(console, one)
    if write:
        _write(site, found)
    missed = [one for one in found if one.missed and (strict or not one.timed)]
    console.print(f"{len(missed)} of {len(found)} budgets missed")
    return 1 if missed else 0


def _parts(site: BuiltSite, yard: Path) -> Iterator[tuple[str, Callable[[], Iterator[Measure]]]]:
    yield "weights", lambda: weights(site)
    yield "browser", lambda: _looked_at(site)
    yield "validator", lambda: iter([validated(site, CACHE)])
    yield "links", lambda: checked(site)
    yield "linkchecker", lambda: iter([linked(site, yard / "mirror", tuple(site.examples()))])
    yield "builds", lambda: built_again(site, yard)


def _looked_at(site: BuiltSite) -> Iterator[Measure]:
    with chromium() as browser:
        yield from looked_at(site, browser, tuple(site.examples()))


def _tell(console: Console, one: Measure) -> None:
    state = ("late" if one.timed else "MISSED") if one.missed else "met"
    console.print(Text(f"{state:>6}  {one.what}: {one.found} (budget {one.budget})"), soft_wrap=True)
    for line in one.told[:_TOLD]:
        console.print(Text(f"          {line}"), soft_wrap=True)
    if len(one.told) > _TOLD:
        console.print(f"          and {len(one.told) - _TOLD} more")


def _write(site: BuiltSite, found: Sequence[Measure]) -> None:
    pages = sum(len(paths) for paths in site.pages.values())
    head = _HEAD.format(releases=len(site.pages["release"]), pages=f"{pages:,}", files=f"{len(site.files):,}")
    TABLE.write_text(head + "\n".join(table(found)) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
