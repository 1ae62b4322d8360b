"""Which release of which channel has a fix first, by what notes tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.catalog.version import Version
from release.notes.cves import cve_ids, fixes_in
from release.pages.cve_count import Fixed, baselines
from release.pages.cve_index import Cve, cve_index
from release.pages.site import Site
from tests.unit.pages.told import fixes, history, imported, ours, real_site, site_at, withdrawn

A, B, C = "CVE-2024-0001", "CVE-2024-10000", "CVE-2023-99999"


def version(text: str) -> Version:
    return Version.parse(text)


def of(site: Site, identifier: str) -> Cve:
    found = cve_index(site).get(identifier)
    assert found is not None
    return found


def test_ids_go_by_year_and_number_not_by_text() -> None:
    sample = site_at(ours("1.0.1", "alpha", notes=fixes(B, A, C)))
    assert [cve.id for cve in cve_index(sample).cves] == [C, A, B]


def test_the_same_bits_fix_it_in_every_channel_that_they_reached() -> None:
    sample = site_at(ours("1.0.1", "alpha", "stable", notes=fixes(A)), ours("1.0.2", "alpha", notes=fixes(A)))
    first = Fixed(version=version("1.0.1"), told=True)
    assert of(sample, A).fixed == {"alpha": first, "stable": first}


def test_a_channel_that_skipped_the_release_has_the_fix_from_its_next_one_on() -> None:
    sample = site_at(ours("1.0.1", "alpha", notes=fixes(A)), ours("1.0.2", "alpha", "stable"))
    assert of(sample, A).fixed["stable"] == Fixed(version=version("1.0.2"), told=False)
    assert cve_index(sample).told(version("1.0.2")) == ()
    assert [cve.id for cve in cve_index(sample).first_in("stable", version("1.0.2"))] == [A]


def test_a_rebuild_has_what_it_was_rebuilt_from() -> None:
    sample = site_at(
        ours("1.0.1", "alpha", notes=fixes(A)),
        ours("1.1.2", "beta", derives_from="1.0.1"),
        ours("1.2.3", "stable"),
    )
    assert of(sample, A).fixed["beta"] == Fixed(version=version("1.1.2"), told=False)
    assert "stable" not in of(sample, A).fixed


def test_notes_that_count_from_a_release_have_what_it_has() -> None:
    sample = site_at(
        ours("1.0.1", "alpha", notes=fixes(A)),
        ours("1.2.3", "stable", notes=fixes(B, since="Alpha 1.0.1")),
    )
    assert of(sample, A).fixed["stable"] == Fixed(version=version("1.2.3"), told=False)
    assert cve_index(sample).gained(version("1.0.1"), version("1.2.3")) == (of(sample, B),)
    assert cve_index(sample).gained(version("1.2.3"), version("1.0.1")) == ()


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ("_Changes since **Stable 4459.2.4**_", ["4459.2.4"]),
        (" _Changes since **LTS 4081.3.1**_", ["4081.3.1"]),
        ("Changes since **LTS-2021 2605.27.1**\n_Changes since **LTS 2024 3.1.1**_", ["2605.27.1", "3.1.1"]),
        ("Changes since last week 1.2.3", []),
        ("_Changes since **Beta 01.2.3**_", []),
    ],
)
def test_what_notes_count_from(notes: str, expected: list[str]) -> None:
    assert [str(one) for one in baselines(notes)] == expected


def test_a_withdrawn_release_is_no_fix_if_a_later_one_has_it() -> None:
    sample = site_at(withdrawn(ours("1.0.1", "alpha", notes=fixes(A))), ours("1.0.2", "alpha"))
    later = Fixed(version=version("1.0.2"), told=False, earlier=version("1.0.1"))
    assert of(sample, A).fixed == {"alpha": later}


def test_a_fix_that_only_withdrawn_releases_have_is_marked() -> None:
    sample = site_at(
        withdrawn(ours("1.0.1", "alpha", notes=fixes(A))), withdrawn(ours("1.0.2", "alpha", notes=fixes(A)))
    )
    assert of(sample, A).fixed == {"alpha": Fixed(version=version("1.0.1"), told=True, withdrawn=True)}


def test_streams_have_columns_and_know_nothing_of_what_was_fixed_beside_them_later() -> None:
    """The fix of 1.3.1 is of the old stream alone: 2.3.0 has a higher version and is older."""
    sample = history(
        imported("1.3.0", "lts-2023", fixes(A), days=0),
        imported("2.3.0", "lts-2024", fixes(C, since="LTS 1.3.0"), days=2),
        imported("1.3.1", "lts-2023", fixes(B), days=4),
    )
    assert cve_index(sample).channels == ("lts-2023", "lts-2024")
    assert of(sample, A).fixed["lts-2024"] == Fixed(version=version("2.3.0"), told=False)
    assert list(of(sample, B).fixed) == ["lts-2023"]
    assert cve_index(sample).gained(version("2.3.0"), version("1.3.1")) == (of(sample, B),)


def test_a_fix_may_have_no_package_and_the_gravest_severity_is_told() -> None:
    sample = site_at(
        ours("1.0.1", "alpha", notes=f"- Fixed {A}.\n- curl ({B} (medium))\n- zlib ({B} (high))\n")
    )
    assert (of(sample, A).packages, of(sample, A).severity) == ((), None)
    assert (of(sample, B).packages, of(sample, B).severity) == (("curl", "zlib"), "high")


def test_counts_by_package_have_each_id_once_for_each_package() -> None:
    notes = f"{fixes(A, B)}- zlib ({B})\n- Fixed {C}\n"
    sample = site_at(ours("1.0.0", "alpha"), ours("1.0.1", "alpha", notes=notes))
    found = cve_index(sample).gained_set(version("1.0.0"), version("1.0.1"))
    assert len(found) == 3
    by_package = [(name, [cve.id for cve in found.part(mask).cves]) for name, mask in found.by_package()]
    assert by_package == [
        (None, [C]),
        ("curl", [A, B]),
        ("zlib", [B]),
    ]


def test_a_site_without_any_has_an_empty_index() -> None:
    index = cve_index(site_at(ours("1.0.1", "alpha")))
    assert (index.cves, index.channels, index.get(A)) == ((), (), None)
    assert index.known(version("9.9.9")) == ()


@pytest.mark.shared
def test_the_real_history_answers_what_people_ask(shared: Path) -> None:
    """By grep in the real notes: 4012.0.1, 3975.1.1, 3815.2.5, 3510.3.5 and 4081.3.0 name CVE-2024-6387."""
    site = real_site(shared)
    releases = [published.release for published in site.releases]
    index = cve_index(site)
    assert {name: str(fixed.version) for name, fixed in of(site, "CVE-2024-6387").fixed.items()} == {
        "alpha": "4012.0.1",
        "beta": "3975.1.1",
        "stable": "3815.2.5",
        "lts-2023": "3510.3.5",
        "lts-2024": "4081.3.0",
    }
    assert len(index.cves) == len({identifier for one in releases for identifier in cve_ids(one.notes)})
    for one in releases:
        told = {cve.id: cve for cve in index.told(one.version)}
        assert set(told) == {fix.cve for fix in fixes_in(one.notes) if fix.claimed}
        if one.channel in index.channels:
            assert all(cve.fixed[one.channel].version <= one.version for cve in told.values())
