"""Media types and cache times."""

from __future__ import annotations

import pytest

from release.mirror.content_types import IMMUTABLE, MUTABLE, cache_control, content_type


@pytest.mark.parametrize(
    ("key", "media_type", "cache"),
    [
        ("alpha/amd64-usr/4593.0.1/version.txt", "text/plain; charset=utf-8", IMMUTABLE),
        ("alpha/amd64-usr/current/version.txt", "text/plain; charset=utf-8", MUTABLE),
        ("update/amd64-usr/4593.0.1/flatcar_production_update.gz", "application/octet-stream", IMMUTABLE),
        ("alpha/amd64-usr/4593.0.1/a.bin.bz2.DIGESTS", "text/plain; charset=utf-8", IMMUTABLE),
        ("alpha/amd64-usr/4593.0.1/a.bin.bz2.sig", "application/pgp-signature", IMMUTABLE),
        ("releases/4593.0.1/release.json", "application/json", IMMUTABLE),
        ("releases/4593.0.1/notes/00ff.md", "text/plain; charset=utf-8", IMMUTABLE),
        ("ledger/00000001.json", "application/json", IMMUTABLE),
        ("ledger/head.json", "application/json", MUTABLE),
        ("pages/releases/4593.0.1/index.html", "text/html; charset=utf-8", MUTABLE),
        ("pages/releases-feed/releases-beta.xml", "application/atom+xml", MUTABLE),
        ("pages/releases-feed/releases-beta.json", "application/feed+json", MUTABLE),
        ("pages/releases-json/releases-beta.json", "application/json", MUTABLE),
        ("pages/sitemap.xml", "application/xml", MUTABLE),
        ("pages/index.tab", "text/tab-separated-values; charset=utf-8", MUTABLE),
        ("pages/api/v1/releases/4593.0.1/packages.json", "application/json", MUTABLE),
        ("releases.json", "application/json", MUTABLE),
        ("4593.0.1", "application/octet-stream", MUTABLE),
    ],
)
def test_type_and_cache_follow_from_the_key(key: str, media_type: str, cache: str) -> None:
    assert content_type(key) == media_type
    assert cache_control(key) == cache
