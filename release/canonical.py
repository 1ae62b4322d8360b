"""Canonical JSON: one value, one sequence of bytes, so that a digest can name a document.

RFC 8785 (JSON Canonicalization Scheme) through ``rfc8785``. Whoever verifies hashes the bytes as
they were stored; nothing is re-encoded to be checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import rfc8785

from release.errors import InputError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def dump(value: Mapping[str, Json]) -> bytes:
    """The canonical bytes of ``value``. Raises InputError for what JSON cannot hold."""
    try:
        return rfc8785.dumps(cast("dict[str, Json]", dict(value)))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InputError(f"cannot be written as canonical JSON: {error}") from error


def load(data: bytes, where: str, limit: int = 64 << 20) -> dict[str, Json]:
    """Read a JSON object from ``data``.

    Args:
        data: UTF-8 JSON, canonical or not.
        where: what is being read, for messages.
        limit: refuse more than this many bytes.

    Raises:
        InputError: too long, not UTF-8 JSON, a name twice in one object, or not an object.
    """
    if len(data) > limit:
        raise InputError(f"{where}: expected at most {limit} bytes, found {len(data)}")
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return result


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
