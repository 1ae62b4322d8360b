"""The page of a release: what it tells, in which order, and in every state that a release can be in."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from release.bundle.diff import FileChange, diff_packages
from release.bundle.difference import BoardDifference, TreeDifference
from release.catalog.version import Version
from release.image.packages import Package
from release.notes.imported import ImportedRelease
from release.pages.history_merge import site_of_history
from release.pages.press import Press
from release.pages.records import (
    ChannelEntry,
    Evidence,
    Floor,
    IssueState,
    KnownIssue,
    PublishedRelease,
    Revision,
    Rollout,
)
from release.pages.site import Site
from release.pages.sources import release_files
from tests.unit.pages.samples import (
    AMD64,
    ARM64,
    artifact,
    board,
    day,
    full_site,
    payload,
    release,
    stopped_site,
    with_entry,
)
from tests.unit.pages.test_stopped import changed, text

TEN = Version.parse("1.0.10")
WALL = ", ".join(f"[CVE-2026-{n}](https://nvd.nist.gov/vuln/detail/CVE-2026-{n})" for n in range(1000, 1020))
TWO_PARTS = f"""
 _Changes since **Stable 1.0.8**_

 #### Security fixes:

 - Linux ({WALL})
 - curl ([CVE-2026-2000](https://nvd.nist.gov/vuln/detail/CVE-2026-2000) high)

 #### Bug fixes:

 #### Changes:

 - SELINUX=<yes|no>

_Changes since **Beta 1.0.9**_

#### Updates:

- Linux ([6.12](https://kernel.org/))
"""


def page(site: Site, version: str) -> str:
    """The page of one release."""
    press = Press()
    return dict(release_files(site, press))[f"releases/{version}/index.html"].decode()


def section(html: str, name: str) -> str:
    """What the section of that id says, without what is inside of it in sections."""
    return html.partition(f'<section id="{name}"')[2].partition("</section>")[0].partition(">")[2]


def imported(
    version: str, number: int, *architectures: str, notes: str = "", channel: str = "stable"
) -> ImportedRelease:
    """A release of a history, of a day of August 2026."""
    return ImportedRelease(
        version=Version.parse(version),
        channel=channel,
        created=day(number),
        architectures=architectures or ("amd64",),
        software=(Package(name="kernel", version=f"6.12.{number}"),),
        notes=notes,
    )


def history(*notes: str) -> Site:
    """Stable 1.0.8, then 1.0.9 for one architecture less, then 1.0.10."""
    texts = dict(enumerate(notes))
    return site_of_history(
        "ExampleOS",
        (
            imported("1.0.8", 1, "amd64", "arm64", notes=texts.get(0, "")),
            imported("1.0.9", 2, notes=texts.get(1, "")),
            imported("1.0.10", 3, "amd64", "arm64", notes=texts.get(2, "")),
        ),
    )


def test_sections_come_in_the_order_in_which_people_ask() -> None:
    html = page(full_site(), "1.0.10")
    ids = re.findall(r'<section id="([a-z-]+)" aria-labelledby="\1-title">\n<h2', html)
    assert ids == ["downloads", "notes", "packages", "security", "upgrade", "provenance", "history"]
    assert html.index('id="status"') < html.index('class="facts"') < html.index('id="downloads"')
    toc = html.partition('class="toc"')[2].partition("</nav>")[0]
    assert re.findall('href="#([a-z-]+)"', toc) == ids
    assert html.index('id="verify"') < html.index("sha256sum --check") < html.index("Update payloads")


def test_a_wall_of_cves_is_there_once_by_package_and_leads_to_where_each_is_told() -> None:
    html = page(history("", "", TWO_PARTS), "1.0.10")
    assert "<li>Linux (20 CVEs)</li>" in html
    assert html.count("CVE-2026-1007") == 2  # in the address and the text of one link
    assert '<a href="../../cve/2026/index.html#CVE-2026-1007">CVE-2026-1007</a>' in html
    told = section(html, "security")
    assert "Security: 21 CVEs in 2 packages</h2>" in told
    assert re.findall(r"<details( open)?>\s*<summary>(.*?): ", told) == [(" open", "curl"), ("", "Linux")]
    assert "1 high, 20 without severity" in told
    assert "does not mean that the release is unaffected" in told
    assert "nvd.nist.gov/vuln/detail/CVE-2026-2000" in html  # one link alone stays as it was written


def test_both_baselines_are_told_and_headings_without_anything_are_not() -> None:
    notes = section(page(history("", "", TWO_PARTS), "1.0.10"), "notes")
    assert re.findall(r"<details( open)?>\s*<summary>(.*?)</summary>", notes) == [
        (" open", "Changes since Stable 1.0.8"),
        ("", "Changes since Beta 1.0.9"),
    ]
    assert "Bug fixes" not in notes
    assert "SELINUX=&lt;yes|no&gt;" in notes
    assert len(re.findall("<h3", notes)) == 3
    one = section(page(history("", "", TWO_PARTS.partition("_Changes since **Beta")[0]), "1.0.10"), "notes")
    assert "<details" not in one
    assert "Changes since Stable 1.0.8." in text(one)


def test_what_looks_like_a_baseline_inside_of_something_does_not_tear_it_apart() -> None:
    quoted = "- a\n\n  _Changes since **Stable 1.0.8**_\n\n  b\n\n> _Changes since **Stable 1.0.7**_\n> c\n"
    html = page(history("", "", quoted), "1.0.10")
    assert "<details" not in section(html, "notes")
    assert "Changes since" in section(html, "notes")


def test_a_release_without_fixes_or_notes_says_so() -> None:
    html = page(history(), "1.0.9")
    assert "No security fixes listed." in section(html, "security")
    assert "No notes were recorded for this release." in section(html, "notes")
    assert "<dt>CVEs fixed</dt><dd>none listed</dd>" in html


def test_an_imported_release_says_that_its_files_are_not_known_and_what_was_not_built() -> None:
    html = page(history(), "1.0.9")
    line = text(html.partition('<p class="note" id="verify">')[2].partition("</p>")[0])
    assert (
        line
        == "Published before this pipeline: files are not listed here. arm64: not built for this release."
    )
    assert 'id="downloads"' in html
    assert 'id="provenance"' in html


def test_a_board_of_a_release_is_not_taken_for_another_than_the_architecture_of_a_history() -> None:
    before = tuple(
        PublishedRelease(
            release=imported("0.9.0", 1, *architectures),
            release_digest=None,
            channels=(ChannelEntry(name="beta", since=day(1)),),
        )
        for architectures in [("amd64", "riscv")]
    )
    site = replace(full_site(), releases=(*full_site().releases, *before))
    told = section(page(site, "1.0.10"), "downloads") + page(site, "1.0.10")
    assert "riscv: not built for this release." in told
    assert "amd64: not built" not in told
    assert "arm64: not built for this release." in page(site, "0.9.0")
    assert "amd64: not built" not in page(site, "0.9.0")


def test_what_an_imported_release_shows_instead() -> None:
    html = page(history(), "1.0.9")
    assert "not built" not in page(history(), "1.0.10")
    assert "2026-08-02 09:30 UTC Published in Stable" in text(section(html, "history"))
    assert "release.json" not in html
    assert "<script" not in html
    assert "kernel 6.12.2" in text(section(html, "packages"))
    row = html.partition('<th scope="row">kernel</th>')[2].partition("</tr>")[0]
    assert text(row) == "6.12.1 6.12.2 updated"


def test_a_superseded_release_leads_to_the_newest_and_to_what_lies_between() -> None:
    html = page(history(), "1.0.8")
    banner = html.partition('<p class="banner warn">')[2].partition("</p>")[0]
    assert text(banner) == "Superseded in Stable by 1.0.10 . What changed since 1.0.8"
    assert 'href="../../from/1.0.8/index.html"' in banner


def test_the_next_release_is_the_next_of_the_same_channel() -> None:
    mixed = site_of_history(
        "ExampleOS",
        (
            imported("1.0.8", 1),
            imported("1.0.9", 2, channel="beta"),
            imported("1.0.10", 3),
            imported("0.9.1", 4, channel="lts-2024"),
            imported("0.9.2", 5, channel="lts-2025"),
            imported("0.9.3", 6, channel="lts-2024"),
        ),
    )

    def turn(version: str) -> str:
        return text(
            page(mixed, version).partition('class="turn"')[2].partition("</nav>")[0].partition(">")[2]
        )

    assert turn("1.0.8") == "1.0.10 \u2192"
    assert turn("1.0.9") == ""
    assert turn("0.9.1") == "0.9.3 \u2192"
    assert '<dt>Replaces</dt><dd><a href="../../releases/1.0.8/index.html">1.0.8</a>' in page(mixed, "1.0.10")


def test_a_rollout_that_goes_on_says_how_far_it_is_and_when_everybody_may_have_it() -> None:
    rollout = Rollout(
        began=day(19),
        steps=((day(19), Decimal("0.1")), (day(21), Decimal(1))),
        linear=True,
        share=Decimal("0.38"),
    )
    site = replace(full_site(), rollouts={"stable": rollout})
    html = page(site, "1.0.9")
    banner = text(html.partition('<p class="banner info">')[2].partition("</p>")[0])
    assert (
        "Stable is rolling out: 38 % of machines may have it, everybody by 2026-08-21 09:30 UTC ." in banner
    )
    assert '<progress max="100" value="38" aria-label="Rollout in Stable">' in html
    done = replace(rollout, share=Decimal(1))
    assert "<progress" not in page(replace(site, rollouts={"stable": done}), "1.0.9")
    paused = replace(stopped_site(), rollouts={"stable": rollout})
    assert "<progress" not in page(paused, "1.0.9")


def test_known_issues_are_told_with_their_state_the_open_ones_first() -> None:
    issue = KnownIssue(
        name="slow-disks",
        title="Slow on <old> disks",
        text="It takes\nan hour.",
        workaround="Wait.",
        state=IssueState.FIXED,
        opened=day(9),
        updated=day(19),
        affected=(TEN,),
        fixed_in=(Version.parse("1.0.11"),),
    )
    other = replace(
        issue, name="no-boot", title="Does not boot", state=IssueState.INVESTIGATING, updated=day(10)
    )
    html = page(replace(full_site(), issues=(issue, other)), "1.0.10")
    told = section(html, "known-issues")
    assert [text(title) for title in re.findall("<h3>(.*?)</h3>", told)] == [
        "Does not boot Investigating",
        "Slow on &lt;old&gt; disks Fixed",
    ]
    assert 'href="../../known-issues/index.html#issue-slow-disks"' in told
    assert "Fixed in 1.0.11 Opened 2026-08-09 , updated 2026-08-19" in text(told)
    assert "Known issues (2)" in html
    assert '<dt>Watch out</dt><dd><a href="#known-issues">1 known issue</a></dd>' in html
    assert "Known issues (" not in page(full_site(), "1.0.9")


def test_the_way_to_a_release_names_stop_overs_and_why() -> None:
    floors = (
        Floor(channel="beta", version=Version.parse("1.0.9"), reason="Old ones know no <labels>."),
        Floor(channel="beta", version=Version.parse("1.0.11"), reason="Later."),
    )
    site = replace(full_site(), floors=floors)
    told = text(section(page(site, "1.0.10"), "upgrade"))
    assert "Machines of Beta older than 1.0.9 update to that first: Old ones know no &lt;labels&gt;." in told
    assert "Alpha: no stop-over is known before this release." in told
    assert "Later." not in told
    assert "Older machines of Beta pass through this release" in text(section(page(site, "1.0.9"), "upgrade"))
    assert "No channel offers it" in text(section(page(site, "1.1.0"), "upgrade"))


def test_provenance_shows_evidence_approvals_and_bills_of_materials() -> None:
    site = with_entry(full_site(), "1.0.10", "beta", approvals=("release", "security", "release"))
    evidence = (
        Evidence(name="boot-tests", passed=False, detail="3 of 40 failed", recorded=day(9), waived=True),
        Evidence(name="kola", passed=True, detail="412 passed", recorded=day(10)),
        Evidence(name="sizes", passed=False, detail="too big", recorded=day(10)),
    )
    ten = board(AMD64, payload(131 << 20))
    ten = replace(
        ten, files=tuple(sorted((*ten.files, artifact("x.spdx.json", 9)), key=lambda file: file.name))
    )
    site = changed(site, "1.0.10", evidence=evidence, release=release("1.0.10", ten, created=day(8)))
    html = page(site, "1.0.10")
    rows = re.findall(r'<tr><th scope="row">(?:boot-tests|kola|sizes)</th>.*?</tr>', html)
    assert [text(row) for row in rows] == [
        "boot-tests Waived 3 of 40 failed 2026-08-09",
        "kola Passed 412 passed 2026-08-10",
        "sizes Failed too big 2026-08-10",
    ]
    told = text(section(html, "provenance"))
    assert "Approved for Beta release (2) and security" in told
    assert "Bill of materials, amd64-usr x.spdx.json" in told


def test_corrections_are_told_and_what_reads_now_is_the_last() -> None:
    revisions = (
        Revision(recorded=day(9), summary="A CVE was missing", notes="- Linux (CVE-2026-3000)"),
        Revision(recorded=day(10), summary="Wrong <package>", notes="- curl (CVE-2026-3001)"),
    )
    html = page(changed(full_site(), "1.0.10", revisions=revisions), "1.0.10")
    assert text(section(html, "revisions")).endswith(
        "2026-08-09 09:30 UTC A CVE was missing 2026-08-10 09:30 UTC Wrong &lt;package&gt;"
    )
    assert "CVE-2026-3001" in html
    assert "CVE-2026-3000" not in html


def with_packages(site: Site) -> Site:
    """1.0.10 with package lists of two boards and what changed since 1.0.9."""
    old = (
        Package("app/gone", "1"),
        Package("app/same", "1"),
        Package("sys/down", "2.0"),
        Package("sys/up", "1.9"),
    )
    new = (
        Package("app/came", "1"),
        Package("app/same", "1"),
        Package("sys/down", "1.9"),
        Package("sys/up", "1.10"),
    )
    tree = TreeDifference(
        added=3,
        removed=0,
        changed=12,
        before=400 << 20,
        after=390 << 20,
        largest=(FileChange(name="/usr/lib/<x>", before=20 << 20, after=None),),
    )
    both = tuple(
        BoardDifference(
            board=one,
            packages=diff_packages(old, new[: 4 if one == AMD64 else 3] + (() if one == AMD64 else old[3:])),
            tree=tree if one == AMD64 else None,
            image_before=512 << 20,
            image_after=512 << 20,
            payload_before=128 << 20,
            payload_after=131 << 20,
        )
        for one in (AMD64, ARM64)
    )
    packages = {AMD64: new, ARM64: (*new[:3], old[3])}
    return changed(site, "1.0.10", packages=packages, differences={Version.parse("1.0.9"): both})


def test_packages_say_what_came_went_and_which_way_each_moved() -> None:
    html = page(with_packages(full_site()), "1.0.10")
    rows = re.findall(r'<tr><th scope="row">(?:app|sys)/.*?</tr>', html)
    assert [text(row) for row in rows] == [
        "app/came \u2013 1 added",
        "app/gone 1 \u2013 removed",
        "sys/down 2.0 1.9 downgraded",
        "sys/up 1.9 1.10 updated (amd64-usr)",
        "app/came 1 1",
        "app/same 1 1",
        "sys/down 1.9 1.9",
        "sys/up 1.10 1.9",
    ]
    assert "<caption>1 added, 1 removed, 1 updated, 1 downgraded</caption>" in html
    assert "<summary>All 4 packages</summary>" in html
    told = text(html.partition('id="differences"')[2].partition("</section>")[0])
    assert "Files inside 3 added, 12 changed" in told
    assert "All files 400 MiB to 390 MiB (\u221210.0 MiB)" in told
    assert "Full update 128 MiB to 131 MiB (+3.00 MiB)" in told
    assert "/usr/lib/&lt;x&gt; 20.0 MiB \u2013 \u221220.0 MiB" in told
    assert "Image 512" not in told


def test_a_long_list_of_differences_is_folded_under_its_counts() -> None:
    many = tuple(Package(f"a/{n:02}", "1") for n in range(41))
    found = BoardDifference(
        board=AMD64, packages=diff_packages((), many), tree=None, image_before=1, image_after=1
    )
    site = changed(full_site(), "1.0.10", differences={Version.parse("1.0.9"): (found,)})
    html = page(site, "1.0.10").partition('id="differences"')[2].partition("</section>")[0]
    assert "<summary>41 added</summary>" in html
    assert "<caption>" not in html


def test_lists_that_are_alike_on_all_boards_are_told_once() -> None:
    packages = {AMD64: (Package("a", "1"), Package("a", "2")), ARM64: (Package("a", "2"), Package("a", "1"))}
    html = page(changed(full_site(), "1.0.10", packages=packages), "1.0.10")
    assert '<th scope="col">Package</th><th scope="col">Version</th></tr>' in html
    assert '<tr><th scope="row">a</th><td>1, 2</td></tr>' in html
