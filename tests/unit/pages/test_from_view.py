"""What leads from a version to what its channels are at."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.pages.cve_index import cve_index
from release.pages.from_changes import LINES, TOLD
from release.pages.from_cves import SHOWN, security_of
from release.pages.from_files import from_files
from release.pages.from_moves import software_rows
from release.pages.from_view import FromView, from_view
from release.pages.press import Press
from release.pages.records import Floor, IssueState, KnownIssue, Stop
from release.pages.site import Site
from tests.unit.pages.samples import day, full_site, stopped_site, with_entry
from tests.unit.pages.told import fixes, history, imported, ours, real_site, site_at, withdrawn


def seen(site: Site, version: str) -> FromView:
    found = site.find(Version.parse(version))
    assert found is not None
    return from_view(site, found)


def html(site: Site, version: str) -> str:
    pages = dict(from_files(site, Press()))
    return pages[f"from/{version}/index.html"].decode()


def test_a_release_in_several_channels_has_a_way_in_each() -> None:
    view = seen(full_site(), "1.0.9")
    assert [(path.name, path.head.text, len(path.rows), path.newest) for path in view.paths] == [
        ("stable", "1.0.9", 0, True),
        ("beta", "1.0.10", 1, False),
        ("alpha", "1.0.11", 2, False),
    ]
    assert view.summary.startswith("Stable: it is the newest. Beta is at 1.0.10: 1 release on")


def test_channels_with_the_same_way_are_told_once() -> None:
    view = seen(site_at(ours("1.0.1", "alpha", "beta"), ours("1.0.2", "alpha", "beta")), "1.0.1")
    assert [(path.titles, path.verb) for path in view.paths] == [("Beta and Alpha", "are")]


def test_cves_are_those_that_the_version_does_not_have() -> None:
    a, b, c = "CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003"
    sample = site_at(
        ours("1.0.1", "alpha", notes=fixes(a)),
        ours("1.0.2", "alpha", notes=fixes(a, b)),
        ours("1.0.3", "alpha", notes=fixes(b, c, package="zlib")),
    )
    (path,) = seen(sample, "1.0.1").paths
    assert path.security.count == 2
    assert [(one.name, one.count) for one in path.security.short] == [("zlib", 2), ("curl", 1)]
    assert [(row.link.text, row.cves) for row in path.rows] == [("1.0.3", 1), ("1.0.2", 1)]
    assert "<a href=../../cve/2024/index.html#CVE-2024-0003>" in html(sample, "1.0.1")


def test_ids_of_packages_with_few_are_shown_before_those_with_many() -> None:
    many = [f"CVE-2024-{number}" for number in range(10_000, 10_000 + SHOWN)]
    notes = f"{fixes(*many, package='Linux')}- curl (CVE-2024-0001)\n"
    sample = site_at(ours("1.0.1", "alpha"), ours("1.0.2", "alpha", notes=notes))
    index = cve_index(sample)
    security = security_of(sample, index.gained_set(Version(1, 0, 1), Version(1, 0, 2)), "from/1/index.html")
    assert [(one.name, one.count, one.ids is None) for one in (*security.long, *security.short)] == [
        ("Linux", SHOWN, True),
        ("curl", 1, False),
    ]
    assert not security.told_in_full


def test_a_change_is_told_once_with_the_release_that_brought_it_and_only_the_newest_update() -> None:
    first = "#### Bug fixes:\n\n- No more <crash>\n\n#### Updates:\n\n- curl (8.1)\n"
    second = "#### Bug fixes:\n\n- No more <crash>\n\n#### Updates:\n\n- curl (8.2)\n- zlib (1.3)\n"
    sample = site_at(
        ours("1.0.1", "alpha"),
        ours("1.0.2", "alpha", notes=first),
        ours("1.0.3", "alpha", notes=second),
    )
    (path,) = seen(sample, "1.0.1").paths
    told = {group.title: [(item.html, item.by.text) for item in group.items] for group in path.told.groups}
    assert told == {
        "Bug fixes": [("No more &lt;crash&gt;", "1.0.2")],
        "Updates": [("curl (8.2)", "1.0.3"), ("zlib (1.3)", "1.0.3")],
    }


def test_what_asks_for_action_is_told_of_every_release_and_first() -> None:
    notes = "#### Breaking changes:\n\n- The old disk format is gone\n"
    sample = site_at(
        ours("1.0.0", "alpha"),
        ours("1.0.1", "alpha", notes=notes),
        *(ours(f"1.0.{number}", "alpha", notes=f"- Change {number}\n") for number in range(2, TOLD + 4)),
    )
    (path,) = seen(sample, "1.0.0").paths
    assert [(item.html, item.by.text) for item in path.told.required] == [
        ("The old disk format is gone", "1.0.1")
    ]
    page = html(sample, "1.0.0")
    assert page.index("The old disk format is gone") < page.index('id="alpha-releases"')


def test_only_the_newest_releases_are_told_in_full_and_the_page_says_so() -> None:
    lines = "".join(f"- Change {number}\n" for number in range(LINES))
    sample = site_at(
        ours("1.0.0", "alpha"),
        ours("1.0.1", "alpha", notes="#### Changes:\n\n- An old change\n"),
        ours("1.0.2", "alpha", notes=f"#### Changes:\n\n{lines}"),
    )
    (path,) = seen(sample, "1.0.0").paths
    assert path.told.untold == 1
    assert [(row.link.text, row.changes) for row in path.rows] == [("1.0.2", LINES), ("1.0.1", 1)]
    page = html(sample, "1.0.0")
    assert "An old change" not in page
    assert "Those of the 1 older one is on its own page" in page


def test_whether_to_take_it_is_said() -> None:
    sample = stopped_site()
    stable = next(path for path in seen(sample, "1.0.8").paths if path.name == "stable")
    assert [mark.text for mark in stable.advice] == ["Not offered for now: the rollout of 1.0.9 is paused."]
    beta = next(path for path in seen(sample, "1.0.10").paths if path.name == "beta")
    assert [mark.text for mark in beta.advice] == ["Do not take 1.0.10: it is withdrawn."]
    alpha = next(path for path in seen(sample, "1.0.9").paths if path.name == "alpha")
    assert [mark.text for mark in alpha.advice] == ["Alpha is frozen: nothing newer comes for now."]


def test_known_issues_of_what_comes_are_named() -> None:
    issue = KnownIssue(
        name="no-boot",
        title="Some disks are not found",
        text="",
        workaround="",
        state=IssueState.INVESTIGATING,
        opened=day(18),
        updated=day(18),
        affected=(Version(1, 0, 2),),
    )
    sample = replace(site_at(ours("1.0.1", "alpha"), ours("1.0.2", "alpha")), issues=(issue,))
    (path,) = seen(sample, "1.0.1").paths
    assert [mark.text for mark in path.advice] == ["1.0.2 has known issues."]
    assert [link.href for link in path.issues] == ["../../known-issues/index.html#issue-no-boot"]


def test_stop_overs_are_those_between() -> None:
    floors = tuple(Floor(channel="alpha", version=Version(1, 0, n), reason=f"Because {n}") for n in (1, 2, 3))
    sample = replace(site_at(*(ours(f"1.0.{n}", "alpha") for n in range(1, 4))), floors=floors)
    (path,) = seen(sample, "1.0.1").paths
    assert [(link.text, reason) for link, reason in path.floors] == [("1.0.2", "Because 2")]


def test_a_channel_that_went_back_is_told_as_such() -> None:
    sample = site_at(ours("1.0.1", "alpha", notes=fixes("CVE-2024-0001")), ours("1.0.2", "alpha"))
    sample = replace(sample, heads={"alpha": Version(1, 0, 1)})
    (path,) = seen(sample, "1.0.2").paths
    assert (path.down, path.newest, path.rows) == (True, False, ())
    assert "which is older" in html(sample, "1.0.2")


def test_an_ended_stream_leads_to_the_newest_one() -> None:
    sample = stopped_site()
    path = next(path for path in seen(sample, "0.9.1").paths if path.name == "lts-2024")
    assert path.ended
    assert path.move is not None
    assert path.move.link.text == "LTS 2026 1.0.9"
    assert path.move.compare == "../../compare/index.html?from=0.9.1&to=1.0.9"


def test_a_retired_channel_leads_to_the_most_settled_one_that_goes_on() -> None:
    sample = history(
        imported("1.99.0", "edge", "", days=0, kernel="5.1"),
        imported("2.0.0", "alpha", "", days=1, kernel="5.2"),
        imported("2.2.0", "stable", fixes("CVE-2024-0001"), days=2, kernel="5.2"),
    )
    (path,) = seen(sample, "1.99.0").paths
    assert path.move is not None
    assert (path.move.link.text, path.move.cves) == ("Stable 2.2.0", "1 CVE")
    assert [(row.before, row.after, row.change) for row in path.move.software] == [("5.1", "5.2", "updated")]
    assert [mark.text for mark in path.marks] == ["Ended"]
    assert seen(sample, "1.99.0").summary == "Edge has ended with it. Move to Stable 2.2.0."
    assert "Nothing comes to Edge any more" in html(sample, "1.99.0")


def test_a_release_that_no_channel_offered_leads_nowhere() -> None:
    view = seen(full_site(), "1.1.0")
    assert view.paths == ()
    assert view.summary == "No channel has offered 1.1.0, so none leads on from it."
    assert [link.text for link in view.channels] == ["Stable 1.0.9", "Beta 1.0.10", "Alpha 1.0.11"]


def test_a_withdrawn_version_says_so_first() -> None:
    page = html(site_at(withdrawn(ours("1.0.1", "alpha")), ours("1.0.2", "alpha")), "1.0.1")
    assert page.index("1.0.1 is withdrawn: do not install it") < page.index('id="alpha-releases"')


def test_software_goes_both_ways() -> None:
    before = imported("1.0.0", "alpha", "", days=0, kernel="6.6.9", systemd="255", rkt="1.30", docker="20-ce")
    after = imported("1.0.1", "alpha", "", days=0, kernel="6.6.10", systemd="254", zfs="2.2", docker="21-ce")
    assert [(row.name, row.change) for row in software_rows(before, after)] == [
        ("docker", "changed"),
        ("kernel", "updated"),
        ("systemd", "downgraded"),
        ("zfs", "added"),
        ("rkt", "removed"),
    ]


@pytest.mark.parametrize("sample", [full_site(), stopped_site()])
def test_every_release_has_a_page_and_pages_are_the_same_again(sample: Site) -> None:
    pages = dict(from_files(sample, Press()))
    assert set(pages) == {f"from/{one.release.version}/index.html" for one in sample.releases}
    assert pages == dict(from_files(sample, Press()))


def test_people_s_words_do_nothing() -> None:
    notes = "#### Changes:\n\n- <script>alert(1)</script> [x](javascript:alert(1))\n"
    sample = site_at(ours("1.0.1", "alpha"), ours("1.0.2", "alpha", notes=notes))
    stop = Stop(since=day(3), reason="<b>paused</b>")
    page = html(with_entry(sample, "1.0.2", "alpha", pauses=(stop,)), "1.0.1")
    assert "<script" not in page
    assert not re.search(r"""href=["']?javascript:""", page)


@pytest.mark.shared
def test_what_people_at_4081_3_2_get(shared: Path) -> None:
    view = seen(real_site(shared), "4081.3.2")
    assert [(path.titles, path.head.text, len(path.rows)) for path in view.paths] == [
        ("LTS and LTS 2024", "4081.3.10", 8)
    ]
    (path,) = view.paths
    assert path.security.count == sum(row.cves for row in path.rows)
    assert [(row.name, row.before, row.after) for row in path.software] == [("kernel", "6.6.83", "6.6.150")]


def test_one_is_one_and_not_several() -> None:
    sample = site_at(ours("1.0.1", "alpha"), ours("1.0.2", "alpha", notes=fixes("CVE-2026-0001")))
    page = html(sample, "1.0.1")
    assert ">1 in 1 package</a>" in page
    assert "<p>1 CVE is told to be fixed after 1.0.1." in page
