"""The home page, the pages of channels and of all releases, and the frame of every page."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from release.catalog.version import Version
from release.pages.history_merge import site_of_history
from release.pages.press import Press
from release.pages.records import Brand, IssueState, Key, KnownIssue, Rollout, Stop, Support
from release.pages.site import Site
from release.pages.sources import home_files, list_files
from tests.unit.pages.samples import day, full_site, site, stopped_site, with_entry
from tests.unit.pages.test_release_page import imported
from tests.unit.pages.test_stopped import card, changed, notices, text

BASE = "https://releases.example.org/pages/"


def pages(sample: Site) -> dict[str, str]:
    """The home page and the lists."""
    press = Press()
    return {path: data.decode() for make in (home_files, list_files) for path, data in make(sample, press)}


def home(sample: Site) -> str:
    """The home page."""
    return pages(sample)["index.html"]


def rollout(share: str, ends: datetime) -> Rollout:
    """One that began on day 18."""
    return Rollout(
        began=day(18), steps=((day(18), Decimal(0)), (ends, Decimal(1))), linear=True, share=Decimal(share)
    )


def history() -> Site:
    """Stable, a stream that is supported, one that is retired, and a channel that is."""
    return site_of_history(
        "ExampleOS",
        (
            imported("3.0.0", 1, channel="edge"),
            imported("1.0.0", 2, channel="lts-2023"),
            imported("1.1.0", 3, channel="lts-2024"),
            imported("2.0.0", 4, notes="#### Security fixes:\n\n- Linux (CVE-2026-1000)\n"),
            imported("2.0.1", 5),
        ),
        supports={
            "lts-2024": Support(stream_of="lts", opened=day(3), ends=datetime(2026, 8, 30, tzinfo=UTC))
        },
    )


def test_the_first_words_are_of_the_channel_for_everybody_then_of_long_term_support() -> None:
    html = home(history())
    assert '<h1>Stable is at <a href="releases/2.0.1/index.html">2.0.1</a></h1>' in html
    hero = text(html.partition('class="hero"')[2].partition("</div>")[0])
    assert "Available to all" in hero
    assert "Long-term support: LTS 2024 is at 1.1.0 , supported through 2026-08-29 ." in hero
    titles = re.findall(r'<li class="card.*?" id="channel-([\w-]+)"', html)
    assert titles == ["stable", "lts", "beta", "alpha"]


def test_the_first_words_say_what_of_long_term_support_is_not_to_be_taken() -> None:
    def told(sample: Site) -> str:
        return home(sample).partition("Long-term support:")[2].partition("</p>")[0]

    stop = Stop(since=day(6), reason="x")
    gone = told(changed(history(), "1.1.0", withdrawals=(stop,)))
    assert '<s>1.1.0</s></a> <span class="tag bad">withdrawn</span>, supported' in gone
    paused = with_entry(history(), "1.1.0", "lts", pauses=(stop,))
    assert '>1.1.0</a> <span class="tag warn">paused</span>, supported' in told(paused)
    assert "LTS 1.1.0 (paused)." in home(paused).partition("</head>")[0]
    assert '<option value="1.1.0">LTS 1.1.0 (paused)</option>' in home(paused)
    assert "class" not in told(history())


def test_the_last_day_of_support_is_the_last_that_has_some() -> None:
    sample = history()
    for ends, day_shown in (
        (datetime(2026, 8, 30, tzinfo=UTC), "2026-08-29"),
        (datetime(2026, 8, 30, 0, 0, 1, tzinfo=UTC), "2026-08-30"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2026-12-31"),
    ):
        support = replace(sample.support["lts-2024"], ends=ends)
        files = pages(replace(sample, support={"lts-2024": support}))
        assert f"Supported through {day_shown}" in text(card(files["index.html"], "lts"))
        lts = files["channels/lts/index.html"]
        assert f"Supported through {day_shown} ." in text(lts)
        assert f'<time datetime="{day_shown}" title="until {ends:%Y-%m-%d %H:%M} UTC">' in lts
    over = pages(replace(sample, generated_at=datetime(2026, 8, 30, tzinfo=UTC)))
    assert "Support ended 2026-08-29 ." in text(over["channels/lts-2024/index.html"])


def test_what_a_channel_is_at_is_called_withdrawn_or_paused_in_its_description() -> None:
    files = pages(stopped_site())
    assert "Beta of ExampleOS: 1 release, currently 1.0.10 (withdrawn)." in files["channels/beta/index.html"]
    assert "2 releases, currently 1.0.9 (paused)." in files["channels/stable/index.html"]


def test_retired_channels_are_one_line_and_no_cards() -> None:
    html = home(history())
    line = html.partition("Retired, kept on record: ")[2].partition("</p>")[0]
    assert text(line) == "LTS 2023 (1 release), Edge (1 release)."
    assert 'id="streams"' not in html  # one stream is told on the card
    edge = pages(history())["channels/edge/index.html"]
    assert "This channel is retired: it gets nothing any more. Its last release is 3.0.0 ." in text(edge)
    assert "Retired" not in home(full_site())


def test_a_card_shows_a_rollout_only_while_it_goes_on() -> None:
    going = card(home(replace(full_site(), rollouts={"beta": rollout("0.384", day(21))})), "beta")
    assert "Rolling out: 38\xa0%" in going
    assert '<progress max="100" value="38" aria-label="Rollout of 1.0.10 in Beta"></progress>' in going
    assert '100 % at <time datetime="2026-08-21T09:30:00Z">2026-08-21 09:30 UTC</time>' in going
    over = card(home(replace(full_site(), rollouts={"beta": rollout("1", day(19))})), "beta")
    assert "<progress" not in over
    assert "Available to all" in over
    paused = card(home(replace(stopped_site(), rollouts={"stable": rollout("0.1", day(21))})), "stable")
    assert "<progress" not in paused
    assert "Rollout paused" in paused
    assert "Available to all" not in paused


def test_what_cannot_be_taken_is_not_offered_to_be_taken() -> None:
    gone = changed(full_site(), "1.0.10", collected=day(19))
    assert "Download and verify" not in card(home(gone), "beta")
    assert "What changed" in card(home(gone), "beta")
    assert "Download and verify" not in home(history())


def test_what_is_known_to_be_wrong_with_what_a_channel_is_at_is_said_there() -> None:
    issue = KnownIssue(
        name="x",
        title="x",
        text="",
        workaround="",
        state=IssueState.MITIGATED,
        opened=day(1),
        updated=day(2),
        affected=(Version.parse("1.0.9"),),
    )
    sample = replace(full_site(), issues=(issue, replace(issue, name="y", state=IssueState.FIXED)))
    html = home(sample)
    assert '<a href="releases/1.0.9/index.html#known-issues">1 known issue</a>' in html
    assert "1 known issue" in card(html, "stable")
    assert "known issue" not in card(html, "beta")
    assert "1 known issue" in pages(sample)["channels/stable/index.html"]


def test_forms_ask_for_the_pages_that_answer() -> None:
    html = home(history())
    compare, lookup = re.findall(r'<form method="get" action="(.*?)">', html)
    assert (compare, lookup) == ("compare/index.html", "cve/index.html")
    assert re.findall('name="(.*?)"', html.partition("<form")[2].rpartition("</form>")[0]) == [
        "from",
        "to",
        "id",
    ]
    assert re.findall('<option value="(.*?)">(.*?)</option>', html) == [
        ("2.0.1", "Stable 2.0.1"),
        ("1.1.0", "LTS 1.1.0"),
    ]
    assert 'placeholder="2.0.0"' in html
    assert "<form" not in home(site())


def test_keys_are_shown_by_fingerprint_and_when_they_expire() -> None:
    key = Key(
        purpose="files",
        owner="Releases <r@example.org>",
        algorithm="ed25519",
        fingerprint="f88cfedeff29",
        created=None,
        expires=day(30),
        path="keys/files.asc",
        data=b"",
    )
    html = home(replace(full_site(), keys=(key, replace(key, expires=day(10)), replace(key, expires=None))))
    lines = [text(one) for one in re.findall(r"<div><dt>Files \d</dt>(.*?)</div>", html)]
    assert lines == [
        "Releases &lt;r@example.org&gt;, expires 2026-08-30 F88C FEDE FF29",
        "Releases &lt;r@example.org&gt;, expired 2026-08-10 F88C FEDE FF29",
        "Releases &lt;r@example.org&gt; F88C FEDE FF29",
    ]


def test_a_channel_has_a_page_with_all_that_it_offered_and_what_stops_it() -> None:
    files = pages(stopped_site())
    beta = files["channels/beta/index.html"]
    assert "Beta is at" in beta
    assert "<s>1.0.10</s></a>, which is withdrawn</h1>" in beta
    (said,) = notices(beta)
    assert said.startswith("bad: 1.0.10 is withdrawn: do not install it No channel offers it any more")
    assert re.findall(
        r'<th scope="row"><a href="../../releases/([\d.]+)/', files["channels/stable/index.html"]
    ) == [
        "1.0.9",
        "1.0.8",
    ]
    lts = text(files["channels/lts/index.html"])
    assert "Its streams: LTS 2026 , LTS 2025 , LTS 2024 ." in lts
    assert "A stream of LTS ." in text(files["channels/lts-2025/index.html"])
    assert "Support of LTS 2025 ends soon" in lts or "Support of LTS 2025 ends soon" in text(
        files["channels/lts-2025/index.html"]
    )
    empty = pages(site())["channels/lts/index.html"]
    assert "No release yet. Releases come here from Stable." in text(empty)
    assert "None yet." in empty


def test_a_frozen_stream_says_so_on_its_page_whoever_ordered_it() -> None:
    stop = Stop(since=day(18), reason="All of LTS")
    frozen = dict.fromkeys(("lts-2024", "lts-2025", "lts-2026", "lts"), (stop,))
    files = pages(replace(stopped_site(), freezes=frozen))
    assert any("LTS 2026 is frozen" in said for said in notices(files["channels/lts-2026/index.html"]))


def test_lists_can_be_narrowed_by_channel_with_a_script_and_are_whole_without() -> None:
    html = pages(stopped_site())["releases/index.html"]
    assert '<form hidden data-filter="all">' in html
    assert '<table class="nowrap" id="all">' in html
    rows = re.findall('<tr[^>]* data-in="(.*?)">', html)
    assert "lts lts-2026 stable alpha" in rows
    assert len(rows) == 5


def test_programs_find_the_feeds_of_a_page_and_people_where_they_are() -> None:
    files = pages(full_site())
    beta = files["channels/beta/index.html"]
    feeds = re.findall(r'<link rel="alternate" type="(.*?)" title="(.*?)" href="(.*?)">', beta)
    assert feeds == [
        ("application/atom+xml", "ExampleOS: All channels", "../../releases-feed/releases.xml"),
        ("application/feed+json", "ExampleOS: All channels, JSON", "../../releases-feed/releases.json"),
        ("application/atom+xml", "ExampleOS: Beta", "../../releases-feed/releases-beta.xml"),
        ("application/feed+json", "ExampleOS: Beta, JSON", "../../releases-feed/releases-beta.json"),
    ]
    assert '<a href="../../index.html#channels" aria-current="true">Channels</a>' in beta
    assert 'aria-current="page">Releases</a>' in files["releases/index.html"]
    assert "aria-current=" not in files["index.html"]


def test_pages_tell_who_shares_them_what_they_are_if_their_address_is_known() -> None:
    html = pages(full_site(BASE))["channels/beta/index.html"]
    found = dict(re.findall(r'<meta property="og:(\w+)" content="(.*?)">', html))
    assert found == {
        "url": f"{BASE}channels/beta/index.html",
        "type": "website",
        "site_name": "ExampleOS",
        "title": "Beta releases - ExampleOS",
        "description": "Beta of ExampleOS: 2 releases, currently 1.0.10.",
    }
    assert "og:" not in home(full_site())


def test_a_brand_has_its_words_and_links_at_the_foot() -> None:
    brand = Brand(
        tagline="Made <here>.", home="https://example.org/", links=(("Code", "https://code.example.org/"),)
    )
    foot = home(replace(full_site(), brand=brand)).partition("<footer>")[2]
    assert '<a href="https://example.org/">ExampleOS</a>' in foot
    assert '<a href="https://code.example.org/">Code</a>' in foot
    assert "Made &lt;here&gt;. Data of" in foot


def test_the_newest_by_number_is_not_taken_for_the_latest() -> None:
    sample = history()
    later = changed(sample, "1.1.0")
    html = home(replace(later, heads={**later.heads, "stable": Version.parse("2.0.0")}))
    assert re.findall(r'<th scope="row"><a href="releases/([\d.]+)/', html) == [
        "2.0.1",
        "2.0.0",
        "1.1.0",
        "1.0.0",
        "3.0.0",
    ]
