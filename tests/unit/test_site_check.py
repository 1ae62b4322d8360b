"""The check of whole sites: what it weighs, what it takes as an example, how it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.errors import InputError
from tools.site_check.built import BuiltSite, compressed, percentile
from tools.site_check.measure import at_most, none_of, table


def site(root: Path, **pages: str) -> BuiltSite:
    """A site of these pages; ``_`` in a name is ``/``."""
    for name, text in {"index": "<h1>Home</h1>", **pages}.items():
        path = root / f"{name.replace('_', '/')}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return BuiltSite(root)


def test_a_percentile_is_a_size_that_is_there() -> None:
    assert percentile([5, 1, 3], 50) == 3
    assert percentile([*range(1, 101)], 95) == 95
    assert percentile([7], 100) == 7


def test_a_page_weighs_what_it_fetches_too(tmp_path: Path) -> None:
    (tmp_path / "big.css").write_text("a { color: red }" * 99)
    page = '<link rel="stylesheet" href="../../big.css"><link rel="icon" href="data:,">'
    found = site(tmp_path, releases_1_index=page)
    alone = compressed(page.encode())
    assert found.weights["releases/1/index.html"] == alone + compressed((tmp_path / "big.css").read_bytes())


def test_what_comes_from_elsewhere_is_refused(tmp_path: Path) -> None:
    found = site(tmp_path, releases_1_index='<img src="https://a.example/x.png">')
    with pytest.raises(InputError, match=r"expected no part from elsewhere, found https://a\.example"):
        _ = found.weights


def test_examples_are_of_each_kind_and_state(tmp_path: Path) -> None:
    found = site(
        tmp_path,
        releases_1_index="short",
        releases_2_index="<h1>2</h1> a longer page, rolling out",
        releases_3_index="<h1>3 <span>Withdrawn</span></h1>",
        about_index="something else",
    )
    assert {(page.kind, page.reason, page.path) for page in found.examples()} == {
        ("home", "heaviest", "index.html"),
        ("release", "heaviest", "releases/2/index.html"),
        ("release", "lightest", "releases/1/index.html"),
        ("release", "withdrawn", "releases/3/index.html"),
        ("release", "rolling out", "releases/2/index.html"),
        ("other", "heaviest", "about/index.html"),
    }


def test_without_a_site_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a site"):
        _ = BuiltSite(tmp_path).files


def test_the_table_says_what_is_missed() -> None:
    assert [*table([at_most("home", 15.04, 15, "KiB"), none_of("dead links", [], "3 pages")])][2:] == [
        "| home | 15.0 KiB | ≤ 15 KiB | **missed** |",
        "| dead links | 0 on 3 pages | 0 | met |",
    ]
