"""Which keys an object may have: the same for every store, safe in a path, a URL and a shell."""

from __future__ import annotations

import re

from release.errors import InputError

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._+~@=,-]{0,199}"
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?", re.ASCII)
_MAX_LENGTH = 900
"""Bytes. S3 allows 1024, of which a store's own prefix takes some; SeaweedFS limits a segment to < 700."""


def is_key(key: str) -> bool:
    """Whether ``key`` is relative, has no empty, dotted or odd segment, and is not too long."""
    return len(key) <= _MAX_LENGTH and _KEY.fullmatch(key) is not None


def check_key(key: str) -> str:
    """Return ``key`` if it is one. Raises InputError otherwise."""
    if not is_key(key):
        raise InputError(
            f"key {key!r}: expected segments joined by '/', each of letters, digits and ._+~@=,- after a"
            f" letter, digit or '_', at most {_MAX_LENGTH} characters in all"
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` if it can begin a key; ``""`` begins them all. Raises InputError otherwise."""
    if len(prefix) > _MAX_LENGTH or not _PREFIX.fullmatch(prefix):
        raise InputError(f"key prefix {prefix!r}: expected the beginning of a key, for example 'alpha/'")
    return prefix
