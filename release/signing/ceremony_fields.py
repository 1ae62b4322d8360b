"""Reading the documents of a signing ceremony strictly, with nothing but Python.

The machine that holds a key has no network and only what signing needs, so pydantic does not read
these. A document is canonical JSON to the byte: one meaning, one form, so that its digest names it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from release import canonical
from release.canonical import Json
from release.digests import Digest
from release.errors import InputError, storage_errors

T = TypeVar("T")

_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Fields:
    """One JSON object. Every field is taken once; ``end`` says what nobody took.

    All methods raise InputError, naming document and field.
    """

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected an object, found {type(value).__name__}")
        self._left = dict(value)
        self.where = where

    def text(self, name: str, limit: int = 200) -> str:
        """One line of 1 to ``limit`` characters that a terminal shows as they are."""
        value = self._take(name)
        if not isinstance(value, str) or not 0 < len(value) <= limit or not value.isprintable():
            raise self._wrong(name, f"one printable line of at most {limit} characters")
        return value

    def document(self, name: str, limit: int) -> str:
        """Text of at most ``limit`` characters, taken as it is."""
        value = self._take(name)
        if not isinstance(value, str) or len(value) > limit:
            raise self._wrong(name, f"text of at most {limit} characters")
        return value

    def number(self, name: str, highest: int) -> int:
        """A whole number from 0 to ``highest``."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
            raise self._wrong(name, f"a whole number up to {highest}")
        return value

    def octets(self, name: str, limit: int) -> bytes:
        """1 to ``limit`` bytes in lower-case hexadecimal digits."""
        value = self._take(name)
        try:
            data = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            data = b""
        if not 0 < len(data) <= limit or data.hex() != value:
            raise self._wrong(name, f"up to {limit} bytes in lower-case hexadecimal digits")
        return data

    def sha256(self, name: str) -> Digest:
        """``sha256:`` and digits."""
        digest = self.parsed(name, Digest.parse)
        if digest.algorithm != "sha256":
            raise self._wrong(name, "a sha256 digest")
        return digest

    def time(self, name: str) -> datetime:
        """What ``format_time`` writes."""
        return self.parsed(name, parse_time)

    def parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """A line, as ``parse`` understands it."""
        text = self.text(name)
        try:
            return parse(text)
        except InputError as error:
            raise InputError(f"{self.where}: {name}: {error.message}") from error

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """None for null, else what ``read``, a method of these, makes of the field."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return None
        return read(name)

    def truth(self, name: str) -> bool:
        """True or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def object(self, name: str) -> Fields:
        """An object in this one."""
        return Fields(self._take(name), f"{self.where}: {name}")

    def objects(self, name: str, limit: int) -> tuple[Fields, ...]:
        """A list of 1 to ``limit`` objects."""
        value = self._take(name)
        if not isinstance(value, list) or not 0 < len(value) <= limit:
            raise self._wrong(name, f"a list of 1 to {limit} objects")
        return tuple(Fields(one, f"{self.where}: {name}[{index}]") for index, one in enumerate(value))

    def end(self) -> None:
        """Nothing may be left."""
        if self._left:
            raise InputError(f"{self.where}: unknown field {', '.join(map(repr, sorted(self._left)))}")

    def _take(self, name: str) -> Json:
        if name not in self._left:
            raise InputError(f"{self.where}: there is no field {name!r}")
        return self._left.pop(name)

    def _wrong(self, name: str, expected: str) -> InputError:
        return InputError(f"{self.where}: {name}: expected {expected}")


def read_canonical(data: bytes, form: str, what: str, where: str, limit: int) -> Fields:
    """The fields of a document whose ``format`` is ``form``, canonical to the byte.

    Args:
        data: the whole document.
        form: what it says of itself, a version included.
        what: what it should be, for people.
        where: the file, for messages.
        limit: refuse more than this many bytes.

    Raises:
        InputError: anything else.
    """
    hint = f"it was altered on the way, or is no {what}: copy it again from where it was made"
    try:
        value = canonical.load(data, where, limit)
        again = canonical.dump(value)
    except InputError as error:
        raise InputError(f"{error.message}", hint=hint) from error
    found = value.get("format")
    if found != form:
        raise InputError(f"{where}: expected a {what} ({form}), found format {found!r}", hint=hint)
    if again != data:
        raise InputError(f"{where}: expected canonical JSON, found another form of it", hint=hint)
    return Fields({name: one for name, one in value.items() if name != "format"}, where)


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a file. Raises InputError when it cannot be read or has more than ``limit`` bytes."""
    with storage_errors(path), path.open("rb") as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path}: expected at most {limit:,} bytes, found more")
    return data


def format_time(moment: datetime) -> str:
    """RFC 3339, UTC, whole seconds, ``Z``. ``moment`` is aware."""
    return moment.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """Read what ``format_time`` writes. Raises InputError for any other form."""
    try:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        moment = None
    if moment is None or format_time(moment) != text:
        raise InputError(f"time {text!r}: expected RFC 3339 in UTC, for example 2026-01-31T12:00:00Z")
    return moment
