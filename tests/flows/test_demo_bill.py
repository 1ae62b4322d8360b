"""The demo's bill of materials: valid, the same each time, and true to what packages say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from flows.demo.bill import bill_of_materials
from release.catalog.version import Version
from release.image.sbom import parse_sbom

VERSION = Version(4593, 0, 0)
PACKAGES = b"""\
debian/none-1::demo
debian/odd-1::demo
debian/zlib1g-1.3.1::demo
sys-kernel/coreos-kernel-6.12::demo
"""
WHEN = datetime(2026, 7, 1, tzinfo=UTC)
STATED = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
License: GPL-3

Files: *
Copyright: somebody
License: {}
 It may be used.

Files: contrib/*
License: ISC
"""


@pytest.fixture
def copyrights(tmp_path: Path) -> Path:
    for name, licence in (("zlib1g", "Zlib"), ("odd", "Odd-and-Own")):
        (tmp_path / "doc" / name).mkdir(parents=True)
        (tmp_path / "doc" / name / "copyright").write_text(STATED.format(licence))
    return tmp_path / "doc"


def test_the_bill_is_valid_and_names_the_licences_that_packages_state(
    copyrights: Path, tmp_path: Path
) -> None:
    data = bill_of_materials(VERSION, PACKAGES, created=WHEN, copyrights=copyrights)
    assert data == bill_of_materials(VERSION, PACKAGES, created=WHEN, copyrights=copyrights)
    path = tmp_path / "demo.spdx.json"
    path.write_bytes(data)
    assert validate_full_spdx_document(parse_file(str(path))) == []
    found = parse_sbom(data, "bill")
    assert found.name == "demo-4593.0.0"
    assert [(one.name, one.version, one.licences) for one in found.components] == [
        ("debian/none", "1", ()),
        ("debian/odd", "1", ()),
        ("debian/zlib1g", "1.3.1", ("Zlib",)),
        ("sys-kernel/coreos-kernel", "6.12", ()),
    ]
