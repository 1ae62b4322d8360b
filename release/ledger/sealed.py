"""A signed text and its signature as one object, so that both move, or are written, at once.

The object is canonical JSON ``{"body": TEXT, "signature": ARMORED}``. The signature is over exactly the
UTF-8 bytes of TEXT, which are never re-encoded, and TEXT says what it is in its ``format``. Ledger
entries and the mirror's head are such objects. Nothing is verified here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import Field, with_config

from release import canonical
from release.canonical import Json
from release.errors import InputError, NotVerifiedError
from release.ledger.fields import Armored, Reader

T = TypeVar("T")


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An object as stored: the signed text and the signature over its UTF-8 bytes."""

    body: Annotated[str, Field(min_length=2)]
    signature: Armored

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return self.body.encode()


_SEALED = Reader(Sealed)


def seal(sealed: Sealed, limit: int, what: str) -> bytes:
    """The object to store. Raises InputError, naming ``what``, when it is longer than ``limit`` bytes."""
    data = canonical.dump({"body": sealed.body, "signature": sealed.signature})
    if len(data) > limit:
        raise InputError(f"{what}: expected at most {limit} bytes, found {len(data)}")
    return data


def unseal(data: bytes, where: str, limit: int) -> Sealed:
    """Open a stored object. Raises InputError when it is none, or longer than ``limit`` bytes."""
    sealed = _SEALED.read(canonical.load(data, where, limit), where)
    try:
        sealed.signed_bytes  # noqa: B018  a lone surrogate has no UTF-8 and cannot have been signed
    except UnicodeEncodeError as error:
        raise InputError(str(error)) from error
    return sealed


def signed_fields(text: str, expected: str, where: str, limit: int) -> dict[str, Json]:
    """What a signed text says, without its format. Raises InputError for any format but ``expected``."""
    fields = canonical.load(text.encode(), where, limit)
    found = fields.pop("format", None)
    if found != expected:
        raise InputError(
            f"{where}: expected format {expected!r}, found {found!r}",
            hint="written by a newer humpyard: update this one; or something else",
        )
    return fields


class SealedKind(Generic[T]):
    """One kind of document that is kept sealed: how it is written and read, sealed and opened.

    What is not such a document raises ``error``; what cannot be written as one, InputError.
    """

    def __init__(
        self, record: type[T], *, text_format: str, limit: int, what: str, error: type[NotVerifiedError]
    ) -> None:
        """``limit`` is bytes of text and object; ``what`` names the kind in messages."""
        self._reader = Reader(record)
        self._format, self._limit, self._what, self._error = text_format, limit, what, error

    def write(self, document: T) -> str:
        """The canonical text, to be signed. Raises when it would not be read back as it is."""
        text = canonical.dump({"format": self._format, **self._reader.write(document)}).decode()
        if self.read(text, f"new {self._what}") != document:
            raise InputError(f"new {self._what}: {text} does not say the same as {document}")
        return text

    def read(self, text: str, where: str) -> T:
        """Read a signed text."""
        try:
            return self._reader.read(signed_fields(text, self._format, where, self._limit), where)
        except InputError as error:
            raise self._error(error.message, hint=error.hint) from error

    def seal(self, body: str, signature: str) -> bytes:
        """The object to store."""
        return seal(Sealed(body=body, signature=signature), self._limit, self._what)

    def unseal(self, data: bytes, where: str) -> Sealed:
        """Open a stored object. Nothing in it is verified."""
        try:
            return unseal(data, where, self._limit)
        except InputError as error:
            raise self._error(f"{where}: not a signed {self._what}: {error}") from error
