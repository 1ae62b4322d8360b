"""Every date and time that a page says of its own stands in a <time> that programs can read, in UTC."""

from __future__ import annotations

import re

import pytest

from release.pages.render import render_site
from release.pages.site import Site
from tests.unit.pages.samples import full_site, stopped_site

BODY = re.compile(r"<body.*", re.DOTALL)
CODE = re.compile(r"<(script|style|pre)\b.*?</\1>", re.DOTALL)
TIME = re.compile(r'<time datetime="?([^" >]*)"?(?: title="[^"]*")?>([^<]*)</time>')
DAY = r"\d{4}-\d{2}-\d{2}"


@pytest.mark.parametrize("sample", [full_site(), stopped_site()], ids=["full", "stopped"])
def test_no_date_is_for_people_alone(sample: Site) -> None:
    seen = 0
    for path, data in render_site(sample).items():
        found = BODY.search(CODE.sub("", data.decode())) if path.endswith(".html") else None
        if found is None:
            continue
        for machine, people in TIME.findall(found[0]):
            seen += 1
            assert re.fullmatch(rf"{DAY}(T\d\d:\d\d(:\d\d)?Z)?", machine), (path, machine)
            assert re.fullmatch(rf"{DAY}( \d\d:\d\d UTC)?", people), (path, people)
            assert machine[:10] == people[:10]
        said = re.sub(r"<[^>]*>", " ", TIME.sub("", found[0]))
        assert not re.findall(rf"(?<![\w-]){DAY}(?![\w-])", said), path
    assert seen >= 60
