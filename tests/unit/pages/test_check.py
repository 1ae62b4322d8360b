"""A check finds what is wrong with a site, and nothing where nothing is."""

from __future__ import annotations

import base64
import hashlib

import pytest

from release.pages.check import check_site
from release.pages.check_html import read_page
from release.pages.render import render_site
from release.pages.site import Site
from tests.unit.pages.samples import full_site, stopped_site

STYLE = "body{color:#111}"


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def page(body: str = "", *, policy: str | None = None, head: str = "", style: str = STYLE) -> bytes:
    policy = policy or f"default-src 'none'; style-src {hashed(style)}"
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{policy.replace(chr(39), "&#39;")}">'
        f"{head}<style>{style}</style><main>{body}</main>"
    ).encode()


FEED = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><title>t</title><updated>u</updated>'
    "<entry><id>{}</id><title>t</title><updated>u</updated></entry>"
    "<entry><id>b</id><title>t</title><updated>u</updated></entry></feed>"
)
GOOD = {
    "index.html": page('<a href="releases/1.0.0/index.html#files">1.0.0</a> <a href="../update/x.gz">x</a>'),
    "index.json": b'{"releases": []}',
    "releases/1.0.0/index.html": page('<h2 id="files">Files</h2> <a href="../../index.html">Home</a>'),
    "releases-feed/releases.xml": FEED.format("a").encode(),
    "releases-feed/releases.json": b'{"items": [{"id": "a"}, {"id": "b"}]}',
    "eol/support.ics": b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
}


def faults(**changes: bytes) -> str:
    names = {
        "home": "index.html",
        "atom": "releases-feed/releases.xml",
        "feed": "releases-feed/releases.json",
    }
    names |= {"index": "index.json", "calendar": "eol/support.ics", "lost": "404.html"}
    files = {**GOOD, **{names[name]: data for name, data in changes.items()}}
    return "\n".join(map(str, check_site(files).findings))


def test_a_good_site_passes() -> None:
    found = check_site(GOOD)
    assert found.passed
    assert (found.files, found.pages, found.links) == (6, 2, 3)
    assert [budget.name for budget in found.budgets][:2] == [
        "home page, all included",
        "release pages, 95 of 100",
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('<a href="releases/1.0.1/index.html">x</a>', "'releases/1.0.1/index.html' leads nowhere"),
        ('<a href="releases/1.0.0/">x</a>', "leads nowhere"),
        ('<a href="releases/1.0.0/index.html#gone">x</a>', "no such place"),
        ('<a href="#gone">x</a>', "no such place"),
        ("<a class=x href=gone.html>x</a>", "'gone.html' leads nowhere"),
        ("<tr id=a><td><a href=#a>x</a>", ""),
        ('<a class="b" href="/index.html">x</a>', "works on no other mirror"),
        ('<a href="//evil.example/x">x</a>', "works on no other mirror"),
        ('<a href="javascript:alert(1)">x</a>', "none that belongs"),
        ('<a href="http://[/">x</a>', ""),
        ('<form action="nowhere.html"></form>', "leads nowhere"),
        ('<i id="a"></i><b id="a"></b>', "'a' is there twice"),
        ('<img src="https://evil.example/x.png" alt="">', "<img> loads 'https://evil.example/x.png'"),
        ('<link rel="stylesheet" href="x.css">', "<link> loads 'x.css'"),
        ('<p style="color:red">x</p>', "attribute 'style'"),
        ('<p onclick="x()">x</p>', "attribute 'onclick'"),
        ('<iframe title="x"></iframe>', "<iframe> does not belong"),
        ("<script>alert(1)</script>", "does not allow the <script>"),
        ('<script type="application/json">{"a": 1}</script>', ""),
        ('<p>&lt;a id="a" href="/x"&gt; id="a" <code id="a">href="/y"</code></p>', ""),
    ],
)
def test_pages_are_read_as_a_browser_would(body: str, words: str) -> None:
    assert words in (said := faults(home=page(body)))
    assert bool(words) == bool(said)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<p>", "no Content-Security-Policy"),
        (page(policy="style-src 'unsafe-inline'"), "does not begin by forbidding"),
        (page(policy=f"default-src 'none'; style-src {hashed('other')}"), "does not allow the <style>"),
        (page(policy=f"default-src 'none'; style-src 'unsafe-inline' {hashed(STYLE)}"), "'unsafe-inline'"),
        (page(style="@import 'x.css';"), "the style sheet loads something"),
        (page(style="a{background:url(https://x.org/y)}"), "the style sheet loads something"),
        (page() + b"\xff", "no UTF-8"),
    ],
)
def test_a_page_must_satisfy_its_own_policy(data: bytes, words: str) -> None:
    assert words in faults(home=data)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("index", b"{", "no JSON"),
        ("index", b'{"a": NaN}', "NaN is no JSON"),
        ("index", b"[" * 100_000, "no JSON"),
        ("feed", b'{"items": [{"id": "a"}, {"id": "a"}]}', "2 entries have the id 'a'"),
        ("feed", b'{"items": [{}]}', "an entry has no id"),
        ("feed", b"[]", "no JSON Feed"),
        ("atom", b"<feed", "no XML"),
        ("atom", FEED.format("b").encode(), "2 entries have the id 'b'"),
        ("atom", FEED.replace("<id>f</id>", "").format("a").encode(), "the feed has no <id>"),
        ("atom", FEED.replace("<title>t</title><updated>u</updated></entry>", "</entry>").encode(), "has no"),
        ("calendar", b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "no calendar"),
    ],
)
def test_documents_can_be_read(name: str, data: bytes, words: str) -> None:
    assert words in faults(**{name: data})


def test_absolute_links_into_the_site_are_for_the_page_of_lost_addresses_only() -> None:
    canonical = '<link rel="canonical" href="https://x.org/pages/index.html">'
    home = page(
        '<a href="https://x.org/pages/index.json">x</a> <a href="https://y.org/">y</a>', head=canonical
    )
    said = faults(home=home, lost=page('<a href="https://x.org/pages/index.html">Home</a>'))
    assert (
        said == "index.html: the link 'https://x.org/pages/index.json' is absolute, and leads into this site"
    )
    said = faults(home=page(head=canonical), lost=page('<a href="https://x.org/pages/gone.html">x</a>'))
    assert said == "404.html: the link 'gone.html' leads nowhere"


def test_budgets_are_of_what_is_sent_and_one_page_of_twenty_may_be_larger() -> None:
    noise = "".join(hashlib.sha256(bytes([n // 256, n % 256])).hexdigest() for n in range(1250)).encode()
    pages = {f"releases/1.0.{number}/index.html": page() for number in range(1, 20)}
    large = {**GOOD, **pages, "releases/1.0.3/index.html": page() + noise}
    assert check_site(large).passed
    found = check_site({**large, "releases/1.0.4/index.html": page() + noise})
    assert not found.passed
    (over,) = (budget for budget in found.budgets if not budget.kept)
    assert (over.name, over.files) == ("release pages, 95 of 100", 20)
    assert over.measured > over.limit


def test_what_a_page_runs_is_told_from_what_it_holds() -> None:
    found = read_page(b'<script>a()</script><script type="application/ld+json">{}</script>')
    assert found.scripts == (b"a()",)


@pytest.mark.parametrize("sample", [full_site(), stopped_site("https://x.org/pages/")])
def test_what_is_rendered_passes(sample: Site) -> None:
    assert not [str(finding) for finding in check_site(render_site(sample)).findings]
