"""Pages in Chromium: accessibility rules in both colour schemes, width of a small telephone, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from release.errors import ToolError
from tools.site_check.built import BuiltSite, Page
from tools.site_check.measure import Measure, none_of

CHROMIUM: Final = Path("/usr/bin/chromium")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NARROW: Final = 320
"""CSS pixels: WCAG 2.2, 1.4.10."""

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
_RUN = """rules => axe.run({runOnly: rules, resultTypes: ['violations']}).then(found => found.violations.map(
  one => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)]))"""
_WIDTH = "document.documentElement.scrollWidth"

Scheme = Literal["light", "dark"]
_START: Final = 180_000.0
"""Milliseconds that a browser may take to start, and a page to open."""
_SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's. Raises ToolError where it is not installed."""
    if not CHROMIUM.exists():
        raise ToolError(f"{CHROMIUM} is not installed", hint="tools/setup site")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*FLAGS], timeout=_START)
        yield browser
        browser.close()


def looked_at(site: BuiltSite, browser: Browser, examples: Sequence[Page]) -> Iterator[Measure]:
    """Rules of accessibility, messages of the browser, and width, on one page of each kind and state."""
    kinds = len({page.kind for page in examples})
    among = f"{len(examples)} pages of {kinds} kinds"
    complaints: list[str] = []
    for scheme in _SCHEMES:
        with _context(browser, 1100, scheme) as context:
            faults = [f for page in examples for f in _accessibility(site, context, page, complaints)]
        yield none_of(f"violations of WCAG 2.2 AA and best practice, {scheme}", faults, among)
    with _context(browser, NARROW, "light") as context:
        wide = [f for page in examples for f in _width(site, context, page)]
    yield none_of(f"wider than {NARROW} pixels", wide, among)
    yield none_of("complaints of the browser", complaints, among)


def _accessibility(
    site: BuiltSite, context: BrowserContext, page: Page, complaints: list[str]
) -> Iterator[str]:
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(f"{page.path}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(f"{page.path}: {error}"))
    tab.on("requestfailed", lambda request: complaints.append(f"{page.path}: {request.url}"))
    tab.goto((site.root / page.path).resolve().as_uri())
    tab.evaluate(AXE_SCRIPT)
    found: list[Any] = tab.evaluate(_RUN, _RULES)
    tab.close()
    for rule, count, html in found:
        yield f"{page.path} ({page.reason}): {rule}, {count} times: {html}"


def _width(site: BuiltSite, context: BrowserContext, page: Page) -> Iterator[str]:
    tab = context.new_page()
    tab.goto((site.root / page.path).resolve().as_uri())
    width = tab.evaluate(_WIDTH)
    tab.close()
    if width != NARROW:
        yield f"{page.path} ({page.reason}): {width} pixels"


@contextmanager
def _context(browser: Browser, width: int, scheme: Scheme) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.set_default_timeout(_START)
    yield context
    context.close()


def pictures(site: BuiltSite, browser: Browser, examples: Sequence[Page], out: Path) -> Iterator[Path]:
    """PNG of each page on a desktop, a telephone, in the dark and as printed."""
    views: tuple[tuple[str, int, Scheme, bool], ...] = (
        ("desktop", 1100, "light", False),
        ("phone", 390, "light", False),
        ("dark", 1100, "dark", False),
        ("print", 800, "light", True),
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, width, scheme, printed in views:
        with _context(browser, width, scheme) as context:
            for page in examples:
                tab = context.new_page()
                tab.goto((site.root / page.path).resolve().as_uri())
                if printed:
                    tab.emulate_media(media="print")
                target = out / f"{page.kind}-{page.reason}-{name}.png".replace(" ", "-")
                height = min(tab.evaluate("document.documentElement.scrollHeight"), 4000)
                tab.set_viewport_size({"width": width, "height": height})
                tab.screenshot(path=target)
                tab.close()
                yield target
