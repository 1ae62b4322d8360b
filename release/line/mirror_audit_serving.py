"""How a mirror serves: its certificate, types, lifetimes for caches, and parts of objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from release.audit.finding import Code, Finding
from release.errors import InputError, UnavailableError
from release.ledger.fields import format_time
from release.mirror.content_types import cache_control, content_type
from release.mirror.http import HttpReader
from release.mirror.plan import Wanted
from release.mirror.tls import CertificateError, server_certificate

TLS_WARNING_DAYS = (7, 30)
"""Days before a certificate's end at which warnings grow louder."""
_ENOUGH = 64
"""Bytes that are asked for in the middle of an object."""


def certificate_findings(url: str, authorities: Path | None, now: datetime) -> Iterator[Finding]:
    """Whether machines can believe the server. ``now`` is aware, UTC.

    A server whose certificate cannot be looked at is told of by whoever asks it next.
    """
    try:
        found = server_certificate(url, authorities)
    except CertificateError as error:
        yield Finding(
            code=Code.TLS_EXPIRED if error.expired else Code.TLS_UNTRUSTED,
            where=url,
            expected="a certificate that machines believe",
            found=error.message,
            hint="renew it; or, for authorities of your own, name their certificates: --tls-authorities",
        )
        return
    except UnavailableError:
        return
    if found is None:
        yield Finding(
            code=Code.TLS_NONE,
            where=url,
            expected="https: who listens need not know what machines run",
            found="http: content is still verified by its signatures",
        )
    elif (left := found.expires - now) <= timedelta(days=max(TLS_WARNING_DAYS)):
        nearest = min(days for days in TLS_WARNING_DAYS if left <= timedelta(days=days))
        yield Finding(
            code=Code.TLS_EXPIRED if left <= timedelta() else Code.TLS_EXPIRING,
            where=url,
            expected=f"a certificate that is good for more than {max(TLS_WARNING_DAYS)} days",
            found=f"one that ends {format_time(found.expires)}: within {nearest} days",
            hint="renew it",
        )


def serving_findings(
    reader: HttpReader, wanted: Sequence[Wanted], moving: Sequence[str]
) -> Iterator[Finding]:
    """Types and lifetimes of one object of each kind, and of what moves; and parts of the largest one.

    Raises UnavailableError when the server does not answer.
    """
    kinds = {content_type(one.key): one.key for one in sorted(wanted, key=lambda one: one.key, reverse=True)}
    for key in (*kinds.values(), *moving):
        try:
            headers = reader.headers(key)
        except InputError:
            continue  # told with the objects
        if headers is not None:
            yield from _header(key, Code.TYPE_WRONG, content_type(key), headers.get("Content-Type"))
            yield from _header(key, Code.CACHE_WRONG, cache_control(key), headers.get("Cache-Control"))
    if wanted:
        yield from _part(reader, max(wanted, key=lambda one: one.size))


def _header(key: str, code: Code, expected: str, found: str | None) -> Iterator[Finding]:
    if _plain(found or "") != _plain(expected):
        yield Finding(
            code=code,
            where=key,
            expected=expected,
            found=(found or "nothing")[:200],
            hint="docs/examples/nginx-mirror.conf says it all for nginx",
        )


def _plain(value: str) -> frozenset[str]:
    """Directives, or the type and its parameters, whatever their order, case and spaces."""
    return frozenset(part.strip().lower() for part in value.replace(";", ",").split(","))


def _part(reader: HttpReader, wanted: Wanted) -> Iterator[Finding]:
    first = wanted.size // 2
    last = min(first + _ENOUGH, wanted.size) - 1
    try:
        found = reader.piece(wanted.key, first, last)
    except InputError as error:
        told = error.message
    else:
        if found is not None and len(found) == last - first + 1:
            return
        told = "the whole object" if found is None else f"{len(found)} bytes"
    yield Finding(
        code=Code.RANGE_IGNORED,
        where=wanted.key,
        expected=f"bytes {first} to {last}, when asked for: machines go on where they were interrupted",
        found=told,
        hint="let the server, and what is before it, answer ranges (RFC 9110 section 14)",
    )
