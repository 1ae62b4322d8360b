"""The whole site, built from real data: every budget, and what people come for, in a browser and a shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from flows.site.story import BASE_URL, NEWEST, SETTLED, SiteOrder, build
from release.pages.serving import serving
from tests.programs import missing, needed
from tools.site_check.browser import CHROMIUM, chromium

pytestmark = pytest.mark.shared
ROOT = Path(__file__).resolve().parents[2]
ATOM = "{http://www.w3.org/2005/Atom}"
HOST = BASE_URL.removesuffix("pages/")


@dataclass(frozen=True, slots=True)
class Whole:
    """The site in ``site`` and the yard that it was built from, whose mirror has it, too."""

    site: Path
    yard: Path


@pytest.fixture(scope="module")
def whole(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """What `make site` makes, of smaller images."""
    root = tmp_path_factory.mktemp("whole")
    made = Whole(root / "site", root / "yard")
    build(
        SiteOrder(
            out=made.site,
            yard=made.yard,
            history=shared / "data" / "flatcar-releases",
            changelog=shared / "data" / "changelog",
            content=2,
        )
    )
    shutil.copytree(made.site, made.yard / "mirror" / "pages", dirs_exist_ok=True)
    return made


@pytest.fixture(scope="module")
def address(whole: Whole) -> Iterator[str]:
    """Where the mirror is served."""
    with serving(whole.yard / "mirror") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        missing(f"{CHROMIUM} is not installed")
    with chromium() as found:
        yield found


@pytest.fixture
def home(browser: Browser, address: str) -> Iterator[Page]:
    """The home page, where journeys begin."""
    page = browser.new_page()
    page.goto(f"{address}pages/index.html")
    yield page
    page.close()


def test_every_budget_is_kept(whole: Whole) -> None:
    """But for times, which are other programs' as well."""
    for program in ("java", "linkchecker"):
        needed(program)
    if not CHROMIUM.exists():
        missing(f"{CHROMIUM} is not installed")
    command = [sys.executable, "-m", "tools.site_check", str(whole.site), "--yard", str(whole.yard)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_verify_a_download(home: Page, address: str, tmp_path: Path) -> None:
    """From the home page to OK and Good signature, with the commands that stand on the pages alone."""
    needed("curl")
    home.get_by_role("link", name="Download and verify").first.click()
    commands = home.locator("#download pre, #downloads pre").first.inner_text()
    assert f"/{SETTLED}/" in commands
    home.get_by_role("link", name="signing keys").first.click()
    check, use = (home.locator("pre").nth(number).inner_text() for number in (0, 1))
    make_ring = use.splitlines()[0]
    said = shell(check, address, tmp_path)
    assert said.stdout.splitlines()[-1] == "OK"
    shell(make_ring, address, tmp_path)
    verified = shell(commands, address, tmp_path)
    assert "flatcar_production_update.gz: OK" in verified.stdout
    assert "Good signature" in verified.stderr


def test_what_was_changed_on_the_way_is_not_taken_for_genuine(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    """The same commands with one byte more in the file."""
    needed("curl")
    page = browser.new_page()
    page.goto(f"{address}pages/releases/{SETTLED}/index.html")
    commands = page.locator("#download pre, #downloads pre").first.inner_text()
    page.close()
    fetching = [line for line in commands.splitlines() if line.startswith("curl")]
    shell("\n".join(fetching), address, tmp_path)
    with (tmp_path / "flatcar_production_update.gz").open("ab") as file:
        file.write(b"\0")
    rest = "\n".join(line for line in commands.splitlines() if not line.startswith("curl"))
    done = shell(rest, address, tmp_path, succeeds=False)
    assert "flatcar_production_update.gz: FAILED" in done.stdout
    assert "Good signature" not in done.stderr


def test_subscribe(home: Page) -> None:
    """What a reader of feeds finds by the page leads to the newest release, once for each release."""
    feeds = home.locator('head link[rel="alternate"][type="application/atom+xml"]')
    address_of_feed = feeds.first.evaluate("link => link.href")
    body = home.request.get(address_of_feed).text()
    entries = ET.fromstring(body).findall(f"{ATOM}entry")  # noqa: S314 - our own file
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(ids) == len({*ids}) > 10
    titles = [entry.findtext(f"{ATOM}title") or "" for entry in entries]
    releases = [title for title in titles if re.search(r"OS [A-Z]\S*(?: [0-9]{4})? [0-9.]+$", title)]
    assert releases[0].endswith(f"Alpha {NEWEST}")
    published = [entry.findtext(f"{ATOM}published") for entry in entries]
    assert published == sorted(published, key=str, reverse=True)
    as_json = json.loads(home.request.get(address_of_feed.removesuffix("xml") + "json").text())
    assert [item["id"] for item in as_json["items"]] == ids


def shell(
    commands: str, address: str, folder: Path, *, succeeds: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run commands of a page as they are, but for the mirror, which is at ``address``."""
    environment = {**os.environ, "GNUPGHOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["/bin/bash", "-c", commands.replace(HOST, address)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
    return done
