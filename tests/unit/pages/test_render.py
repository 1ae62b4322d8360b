from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from release.errors import InputError
from release.pages.press import template_directory
from release.pages.render import render_site
from release.pages.site import Site
from tests.unit.pages.samples import (
    AMD64,
    KEYS,
    board,
    day,
    full_site,
    payload,
    published,
    release,
    site,
    stopped_site,
)

VOID = {"meta", "link", "br", "hr", "img", "input"}
ENDS = {  # elements that need no end tag, and what ends them
    "td": {"td", "th", "tr", "tbody"},
    "th": {"td", "th", "tr", "tbody"},
    "tr": {"tr", "tbody"},
    "thead": {"tbody"},
    "tbody": {"tbody"},
    "li": {"li"},
    "option": {"option"},
}
BASE = "https://releases.example.org/pages/"
SITES = [full_site(), full_site(BASE), site(), stopped_site(), stopped_site(BASE)]


class Page(HTMLParser):
    """A page as read back: it fails when an element is left open or closed out of order.

    Ends that HTML lets out may be missing.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self.open and tag in ENDS.get(self.open[-1], ()):
            self.open.pop()
        values = dict(attrs)
        assert len(values) == len(attrs), f"an attribute of {tag} is there twice"
        assert not any(name.startswith("on") or name == "style" for name in values)
        self.tags.append(tag)
        if identifier := values.get("id"):
            self.ids.append(identifier)
        if href := values.get("href"):
            self.links.append(href)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self.open[-1] != tag and self.open[-1] in ENDS:
            self.open.pop()
        assert self.open.pop() == tag


def pages(files: Mapping[str, bytes]) -> dict[str, Page]:
    return {path: Page(data.decode()) for path, data in files.items() if path.endswith(".html")}


@pytest.mark.parametrize("sample", SITES)
def test_pages_are_well_formed(sample: Site) -> None:
    for path, page in pages(render_site(sample)).items():
        assert page.headings[0] == 1, path
        assert page.headings.count(1) == 1, path
        assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False)), path
        assert len(set(page.ids)) == len(page.ids), path
        assert not {"img", "iframe", "object", "embed", "base"} & set(page.tags)


@pytest.mark.parametrize("sample", SITES)
def test_no_link_inside_the_site_is_dead(sample: Site) -> None:
    """Relative links lead to a rendered file and an anchor in it, or to a file of the mirror."""
    files = render_site(sample)
    read = pages(files)
    for path, page in read.items():
        for link in page.links:
            if re.match("https?://|data:,", link):
                continue
            target, _, anchor = link.partition("#")
            target, _, _ = target.partition("?")
            assert not target.startswith("/")
            resolved = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
            if resolved.startswith("../"):
                assert re.match(r"\.\./(update|releases|alpha)/", resolved)
                continue
            assert resolved in files, (path, link)
            assert not anchor or anchor in {*read[resolved].ids}, (path, link)


def test_the_same_site_gives_the_same_bytes_in_any_order_of_releases() -> None:
    sample = full_site(BASE)
    files = render_site(sample)
    assert files == render_site(replace(sample, releases=sample.releases[::-1]))
    assert list(files) == sorted(files)
    assert {path for path in files if path.endswith(".html")} >= {
        "index.html",
        "releases/index.html",
        *(f"channels/{name}/index.html" for name in ("alpha", "beta", "stable", "lts")),
        *(f"releases/{version}/index.html" for version in ("1.0.9", "1.0.10", "1.0.11", "1.1.0")),
    }


def test_the_home_page_says_what_every_channel_is_at() -> None:
    html = render_site(full_site())["index.html"].decode()
    assert 'Stable is at <a href="releases/1.0.9/index.html">1.0.9</a>' in html
    cards = [part.partition("</li>")[0] for part in html.split('<li class="card')[1:]]
    titles = [re.findall(r'<h3><a href="channels/(.*?)/index.html">(.*?)</a></h3>', card) for card in cards]
    assert titles == [
        [("stable", "Stable")],
        [("beta", "Beta")],
        [("alpha", "Alpha")],
        [("lts", "LTS")],
    ]
    assert "No release yet" in cards[3]
    assert "Releases come here from Stable." in cards[3]
    assert 'Available to all</span><span class="mark good">Signed and proven' in cards[1].replace("\n", "")
    assert 'href="releases/1.0.10/index.html#security">3<span' in cards[1]
    assert "<dt>CVEs fixed</dt><dd>none listed</dd>" in cards[0]
    assert '<time datetime="2026-08-09T09:30:00Z" title="2026-08-09 09:30 UTC">2026-08-09</time>' in cards[0]


def test_releases_are_listed_by_number_the_highest_first() -> None:
    files = render_site(full_site())
    html = files["releases/index.html"].decode()
    assert re.findall(r'<th scope="row"><a href="../releases/([0-9.]+)/', html) == [
        "1.1.0",
        "1.0.11",
        "1.0.10",
        "1.0.9",
    ]
    assert "Not promoted yet" in html
    alpha = files["channels/alpha/index.html"].decode()
    assert "391\xa0KiB to 11.0\xa0MiB" in alpha
    assert "9.00\xa0MiB (6.9\xa0%)" in alpha


def test_the_home_page_lists_what_was_offered_last() -> None:
    html = render_site(full_site())["index.html"].decode()
    assert re.findall(r'<th scope="row"><a href="releases/([0-9.]+)/', html) == ["1.0.11", "1.0.10", "1.0.9"]
    assert '<a href="releases/index.html">All 4 releases</a>' in html


def test_an_empty_site_says_so() -> None:
    html = render_site(site())["index.html"].decode()
    assert "No channel has a release yet" in html
    assert html.count("No release yet") == 4


def test_a_release_page_says_where_it_stands() -> None:
    files = {path: data.decode() for path, data in render_site(full_site()).items()}
    beta = files["releases/1.0.10/index.html"]
    assert (
        'Current in Beta. Superseded in Alpha by <a href="../../releases/1.0.11/index.html">1.0.11</a>.'
        in beta
    )
    assert "No channel offers this release yet" in files["releases/1.1.0/index.html"]
    second = release("1.0.1", board(AMD64, payload(10_000)), created=day(2))
    first_one = release("1.0.0", board(AMD64, payload(10_000)), created=day(1))
    old = site(published(first_one, stable=day(1)), published(second, stable=day(2)), stable="1.0.1")
    first = render_site(old)["releases/1.0.0/index.html"].decode()
    assert '<p class="banner warn">Superseded in Stable by' in first


def test_a_release_page_has_files_sizes_shares_and_digests() -> None:
    html = render_site(full_site())["releases/1.0.10/index.html"].decode()
    delta = "../../../update/arm64-usr/1.0.10/flatcar_production_update-from-1.0.9.gz"
    assert f'href="{delta}"' in html
    assert f'href="{delta}.sig"' in html
    assert 'href="../../../alpha/amd64-usr/1.0.10/version.txt"' in html
    assert '<td class="share">8.4\xa0%<svg' in html
    assert '<data value="400000">391\xa0KiB</data>' in html
    assert '<th scope="row"><a href="../../releases/1.0.9/index.html">1.0.9</a></th>' in html
    assert '<th scope="row">1.0.8</th>' in html
    assert all(f"sha256:{key}" in html for key in KEYS)
    digest = next(str(x.release_digest) for x in full_site().releases if str(x.release.version) == "1.0.10")
    assert digest in html
    assert 'href="../../../releases/1.0.10/release.json"' in html
    assert "1.0.9</a> (rebuild for Alpha: new bits, under a version of their own)" in html
    assert "SELINUX=&lt;yes|no&gt;" in html


def test_states_of_payloads_and_notes_are_said() -> None:
    files = {path: data.decode() for path, data in render_site(full_site()).items()}
    assert "No notes were recorded" in files["releases/1.0.9/index.html"]
    assert "No delta: machines take the full one" in files["releases/1.0.9/index.html"]
    assert "Not proven" in files["releases/1.1.0/index.html"]
    bare = site(
        published(release("1.0.0", board(AMD64, files=False), created=day(1)), alpha=day(1)), alpha="1.0.0"
    )
    html = render_site(bare)["releases/1.0.0/index.html"].decode()
    assert "No update payloads for this board." in html
    assert "<pre" not in html
    unsigned = replace(payload(10_000), signatures=())
    delta_only = payload(10_000, "1.0.0")
    rest = site(
        published(release("1.0.1", board(AMD64, unsigned), created=day(1))),
        published(release("1.0.2", board(AMD64, delta_only), created=day(1))),
    )
    files = {path: data.decode() for path, data in render_site(rest).items()}
    assert "Not all signed" in files["releases/1.0.1/index.html"]
    assert '<td class="share">\u2013</td>' in files["releases/1.0.2/index.html"]


def test_commands_to_verify_name_every_digest_and_fetch_only_from_a_known_address() -> None:
    with_base = render_site(full_site(BASE))["releases/1.0.11/index.html"].decode()
    block = with_base.partition("<pre")[2].partition("</pre>")[0]
    address = "https://releases.example.org/update/amd64-usr/1.0.11/flatcar_production_update.gz"
    assert f"curl -fLO {address}\ncurl -fLO {address}.sig\n" in block
    assert len(re.findall(r"^[0-9a-f]{64}  \S+$", block, re.MULTILINE)) == 7
    assert "gpgv --keyring ./release-keys.gpg flatcar_production_update.gz.sig" in block
    assert "curl" not in render_site(full_site())["releases/1.0.11/index.html"].decode()


def test_only_the_own_address_of_a_page_is_absolute() -> None:
    html = render_site(full_site(BASE))["index.html"].decode()
    assert f'<link rel="canonical" href="{BASE}index.html">' in html
    assert f'<meta property="og:url" content="{BASE}index.html">' in html
    assert html.count("https://") == 2
    assert "canonical" not in render_site(full_site())["index.html"].decode()


def test_text_from_the_release_is_escaped_wherever_it_stands() -> None:
    evil = '"><script>alert(1)</script>'
    item = release("1.0.0", board(AMD64, payload(10_000)), created=day(1), notes=evil)
    item = replace(item, software=(replace(item.software[0], name=evil, version="1\u202e2"),))
    sample = replace(site(published(item, alpha=day(1)), alpha="1.0.0"), product=evil)
    files = render_site(sample)
    for path, data in files.items():
        if path.endswith((".html", ".xml")):
            assert b"<script>alert" not in data, path
            assert "\u202e" not in data.decode()
    pages(files)


def test_a_directory_overrides_templates_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("body { color: red; }\n")
    html = render_site(full_site(), tmp_path)["index.html"].decode()
    assert "<style>body { color: red; }\n</style>" in html
    (tmp_path / "index.html").write_text("{{ view.frame.product }} & {{ view.lead.title }}")
    assert render_site(full_site(), tmp_path)["index.html"] == b"ExampleOS & Stable\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("index.html", "{{ view.nothing }}", "template index.html: UndefinedError: .*nothing"),
        ("index.html", "{% if %}", "template index.html: TemplateSyntaxError"),
        ("style.css", "</style><script>", "expected no '</'"),
    ],
)
def test_a_wrong_template_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        render_site(full_site(), tmp_path)


def test_the_built_in_templates_are_found() -> None:
    assert (template_directory() / "style.css").is_file()


def test_the_index_for_programs_names_heads_releases_and_digests() -> None:
    index = json.loads(render_site(full_site())["index.json"])
    assert index["schema_version"] == 1
    assert {name: channel["current"] for name, channel in index["channels"].items()} == {
        "alpha": "1.0.11",
        "beta": "1.0.10",
        "stable": "1.0.9",
        "lts": None,
    }
    first = index["releases"][-1]
    assert first["version"] == "1.0.9"
    assert first["digest"].startswith("sha256:")
    assert first["document"] == "../releases/1.0.9/release.json"
    assert first["channels"] == {
        "alpha": "2026-08-02T09:30:00Z",
        "beta": "2026-08-04T09:30:00Z",
        "stable": "2026-08-09T09:30:00Z",
    }


def test_lists_have_the_order_of_flatcars() -> None:
    """By text; that of all channels channel by channel, with ``current`` after the first."""
    files = render_site(full_site())

    def keys(name: str) -> list[str]:
        return list(json.loads(files[f"releases-json/{name}.json"]))

    assert keys("releases") == ["1.0.11", "current", "1.0.10", "1.0.9"]
    assert keys("releases-alpha") == ["1.0.10", "1.0.11", "1.0.9", "current"]
    assert keys("releases-beta") == ["1.0.10", "1.0.9", "current"]
    assert keys("releases-lts") == []
    everything = json.loads(files["releases-json/releases.json"])
    assert everything["current"] == everything["1.0.9"]
    assert everything["1.0.9"]["channel"] == "stable"
    assert everything["1.0.9"]["release_date"] == "2026-08-09 09:30:00 +0000"
    assert everything["1.0.9"]["release_notes"] == "No release notes were recorded.\n"
    assert everything["1.0.10"]["architectures"] == ["amd64", "arm64"]
    assert everything["1.0.10"]["major_software"]["kernel"] == ["6.12.102"]
