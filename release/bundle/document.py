"""``release.json``: the one document a release is described by, signed as the bytes it is.

There is exactly one sequence of bytes for a release (``release.canonical``); anything else is
refused, so that a digest or a signature over the document is one over the release.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from release import canonical
from release.bundle import schema
from release.bundle.change import Change, ChangeKind
from release.bundle.release import BoardRelease, Measured, PayloadRecord, Release
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.board import Board
from release.catalog.channel import PromotionKind
from release.catalog.lineage import Lineage
from release.catalog.naming import RELEASE_DOCUMENT
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.image.packages import Package

SCHEMA_VERSION = schema.SCHEMA_VERSION
"""The newest version of the document; every version from 1 on is read."""

MAX_DOCUMENT = 16 << 20
"""Bytes. A release of two boards with 100 files and 10 payloads each is under 200 KiB, with a changelog of
2,309 items of which 400 are new under 350 KiB."""

_SHOWN_ERRORS = 5


def encode(release: Release) -> bytes:
    """The document of ``release``: canonical JSON.

    Raises:
        InputError: a value is outside what ``decode`` takes back; the message has its path.
    """
    value = _release_value(release)
    _parse(value)
    data = canonical.dump(value)
    _check_size(data)
    return data


def decode(data: bytes) -> Release:
    """Read a document. Signatures are not checked here; see ``release.bundle.verify``.

    Raises:
        InputError: not JSON, not canonical, another schema version, an unknown or missing field,
            a value out of bounds, or values that contradict each other. The message has the path,
            such as ``boards[0].payloads[1].artifact.sha256``.
    """
    _check_size(data)
    value = canonical.load(data, RELEASE_DOCUMENT, MAX_DOCUMENT)
    found = value.get("schema_version")
    if type(found) is not int or not 1 <= found <= SCHEMA_VERSION:
        raise InputError(
            f"{RELEASE_DOCUMENT}: schema_version: expected 1 to {SCHEMA_VERSION}, found {found!r}",
            hint="the document was written by another version of humpyard; use that one or a newer one",
        )
    release = _release(_parse(value))
    if found != _schema_version(release):
        raise InputError(
            f"{RELEASE_DOCUMENT}: schema_version: expected {_schema_version(release)}, found {found}",
            hint="the lowest version that can say it is the one to use: 3 for changes, 2 for system"
            " extensions, else 1",
        )
    if canonical.dump(_release_value(release)) != data:
        raise InputError(
            f"{RELEASE_DOCUMENT}: not in canonical form (RFC 8785)",
            hint="what is signed is the canonical form; fetch the document again, unchanged",
        )
    return release


def digest(data: bytes) -> Digest:
    """The release digest: SHA-256 of the document as stored. Does not look at what it says."""
    return Digest.sha256(data)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that is published beside the document."""
    return schema.json_schema()


def _check_size(data: bytes) -> None:
    if len(data) > MAX_DOCUMENT:
        raise InputError(f"{RELEASE_DOCUMENT}: expected at most {MAX_DOCUMENT} bytes, found {len(data)}")


def _parse(value: dict[str, Any]) -> schema.ReleaseModel:
    try:
        return schema.ReleaseModel.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        shown = [_describe(detail) for detail in details[:_SHOWN_ERRORS]]
        more = len(details) - len(shown)
        tail = f" (and {more} more)" if more else ""
        raise InputError(f"{RELEASE_DOCUMENT}: {'; '.join(shown)}{tail}") from error


def _describe(detail: ErrorDetails) -> str:
    found = detail["input"]
    shown = f", found {reprlib.repr(found)}" if found is None or isinstance(found, str | int | float) else ""
    return f"{_path(detail['loc'])}: {detail['msg']}{shown}"


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, str) and part.isidentifier():
            path += f".{part}"
        elif part != "[key]":  # pydantic's mark for "the name itself is wrong"
            path += f"[{reprlib.repr(part)}]"
    return path.lstrip(".") or "document"


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Values name the field that is wrong; this puts the way to them before it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{RELEASE_DOCUMENT}: {path}{error.message}", hint=error.hint) from error


# --- from the document ---


def _release(model: schema.ReleaseModel) -> Release:
    boards = tuple(_board(entry, f"boards[{index}].") for index, entry in enumerate(model.boards))
    changes = _changes(model)
    derives_from = model.lineage.derives_from
    with _at(""):
        return Release(
            product=model.product,
            version=Version.parse(model.version),
            channel=model.channel,
            created=datetime.fromisoformat(model.created),
            lineage=Lineage(
                PromotionKind(model.lineage.kind),
                None if derives_from is None else Version.parse(derives_from),
            ),
            boards=boards,
            notes=model.notes,
            software=tuple(Package(name=entry.name, version=entry.version) for entry in model.software),
            changes=changes,
        )


def _changes(model: schema.ReleaseModel) -> tuple[Change, ...]:
    found = [Change(id=one, kind=ChangeKind(kind)) for kind, ids in model.present.items() for one in ids]
    for index, entry in enumerate(model.changes):
        with _at(f"changes[{index}]."):
            found.append(Change(id=entry.id, kind=ChangeKind(entry.kind), text=entry.text))
    return tuple(sorted(found, key=lambda change: change.id))


def _board(model: schema.BoardModel, path: str) -> BoardRelease:
    payloads = tuple(
        _payload(entry, f"{path}payloads[{index}].") for index, entry in enumerate(model.payloads)
    )
    with _at(path):
        return BoardRelease(
            board=Board.parse(model.board),
            image=_measured(model.image),
            kernel=None if model.kernel is None else _measured(model.kernel),
            files=tuple(_artifact(entry) for entry in model.files),
            payloads=payloads,
        )


def _payload(model: schema.PayloadModel, path: str) -> PayloadRecord:
    with _at(path):
        return PayloadRecord(
            artifact=_artifact(model.artifact),
            extension=model.extension,
            source=None if model.source is None else Version.parse(model.source),
            source_image=None if model.source_image is None else _digest("sha256", model.source_image),
            profile=model.profile,
            metadata_size=model.metadata_size,
            operations=dict(model.operations),
            signatures=tuple(model.signatures),
            proven=model.proven,
        )


def _artifact(model: schema.ArtifactModel) -> Artifact:
    digests = {name: _digest(name, getattr(model, name)) for name in ARTIFACT_ALGORITHMS}
    return Artifact(name=model.name, size=model.size, **digests)


def _measured(model: schema.MeasuredModel) -> Measured:
    return Measured(size=model.size, sha256=_digest("sha256", model.sha256))


def _digest(algorithm: str, digits: str) -> Digest:
    return Digest(algorithm, bytes.fromhex(digits))


# --- to the document ---


def _schema_version(release: Release) -> int:
    """The lowest version that can say it."""
    if release.changes:
        return 3
    payloads = (payload for board in release.boards for payload in board.payloads)
    return 1 if all(payload.extension is None for payload in payloads) else 2


def _release_value(release: Release) -> dict[str, Any]:
    version = _schema_version(release)
    derives_from = release.lineage.derives_from
    since_3 = _changes_value(release) if version >= 3 else {}
    return {
        **since_3,
        "schema_version": version,
        "product": release.product,
        "version": str(release.version),
        "channel": release.channel,
        "created": release.created.isoformat().replace("+00:00", "Z"),
        "lineage": {
            "kind": release.lineage.kind.value,
            "derives_from": None if derives_from is None else str(derives_from),
        },
        "boards": [_board_value(entry, version) for entry in release.boards],
        "notes": release.notes,
        "software": [{"name": entry.name, "version": entry.version} for entry in release.software],
    }


def _changes_value(release: Release) -> dict[str, Any]:
    present: dict[str, list[str]] = {}
    for change in release.changes:
        if not change.text:
            present.setdefault(change.kind.value, []).append(change.id)
    told = [
        {"id": change.id, "kind": change.kind.value, "text": change.text}
        for change in release.changes
        if change.text
    ]
    return {"changes": told, "present": present}


def _board_value(entry: BoardRelease, version: int) -> dict[str, Any]:
    return {
        "board": str(entry.board),
        "image": _measured_value(entry.image),
        "kernel": None if entry.kernel is None else _measured_value(entry.kernel),
        "files": [_artifact_value(artifact) for artifact in entry.files],
        "payloads": [_payload_value(payload, version) for payload in entry.payloads],
    }


def _payload_value(payload: PayloadRecord, version: int) -> dict[str, Any]:
    since_2 = {"extension": payload.extension} if version >= 2 else {}
    return {
        **since_2,
        "artifact": _artifact_value(payload.artifact),
        "source": None if payload.source is None else str(payload.source),
        "source_image": None if payload.source_image is None else payload.source_image.hex,
        "profile": payload.profile,
        "metadata_size": payload.metadata_size,
        "operations": dict(payload.operations),
        "signatures": list(payload.signatures),
        "proven": payload.proven,
    }


def _artifact_value(artifact: Artifact) -> dict[str, Any]:
    digests = {name: getattr(artifact, name).hex for name in ARTIFACT_ALGORITHMS}
    return {"name": artifact.name, "size": artifact.size, **digests}


def _measured_value(measured: Measured) -> dict[str, Any]:
    return {"size": measured.size, "sha256": measured.sha256.hex}
