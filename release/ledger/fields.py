"""Field types that foreign documents are read into, and the one way to read them.

Records of the ledger and of promotion are frozen dataclasses whose annotations say how a field is
written in JSON. ``reader(Record)`` reads one strictly: no unknown names, no coercion of numbers or
truth values, every message with the path to the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    TypeAdapter,
    ValidationError,
)

from release.canonical import Json
from release.catalog.board import Board
from release.catalog.channel import Channel
from release.catalog.version import Version
from release.digests import Digest
from release.errors import HumpyardError, InputError

T = TypeVar("T")

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z", re.ASCII)


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with a ``Z``; microseconds only where there are some.

    Raises ValueError for a time without a time zone, which is a mistake of the caller.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment}: a time without a time zone")
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """Read what ``format_time`` writes. Raises InputError for any other form, other zones included."""
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise InputError(f"time {text!r}: expected RFC 3339 in UTC, for example 2026-01-31T12:00:00Z")


def _text_reader(parse: Callable[[str], T]) -> Callable[[object], T]:
    def read(value: object) -> T:
        if not isinstance(value, str):
            raise ValueError(f"expected text, found {type(value).__name__}")  # noqa: TRY004  pydantic asks for it
        try:
            return parse(value)
        except InputError as error:
            raise ValueError(error.message) from error

    return read


def _sha256(text: str) -> Digest:
    digest = Digest.parse(text)
    if digest.algorithm != "sha256":
        raise InputError(f"digest {text!r}: expected sha256")
    return digest


def _channel_name(text: str) -> str:
    return Channel(text).name


def _printable(text: str) -> str:
    """One or more lines a terminal can show as they are: no other control characters."""
    for character in text:
        if not (character.isprintable() or character == "\n"):
            raise ValueError(f"character {character!a} is not printable")
    return text


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not text that UTF-8 can hold") from error
    return text


Sha256 = Annotated[Digest, PlainValidator(_text_reader(_sha256)), PlainSerializer(str)]
VersionText = Annotated[Version, PlainValidator(_text_reader(Version.parse)), PlainSerializer(str)]
BoardText = Annotated[Board, PlainValidator(_text_reader(Board.parse)), PlainSerializer(str)]
Utc = Annotated[datetime, PlainValidator(_text_reader(parse_time)), PlainSerializer(format_time)]
ChannelName = Annotated[str, PlainValidator(_text_reader(_channel_name))]
Fingerprint = Annotated[str, Field(pattern=r"^([0-9A-F]{40}|[0-9A-F]{64})$")]
"""An OpenPGP primary key, version 4 (SHA-1) or version 6 (SHA-256), upper-case hexadecimal."""
WORD = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
WORD_LENGTH = 60
Word = Annotated[str, Field(pattern=WORD, max_length=WORD_LENGTH)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Prose = Annotated[str, Field(max_length=4000), AfterValidator(_printable)]
Armored = Annotated[str, Field(min_length=1, max_length=16384), AfterValidator(_encodable)]
"""A detached OpenPGP signature in ASCII armor, taken as it is."""
StatementText = Annotated[str, Field(min_length=2, max_length=65536), AfterValidator(_encodable)]
"""A document a person signed, taken as it is; its UTF-8 bytes are what the signature is over."""
Count = Annotated[StrictInt, Field(ge=0, le=99_999_999)]
Whole = Annotated[StrictInt, Field(ge=-(2**53) + 1, le=2**53 - 1)]
"""A whole number that JSON readers everywhere read as it is (RFC 8785, section 3.2.2.3)."""


def plain_fingerprint(text: str) -> str:
    """A fingerprint as people copy it from gpg, in groups or in small letters, as it is compared."""
    return "".join(text.split()).upper()


class Reader(Generic[T]):
    """Reads and writes one kind of record."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def read(self, value: Mapping[str, Any], where: str) -> T:
        """Make the record from parsed JSON or TOML.

        Raises:
            InputError: names the first wrong field, what was expected and what was found.
        """
        try:
            return self._adapter.validate_python(dict(value))
        except ValidationError as error:
            raise InputError(f"{where}: {describe(error)}") from error
        except HumpyardError as error:
            raise InputError(f"{where}: {error.message}") from error

    def write(self, record: T) -> dict[str, Json]:
        """The record as JSON values, ready for ``release.canonical.dump``."""
        fields: dict[str, Json] = self._adapter.dump_python(record, mode="json")
        return fields


def describe(error: ValidationError) -> str:
    """The first problem of a validation as one line: path, message, and how many more there are."""
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    path = ".".join(str(part) for part in first["loc"]) or "document"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{path}: {first['msg'].removeprefix('Value error, ')}{more}"
