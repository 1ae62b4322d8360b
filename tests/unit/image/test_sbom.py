"""Bills of materials, made by the libraries that read them and in the form that public scanners write."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as BomComponent
from cyclonedx.model.component import ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL
from spdx_tools.common.spdx_licensing import spdx_licensing
from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.package import Package as SpdxPackage
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.writer.json.json_writer import write_document_to_file

from release.errors import InputError
from release.image.sbom import Component, SbomFormat, parse_sbom, read_sbom

_WHEN = datetime(2026, 7, 1, tzinfo=UTC).replace(tzinfo=None)  # spdx-tools knows no zones


def scanned(**changes: Any) -> dict[str, Any]:
    """What syft writes of an image, shortened: a root that is described, packages, files."""
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "rootfs",
        "documentNamespace": "https://anchore.com/syft/dir/rootfs-5d196a86-624a-4be8-b6e0-185d8d634cec",
        "creationInfo": {
            "licenseListVersion": "3.27",
            "creators": ["Organization: Anchore, Inc", "Tool: syft-1.33.0"],
            "created": "2026-07-01T10:32:52Z",
        },
        "packages": [
            _package("curl", "8.10.0-r1", "curl", purl="pkg:portage/net-misc/curl@8.10.0-r1"),
            _package("linux-firmware", "20260519", "LicenseRef-linux-fw AND (MIT OR GPL-2.0-or-later)"),
            _package("stdlib", None, "NOASSERTION", concluded="BSD-3-Clause"),
            _package("gcc", "14.2", "GPL-3.0-or-later WITH GCC-exception-3.1"),
            {**_package("rootfs", None, "NOASSERTION"), "primaryPackagePurpose": "FILE"},
        ],
        "files": [{"fileName": "usr/bin/curl", "SPDXID": "SPDXRef-File-x", "not": "as it is to be"}],
        "hasExtractedLicensingInfos": [
            {"licenseId": "LicenseRef-linux-fw", "name": "linux-fw", "extractedText": "NOASSERTION"}
        ],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relatedSpdxElement": "SPDXRef-Package-rootfs",
                "relationshipType": "DESCRIBES",
            }
        ],
        **changes,
    }


def _package(
    name: str, version: str | None, declared: str, *, concluded: str = "NOASSERTION", purl: str | None = None
) -> dict[str, Any]:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    return {
        "name": name,
        "SPDXID": f"SPDXRef-Package-{name}",
        **({} if version is None else {"versionInfo": version}),
        "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": concluded,
        "licenseDeclared": declared,
        "copyrightText": "NOASSERTION",
        "externalRefs": [] if purl is None else [reference],
    }


def test_what_a_scanner_writes_is_read_without_files_and_without_the_image_itself() -> None:
    found = parse_sbom(json.dumps(scanned()).encode(), "sbom")
    assert (found.format, found.name) == (SbomFormat.SPDX, "rootfs")
    assert found.components == (
        Component(
            name="curl", version="8.10.0-r1", purl="pkg:portage/net-misc/curl@8.10.0-r1", licences=("curl",)
        ),
        Component(
            name="gcc", version="14.2", purl=None, licences=("GPL-3.0-or-later WITH GCC-exception-3.1",)
        ),
        Component(
            name="linux-firmware",
            version="20260519",
            purl=None,
            licences=("GPL-2.0-or-later", "MIT", "linux-fw"),
        ),
        Component(name="stdlib", version="", purl=None, licences=("BSD-3-Clause",)),
    )


def test_a_document_of_the_spdx_library_is_read(tmp_path: Path) -> None:
    document = Document(
        CreationInfo(
            "SPDX-2.3", "SPDXRef-DOCUMENT", "image", "https://example.org/image-1",
            [Actor(ActorType.TOOL, "demo-1")], _WHEN,
        ),
        packages=[
            SpdxPackage(
                "SPDXRef-zlib", "zlib", SpdxNoAssertion(), version="1.3.1",
                license_declared=spdx_licensing.parse("Zlib"), files_analyzed=False,
            )
        ],
    )  # fmt: skip
    path = tmp_path / "sbom.json"
    write_document_to_file(document, str(path), validate=False)
    (component,) = read_sbom(path).components
    assert component == Component(name="zlib", version="1.3.1", purl=None, licences=("Zlib",))


def test_a_document_of_the_cyclonedx_library_is_read(tmp_path: Path) -> None:
    bom = Bom()
    bom.metadata.component = BomComponent(name="image", type=ComponentType.OPERATING_SYSTEM)
    inner = BomComponent(name="inner", version="2", licenses=[DisjunctiveLicense(name="My licence")])
    bom.components.add(
        BomComponent(
            name="curl", group="net-misc", version="8.10.0", components=[inner],
            purl=PackageURL("portage", "net-misc", "curl", "8.10.0"),
            licenses=[LicenseExpression("curl AND (MIT OR ISC)")],
        )
    )  # fmt: skip
    bom.components.add(BomComponent(name="usr/bin/curl", type=ComponentType.FILE))
    bom.components.add(BomComponent(name="zlib", version="1", licenses=[DisjunctiveLicense(id="Zlib")]))
    path = tmp_path / "sbom.json"
    bom.register_dependency(bom.metadata.component, bom.components)
    path.write_text(JsonV1Dot6(bom).output_as_string())
    found = read_sbom(path)
    assert (found.format, found.name) == (SbomFormat.CYCLONEDX, "image")
    assert [(one.name, one.version, one.licences) for one in found.components] == [
        ("inner", "2", ("My licence",)),
        ("net-misc/curl", "8.10.0", ("ISC", "MIT", "curl")),
        ("zlib", "1", ("Zlib",)),
    ]
    assert found.components[1].purl == "pkg:portage/net-misc/curl@8.10.0"
    assert found.licences == {"My licence", "ISC", "MIT", "curl", "Zlib"}


def test_a_deeply_nested_licence_is_read_like_a_flat_one() -> None:
    nested = "MIT OR (ISC AND " * 400 + "X11" + ")" * 400
    (component,) = parse_sbom(
        json.dumps(scanned(packages=[_package("a", "1", nested)])).encode(), "s"
    ).components
    assert component.licences == ("ISC", "MIT", "X11")


_CYCLONE: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "sbom: expected SPDX of version 2.2 or 2.3, or CycloneDX of 1.2 to 1.7$"),
        ({"spdxVersion": "SPDX-3.0"}, "found 'SPDX-3.0'"),
        ({"spdxVersion": ["SPDX-2.3"]}, "expected SPDX of version"),
        ({**_CYCLONE, "specVersion": "2.0"}, "found 'CycloneDX-2.0'"),
        ({"spdxVersion": "SPDX-2.3"}, "sbom: not SPDX: "),
        (scanned(packages={}), "sbom: packages: expected a list, found dict"),
        (scanned(packages=["curl"]), "sbom: packages: expected objects only"),
        (scanned(packages=[{"name": 5}]), "sbom: not SPDX: .*Package"),
        (scanned(packages=[_package("a", "1", "MIT AND (")]), "sbom: not SPDX: .*MIT AND"),
        (scanned(packages=[_package("a", "1", "(" * 99_000)]), r"packages\[0\].licenseDeclared: expected at"),
        (scanned(packages=[_package("a", "1", "(" * 9_000)]), "sbom: not SPDX"),
        (scanned(packages=[{}] * 20_001), "packages: expected at most 20000, found 20001"),
        (scanned(creationInfo=None), "sbom: not SPDX"),
        ({**_CYCLONE, "components": [{"type": "library"}]}, "sbom: not CycloneDX.*name"),
        ({**_CYCLONE, "components": [{"name": "a", "type": "?"}]}, "sbom: not CycloneDX"),
        ({**_CYCLONE, "components": [{"name": "a", "type": "library", "purl": "x"}]}, "sbom: not CycloneDX"),
        (
            {
                **_CYCLONE,
                "components": [{"name": "a", "type": "library", "licenses": [{"expression": "A AND"}]}],
            },
            "licence 'A AND'",
        ),
    ],
)
def test_other_documents_are_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_sbom(json.dumps(document).encode(), "sbom")


@pytest.mark.parametrize("number", [3, 20_001])
def test_what_is_nested_counts(number: int) -> None:
    """4,001 nested components took more than a second, and the longest document may hold a million."""
    library: dict[str, Any] = {"type": "library", "name": "a"}
    names = [{"license": {"name": f"l{index}"}} for index in range(number)]
    nested = {**library, "components": [{**library, "components": [{**library, "name": "b"}] * number}]}
    for component in (nested, {**library, "licenses": names}):
        for document in ({"components": [component]}, {"metadata": {"component": component}}):
            data = json.dumps({**_CYCLONE, **document}).encode()
            if number < 20_000:
                assert parse_sbom(data, "sbom").format is SbomFormat.CYCLONEDX
            else:
                with pytest.raises(
                    InputError, match=r"sbom: (components|licenses): expected at most 20000, nes"
                ):
                    parse_sbom(data, "sbom")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = ("name", "SPDXID", "versionInfo", "licenseDeclared", "externalRefs", "type", "version", "purl")


@settings(max_examples=60, deadline=None)
@given(
    top=st.dictionaries(st.sampled_from([*scanned(), "components", "metadata"]), _json, max_size=2),
    item=st.dictionaries(st.sampled_from([*_FIELDS, "licenses", "components", "group"]), _json, max_size=3),
    cyclone=st.booleans(),
)
def test_nothing_but_our_errors_comes_of_any_document(
    top: dict[str, Any], item: dict[str, Any], cyclone: bool
) -> None:
    if cyclone:
        known = {"name": "a", "type": "library"}
        document = {**_CYCLONE, "components": [{**known, **item}], **top}
    else:
        document = {**scanned(packages=[{**_package("a", "1", "MIT"), **item}]), **top}
    with suppress(InputError):
        found = parse_sbom(json.dumps(document).encode(), "sbom")
        json.dumps([str(one) for one in found.components], ensure_ascii=False).encode()


def test_the_libraries_are_not_loaded_before_they_are_needed() -> None:
    code = (
        "import release.image.sbom, sys;"
        "print({'rdflib', 'spdx_tools', 'cyclonedx', 'license_expression'}.intersection(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "set()"
