"""The pages of CVEs."""

from __future__ import annotations

import re

import pytest

from release.pages import cve_view
from release.pages.cve_view import cve_files, cve_year_view, cves_view
from release.pages.press import Press
from tests.unit.pages.samples import full_site, stopped_site
from tests.unit.pages.told import fixes, history, imported, ours, site_at, withdrawn

A, B = "CVE-2024-0001", "CVE-2023-0002"


def test_years_go_from_the_newest_to_the_oldest() -> None:
    view = cves_view(site_at(ours("1.0.1", "alpha", notes=fixes(A, B))))
    assert [(row.year, row.href, row.count, row.packages) for row in view.years] == [
        (2024, "../cve/2024/index.html", 1, "curl 1"),
        (2023, "../cve/2023/index.html", 1, "curl 1"),
    ]


def test_a_row_says_where_each_channel_has_the_fix_first() -> None:
    sample = site_at(
        withdrawn(ours("1.0.1", "alpha", notes=fixes(A))),
        ours("1.0.2", "alpha", "beta"),
        ours("1.0.3", "stable"),
    )
    view = cve_year_view(sample, 2024)
    assert view.columns == (("beta", "Beta"), ("alpha", "Alpha"))
    ((beta, alpha),) = [row.cells for row in view.rows]
    assert beta is not None
    assert (beta.text, beta.href, beta.told, beta.note) == (
        "1.0.2",
        "../../releases/1.0.2/index.html",
        False,
        "",
    )
    assert alpha is not None
    assert alpha.note == "1.0.1: withdrawn"


def test_what_is_only_mentioned_says_so_and_claims_no_fix() -> None:
    sample = site_at(
        ours("1.0.1", "alpha", notes=f"Not affected by {A}."), ours("1.0.2", "beta", notes=fixes(A))
    )
    page = dict(cve_files(sample, Press()))["cve/2024/index.html"].decode()
    (row,) = re.findall(f"<tr id={A}>.*", page)
    package, beta, alpha = row.split("<td>")[1:]
    assert package == "curl"
    assert beta == "<a href=../../releases/1.0.2/index.html>1.0.2</a>"
    assert alpha == "mentioned in the notes of <a href=../../releases/1.0.1/index.html>1.0.1</a>: read them"


def test_a_fix_that_a_later_release_mentions_otherwise_says_where_to_read() -> None:
    sample = site_at(
        withdrawn(ours("1.0.1", "alpha", notes=fixes(A))),
        ours("1.0.2", "alpha"),
        ours("1.0.3", "alpha", notes=f"#### Known issues:\n\n- curl ({A})\n"),
    )
    ((alpha,),) = [row.cells for row in cve_year_view(sample, 2024).rows]
    assert alpha is not None
    assert (alpha.text, alpha.note) == ("1.0.2", "1.0.1: withdrawn, 1.0.3: read its notes")


def test_what_gets_nothing_any_more_comes_last() -> None:
    sample = history(
        imported("1.99.0", "edge", fixes(A), days=0),
        imported("1.0.0", "alpha", fixes(A), days=0),
        imported("1.3.0", "lts-2023", fixes(A), days=0),
        imported("1.2.0", "stable", fixes(A), days=0),
    )
    assert [name for name, _ in cve_year_view(sample, 2024).columns] == [
        "stable",
        "alpha",
        "lts-2023",
        "edge",
    ]


def test_every_id_is_an_anchor_of_its_year_and_leads_to_its_record() -> None:
    pages = dict(cve_files(site_at(ours("1.0.1", "alpha", notes=fixes(A, B))), Press()))
    assert sorted(pages) == ["cve/2023/index.html", "cve/2024/index.html", "cve/index.html"]
    page = pages["cve/2024/index.html"].decode()
    assert re.findall(r'<tr id=(\S+)><th scope=row><a href="([^"]+)">', page) == [
        (A, f"https://www.cve.org/CVERecord?id={A}")
    ]
    assert "Absence here does not mean unaffected" in page
    assert "Absence here does not mean unaffected" in pages["cve/index.html"].decode()


def test_a_year_with_very_many_ids_says_where_records_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cve_view, "RECORD_LINKS", 0)
    page = dict(cve_files(site_at(ours("1.0.1", "alpha", notes=fixes(A))), Press()))["cve/2024/index.html"]
    assert f"<tr id={A}><th scope=row>{A}<td>curl".encode() in page
    assert b"The record of an id is at <code>https://www.cve.org/CVERecord?id=CVE-2024-" in page


def test_severities_have_a_column_only_where_notes_give_any() -> None:
    with_one = cve_year_view(site_at(ours("1.0.1", "alpha", notes=f"- curl ({A} (high))\n")), 2024)
    assert with_one.has_severities == any(row.severity == "high" for row in with_one.rows)
    assert not cve_year_view(site_at(ours("1.0.1", "alpha", notes=fixes(A))), 2024).has_severities


def test_a_package_s_name_does_nothing() -> None:
    sample = site_at(ours("1.0.1", "alpha", notes=fixes(A, package="<img src=x>")))
    assert all(b"<img" not in page for _, page in cve_files(sample, Press()))


@pytest.mark.parametrize("sample", [full_site(), stopped_site(), site_at(ours("1.0.1", "alpha"))])
def test_pages_are_the_same_again(sample: object) -> None:
    assert dict(cve_files(sample, Press())) == dict(cve_files(sample, Press()))  # type: ignore[arg-type]  # a site
