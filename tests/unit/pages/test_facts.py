"""Pages of facts: keys, support, known issues, status, feeds, and for addresses that lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from release.catalog.version import Version
from release.pages.facts import fact_files
from release.pages.facts_issues import issues_view
from release.pages.facts_keys import in_fours, keys_view
from release.pages.facts_status import percent, status_view
from release.pages.facts_support import support_view
from release.pages.press import Press
from release.pages.records import Floor, IssueState, Key, KnownIssue, MirrorSite, Rollout
from release.pages.site import Site
from release.pages.standings import Level
from tests.unit.pages.samples import day, site, stopped_site

FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
EVIL = "<script>alert(1)</script>"


def issue(name: str, state: IssueState, updated: int = 3) -> KnownIssue:
    """An issue of two releases."""
    return KnownIssue(
        name=name,
        title=f"About {name} {EVIL}",
        text="It stops.\nAt boot.",
        workaround="Wait",
        state=state,
        opened=day(2),
        updated=day(updated),
        affected=(Version.parse("1.0.8"), Version.parse("9.9.9")),
        fixed_in=(Version.parse("1.0.11"),),
    )


def facts_site() -> Site:
    """A site with something on every page of facts."""
    key = Key(
        purpose="files",
        owner=f"Release team {EVIL}",
        algorithm="RSA 4096",
        fingerprint=FINGERPRINT,
        created=day(1),
        expires=day(19),
        path="keys/pipeline.asc",
        data=b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    )
    payload = replace(
        key, purpose="payloads", fingerprint="ab" * 32, expires=None, path="keys/p.pem", data=b"-----BEGIN"
    )
    rollout = Rollout(
        began=day(12),
        steps=((day(12), Decimal("0.05")), (day(14), Decimal("0.38")), (day(30), Decimal(1))),
        linear=False,
        share=Decimal("0.38"),
        windows=("Monday to Friday, 09:00 to 17:00 UTC",),
    )
    return replace(
        stopped_site("https://releases.example.org/pages/"),
        keys=(key, payload),
        issues=(
            issue("old-news", IssueState.CLOSED),
            issue("a-fix", IssueState.FIXED),
            issue("slow", IssueState.MITIGATED),
            issue("early", IssueState.INVESTIGATING),
            issue("late", IssueState.INVESTIGATING, updated=4),
        ),
        rollouts={"lts-2026": rollout},
        mirrors=(
            MirrorSite(
                name="eu", url="https://eu.example.org/", channels=("stable", "beta"), verified=("stable",)
            ),
        ),
        floors=(Floor(channel="stable", version=Version.parse("1.0.9"), reason="A larger <boot> partition"),),
    )


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    """Every page of facts of that site."""
    return {path: data.decode() for path, data in fact_files(facts_site(), Press())}


def test_pages_of_nothing_say_so() -> None:
    found = {path: data.decode() for path, data in fact_files(site(), Press())}
    assert "eol/support.ics" not in found
    assert "No key is published here" in found["keys/index.html"]
    assert "Nothing that you must reckon with is known" in found["known-issues/index.html"]
    assert "No mirror is named" in found["status/index.html"]
    assert "No release yet" in found["status/index.html"]
    assert "support.ics" not in found["eol/index.html"] + found["feeds/index.html"]


def test_texts_of_people_do_nothing(pages: Mapping[str, str]) -> None:
    assert not any(EVIL in page for page in pages.values())
    assert "&lt;boot&gt;" in pages["eol/index.html"]


def test_a_fingerprint_is_there_to_read_and_to_copy(pages: Mapping[str, str]) -> None:
    assert in_fours("ABCDEF0123") == "ABCD EF01 23"
    assert "0123 4567 89AB CDEF" in pages["keys/index.html"]
    assert f">{FINGERPRINT}<" in pages["keys/index.html"]
    first, second = keys_view(facts_site()).keys
    assert first.state.text == "Expired"  # when the data was last changed
    assert second.state.text == "Does not expire"
    assert second.check == ""  # it checks no files
    assert "curl -fsSLO https://releases.example.org/pages/keys/pipeline.asc" in first.commands


def test_open_issues_come_first_and_each_has_its_anchor(pages: Mapping[str, str]) -> None:
    view = issues_view(facts_site())
    assert [card.name for card in view.open] == ["late", "early", "slow"]
    assert [card.name for card in view.over] == ["a-fix", "old-news"]
    page = pages["known-issues/index.html"]
    names = re.findall(r'<article id="([^"]+)"', page)
    assert names == ["issue-late", "issue-early", "issue-slow", "issue-a-fix", "issue-old-news"]
    assert '<a href="../releases/1.0.8/index.html">' in page
    assert "releases/9.9.9/" not in page  # the site has no such release
    assert "9.9.9" in page


def test_no_name_of_an_issue_makes_an_anchor_of_another() -> None:
    both = (issue("boot", IssueState.CLOSED), issue("boot-title", IssueState.CLOSED))
    page = dict(fact_files(replace(facts_site(), issues=both), Press()))["known-issues/index.html"].decode()
    names = re.findall(r' id="([^"]+)"', page)
    assert {"issue-boot", "issue-boot-title"} <= set(names)
    assert len(names) == len(set(names))
    assert set(re.findall(r' aria-labelledby="([^"]+)"', page)) <= set(names)


def test_a_rollout_shows_how_far_it_is_and_what_comes(pages: Mapping[str, str]) -> None:
    by_name = {row.name: row for row in status_view(facts_site()).channels}
    rolling = by_name["lts-2026"]
    assert rolling.state.level is Level.INFO
    assert [(step.share, step.reached) for step in rolling.steps] == [
        ("5\xa0%", True),
        ("38\xa0%", True),
        ("100\xa0%", False),
    ]
    assert by_name["beta"].state.text == "Withdrawn"
    assert by_name["stable"].state.text == "Rollout paused"
    assert by_name["stable"].reason == "Updates take an hour on slow disks"
    page = pages["status/index.html"]
    assert "2026-08-30 09:30 UTC" in page
    assert "Monday to Friday" in page
    assert "Not verified yet" in page


def test_a_stopped_rollout_that_did_not_reach_a_step_does_not_say_it_did() -> None:
    sample = facts_site()
    rollout = replace(sample.rollouts["lts-2026"], share=Decimal("0.05"))
    steps = status_view(replace(sample, rollouts={"lts-2026": rollout})).channels
    (row,) = (one for one in steps if one.name == "lts-2026")
    assert [step.reached for step in row.steps] == [True, False, False]


@pytest.mark.parametrize(
    ("share", "text"), [("0", "0\xa0%"), ("0.005", "0.5\xa0%"), ("0.38", "38\xa0%"), ("1", "100\xa0%")]
)
def test_shares_have_no_digits_that_say_nothing(share: str, text: str) -> None:
    assert percent(Decimal(share)) == text


def test_support_says_what_ended_and_what_comes_then() -> None:
    rows = {row.title: row for row in support_view(facts_site()).rows}
    assert rows["LTS 2024"].state.text == "Ended"
    assert rows["LTS 2025"].state.text == "Ends soon"
    assert rows["LTS 2024"].then is not None
    assert rows["LTS 2024"].then.href == "../channels/lts-2025/index.html"
    assert rows["Alpha"].sources == "Releases come from the build."
    retired = support_view(replace(facts_site(), retired=frozenset({"alpha"}))).rows
    assert (retired[-1].title, retired[-1].state.text) == ("Alpha", "Retired")


def test_nothing_on_the_page_for_lost_addresses_depends_on_where_it_is_shown() -> None:
    with_address = dict(fact_files(facts_site(), Press()))["404.html"].decode()
    links = re.findall(r'href="([^"]+)"', with_address)
    assert all(link.startswith(("https://releases.example.org/pages/", "data:,")) for link in links)
    without = dict(fact_files(site(), Press()))["404.html"].decode()
    assert re.findall(r'href="([^"]+)"', without) == ["data:,"]


def test_ends_of_support_are_judged_by_the_data_not_the_clock() -> None:
    past = replace(facts_site(), generated_at=datetime(2026, 8, 9, tzinfo=UTC))
    assert {row.title: row.state.text for row in support_view(past).rows}["LTS 2024"] == "Ends soon"


def test_a_channel_with_streams_is_as_well_off_as_its_newest_one() -> None:
    sample = facts_site()
    late = replace(sample, generated_at=sample.support["lts-2026"].ends - timedelta(days=10))
    states = {row.title: row.state.text for row in support_view(late).rows}
    assert (states["LTS"], states["LTS 2026"]) == ("Ends soon", "Ends soon")
