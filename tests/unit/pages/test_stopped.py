"""Pages of what was withdrawn, stopped, hurried, or has come to its end."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

from release.catalog.version import Version
from release.pages import addresses
from release.pages.records import Hurry, Stop
from release.pages.render import render_site
from release.pages.site import Site
from tests.unit.pages.samples import (
    ADVICE,
    AMD64,
    INCIDENT,
    board,
    day,
    full_site,
    payload,
    published,
    release,
    site,
    stopped_site,
    with_entry,
)
from tests.unit.pages.test_render import pages

BASE = "https://releases.example.org/pages/"
EVIL = '"><script>alert(1)</script>\u202e{{ 7 * 7 }}'


def rendered(sample: Site) -> dict[str, str]:
    return {path: data.decode() for path, data in render_site(sample).items()}


def page(sample: Site, version: str) -> str:
    return rendered(sample)[f"releases/{version}/index.html"]


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def notices(html: str) -> list[str]:
    found = re.findall(r'<section class="notice (\w+)".*?>(.*?)</section>', html, re.DOTALL)
    return [f"{level}: {text(content)}" for level, content in found]


def card(html: str, channel: str) -> str:
    return html.partition(f'id="channel-{channel}"')[2].partition("</li>")[0]


def changed(sample: Site, version: str, **changes: object) -> Site:
    """The site with other fields of one release."""
    return replace(
        sample,
        releases=tuple(
            replace(item, **changes) if str(item.release.version) == version else item  # type: ignore[arg-type]  # fields of a release
            for item in sample.releases
        ),
    )


def test_a_withdrawn_release_says_first_that_since_when_why_and_what_to_do() -> None:
    html = page(stopped_site(BASE), "1.0.10")
    (said,) = notices(html)
    assert said == (
        "bad: 1.0.10 is withdrawn: do not install it No channel offers it any more, and no machine is updated"
        " to it. What it was stays on record. Since 2026-08-16 09:30 UTC Why Machines with two disks do not"
        f" find &lt;root&gt; &amp; stop at boot; seen on 3 of 40 machines. What to do {ADVICE} Instead"
        " Alpha 1.0.11 . Nothing yet in Beta."
    )
    assert html.index('class="notice bad"') < html.index('id="notes"')
    assert '<h1 class="mono"><s>1.0.10</s> <span class="tag bad">Withdrawn</span></h1>' in html
    assert "<title>ExampleOS 1.0.10 (withdrawn)</title>" in html
    assert '<meta name="robots" content="noindex">' in html
    assert 'class="banner' not in html
    assert "noindex" not in page(stopped_site(), "1.0.11")


def test_nothing_of_a_withdrawn_release_is_there_to_take_but_all_of_it_is_on_record() -> None:
    html = page(stopped_site(BASE), "1.0.10")
    links = re.findall(r'href="([^"]+)"', html)
    assert not [link for link in links if "/update/" in link or re.match("[./]*/beta/", link)]
    assert "curl" not in html
    kept = next(item for item in stopped_site().releases if str(item.release.version) == "1.0.10").release
    for artifact in (*kept.boards[0].files, *(item.artifact for item in kept.boards[0].payloads)):
        assert artifact.name in html
        assert html.count(artifact.sha256.hex) == 2  # in the table, and in the commands that recognise it
    assert "Nothing here is to be installed." in html
    assert "../../../releases/1.0.10/release.json" in links
    assert "What changed" in html


def test_who_offers_what_replaces_a_withdrawn_release_is_never_one_that_is_withdrawn_or_older() -> None:
    both = changed(stopped_site(), "1.0.11", withdrawals=(Stop(since=day(17), reason="worse"),))
    assert "Instead Nothing yet in Beta and Alpha." in notices(page(both, "1.0.10"))[0]
    eight = notices(page(stopped_site(), "1.0.8"))[0]
    assert "Instead Stable 1.0.9 (paused) , Alpha 1.0.11 . Nothing yet in LTS 2025." in eight
    nowhere = published(release("2.0.0", board(AMD64, payload(9000)), created=day(1)))
    alone = site(replace(nowhere, withdrawals=(Stop(since=day(2), reason=" "),)))
    assert notices(page(alone, "2.0.0"))[0].endswith("Since 2026-08-02 09:30 UTC Why No reason was given.")


def test_every_list_and_every_link_says_that_a_release_is_withdrawn() -> None:
    files = rendered(stopped_site())
    index = files["index.html"]
    row = index.partition('<tr class="gone"><th scope="row"><a href="releases/1.0.10/')[2].partition("</tr>")[
        0
    ]
    assert "<s>1.0.10</s>" in row
    assert text(row).count("withdrawn") == 2
    beta = card(index, "beta")
    assert "<s>1.0.10</s>" in beta
    assert '<span class="mark bad">Withdrawn</span>' in beta
    assert 'href="releases/1.0.10/index.html#status">Why, and what to do' in beta
    assert "Download" not in beta
    for path, html in files.items():
        if path.endswith("index.html"):
            for inside in re.findall(
                r'<a [^>]*href="[^"]*releases/1\.0\.10/index\.html"[^>]*>(.*?)</a>', html
            ):
                assert inside.strip("← →") in {"<s>1.0.10</s>", "1.0.10 is withdrawn: do not install it"}
    unoffered = site(
        replace(
            published(release("2.0.0", board(AMD64, payload(9000)), created=day(1))),
            withdrawals=(Stop(since=day(2), reason="x"),),
        )
    )
    assert '<span class="tag bad">Withdrawn</span>' in rendered(unoffered)["releases/index.html"]


def test_a_channel_at_a_withdrawn_release_is_not_the_one_to_take_from() -> None:
    sample = full_site()
    files = rendered(changed(sample, "1.0.9", withdrawals=(Stop(since=day(10), reason="x"),)))
    assert "<s>1.0.9</s></a>, which is withdrawn</h1>" in files["index.html"]
    assert "Stable 1.0.9 (withdrawn)" in files["index.html"].partition("<title>")[0]


def test_a_lifted_withdrawal_leaves_the_release_as_it_was_and_its_history() -> None:
    lifted = changed(
        stopped_site(), "1.0.10", withdrawals=(Stop(since=day(10), reason="slow", lifted=day(11)),)
    )
    html = page(lifted, "1.0.10")
    assert not notices(html)
    assert "flatcar_production_update.gz.sig" in html
    assert "Withdrawn: slow 2026-08-11 09:30 UTC Withdrawal lifted" in text(html)


def test_history_tells_everything_in_order() -> None:
    html = page(stopped_site(), "1.0.10").partition('class="events"')[2].partition("</ol>")[0]
    *before, last = [text(item) for item in re.findall("<li>(.*?)</li>", html, re.DOTALL)]
    assert before == [
        "2026-08-08 09:30 UTC Assembled, built for Beta",
        "2026-08-09 09:30 UTC Alpha offers it",
        "2026-08-10 09:30 UTC Withdrawn: Thought to be slow",
        "2026-08-11 09:30 UTC Withdrawal lifted",
        "2026-08-14 09:30 UTC Beta offers it",
        "2026-08-16 09:30 UTC Superseded in Alpha by 1.0.11",
    ]
    assert last.startswith("2026-08-16 09:30 UTC Withdrawn: Machines with two disks do not find &lt;root&gt;")
    frozen = text(page(stopped_site(), "1.0.11"))
    assert "2026-08-18 09:30 UTC Alpha frozen: Summer holidays" in frozen
    assert "frozen" not in text(page(stopped_site(), "1.0.8"))
    assert "Rollout in Stable paused: Updates take an hour on slow disks" in text(
        page(stopped_site(), "1.0.9")
    )


def test_a_paused_rollout_is_told_on_the_channel_and_on_the_release() -> None:
    files = rendered(stopped_site())
    said = (
        "warn: Stable: the rollout of 1.0.9 is paused Machines on Stable are not offered 1.0.9 until the"
        " pause is lifted. Since 2026-08-17 09:30 UTC Why Updates take an hour on slow disks"
    )
    assert said in notices(files["index.html"])
    assert notices(files["releases/1.0.9/index.html"])[0] == said
    assert "Rollout paused" in card(files["index.html"], "stable")
    assert "Current in LTS, LTS 2026." in text(files["releases/1.0.9/index.html"])
    assert 'Stable<span class="quiet"> paused</span>' in files["index.html"]
    again = with_entry(
        stopped_site(), "1.0.9", "stable", pauses=(Stop(since=day(17), reason="x", lifted=day(18)),)
    )
    assert "is paused" not in "".join(rendered(again).values())


def test_a_rollout_that_halted_by_itself_is_not_said_to_be_paused_by_somebody() -> None:
    halt = Stop(since=day(17), reason="12 of 200 machines failed", automatic=True)
    halted = with_entry(stopped_site(), "1.0.9", "stable", pauses=(halt,))
    files = rendered(replace(halted, base_url=BASE))
    said = (
        "warn: Stable: the rollout of 1.0.9 halted by itself Machines on Stable are not offered 1.0.9 until"
        " people let it go on. Since 2026-08-17 09:30 UTC Why 12 of 200 machines failed"
    )
    assert said in notices(files["index.html"])
    assert notices(files["releases/1.0.9/index.html"])[0] == said
    assert "Rollout halted" in card(files["index.html"], "stable")
    assert "Rollout in Stable halted by itself: 12 of 200" in text(files["releases/1.0.9/index.html"])
    feed = files[addresses.feed("stable")]
    assert "Stable: the rollout of 1.0.9 halted by itself" in feed
    assert "Rollout halted by itself: 12 of 200 machines failed." in feed
    paused = json.loads(files["index.json"])["channels"]["stable"]["paused"]
    assert (paused["reason"], paused["automatic"]) == (halt.reason, True)
    both = with_entry(halted, "1.0.9", "stable", pauses=(halt, Stop(since=day(18), reason="odd reports")))
    assert "Rollout paused" in card(rendered(both)["index.html"], "stable")


def test_a_frozen_channel_is_told_on_the_channel_and_on_the_release_it_is_at() -> None:
    files = rendered(stopped_site())
    said = (
        "warn: Alpha is frozen Nothing new comes to Alpha until the freeze is lifted. What it offers stays"
        " offered. Since 2026-08-18 09:30 UTC Why Summer holidays What to do Wait for day 25"
    )
    assert said in notices(files["index.html"])
    assert notices(files["releases/1.0.11/index.html"])[0] == said
    assert said not in notices(files["releases/1.0.10/index.html"])
    assert "Channel frozen" in card(files["index.html"], "alpha")
    empty = replace(site(), freezes={"beta": (Stop(since=day(2), reason="not yet"),)})
    assert notices(rendered(empty)["index.html"])[0].startswith("warn: Beta is frozen")


def test_freezing_a_channel_with_streams_is_told_once_on_each_page() -> None:
    stop = Stop(since=day(18), reason="All of LTS")
    own = Stop(since=day(19), reason="Only this")
    frozen = dict.fromkeys(("lts-2024", "lts-2025", "lts-2026", "lts"), (stop,))
    sample = replace(stopped_site(), freezes={**frozen, "lts-2026": (stop, own)})
    files = rendered(sample)
    titles = [
        said.partition(" is frozen")[0] for said in notices(files["index.html"]) if " is frozen" in said
    ]
    assert titles == ["warn: LTS", "warn: LTS 2026"]
    nine = [said for said in notices(files["releases/1.0.9/index.html"]) if " is frozen" in said]
    assert [said.partition(" is frozen")[0] for said in nine] == ["warn: LTS", "warn: LTS 2026"]
    assert text(files["releases/1.0.9/index.html"]).count("frozen: All of LTS") == 1
    assert any(
        said.startswith("warn: LTS 2024 is frozen") for said in notices(files["releases/0.9.1/index.html"])
    )
    assert files["releases-feed/releases.xml"].count("All of LTS") == 1
    assert "All of LTS" in files["releases-feed/releases-lts-2024.xml"]


def test_what_hurried_into_a_stream_is_told_once() -> None:
    hurry = Hurry(skipped=("soak",), reason="now")
    sample = with_entry(
        with_entry(stopped_site(), "1.0.9", "lts-2026", hurry=hurry), "1.0.9", "lts", hurry=hurry
    )
    told = [said for said in notices(page(sample, "1.0.9")) if "hurried" in said]
    assert len(told) == 1
    assert told[0].startswith(
        "warn: 1.0.9 was hurried into LTS 2026 It was let in without waiting for the soak time."
    )


def test_a_hurried_promotion_is_told_for_ever() -> None:
    sample = stopped_site()
    incident = INCIDENT.replace("&", "&amp;")
    said = (
        "warn: 1.0.11 was hurried into Alpha It was let in without waiting for the soak time and a freeze."
        " Signatures, digests and proof were asked for as always. On 2026-08-16 09:30 UTC"
        f" Why A hole is &lt;exploited&gt; &amp; spreads Incident {incident}"
    )
    assert said in notices(page(sample, "1.0.11"))
    assert "Hurried" in card(rendered(sample)["index.html"], "alpha")
    twelve = published(release("1.0.12", board(AMD64, payload(9000)), created=day(19)), alpha=day(20))
    later = replace(
        sample,
        releases=(*sample.releases, twelve),
        heads={**sample.heads, "alpha": Version.parse("1.0.12")},
        generated_at=day(20) + timedelta(days=5000),
    )
    assert notices(page(later, "1.0.11")) == [said]
    assert 'Alpha<span class="quiet"> superseded, hurried</span>' in rendered(later)["index.html"]


def test_only_an_address_on_the_web_becomes_a_link() -> None:
    for incident in (
        "INC-17",
        "javascript:alert(1)",
        "https://a.example/ b",
        "https://",
        'https://a.example/"x',
    ):
        hurry = Hurry(skipped=("soak",), reason="x", incident=incident)
        html = page(with_entry(stopped_site(), "1.0.11", "alpha", hurry=hurry), "1.0.11")
        assert "<dt>Incident</dt><dd><span" in html
        assert "javascript:" not in "".join(re.findall('href="([^"]*)"', html))


def test_streams_show_dates_overlap_and_what_follows() -> None:
    index = rendered(stopped_site())["index.html"]
    table = index.partition('<table class="streams nowrap">')[2].partition("</table>")[0]
    rows = [
        text(row).replace(" , with ", " with ") for row in re.findall(r"<tr id.*?</tr>", table, re.DOTALL)
    ]
    assert rows == [
        "LTS 2026 2028-02-11 Supported 1.0.9 Available to all Signed and proven 2026-08-12 \u2013",
        "LTS 2025 2026-09-30 Ends soon 1.0.8 withdrawn 2026-08-01 2026-08-12 to 2026-09-30 with LTS 2026",
        "LTS 2024 2026-08-09 Ended 0.9.1 Signed and proven 2024-03-01 2026-08-01 to 2026-08-09 with LTS 2025",
    ]
    lts = text(card(index, "lts"))
    assert "1.0.9 Available to all Signed and proven Released 2026-08-12" in lts
    assert "Stream LTS 2026 Supported through 2028-02-11" in lts
    assert 'id="channel-lts-2024"' in table
    assert index.count('<li class="card') == 4
    assert "Marks are as of 2026-08-20 09:30 UTC" in text(index)


def test_support_is_judged_by_the_data_never_by_a_clock() -> None:
    sample = stopped_site()
    ends = sample.support["lts-2025"].ends
    before = notices(rendered(replace(sample, generated_at=ends - timedelta(days=91)))["index.html"])
    assert not [said for said in before if "LTS 2025" in said and "Support" in said]
    moment_before = rendered(replace(sample, generated_at=ends - timedelta(seconds=1)))["index.html"]
    assert "Support of LTS 2025 ends soon" in moment_before
    at = rendered(replace(sample, generated_at=ends))
    assert (
        "warn: Support of LTS 2025 has ended It gets no more fixes. Ended 2026-10-01 00:00 UTC Move to"
        " LTS 2026 1.0.9" in notices(at["index.html"])
    )
    old = text(at["releases/0.9.1/index.html"])
    assert "Support of LTS 2024 has ended" in old
    assert "LTS 2024 support ended 2026-08-09" in old
    assert "Current in" not in old
    long_after = notices(rendered(replace(sample, generated_at=ends + timedelta(days=90)))["index.html"])
    assert not [said for said in long_after if "Support of" in said]


def test_the_last_stream_keeps_being_said_to_have_ended() -> None:
    sample = stopped_site()
    late = rendered(replace(sample, generated_at=sample.support["lts-2026"].ends + timedelta(days=900)))[
        "index.html"
    ]
    assert "Support of LTS 2026 has ended" in late
    assert "Support ended" in card(late, "lts")
    assert 'Stable is at <a href="releases/1.0.9/' in late


def test_withdrawals_leave_the_first_page_after_a_while_unless_a_channel_is_at_them() -> None:
    late = rendered(replace(stopped_site(), generated_at=day(20) + timedelta(days=100)))["index.html"]
    assert next(said for said in notices(late) if "withdrawn" in said).startswith("bad: 1.0.10 is")
    moved = replace(
        stopped_site(),
        generated_at=day(20) + timedelta(days=100),
        heads={"alpha": Version.parse("1.0.11"), "stable": Version.parse("1.0.9")},
    )
    html = rendered(moved)["index.html"]
    assert not [said for said in notices(html) if "withdrawn" in said]
    assert "<s>1.0.10</s>" in html


def test_lineage_says_what_kind_what_differs_and_what_became_of_it() -> None:
    files = rendered(stopped_site())
    ten, nine = files["releases/1.0.10/index.html"], files["releases/1.0.9/index.html"]
    assert (
        '<dt>Derives from</dt><dd><a href="../../releases/1.0.9/index.html">1.0.9</a> (rebuild for Beta:'
        " new bits, under a version of their own)</dd>" in ten
    )
    assert text(ten.partition('id="differences"')[2].partition("</section>")[0]).endswith(
        "systemd 257 258 updated"
    )
    assert "the same bits in Stable, LTS 2026 and LTS" in text(nine).replace("Alpha, ", "")
    rebuilt = nine.partition("<dt>Rebuilt as</dt>")[2].partition("</div>")[0]
    assert text(rebuilt) == "1.0.10 withdrawn"
    unknown = replace(stopped_site(), releases=stopped_site().releases[3:4], heads={})
    html = page(replace(unknown, support={}, freezes={}), "1.0.10")
    assert "<dt>Derives from</dt><dd>1.0.9 (rebuild" in html
    assert "differences" not in html


def test_what_people_wrote_is_shown_as_they_wrote_it_and_does_nothing() -> None:
    stop = Stop(since=day(17), reason=EVIL, advice=EVIL)
    sample = changed(stopped_site(BASE), "1.0.10", withdrawals=(stop,))
    sample = with_entry(sample, "1.0.9", "stable", pauses=(stop,))
    sample = with_entry(
        sample,
        "1.0.11",
        "alpha",
        hurry=Hurry(skipped=(EVIL,), reason=EVIL, incident=f"https://a.example/{EVIL}"),
    )
    files = render_site(replace(sample, freezes={"beta": (stop,)}))
    for path, data in files.items():
        if path.endswith((".html", ".xml")):
            assert b"<script>alert" not in data, path
            assert b"49" not in re.sub(rb"[0-9a-f]{64}|sha256-[^']*", b"", data), path
            assert "\u202e" not in data.decode()
    pages(files)
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\ufffd{{ 7 * 7 }}" in files["index.html"].decode()
