"""What a web server should say about an object: media type and how long caches may keep it."""

from __future__ import annotations

from pathlib import PurePosixPath

from release.catalog.naming import EVIDENCE_PREFIX, PAGES_PREFIX, ledger_sequence
from release.catalog.version import Version
from release.errors import InputError

DEFAULT_TYPE = "application/octet-stream"

_TYPES = {
    ".asc": "application/pgp-signature",
    ".atom": "application/atom+xml",
    ".bz2": "application/x-bzip2",
    ".css": "text/css; charset=utf-8",
    ".digests": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ics": "text/calendar; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".sha256": "text/plain; charset=utf-8",
    ".sig": "application/pgp-signature",
    ".svg": "image/svg+xml",
    ".tab": "text/tab-separated-values; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
"""By last suffix, lower case. ``.gz`` is missing on purpose: Flatcar's payloads end so and are CrAU,
and a server that called them gzip would have clients unpack them."""

_FEEDS = f"{PAGES_PREFIX}releases-feed/"
_FEED_TYPES = {".json": "application/feed+json", ".xml": "application/atom+xml"}

IMMUTABLE = "public, max-age=31536000, immutable"
"""For what is written once: a year, never ask again."""
MUTABLE = "public, max-age=60, must-revalidate"
"""For pointers, indexes and pages: a promotion is seen within a minute."""


def content_type(key: str) -> str:
    """The media type of the object ``key``."""
    suffix = PurePosixPath(key).suffix.lower()
    if key.startswith(_FEEDS) and suffix in _FEED_TYPES:
        return _FEED_TYPES[suffix]
    return _TYPES.get(suffix, DEFAULT_TYPE)


def cache_control(key: str) -> str:
    """``IMMUTABLE`` for ledger entries, evidence and everything below a version, ``MUTABLE`` for all else."""
    if key.startswith(PAGES_PREFIX):
        return MUTABLE
    if ledger_sequence(key) is not None or key.startswith(EVIDENCE_PREFIX):
        return IMMUTABLE
    return IMMUTABLE if any(map(_is_version, key.split("/")[:-1])) else MUTABLE


def _is_version(segment: str) -> bool:
    try:
        Version.parse(segment)
    except InputError:
        return False
    return True
