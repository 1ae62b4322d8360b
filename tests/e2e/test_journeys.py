"""What people come for, in a browser, on Flatcar's whole history: with scripts, without, from a disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from release.image.packages import Package
from release.pages.compare import compare_files
from release.pages.cve_view import cve_files
from release.pages.from_files import from_files
from release.pages.packages import package_files
from release.pages.press import Press
from release.pages.serving import serving
from release.pages.site import Site
from release.pages.sources import Source, home_files
from tests.e2e.test_pages_browser import NOT_WIDE
from tests.unit.pages.samples import AMD64, full_site
from tests.unit.pages.told import real_site

pytestmark = pytest.mark.shared

HAS_IT = "LTS 2024: fixed in 4081.3.0. Every LTS 2024 release from there on has it."


@pytest.fixture(scope="session")
def root(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that answer, of 540 releases."""
    root = tmp_path_factory.mktemp("journeys")
    written(root, real_site(shared), home_files, cve_files, compare_files, from_files)
    return root


def written(root: Path, site: Site, *sources: Source) -> None:
    press = Press()
    for path, data in (pair for source in sources for pair in source(site, press)):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


@pytest.fixture(params=["served", "from a disk"])
def start(request: pytest.FixtureRequest, root: Path) -> Iterator[str]:
    """The address of the root of the pages."""
    if request.param == "from a disk":
        yield f"{root.as_uri()}/"
    else:
        with serving(root) as address:
            yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with scripts. What the browser complains about fails the test."""
    yield from opened(browser, scripts=True)


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page without scripts."""
    yield from opened(browser, scripts=False)


def opened(browser: Browser, *, scripts: bool) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 1100, "height": 800})
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints


def test_i_run_4081_3_2_what_do_i_get_and_does_it_fix_a_cve(start: str, page: Page) -> None:
    page.goto(f"{start}from/4081.3.2/index.html")
    assert "are at 4081.3.10: 8 releases on, with fixes of 2252 CVEs" in page.locator(".lede").inner_text()
    kernel = page.locator("#lts-2024 tr:has(th:text-is('kernel')) td").all_inner_texts()
    assert kernel == ["6.6.83", "6.6.150", "updated"]
    page.get_by_label("Does 4081.3.2 have the fix of").fill("cve-2024-6387 ")
    page.get_by_role("button", name="Look up").click()
    page.wait_for_url("**/cve/2024/index.html?*#CVE-2024-6387")
    assert page.locator(".answer").inner_text() == f"CVE-2024-6387: {HAS_IT} What 4081.3.2 gets"
    row = page.locator("#CVE-2024-6387")
    assert row.evaluate("e => e.matches(':target') && e.getBoundingClientRect().bottom < innerHeight")
    assert page.get_by_role("cell", name=HAS_IT).or_(page.locator("th", has_text=HAS_IT)).count() == 1
    assert row.get_by_role("link", name="CVE-2024-6387").get_attribute("href") == (
        "https://www.cve.org/CVERecord?id=CVE-2024-6387"
    )
    row.get_by_role("link", name="4081.3.0").hover()
    page.get_by_role("link", name="What 4081.3.2 gets").click()
    page.wait_for_url("**/from/4081.3.2/index.html")


def test_the_same_without_scripts(start: str, plain: Page) -> None:
    plain.goto(f"{start}from/4081.3.2/index.html")
    assert "are at 4081.3.10: 8 releases on, with fixes of 2252 CVEs" in plain.locator(".lede").inner_text()
    plain.get_by_role("link", name="row of its id").click()
    plain.get_by_role("link", name="2024", exact=True).click()
    plain.goto(f"{plain.url}#CVE-2024-6387")
    place = plain.locator("#cves thead th").all_inner_texts().index("LTS 2024")
    cells = plain.locator("#CVE-2024-6387 > *")
    assert cells.nth(place).inner_text() == "4081.3.0"
    assert "Absence here does not mean unaffected" in plain.locator(".lede").inner_text()


def test_a_form_that_needs_scripts_explains_itself_without(start: str, plain: Page) -> None:
    plain.goto(f"{start}from/4081.3.2/index.html")
    plain.get_by_label("Does 4081.3.2 have the fix of").fill("CVE-2024-6387")
    plain.get_by_role("button", name="Look up").click()
    plain.wait_for_url("**/cve/index.html?*id=CVE-2024-6387*")
    assert "Without JavaScript the form cannot jump" in plain.locator("#lookup").inner_text()


def test_what_a_version_does_not_have_and_what_nobody_names(start: str, page: Page) -> None:
    page.goto(f"{start}cve/2024/index.html?channel=lts-2024&from=4081.3.2#CVE-2024-35834")
    told = "CVE-2024-35834: LTS 2024: fixed in 4081.3.10. Every LTS 2024 release from there on has it."
    assert page.locator(".answer").inner_text() == f"{told} What 4081.3.2 gets"
    page.goto(f"{start}cve/index.html?id=CVE-2024-99999999")
    page.wait_for_url("**/cve/2024/index.html?*")
    answer = "No notes name CVE-2024-99999999. That does not mean unaffected."
    assert page.locator(".answer").inner_text() == answer
    page.goto(f"{start}cve/index.html?id=CVE-1999-0001")
    assert page.locator(".answer").inner_text().startswith("No notes name a CVE of 1999.")
    page.goto(f"{start}cve/index.html?id=<img src=x onerror=alert(1)>")
    assert page.locator(".answer").inner_text() == "Not an id like CVE-2024-6387."


def test_nothing_is_said_of_a_version_that_the_channel_may_not_have_offered(start: str, page: Page) -> None:
    """4757.0.0 is of Alpha: that its version is higher than the fixed one of Stable means nothing."""
    page.goto(f"{start}cve/2024/index.html?channel=stable&from=4757.0.0#CVE-2024-6387")
    told = "CVE-2024-6387: Stable: fixed in 3815.2.5. Every Stable release from there on has it."
    assert page.locator(".answer").inner_text() == f"{told} What 4757.0.0 gets"
    page.get_by_label("I run").fill("<img src=x>")
    assert page.locator(".answer").inner_text() == told


def test_what_notes_only_mention_is_no_fix(start: str, page: Page) -> None:
    page.goto(f"{start}cve/2024/index.html?channel=stable#CVE-2024-3094")
    told = "Stable: mentioned in the notes of 3815.2.2: read them."
    assert page.locator(".answer").inner_text() == f"CVE-2024-3094: {told}"
    assert page.locator("#CVE-2024-3094 td:visible").last.inner_text() == (
        "mentioned in the notes of 3815.2.2: read them"
    )


def test_a_year_can_be_filtered_by_package_and_channel(start: str, page: Page) -> None:
    page.goto(f"{start}cve/2024/index.html")
    page.get_by_label("Id or package").fill("OpenSSH")
    shown = page.locator("#cves tbody tr:visible")
    assert "CVE-2024-6387" in shown.all_inner_texts()[0]
    assert page.locator("#list-title").inner_text() == f"{shown.count()} of 2193 ids"
    page.get_by_label("Channel").select_option("Stable")
    assert page.locator("#cves thead th:visible").all_inner_texts() == ["CVE", "Package", "Stable"]
    assert page.locator("#CVE-2024-6387 td:visible").all_inner_texts() == ["openssh", "3815.2.5"]


def test_compare_two_from_the_home_page(start: str, page: Page) -> None:
    page.goto(f"{start}index.html")
    page.get_by_label("I run").fill("4081.3.2")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare/index.html?from=4081.3.2&to=*")
    page.get_by_label("To", exact=True).fill("4593.2.5")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare/index.html?from=4081.3.2&to=4593.2.5")
    assert page.locator("#result h2").inner_text() == "LTS 2024 4081.3.2 → Stable 4593.2.5"
    assert page.locator("#result tr", has_text="containerd").inner_text().split() == [
        "containerd",
        "1.7.21",
        "2.1.5",
        "updated",
    ]
    assert page.locator("#result h3").all_inner_texts() == [
        "Software",
        "2534 CVEs fixed",
        "207 CVEs not told",
    ]
    page.locator("summary", has_text="openssl: 17").click()
    listed = page.locator("details[open] .ids a", has_text="CVE-")
    listed.nth(16).wait_for()  # the event comes a moment later
    assert listed.count() == 17
    page.get_by_role("button", name="Swap").click()
    page.wait_for_url("**from=4593.2.5&to=4081.3.2")
    assert page.locator("#result .banner").inner_text() == "4081.3.2 is the lower version."
    assert page.locator("#result .diff.downgraded").count() == 5


def test_an_unknown_version_gets_suggestions_and_does_nothing_else(start: str, page: Page) -> None:
    page.goto(f"{start}compare/index.html?from=4081.3.99&to=<img src=x onerror=alert(1)>")
    assert (
        page.locator("#result p").first.inner_text().startswith("4081.3.99 is not known. Near it: 4081.3.10 ")
    )
    assert page.locator("img").count() == 0
    page.goto(f"{start}compare/index.html?from=4081.3.99&to=4593.2.5")
    page.get_by_role("link", name="4081.3.10", exact=True).first.click()
    page.wait_for_url("**from=4081.3.10&to=4593.2.5")
    assert page.locator("#result h2").inner_text() == "LTS 2024 4081.3.10 → Stable 4593.2.5"


def test_compare_without_scripts_leads_to_the_pages_from_each_version(start: str, plain: Page) -> None:
    plain.goto(f"{start}compare/index.html?from=4081.3.2&to=4593.2.5")
    assert "takes JavaScript" in plain.locator(".hero").inner_text()
    assert not plain.get_by_role("button", name="Compare").is_visible()
    plain.get_by_role("link", name="4081.3.2", exact=True).click()
    assert plain.locator("h1").inner_text() == "From 4081.3.2"


def test_packages_of_the_two_are_fetched_where_that_is_possible(browser: Browser, tmp_path: Path) -> None:
    lists = {
        "1.0.9": (Package("a/old", "1"), Package("a/same", "2")),
        "1.0.10": (Package("a/same", "2.1"), Package("constructor", "3")),
    }
    notes = {"1.0.9": "", "1.0.10": "#### Security fixes:\n\n- constructor (CVE-2026-1112)\n"}
    sample = full_site()
    releases = tuple(
        replace(one, packages={AMD64: lists[version]}, release=replace(one.release, notes=notes[version]))
        if (version := str(one.release.version)) in lists
        else one
        for one in sample.releases
    )
    written(tmp_path, replace(sample, releases=releases), compare_files, package_files)
    page, query = browser.new_page(), "compare/index.html?from=1.0.9&to=1.0.10"
    with serving(tmp_path) as address:
        page.goto(f"{address}{query}")
        rows = page.get_by_role("region", name="Packages, amd64-usr").locator("tbody tr")
        rows.first.wait_for()
        assert [row.split() for row in rows.all_inner_texts()] == [
            ["a/old", "1", "\N{EN DASH}", "removed"],
            ["a/same", "2", "2.1", "updated"],
            ["constructor", "\N{EN DASH}", "3", "added"],
        ]
        page.get_by_text("constructor: 1").wait_for()
        sizes = page.get_by_role("region", name="Sizes").locator("tbody tr").all_inner_texts()
        assert sizes[1].split("\t") == ["Full update, amd64-usr", "128.0 MiB", "131.0 MiB"]
    page.goto(f"{tmp_path.as_uri()}/{query}")
    page.get_by_text("Package lists cannot be read here.").wait_for()
    page.close()


@pytest.mark.parametrize(
    "path",
    [
        "cve/index.html",
        "cve/2024/index.html?channel=stable#CVE-2024-6387",
        "from/2605.10.1/index.html",
        "compare/index.html?from=4593.2.5&to=4081.3.2",
    ],
)
def test_nothing_is_wider_than_a_small_telephone(root: Path, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{root.as_uri()}/{path}")
    assert page.evaluate(NOT_WIDE)
