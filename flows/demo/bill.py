"""The bill of materials of a demo image: an SPDX 2.3 document of the packages that its list names.

Licences are those that Debian's packages state in machine-readable form for most of their files. Where they
state none that has an SPDX identifier, the document asserts none.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from release.catalog.version import Version
from release.digests import Digest
from release.image.packages import Package, parse_packages

COPYRIGHTS: Final = Path("/usr/share/doc")
_UNSAID = "NOASSERTION"
_LONGEST_COPYRIGHT = 256 << 10
_ALL_FILES = re.compile(r"^Files: *\*(?:\n|$)(?P<rest>(?:.+\n?)*)", re.MULTILINE)
_LICENCE = re.compile(r"^License: *(?P<name>\S+) *$", re.MULTILINE)
_IDENTIFIERS = {
    "apache-2.0": "Apache-2.0",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "expat": "MIT",
    "gpl-1+": "GPL-1.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "isc": "ISC",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "mpl-2.0": "MPL-2.0",
    "zlib": "Zlib",
}
"""Debian's short names of licences, in lower case, and the identifiers of the same in the SPDX list."""


def bill_of_materials(
    version: Version, package_list: bytes, *, created: datetime, copyrights: Path = COPYRIGHTS
) -> bytes:
    """The document for an image of ``version`` with what ``package_list`` names. The same gives the same.

    Args:
        version: of the image.
        package_list: the bytes of its package list.
        created: is written into it; whole seconds, UTC.
        copyrights: where Debian's packages state their licences, ``NAME/copyright``.
    """
    packages = parse_packages(package_list, "the demo's package list")
    described = [_described(number, one, copyrights) for number, one in enumerate(packages)]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"demo-{version}",
        "documentNamespace": f"https://demo.invalid/{version}/{Digest.sha256(package_list).hex}",
        "creationInfo": {
            "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: humpyard-demo"],
        },
        "packages": described,
        "relationships": [*map(_describes, described)],
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _described(number: int, package: Package, copyrights: Path) -> dict[str, object]:
    return {
        "SPDXID": f"SPDXRef-Package-{number}",
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": _UNSAID,
        "filesAnalyzed": False,
        "licenseConcluded": _UNSAID,
        "licenseDeclared": _licence(package.name, copyrights),
        "copyrightText": _UNSAID,
    }


def _describes(package: dict[str, object]) -> dict[str, object]:
    return {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": package["SPDXID"],
    }


def _licence(name: str, copyrights: Path) -> str:
    """What a package of Debian states for all its files that are not listed apart."""
    category, _, package = name.partition("/")
    if category != "debian":
        return _UNSAID
    try:
        with (copyrights / package / "copyright").open("rb") as source:
            text = source.read(_LONGEST_COPYRIGHT).decode("utf-8", "replace")
    except OSError:
        return _UNSAID
    paragraph = _ALL_FILES.search(text)
    stated = None if paragraph is None else _LICENCE.search(paragraph["rest"])
    return _UNSAID if stated is None else _IDENTIFIERS.get(stated["name"].lower(), _UNSAID)
