"""Settings of mirrors: what each kind takes, and what is refused before anything is contacted."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.errors import InputError
from release.line.yard import MirrorAccess
from release.settings.mirrors import MirrorSettings
from release.wiring.mirrors import mirror_accesses


def opened(tmp_path: Path, **options: object) -> MirrorAccess:
    settings = MirrorSettings.model_validate(options)
    return mirror_accesses({"eu": settings}, tmp_path, tmp_path / "work", lambda name: name)["eu"]


@pytest.mark.parametrize(
    "options",
    [
        {"url": "s3://bucket/prefix", "s3_endpoint": "http://127.0.0.1:1", "bandwidth": "5MiB"},
        {"url": "s3://bucket", "s3_encryption": "aws:kms", "s3_encryption_key": "mine", "patience": 5},
        {"url": "file:mirror"},
        {"url": "rsync://me@example.org/module/path", "password_secret": "mirror-eu", "links": True},
        {"url": "rsync+ssh://example.org/srv/mirror", "bandwidth": 1000},
    ],
)
def test_each_kind_of_mirror_is_opened_without_contacting_anybody(
    tmp_path: Path, options: dict[str, object]
) -> None:
    access = opened(tmp_path, **options)
    assert access.replica is not None
    assert access.url == options["url"]


def test_the_store_itself_is_written_to_by_nobody(tmp_path: Path) -> None:
    access = opened(tmp_path, url="origin")
    assert access.replica is None
    assert access.store is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ftp://example.org/"}, "mirrors.eu.url"),
        ({"url": "s3:///prefix"}, "mirrors.eu.url"),
        ({"url": "mirror"}, "mirrors.eu.url"),
        ({"url": "rsync://example.org/mod ule"}, "rsync://"),
        ({"url": "file:mirror", "bandwidth": "1MiB"}, "bandwidth: not for file mirrors"),
        ({"url": "origin", "links": True}, "links: not for origin mirrors"),
        ({"url": "rsync+ssh://example.org/srv", "password_secret": "x"}, "password_secret: not for rsync"),
        ({"url": "rsync://example.org/module", "s3_region": "eu"}, "s3_region: not for rsync mirrors"),
        (
            {"url": "s3://bucket", "s3_encryption": "AES256", "s3_encryption_key": "mine"},
            "eu: .*only aws",
        ),
        ({"url": "s3://bucket", "s3_storage_class": "GLACIER"}, "mirrors.eu: storage_class GLACIER"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        opened(tmp_path, **options)


def test_a_password_in_a_url_is_refused_since_messages_show_urls() -> None:
    with pytest.raises(ValueError, match="password_secret"):
        MirrorSettings(url="rsync://me:secret@example.org/module")
