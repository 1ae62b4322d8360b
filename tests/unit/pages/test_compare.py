"""What the page that compares knows of each release."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from release.catalog.version import Version
from release.image.packages import Package
from release.pages.compare import compare_data, compare_files, compare_view
from release.pages.cve_index import cve_index
from release.pages.press import Press
from release.pages.site import Site
from tests.unit.pages.samples import AMD64, full_site, stopped_site
from tests.unit.pages.told import fixes, history, imported, ours, site_at, withdrawn


def known(data: dict[str, Any], place: int) -> set[str]:
    """What the script makes of the numbers."""
    ids = []
    for year, steps in data["ids"].items():
        number = 0
        for step in steps:
            number += step
            ids.append(f"CVE-{year}-{number:04}")
    found = {one for parent in data["parents"][place] for one in known(data, parent)}
    number = 0
    for step in data["own"][place]:
        number += step
        found.add(ids[number])
    return found


def branched() -> Site:
    return history(
        imported("1.0.0", "alpha", fixes("CVE-2023-0001", "CVE-2024-12345"), days=0, kernel="6.1"),
        imported("1.0.1", "alpha", fixes("CVE-2024-0009", package="zlib"), days=1, kernel="6.2"),
        imported("1.1.0", "beta", fixes("CVE-2024-0007", since="Alpha 1.0.0"), days=2, kernel="6.1"),
        imported("2.0.0", "alpha", "", days=3),
    )


def test_every_release_knows_what_the_index_knows() -> None:
    sample = branched()
    data, index = compare_data(sample), cve_index(sample)
    assert data["versions"] == ["1.0.0", "1.0.1", "1.1.0", "2.0.0"]
    for place, text in enumerate(data["versions"]):
        assert known(data, place) == {cve.id for cve in index.known(Version.parse(text))}
    assert len(known(data, 3)) == 3


def test_packages_are_told_in_runs() -> None:
    data = compare_data(branched())
    names = [
        data["packages"][place]
        for place, count in zip(*[iter(data["in"])] * 2, strict=True)
        for _ in range(count)
    ]
    assert names == [("curl",), ("curl",), ("zlib",), ("curl",)]


def test_software_and_channels() -> None:
    data = compare_data(branched())
    assert data["software"] == ["kernel"]
    assert [data["texts"][place] if place >= 0 else None for (place,) in data["has"]] == [
        "6.1",
        "6.2",
        "6.1",
        None,
    ]
    assert [data["channels"][place][0] for place in data["of"]] == ["alpha", "alpha", "beta", "alpha"]
    assert {name: data["versions"][head] for name, _, head in data["channels"] if head >= 0} == {
        "alpha": "2.0.0",
        "beta": "1.1.0",
    }


def test_sizes_lists_and_withdrawals() -> None:
    sample = full_site()
    first = replace(sample.releases[0], packages={AMD64: (Package(name="a", version="1"),)})
    data = compare_data(replace(sample, releases=(first, *sample.releases[1:])))
    assert data["sizes"][0] == {"amd64-usr": [512 << 20, 128 << 20]}
    assert [data["versions"][place] for place in data["listed"]] == ["1.0.11"]
    assert compare_data(site_at(withdrawn(ours("1.0.1", "alpha"))))["withdrawn"] == [0]


def test_a_stream_goes_before_the_channel_that_follows_it() -> None:
    data = compare_data(stopped_site())
    of = dict(zip(data["versions"], data["of"], strict=True))
    assert data["channels"][of["0.9.1"]][0] == "lts-2024"


def test_the_data_stays_inside_its_element() -> None:
    sample = site_at(ours("1.0.1", "alpha", notes=fixes("CVE-2024-0001", package="</script><b>")))
    text = str(compare_view(sample).data)
    assert "<" not in text
    assert json.loads(text)["versions"] == ["1.0.1"]


def test_without_a_script_the_pages_from_each_version_are_listed() -> None:
    ((path, page),) = compare_files(full_site(), Press())
    assert path == "compare/index.html"
    links = re.findall(rb'href="\.\./from/([0-9.]+)/index\.html"', page)
    assert links == [b"1.0.9", b"1.0.10", b"1.0.9", b"1.0.11", b"1.0.10", b"1.0.9"]
    assert b"connect-src &#39;self&#39;" in page
