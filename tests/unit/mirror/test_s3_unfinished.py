"""What is believed of an unfinished upload."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from release.errors import InputError
from release.mirror.s3_client import make_client
from release.mirror.s3_errors import s3_errors
from release.mirror.s3_options import S3Options
from release.mirror.s3_unfinished import Bucket, StoredPart, Unfinished, abort_idle, checksum, unfinished
from tests.canned_server import Canned, canned_server

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MD5 = hashlib.md5(b"data", usedforsecurity=False).hexdigest()


def part(number: int = 1, size: int = 4, *, etag: str = MD5, sha256: str | None = None) -> StoredPart:
    return StoredPart(number=number, size=size, etag=etag, sha256=sha256, stored=NOW)


def upload(*sizes: int) -> Unfinished:
    parts = tuple(part(number, size) for number, size in enumerate(sizes, 1))
    return Unfinished(name="a", upload="1", begun=NOW - timedelta(days=1), parts=parts)


@pytest.mark.parametrize(
    ("stored", "believed"),
    [
        (part(), True),
        (part(sha256=checksum(b"data")), True),
        (part(etag="encrypted", sha256=checksum(b"data")), True),
        (part(sha256=checksum(b"evil")), False),
        (part(etag="encrypted"), False),
        (part(etag=f"{MD5}-1"), False),
        (part(etag=""), False),
        (part(size=5), False),
    ],
)
def test_a_part_is_believed_when_a_digest_of_its_bytes_says_so(stored: StoredPart, believed: bool) -> None:
    """A SHA-256 that contradicts is not outweighed by an MD5."""
    assert stored.holds(b"data", checksum(b"data")) is believed


@pytest.mark.parametrize(
    ("sizes", "ours"),
    [
        ((10,), True),
        ((10, 10, 3), True),
        ((), False),
        ((3,), False),
        ((11, 10), False),
        ((10, 9, 10), False),
        ((10, 11), False),
    ],
)
def test_an_upload_is_ours_when_it_was_cut_as_we_cut(sizes: tuple[int, ...], ours: bool) -> None:
    assert upload(*sizes).has_parts_of(10) is ours


def test_an_upload_was_active_when_its_last_part_came() -> None:
    assert upload(10).last_active == NOW
    assert upload().last_active == NOW - timedelta(days=1)


def bucket_at(url: str) -> Bucket:
    client = make_client(S3Options(endpoint_url=url, attempts=1), "s3://b")
    return Bucket(client=client, name="b", errors=lambda name: s3_errors(f"s3://b/{name}"))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "throw-away")


def error(status: int, code: str) -> Canned:
    return Canned(status=status, body=f"<Error><Code>{code}</Code></Error>".encode())


def test_a_server_that_cannot_list_uploads_has_none_to_go_on_with() -> None:
    with canned_server(lambda *_: error(501, "NotImplemented")) as url:
        assert list(unfinished(bucket_at(url), "a")) == []


def test_one_that_refuses_to_is_no_server_without_uploads() -> None:
    with (
        canned_server(lambda *_: error(403, "AccessDenied")) as url,
        pytest.raises(InputError, match="AccessDenied"),
    ):
        list(unfinished(bucket_at(url), "a"))


def test_uploads_that_end_while_one_looks_are_left_out() -> None:
    listing = (
        "<ListMultipartUploadsResult><Upload><Key>a</Key><UploadId>1</UploadId>"
        "<Initiated>2026-11-01T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>"
    )

    def answer(_method: str, path: str, _headers: Mapping[str, str]) -> Canned:
        return error(404, "NoSuchUpload") if "uploadId=" in path else Canned(body=listing.encode())

    with canned_server(answer) as url:
        assert list(unfinished(bucket_at(url), "a")) == []
        assert abort_idle(bucket_at(url), "a", NOW) == ()
