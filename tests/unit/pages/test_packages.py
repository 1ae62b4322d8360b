"""What is installed, as a document for programs."""

from __future__ import annotations

import json
from dataclasses import replace

from release.image.packages import Package
from release.pages.packages import package_files
from release.pages.press import Press
from tests.unit.pages.samples import AMD64, ARM64, board, day, payload, published, release, site


def test_packages_are_listed_by_board_and_only_where_they_are_known() -> None:
    old = published(release("1.0.0", board(AMD64, payload(9000)), created=day(1)), alpha=day(2))
    new = replace(
        published(release("2.0.0", board(AMD64, payload(9000)), created=day(3)), alpha=day(4)),
        packages={
            ARM64: (Package("a/zlib", "1.3"),),
            AMD64: (Package("b/x", "1"), Package("a/python", "3.9"), Package("a/python", "3.11")),
        },
    )
    (file,) = package_files(site(new, old, alpha="2.0.0"), Press())
    path, data = file
    assert path == "api/v1/releases/2.0.0/packages.json"
    assert data.endswith(b"]}}\n")
    assert json.loads(data) == {
        "schema_version": 1,
        "product": "ExampleOS",
        "version": "2.0.0",
        "boards": {
            "amd64-usr": [
                {"name": "a/python", "version": "3.11"},
                {"name": "a/python", "version": "3.9"},
                {"name": "b/x", "version": "1"},
            ],
            "arm64-usr": [{"name": "a/zlib", "version": "1.3"}],
        },
    }
