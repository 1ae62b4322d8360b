"""The pages in a real browser, opened as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from release.pages.render import render_site
from tests.unit.pages.samples import full_site, site, stopped_site

PAGES = [
    "full/index.html",
    "full/releases/1.0.10/index.html",
    "full/releases/1.1.0/index.html",
    "full/releases/index.html",
    "full/channels/alpha/index.html",
    "full/releases/1.0.9/index.html",
    "empty/index.html",
    "empty/releases/index.html",
    "empty/channels/lts/index.html",
    "stopped/index.html",
    "stopped/channels/beta/index.html",
    "stopped/releases/0.9.1/index.html",
    "stopped/releases/1.0.9/index.html",
    "stopped/releases/1.0.10/index.html",
    "stopped/releases/1.0.11/index.html",
]

NOT_WIDE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
CONTRASTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  let worst = [99, ''];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text) continue;
    const a = light(rgb(getComputedStyle(element).color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, text];
  }
  return worst;
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sites on disk: every state at once, nothing released, and everything that can go wrong."""
    root, address = tmp_path_factory.mktemp("pages"), "https://releases.example.org/pages/"
    samples = {"full": full_site(address), "empty": site(), "stopped": stopped_site(address)}
    for name, sample in samples.items():
        for path, data in render_site(sample).items():
            file = root / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    return root


def opened(browser: Browser, address: str, *, width: int = 1100, dark: bool = False) -> Page:
    """The page, and in ``complaints`` nothing: whatever the browser complains about fails here."""
    scheme: str = "dark" if dark else "light"
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]  # one of playwright's literals
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(address)
    assert not complaints
    return page


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_opens_without_a_complaint_in_both_colour_schemes(
    browser: Browser, root: Path, path: str, dark: bool
) -> None:
    page = opened(browser, (root / path).as_uri(), dark=dark)
    assert page.locator("h1").count() == 1
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(19, 21, 24)" if dark else "rgb(251, 250, 248)")
    ratio, text = page.evaluate(CONTRASTS)
    assert ratio >= 4.5, text
    assert page.evaluate(NOT_WIDE)
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_small_telephone_or_a_sheet(browser: Browser, root: Path, path: str) -> None:
    """What does not fit on A4 within margins of 2 cm, 643 pixels, is cut off when printed."""
    page = opened(browser, (root / path).as_uri(), width=320)
    assert page.evaluate(NOT_WIDE)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 643, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == 643
    page.close()


def test_the_first_screen_says_what_stable_is_at(browser: Browser, root: Path) -> None:
    page = opened(browser, (root / "full/index.html").as_uri())
    assert page.locator("h1").inner_text() == "Stable is at 1.0.9"
    box = page.locator(".card").nth(3).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800
    page.close()


def test_a_reader_gets_from_the_channel_to_the_commands_and_back(browser: Browser, root: Path) -> None:
    page = opened(browser, (root / "full/index.html").as_uri())
    page.locator("#channel-beta").get_by_role("link", name="Download and verify").click()
    assert page.url.endswith("/releases/1.0.10/index.html#verify")
    assert "sha256sum --check" in page.locator("pre").first.inner_text()
    page.get_by_role("link", name="← 1.0.9").click()
    assert page.locator("h1").inner_text() == "1.0.9"
    page.get_by_role("link", name="ExampleOS", exact=True).click()
    assert page.locator("h1").inner_text() == "Stable is at 1.0.9"
    page.close()


@pytest.mark.parametrize("width", [1200, 420])
def test_the_first_screen_of_a_withdrawn_release_says_why_and_what_to_do(
    browser: Browser, root: Path, width: int
) -> None:
    page = opened(browser, (root / "stopped/releases/1.0.10/index.html").as_uri(), width=width)
    notice = page.get_by_role("region", name="1.0.10 is withdrawn: do not install it")
    box = notice.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800
    assert "seen on 3 of 40 machines." in notice.inner_text()
    assert page.locator("#downloads a:not([href$='index.html'])").count() == 0
    notice.get_by_role("link", name="Alpha 1.0.11").click()
    assert page.locator("h1").inner_text() == "1.0.11"
    page.close()


def test_a_reader_gets_from_a_notice_to_the_release_it_is_about(browser: Browser, root: Path) -> None:
    page = opened(browser, (root / "stopped/index.html").as_uri())
    titles = page.locator("#notices h3").all_inner_texts()
    assert titles == [
        "1.0.10 is withdrawn: do not install it",
        "1.0.8 is withdrawn: do not install it",
        "Stable: the rollout of 1.0.9 is paused",
        "Alpha is frozen",
        "Support of LTS 2025 ends soon",
        "Support of LTS 2024 has ended",
    ]
    page.get_by_role("link", name=titles[2]).click()
    assert page.get_by_role("heading", name=titles[2]).is_visible()
    page.go_back()
    page.locator("#channel-lts").get_by_role("link", name="LTS 2026").click()
    assert page.locator("h1").inner_text() == "LTS 2026 is at 1.0.9"
    page.go_back()
    page.locator("#channel-beta").get_by_role("link", name="Why, and what to do").click()
    assert page.url.endswith("/releases/1.0.10/index.html#status")
    page.close()


def test_what_is_withdrawn_is_seen_without_colours(browser: Browser, root: Path) -> None:
    """In forced colours and in print the words and the line through the version remain."""
    page = opened(browser, (root / "stopped/releases/index.html").as_uri())
    for media in ({"forced_colors": "active"}, {"forced_colors": "none", "media": "print"}):
        page.emulate_media(**media)  # type: ignore[arg-type]  # some of playwright's literals
        row = page.locator("tr.gone").first
        assert row.inner_text().count("withdrawn") == 2
        assert row.locator("s").evaluate("e => getComputedStyle(e).textDecorationLine") == "line-through"
    page.goto((root / "stopped/index.html").as_uri())
    border = page.locator(".notice.bad").first.evaluate("e => getComputedStyle(e).borderLeftWidth")
    assert border == "5px"
    page.close()


def test_notes_cannot_run_anything_even_if_they_got_through(browser: Browser, root: Path) -> None:
    """The policy of the page itself stops a script that somebody smuggled in."""
    html = (root / "full/index.html").read_text()
    smuggled = root / "smuggled.html"
    smuggled.write_text(html.replace("</main>", "<script>document.title = 'taken'</script></main>"))
    page = browser.new_page()
    page.goto(smuggled.as_uri())
    assert page.title() == "ExampleOS releases"
    page.close()


def test_print_shows_everything_in_black_on_white(browser: Browser, root: Path) -> None:
    page = opened(browser, (root / "full/releases/1.0.10/index.html").as_uri(), dark=True)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#provenance").is_visible()
    assert not page.locator(".top nav").is_visible()
    page.locator("details").first.evaluate("e => e.open = false")
    assert page.locator("details .ids").first.evaluate("e => e.checkVisibility()")
    page.close()
