"""A signed text and its signature as one object, so that both move, or are written, at once.

The object is canonical JSON ``{"body": TEXT, "signature": ARMORED}``. The signature is over exactly the
UTF-8 bytes of TEXT, which are never re-encoded, and TEXT says what it is in its ``format``. Ledger
entries and the mirror's head are such objects. Nothing is verified here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, with_config

from release import canonical
from release.canonical import Json
from release.errors import InputError
from release.ledger.fields import Armored, Reader


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
