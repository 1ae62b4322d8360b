"""What notes claim to be fixed is, what they only mention is not, and what they take back is not any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.catalog.version import Version
from release.notes.cves import fixes_in
from release.pages.compare import compare_files
from release.pages.cve_count import Fixed
from release.pages.cve_index import Cve, CveIndex, cve_index
from release.pages.cve_view import cve_files
from release.pages.from_view import from_view
from release.pages.press import Press
from release.pages.security_view import MENTIONED, security_view
from release.pages.site import Site
from release.pages.view import fix_count
from tests.unit.pages.test_release_page import history as notes_of
from tests.unit.pages.test_release_page import page, section
from tests.unit.pages.told import fixes, history, imported, ours, site_at, withdrawn

A, B, C, D = "CVE-2026-0100", "CVE-2026-0200", "CVE-2026-0300", "CVE-2026-0400"
REVERTED = f"#### Changes:\n\n- **Reverted the fix** of {C}\n"
MIXED = f"""{fixes(A)}
#### Known issues:

- {B} is **not fixed yet**

#### Changes:

- Not affected by {D}
- **Reverted the fix** of {C}
"""


def version(text: str) -> Version:
    return Version.parse(text)


def known(index: CveIndex, text: str) -> list[str]:
    return [cve.id for cve in index.known(version(text))]


def of(site: Site, identifier: str) -> Cve:
    found = cve_index(site).get(identifier)
    assert found is not None
    return found


def test_only_what_is_claimed_counts_and_the_rest_can_be_found() -> None:
    sample = site_at(ours("1.0.1", "alpha"), ours("1.0.2", "alpha", notes=MIXED))
    assert known(cve_index(sample), "1.0.2") == [A]
    assert of(sample, A).fixed == {"alpha": Fixed(version=version("1.0.2"), told=True)}
    for identifier in (B, C, D):
        assert of(sample, identifier).fixed == {}
        assert of(sample, identifier).mentioned == {"alpha": version("1.0.2")}
    before, after = sample.releases
    assert fix_count(after) == 1
    assert from_view(sample, before).summary == "Alpha is at 1.0.2: 1 release on, with fixes of 1 CVE."
    (row,) = from_view(sample, before).paths[0].rows
    assert row.cves == 1


def test_a_channel_of_which_notes_only_mention_has_a_column() -> None:
    sample = site_at(ours("1.0.1", "alpha", notes=f"Not affected by {A}."))
    assert cve_index(sample).channels == ("alpha",)
    assert of(sample, A).packages == ()


def test_a_fix_that_is_taken_back_is_gone_until_it_is_claimed_again() -> None:
    releases = [
        ours("1.0.1", "alpha", notes=fixes(A, C)),
        ours("1.0.2", "alpha", notes=REVERTED),
        ours("1.0.3", "alpha"),
    ]
    sample = site_at(*releases)
    index = cve_index(sample)
    assert [known(index, text) for text in ("1.0.1", "1.0.2", "1.0.3")] == [[A, C], [A], [A]]
    assert (of(sample, C).fixed, of(sample, C).mentioned) == ({}, {"alpha": version("1.0.2")})
    assert [cve.id for cve in index.gained(version("1.0.2"), version("1.0.1"))] == [C]
    sample = site_at(*releases, ours("1.0.4", "alpha", notes=fixes(C)), ours("1.0.5", "alpha"))
    assert known(cve_index(sample), "1.0.5") == [A, C]
    assert of(sample, C).fixed == {"alpha": Fixed(version=version("1.0.4"), told=True)}
    assert [cve.id for cve in cve_index(sample).first_in("alpha", version("1.0.4"))] == [C]


def test_what_was_taken_back_does_not_come_back_by_another_way() -> None:
    """1.0.3 counts from a release that has the fix, but also continues the one that took it back."""
    sample = site_at(
        ours("1.0.1", "alpha", notes=fixes(C)),
        ours("1.0.2", "alpha", notes=REVERTED),
        ours("1.0.3", "alpha", notes=fixes(A, since="Alpha 1.0.1")),
    )
    assert known(cve_index(sample), "1.0.3") == [A]


def test_what_was_claimed_again_stays_where_older_ones_are_continued_too() -> None:
    sample = site_at(
        ours("1.0.1", "alpha", notes=fixes(C)),
        ours("1.0.2", "alpha", notes=REVERTED),
        ours("1.0.3", "alpha", notes=fixes(C)),
        ours("1.0.4", "alpha", notes=fixes(A, since="Alpha 1.0.2")),
    )
    assert known(cve_index(sample), "1.0.4") == [A, C]


def test_a_withdrawn_release_that_takes_a_fix_back_ends_it_as_well() -> None:
    sample = site_at(
        ours("1.0.1", "alpha", notes=fixes(C)),
        withdrawn(ours("1.0.2", "alpha", notes=REVERTED)),
        ours("1.0.3", "alpha", notes=fixes(C)),
    )
    assert of(sample, C).fixed == {"alpha": Fixed(version=version("1.0.3"), told=True)}


def test_a_lower_version_that_came_later_gives_its_fixes_to_none_that_was_there() -> None:
    sample = history(
        imported("1.0.0", "stable", fixes(B), days=0),
        imported("2.0.0", "stable", "", days=1),
        imported("1.0.1", "stable", fixes(A), days=2),
    )
    assert known(cve_index(sample), "2.0.0") == [B]
    assert of(sample, A).fixed == {}  # not every higher version has it
    assert of(sample, A).mentioned == {"stable": version("1.0.1")}
    assert of(sample, B).fixed == {"stable": Fixed(version=version("1.0.0"), told=True)}


def test_what_comes_after_both_continues_both() -> None:
    sample = history(
        imported("1.0.0", "stable", "", days=0),
        imported("1.0.1", "stable", fixes(A), days=3),
        imported("1.0.2", "stable", "", days=2),
        imported("2.0.0", "stable", "", days=3),
    )
    assert [known(cve_index(sample), text) for text in ("1.0.2", "2.0.0")] == [[], [A]]
    assert of(sample, A).fixed == {"stable": Fixed(version=version("2.0.0"), told=False)}


def test_a_fix_without_a_package_is_called_that_on_every_page() -> None:
    """Nothing outside of lists counts: whatever is counted without a package is an item of the notes."""
    notes = f"#### Security fixes:\n\n- Fix a leak of memory in parsing ({A})\n\nSee {B} in free text.\n"
    sample = site_at(ours("1.0.1", "alpha"), ours("1.0.2", "alpha", notes=notes))
    pages = dict(cve_files(sample, Press())) | dict(compare_files(sample, Press()))
    label = "without a package in the notes"
    assert label in pages["cve/index.html"].decode()
    assert label in pages["compare/index.html"].decode()
    (group,) = from_view(sample, sample.releases[0]).paths[0].security.short
    assert (group.name, group.count) == (label, 1)
    names = [one.name for one in security_view(sample.releases[1], "releases/1.0.2/index.html").packages]
    assert names == [f"Fixed, {label}", MENTIONED]


NOTES = [
    fixes(A),
    fixes(B, C),
    f"Reverted the fix of {A}.",
    f"{C} is not fixed.",
    f"Not affected by {B}.",
    "",
]


@given(
    st.lists(
        st.tuples(st.sampled_from(NOTES), st.integers(0, 4), st.sampled_from(["alpha", "beta"])),
        min_size=1,
        max_size=7,
    )
)
def test_whatever_is_told_every_later_release_of_a_channel_has_what_it_fixed(
    told: list[tuple[str, int, str]],
) -> None:
    releases = [
        imported(f"1.0.{number}", channel, notes, days=days)
        for number, (notes, days, channel) in enumerate(told)
    ]
    site = history(*releases)
    index = cve_index(site)
    for release in releases:
        has, claims = index.known(release.version), fixes_in(release.notes)
        assert {cve.id for cve in index.told(release.version)} == {fix.cve for fix in claims if fix.claimed}
        assert not {cve.id for cve in has} & {fix.cve for fix in claims if fix.undone}
        for parent in index.parents(release.version):  # what compare/ rebuilds everything from
            assert {*index.known(parent)} <= {*has}
        for cve in index.cves:
            fixed = cve.fixed.get(release.channel)
            assert fixed is None or release.version < fixed.version or cve in has


def test_the_page_of_a_release_counts_fixes_and_lists_the_rest_beside_them() -> None:
    view = security_view(ours("1.0.2", "alpha", notes=MIXED), "releases/1.0.2/index.html")
    assert (view.count, view.summary) == (1, "1 CVE in 1 package")
    assert [(package.name, package.count) for package in view.packages] == [
        ("curl", "1 CVE"),
        (MENTIONED, "3 CVEs"),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_a_cve_is_as_grave_as_the_gravest_of_its_fixes(order: int) -> None:
    lines = [f"- openssl ({A} critical)\n", f"- zlib ({A})\n", f"- curl ({A} low)\n"][::order]
    notes = "#### Security fixes:\n\n" + "".join(lines)
    view = security_view(ours("1.0.2", "alpha", notes=notes), "releases/1.0.2/index.html")
    assert (view.count, view.severities) == (1, "1 critical")


def test_what_notes_only_mention_is_no_fix_and_is_not_lost() -> None:
    sample = notes_of("", "", "- Not affected by CVE-2026-7777\n")
    security = section(page(sample, "1.0.10"), "security")
    assert "No security fixes listed." in security
    assert "CVE-2026-7777" in security
