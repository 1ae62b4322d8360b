"""The shape of ``release.json``: where foreign bytes are checked, and the JSON Schema of it.

Field names are the contract with every reader. Names may be added with a new ``SCHEMA_VERSION``;
their meaning never changes. Values that have a type in ``release.catalog`` are checked by it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from release.bundle.change import ChangeKind
from release.catalog.artifact import check_file_name
from release.catalog.board import Board
from release.catalog.channel import Channel
from release.catalog.version import Version
from release.errors import InputError

SCHEMA_VERSION = 3
"""The newest version. 2 added ``extension`` to payloads, 3 ``changes`` and ``present``. Versions from 1 on
are read, and a release is written in the lowest one that can say it: without system extensions and record of
changes, in version 1."""

MAX_INTEGER = (1 << 53) - 1
"""The largest integer that JSON readers agree about (RFC 8785 §3.2.2.3, ECMAScript numbers)."""

MAX_NOTES = 1 << 20
"""Characters. The longest notes of any Flatcar release have under 100,000."""

MAX_CHANGES = 100_000
"""Items of a changelog. Flatcar's of four years has 2,309."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _as(parse: Callable[[str], object]) -> AfterValidator:
    """Keep the text, but only if ``parse`` takes it."""

    def check(text: str) -> str:
        try:
            parse(text)
        except (InputError, ValueError) as error:
            raise PydanticCustomError("value", "{reason}", {"reason": str(error)}) from error
        return text

    return AfterValidator(check)


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$"), _as(check_file_name)]
VersionText = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$"), _as(Version.parse)]
BoardText = Annotated[str, Field(pattern=r"^[a-z0-9]+-[a-z]+$"), _as(Board.parse)]
ChannelText = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$"), _as(Channel)]
Time = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", description="UTC"),
    _as(datetime.fromisoformat),
]
# No control characters: they would be errors in the XML feeds and surprises on a terminal.
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]
Markdown = Annotated[
    str, Field(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$", max_length=MAX_NOTES)
]
Kind = Annotated[str, Field(pattern=f"^({'|'.join(ChangeKind)})$")]
ChangeId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{16}$",
        description="the first digits of SHA-256 of the item's words, joined by single spaces",
    ),
]
Size = Annotated[int, Field(ge=0, le=MAX_INTEGER, description="bytes")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sha512 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Sha1 = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ArtifactModel(_Model):
    """A published file."""

    name: FileName
    size: Size
    sha256: Sha256
    sha512: Sha512
    sha1: Annotated[Sha1, Field(description="for old readers only; trust it for nothing")]
    md5: Annotated[Md5, Field(description="for old readers only; trust it for nothing")]


class MeasuredModel(_Model):
    """Bytes that are not published as they are."""

    size: Annotated[Size, Field(ge=1)]
    sha256: Sha256


class PayloadModel(_Model):
    """An update payload (CrAU version 1)."""

    artifact: ArtifactModel
    extension: Annotated[
        FileName | None,
        Field(description="the file of the board that it makes; null or not there: the partition"),
    ] = None
    source: Annotated[VersionText | None, Field(description="null: a full payload")]
    source_image: Annotated[
        Sha256 | None, Field(description="SHA-256 of the raw partition the delta needs; null: full")
    ]
    profile: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", description="client profile")]
    metadata_size: Annotated[Size, Field(ge=1)]
    operations: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,31}$")],
            Annotated[int, Field(ge=1, le=MAX_INTEGER)],
        ],
        Field(max_length=32, description="how many of each type"),
    ]
    signatures: Annotated[
        list[Sha256],
        Field(max_length=16, description="SHA-256 of the SubjectPublicKeyInfo of each key that verifies"),
    ]
    proven: Annotated[bool, Field(description="applied, and the outcome compared with the image")]


class BoardModel(_Model):
    """What is shipped for one board."""

    board: BoardText
    image: Annotated[MeasuredModel, Field(description="the raw partition")]
    kernel: MeasuredModel | None
    files: Annotated[list[ArtifactModel], Field(max_length=4096)]
    payloads: Annotated[list[PayloadModel], Field(max_length=1024)]


class LineageModel(_Model):
    """Which release it derives from."""

    kind: Literal["same-bits", "rebuild"]
    derives_from: VersionText | None


class PackageModel(_Model):
    """A piece of software in the image."""

    name: Line
    version: Line


class ChangeModel(_Model):
    """An item of the changelog, with its words."""

    id: ChangeId
    kind: Kind
    text: Annotated[Markdown, Field(min_length=1, description="a list item, Markdown")]


class ReleaseModel(_Model):
    """Everything one version of an image-based Linux ships. Its bytes are canonical (RFC 8785)."""

    schema_version: Annotated[
        Literal[1, 2, 3], Field(description="3 with changes; else 2 if a payload makes an extension")
    ]
    product: Line
    version: VersionText
    channel: Annotated[ChannelText, Field(description="the channel it was built for")]
    created: Time
    lineage: LineageModel
    boards: Annotated[list[BoardModel], Field(min_length=1, max_length=64)]
    notes: Annotated[Markdown, Field(description="Markdown")]
    software: Annotated[list[PackageModel], Field(max_length=20000)]
    changes: Annotated[
        list[ChangeModel],
        Field(max_length=MAX_CHANGES, description="items that were new, or must not be missed, by id"),
    ] = []
    present: Annotated[
        dict[Kind, Annotated[list[ChangeId], Field(min_length=1, max_length=MAX_CHANGES)]],
        Field(description="ids of all other items of the changelog, by kind; told by earlier releases"),
    ] = {}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``release.json``.

    It is looser than ``release.bundle.document.decode``, which also knows orders, uniqueness, and
    which fields belong together.
    """
    return {"$schema": _DRAFT, **ReleaseModel.model_json_schema(), "title": "release.json"}
