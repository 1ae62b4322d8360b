"""Software bills of materials of an image: what it is made of, and under which licences.

SPDX 2.2 and 2.3 are read by ``spdx-tools``, CycloneDX by ``cyclonedx-python-lib``, both as JSON. What they
need is imported when the first document is read, for it takes longer than most commands.

Sources: the SPDX specification 2.3 (https://spdx.github.io/spdx-spec/v2.3/), CycloneDX 1.6
(https://cyclonedx.org/docs/1.6/json/).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release.canonical import Json, load
from release.errors import InputError, storage_errors

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom

LONGEST_SBOM = 64 << 20
"""Bytes. What scans of whole images write lists every file besides."""
_MOST_COMPONENTS = 20_000
"""Of one document, nested ones included; and so many licences. The libraries take some 0.3 ms for each."""
_LONGEST_LICENCE = 16 << 10
_SILENT = frozenset({"", "NOASSERTION", "NONE"})


class SbomFormat(StrEnum):
    """In which form a document is."""

    SPDX = "spdx"
    CYCLONEDX = "cyclonedx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing that the image is made of.

    ``version`` is empty where none is told. ``purl`` is a package URL. ``licences`` are the identifiers
    (SPDX) or names that its licence is made of, each once and sorted, whether all of them or one of them
    must be kept; an exception stays with its licence.
    """

    name: str
    version: str
    purl: str | None
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sbom:
    """A document. ``name`` is what it calls itself or what it is about; ``components`` are sorted."""

    format: SbomFormat
    name: str
    components: tuple[Component, ...]

    @property
    def licences(self) -> frozenset[str]:
        """Every licence that is named."""
        return frozenset(licence for component in self.components for licence in component.licences)


def read_sbom(path: Path) -> Sbom:
    """The bill of materials in a file.

    Raises:
        InputError: unreadable, too long, neither SPDX nor CycloneDX in JSON, or not as they are to be.
    """
    with storage_errors(path), path.open("rb") as source:
        data = source.read(LONGEST_SBOM + 1)
    return parse_sbom(data, str(path))


def parse_sbom(data: bytes, where: str) -> Sbom:
    """The bill of materials that ``data`` is; which of the two it is, it says itself.

    Packages and components are read, nested ones too; files, relationships and whatever else is not, and
    is not checked. What the document is about is not among its components. Licences of SPDX are the
    declared one, else the concluded one. Texts are as somebody wrote them: escape them.

    Raises:
        InputError: as ``read_sbom``; ``where`` is for messages.
    """
    document = load(data, where, LONGEST_SBOM)
    form = str(document.get("spdxVersion"))
    if document.get("bomFormat") == "CycloneDX":
        form = f"CycloneDX-{document.get('specVersion')}"
    reader = _READERS.get(form)
    if reader is None:
        found = "" if form == str(None) else f", found {form[:40]!r}"
        raise InputError(f"{where}: expected SPDX of version 2.2 or 2.3, or CycloneDX of 1.2 to 1.7{found}")
    try:
        return reader(document, where)
    except _CONFUSED as error:
        raise InputError(f"{where}: not {form}: {error.__class__.__name__}: {str(error)[:200]}") from error


def _spdx(document: dict[str, Json], where: str) -> Sbom:
    from spdx_tools.spdx.parser.error import SPDXParsingError  # noqa: PLC0415  # see above
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import (  # noqa: PLC0415  # see above
        JsonLikeDictParser,
    )

    packages = _objects(document, "packages", where)
    for index, package in enumerate(packages):
        _check_lengths(package, ("licenseDeclared", "licenseConcluded"), f"{where}: packages[{index}]")
    subject = _subject(document)
    kept = {name: value for name, value in document.items() if name in _SPDX_FIELDS}
    try:
        parser: Any = JsonLikeDictParser
        read = parser().parse(kept)
    except SPDXParsingError as error:
        raise InputError(f"{where}: not SPDX: {_first(error.messages)}") from error
    named = {one.license_id: one.license_name for one in read.extracted_licensing_info}
    components = (
        Component(
            name=_text(one.name),
            version=_text(one.version or ""),
            purl=next(
                (_text(ref.locator) for ref in one.external_references if ref.reference_type == "purl"), None
            ),
            licences=_spdx_licences(one, named),
        )
        for one in read.packages
        if one.spdx_id != subject or len(read.packages) == 1
    )
    return Sbom(format=SbomFormat.SPDX, name=_text(read.creation_info.name), components=_sorted(components))


_SPDX_FIELDS = frozenset({
    "spdxVersion", "SPDXID", "dataLicense", "name", "documentNamespace", "creationInfo", "packages",
    "hasExtractedLicensingInfos",
})  # fmt: skip
_CONFUSED = (AttributeError, KeyError, TypeError, ValueError, LookupError, RecursionError, OverflowError)
"""What the libraries raise for documents of which they did not think."""


def _subject(document: Mapping[str, Json]) -> str | None:
    """The package that the document is about; None where it is about several, or does not say."""
    described: set[str] = set()
    listed = document.get("documentDescribes")
    if isinstance(listed, list):
        described |= {one for one in listed if isinstance(one, str)}
    relations = document.get("relationships")
    for one in relations if isinstance(relations, list) else []:
        if isinstance(one, dict) and one.get("relationshipType") == "DESCRIBES":
            related = one.get("relatedSpdxElement")
            described |= {related} if isinstance(related, str) else set()
    return described.pop() if len(described) == 1 else None


def _spdx_licences(package: Any, named: Mapping[str | None, Any]) -> tuple[str, ...]:
    """``package`` is the library's, which has no types."""
    for licence in (package.license_declared, package.license_concluded):
        found = _parts(licence)
        if found:
            return tuple(sorted({_text(_shown(one, named)) for one in found}))
    return ()


def _shown(licence: str, named: Mapping[str | None, Any]) -> str:
    """The name of a licence that the document itself brings, if it has one."""
    name = str(named.get(licence) or "")
    return licence if name.upper() in _SILENT else name


def _cyclonedx(document: dict[str, Json], where: str) -> Sbom:
    from cyclonedx.exception import CycloneDxException  # noqa: PLC0415  # see above
    from cyclonedx.model.bom import Bom  # noqa: PLC0415  # see above

    logging.getLogger("py_serializable").disabled = True  # it would print tracebacks of what we raise
    components = _objects(document, "components", where)
    metadata = document.get("metadata")
    subject = metadata.get("component") if isinstance(metadata, dict) else None
    _check_nested([*components, subject], where)
    kept: dict[str, Json] = {name: document[name] for name in _CYCLONEDX_FIELDS if name in document}
    kept["components"] = [*map(_bare, components)]
    if isinstance(subject, dict):
        kept["metadata"] = {"component": _bare(subject)}
    try:
        bom: Bom = Bom.from_json(kept)  # type: ignore[attr-defined]  # a decorator of the library adds it
        about = bom.metadata.component
        return Sbom(
            format=SbomFormat.CYCLONEDX,
            name="" if about is None else _text(about.name),
            components=_sorted(_components(bom, where)),
        )
    except CycloneDxException as error:
        raise InputError(f"{where}: not CycloneDX: {error}") from error


_CYCLONEDX_FIELDS = ("bomFormat", "specVersion", "serialNumber", "version")
_COMPONENT_FIELDS = ("type", "bom-ref", "group", "name", "version", "purl", "licenses")


def _bare(component: Json) -> Json:
    """A component without what is not looked at, nested ones included."""
    if not isinstance(component, dict):
        return component
    kept = {name: component[name] for name in _COMPONENT_FIELDS if name in component}
    nested = component.get("components")
    if isinstance(nested, list):
        kept["components"] = [*map(_bare, nested)]
    return kept


def _check_nested(components: Iterable[Json], where: str) -> None:
    """Count components and their licences at every depth, before anything costly is done with them."""
    waiting = [*components]
    counts = {"components": len(waiting), "licenses": 0}
    while waiting:
        one = waiting.pop()
        for name in counts:
            inner = one.get(name) if isinstance(one, dict) else None
            if isinstance(inner, list):
                counts[name] += len(inner)
                waiting += inner if name == "components" else []
        for name, count in counts.items():
            if count > _MOST_COMPONENTS:
                raise InputError(
                    f"{where}: {name}: expected at most {_MOST_COMPONENTS}, nested ones included"
                )


def _components(bom: Bom, where: str) -> Iterator[Component]:
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415  # see above

    waiting = [*bom.components]
    while waiting:
        one = waiting.pop()
        waiting += one.components
        if one.type is ComponentType.FILE:
            continue
        names = [licence for item in one.licenses for licence in _cyclonedx_licences(item, where)]
        yield Component(
            name=_text(f"{one.group}/{one.name}" if one.group else one.name),
            version=_text(one.version or ""),
            purl=None if one.purl is None else _text(one.purl.to_string()),
            licences=tuple(sorted({_text(name) for name in names if name.upper() not in _SILENT})),
        )


def _cyclonedx_licences(licence: Any, where: str) -> list[str]:
    """The parts of one of a component's licences: an identifier, a name, or an expression."""
    from cyclonedx.model.license import DisjunctiveLicense  # noqa: PLC0415  # see above
    from license_expression import ExpressionError  # noqa: PLC0415  # see above
    from spdx_tools.common.spdx_licensing import spdx_licensing  # noqa: PLC0415  # see above

    if isinstance(licence, DisjunctiveLicense):
        return [str(licence.id or licence.name or "")]
    text = str(licence.value)
    if len(text) > _LONGEST_LICENCE:
        raise InputError(f"{where}: a licence of {len(text)} characters: expected at most {_LONGEST_LICENCE}")
    try:
        return _parts(spdx_licensing.parse(text))
    except ExpressionError as error:
        raise InputError(f"{where}: licence {text[:80]!r}: {str(error)[:120]}") from error


def _parts(expression: Any) -> list[str]:
    """The licences of an expression, each with its exception; none where nothing is asserted."""
    return [str(symbol) for symbol in getattr(expression, "symbols", ())]


def _objects(document: Mapping[str, Json], name: str, where: str) -> list[dict[str, Json]]:
    """The list of objects of that name; none where there is no such list."""
    found = document.get(name, [])
    if not isinstance(found, list):
        raise InputError(f"{where}: {name}: expected a list, found {type(found).__name__}")
    if len(found) > _MOST_COMPONENTS:
        raise InputError(f"{where}: {name}: expected at most {_MOST_COMPONENTS}, found {len(found)}")
    objects = [one for one in found if isinstance(one, dict)]
    if len(objects) < len(found):
        raise InputError(f"{where}: {name}: expected objects only")
    return objects


def _check_lengths(item: Mapping[str, Json], names: Iterable[str], where: str) -> None:
    for name in names:
        text = item.get(name)
        if isinstance(text, str) and len(text) > _LONGEST_LICENCE:
            raise InputError(f"{where}.{name}: expected at most {_LONGEST_LICENCE} characters")


def _sorted(components: Iterable[Component]) -> tuple[Component, ...]:
    return tuple(
        sorted(set(components), key=lambda one: (one.name, one.version, one.purl or "", one.licences))
    )


def _first(messages: list[str]) -> str:
    more = f"; and {len(messages) - 1} more" if len(messages) > 1 else ""
    return f"{messages[0][:300] if messages else 'for no told reason'}{more}"


def _text(text: str) -> str:
    """``text`` with halves of UTF-16 pairs, which no UTF-8 can hold, written out."""
    if not isinstance(text, str):  # cyclonedx-python-lib takes what it is given
        raise TypeError(f"expected text, found {type(text).__name__}")
    return text.encode("utf-8", "backslashreplace").decode()


_READERS: Mapping[str, Callable[[dict[str, Json], str], Sbom]] = {
    "SPDX-2.2": _spdx,
    "SPDX-2.3": _spdx,
    **{f"CycloneDX-1.{minor}": _cyclonedx for minor in range(2, 8)},
}
"""By what a document says it is."""
