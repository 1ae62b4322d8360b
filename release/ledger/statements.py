"""Statements: documents that people sign with their own keys, and what the ledger must know of them.

A statement is canonical JSON whose ``statement`` field says what it is for, so that a signature over
anything else (an entry, a release document, a mail) can never pass for one. Its digest is the SHA-256
of its bytes as signed; nothing is re-encoded to be checked. The full documents are read by
``release.promotion``; here only the fields that bind them to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, with_config

from release import canonical
from release.canonical import Json
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import ChannelName, Count, Reader, Sha256, VersionText

REQUEST = "humpyard-request-1"
SIGN_OFF = "humpyard-sign-off-1"

STATEMENT_LIMIT = 65536
"""Bytes. The longest statement anybody reads before signing is far below."""


def statement_digest(text: str) -> Digest:
    """What names a statement: the SHA-256 of its UTF-8 bytes."""
    return Digest.sha256(text.encode())


def write_statement(purpose: str, fields: Mapping[str, Json]) -> str:
    """The canonical text of a statement, ready to be signed. Raises InputError when it is too long."""
    data = canonical.dump({"statement": purpose, **fields})
    if len(data) > STATEMENT_LIMIT:
        raise InputError(f"statement: expected at most {STATEMENT_LIMIT} bytes, found {len(data)}")
    return data.decode()


def read_statement(text: str, purpose: str, where: str) -> dict[str, Json]:
    """The fields of a statement, without its purpose.

    Raises:
        InputError: not JSON, too long, or written for another purpose.
    """
    fields = canonical.load(text.encode(), where, STATEMENT_LIMIT)
    found = fields.pop("statement", None)
    if found != purpose:
        raise InputError(f"{where}: expected a statement of purpose {purpose!r}, found {found!r}")
    return fields


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSubject:
    """What a request asks for. ``generation`` is the channel's when it was asked, 0 for no head."""

    channel: ChannelName
    version: VersionText
    release: Sha256
    policy: Sha256
    generation: Annotated[Count, Field(ge=0)]


@with_config(extra="ignore")
@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffSubject:
    """Which request a sign-off is about."""

    request: Sha256


_REQUEST = Reader(RequestSubject)
_SIGN_OFF = Reader(SignOffSubject)


def request_subject(text: str, where: str) -> RequestSubject:
    """What the request asks for. Raises InputError when it is not a request."""
    return _REQUEST.read(read_statement(text, REQUEST, where), where)


def sign_off_subject(text: str, where: str) -> SignOffSubject:
    """Which request the sign-off is about. Raises InputError when it is not a sign-off."""
    return _SIGN_OFF.read(read_statement(text, SIGN_OFF, where), where)
