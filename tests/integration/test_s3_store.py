"""The S3 store against a real SeaweedFS server, and against servers that fail."""

from __future__ import annotations

import base64
import secrets
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.digests import hash_stream
from release.errors import HumpyardError, InputError, NotVerifiedError, StorageFullError, UnavailableError
from release.mirror.content_types import IMMUTABLE
from release.mirror.pointers import move_channel_pointer
from release.mirror.s3 import S3Store
from release.mirror.s3_errors import BytesRefusedError, NoSuchUploadError, NotSupportedError
from release.mirror.s3_options import S3Options
from release.mirror.store import AlreadyThere, ConflictError, Created, MissingObjectError
from release.mirror.sync import Upload, publish
from tests.canned_server import Canned, canned_server
from tests.seaweedfs import (
    ACCESS_KEY,
    READER_ACCESS_KEY,
    READER_SECRET_KEY,
    SECRET_KEY,
    SeaweedFS,
    seaweedfs,
)
from tests.store_conformance import KEY, StoreConformance, race, sha

__all__ = ["seaweedfs"]  # a fixture, found by its name in this module


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The administrator's, where boto3 looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def bucket(seaweedfs: SeaweedFS) -> str:
    """One bucket for this file; making one takes a second."""
    return seaweedfs.new_bucket()


@pytest.fixture
def store(seaweedfs: SeaweedFS, bucket: str) -> S3Store:
    """A store of its own for each test, below a prefix that was never used."""
    prefix = f"test/{secrets.token_hex(4)}"
    return S3Store(
        bucket=bucket, prefix=prefix, options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=3)
    )


def names(server: SeaweedFS, bucket: str, store: S3Store) -> list[str]:
    """The full names, in the bucket, of what is in the store."""
    found = server.client().list_objects_v2(Bucket=bucket, Prefix=store._prefix)
    return sorted(one["Key"] for one in found["Contents"])


class TestS3Store(StoreConformance):
    """The promises of stores, kept by ``S3Store``."""


def test_what_is_stored_says_what_it_is(seaweedfs: SeaweedFS, store: S3Store, bucket: str) -> None:
    """Media type and cache time by key or by order, and the SHA-256 for whoever looks."""
    store.create(KEY, b"text", sha256=sha(b"text"))
    store.create("other", b"text", sha256=sha(b"text"), content_type="text/x", cache_control="no-store")
    heads = [
        seaweedfs.client().head_object(Bucket=bucket, Key=name) for name in names(seaweedfs, bucket, store)
    ]
    assert [head["ContentType"] for head in heads] == ["text/plain; charset=utf-8", "text/x"]
    assert [head["CacheControl"] for head in heads] == [IMMUTABLE, "no-store"]
    assert [head["Metadata"] for head in heads] == [{"sha256": sha(b"text").hex}] * 2
    stat = store.stat(KEY)
    assert stat is not None
    assert stat.sha256 == sha(b"text")


def test_stores_of_one_bucket_do_not_see_each_other(
    seaweedfs: SeaweedFS, store: S3Store, bucket: str
) -> None:
    store.create(KEY, b"text", sha256=sha(b"text"))
    other = S3Store(
        bucket=bucket,
        prefix="test/other/",
        options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=3),
    )
    assert other.stat(KEY) is None
    assert list(other.list("")) == []


def test_a_digest_in_the_metadata_that_contradicts_the_server_is_not_believed(
    seaweedfs: SeaweedFS, store: S3Store, bucket: str
) -> None:
    """The object is read then."""
    store.create(KEY, b"text", sha256=sha(b"text"))
    [name] = names(seaweedfs, bucket, store)
    seaweedfs.client().put_object(
        Bucket=bucket,
        Key=name,
        Body=b"evil",
        ChecksumAlgorithm="SHA256",
        Metadata={"sha256": sha(b"text").hex},
    )
    stat = store.stat(KEY)
    assert stat is not None
    assert stat.sha256 is None
    with pytest.raises(ConflictError, match=f"expected {sha(b'text')}, found {sha(b'evil')}"):
        store.create(KEY, b"text", sha256=sha(b"text"))
    assert store.create(KEY, b"evil", sha256=sha(b"evil")) == AlreadyThere(KEY)


def test_objects_of_others_without_a_digest_are_read(
    seaweedfs: SeaweedFS, store: S3Store, bucket: str
) -> None:
    store.create(KEY, b"", sha256=sha(b""))
    [name] = names(seaweedfs, bucket, store)
    seaweedfs.client().put_object(Bucket=bucket, Key=name, Body=b"text")
    assert store.create(KEY, b"text", sha256=sha(b"text")) == AlreadyThere(KEY)


def test_names_that_are_no_keys_are_not_listed(seaweedfs: SeaweedFS, store: S3Store, bucket: str) -> None:
    store.create(KEY, b"text", sha256=sha(b"text"))
    [name] = names(seaweedfs, bucket, store)
    seaweedfs.client().put_object(Bucket=bucket, Key=f"{name} odd", Body=b"")
    assert list(store.list("")) == [KEY]


def test_a_big_upload_that_fails_leaves_no_parts(seaweedfs: SeaweedFS, bucket: str, tmp_path: Path) -> None:
    """Many small parts; the source turns out wrong at the end."""
    store = S3Store(
        bucket=bucket,
        prefix="parts",
        options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=3, part_size=5 << 20),
    )
    source = tmp_path / "big"
    source.write_bytes(bytes(33 << 20))
    with pytest.raises(InputError, match="expected sha256"):
        store.create("big", source, sha256=sha(b""))
    uploads = seaweedfs.client().list_multipart_uploads(Bucket=bucket, Prefix="parts")
    assert not uploads.get("Uploads")
    assert store.create("big", source, sha256=sha(source.read_bytes())) == Created("big")
    with store.open("big") as stream:
        assert hash_stream(stream).sha256 == sha(source.read_bytes())


def test_of_racing_big_uploads_one_wins(seaweedfs: SeaweedFS, bucket: str) -> None:
    """The condition is on the request that completes.

    SeaweedFS 4.48 lets two completions through now and then, one of which replaces the other's object;
    whoever was replaced sees it, since it looks what is there afterwards.
    """
    store = S3Store(
        bucket=bucket,
        prefix="race",
        options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=3, part_size=5 << 20),
    )
    texts = [bytes([number]) * (6 << 20) for number in range(3)]
    results = race([partial(store.create, "big", text, sha256=sha(text)) for text in texts])
    (won,) = (number for number, result in enumerate(results) if isinstance(result, Created))
    assert all(isinstance(one, Created | ConflictError | NotVerifiedError) for one in results), results
    with store.open("big") as stream:
        assert hash_stream(stream).sha256 == sha(texts[won])


def test_publishing_to_a_bucket_is_resumed_and_repeated(store: S3Store) -> None:
    content = {KEY: b"text", "update/amd64-usr/4593.0.1/payload.gz": b"CrAU"}
    files = [Upload(key=key, source=data, size=len(data), sha256=sha(data)) for key, data in content.items()]
    assert publish(store, files[:1]).uploaded == (KEY,)
    assert publish(store, files).kept == (KEY,)
    assert publish(store, files).uploaded == ()
    moved = move_channel_pointer(
        store, "alpha", Board("amd64"), expected=None, text=b"FLATCAR_VERSION=4593.0.1\n"
    )
    assert moved.moved


def test_a_bucket_that_is_not_there_is_an_input_error(seaweedfs: SeaweedFS) -> None:
    store = S3Store(
        bucket="no-such-bucket", options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=1)
    )
    for attempt in (
        lambda: store.create(KEY, b"", sha256=sha(b"")),
        lambda: store.open(KEY),
        lambda: store.list(""),
    ):
        with pytest.raises(InputError, match=r"s3://no-such-bucket/.*NoSuchBucket"):
            attempt()


def test_credentials_that_do_not_suffice_are_an_input_error(
    seaweedfs: SeaweedFS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong ones, ones that may only read, and none."""

    def attempt() -> InputError:
        store = S3Store(
            bucket=bucket, prefix="denied", options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=1)
        )
        with pytest.raises(InputError, match=f"s3://{bucket}/denied/") as caught:
            store.create(KEY, b"", sha256=sha(b""))
        return caught.value

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert "check the credentials" in str(attempt().hint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER_ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER_SECRET_KEY)
    assert "check the credentials" in str(attempt().hint)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = attempt()
    assert "Unable to locate credentials" in str(error)
    assert "check the credentials" in str(error.hint)


def test_settings_that_cannot_be_are_input_errors() -> None:
    with pytest.raises(InputError, match="Invalid endpoint: nonsense"):
        S3Store(bucket="b", options=S3Options(endpoint_url="nonsense"))
    with pytest.raises(InputError, match="key prefix"):
        S3Store(bucket="b", prefix="/absolute")
    with pytest.raises(InputError, match="absent"):
        S3Store(bucket="b", options=S3Options(profile="absent"))
    with pytest.raises(InputError, match="Invalid bucket name"):
        S3Store(bucket="not a bucket", options=S3Options(endpoint_url="http://127.0.0.1:1")).stat(KEY)


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        store = S3Store(
            bucket="bucket",
            options=S3Options(endpoint_url=f"http://127.0.0.1:{probe.getsockname()[1]}", attempts=1),
        )
        with pytest.raises(UnavailableError, match=r"s3://bucket/.*Could not connect"):
            store.stat(KEY)


def broken_store(url: str) -> S3Store:
    return S3Store(bucket="bucket", options=S3Options(endpoint_url=url, attempts=1))


def s3_error(status: int, code: str) -> Canned:
    return Canned(status=status, body=f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


@pytest.mark.parametrize(
    ("status", "code", "family"),
    [
        (500, "InternalError", UnavailableError),
        (503, "SlowDown", UnavailableError),
        (400, "RequestTimeout", UnavailableError),
        (400, "BadDigest", BytesRefusedError),
        (404, "NoSuchUpload", NoSuchUploadError),
        (409, "OperationAborted", UnavailableError),
        (507, "InsufficientStorage", StorageFullError),
        (403, "AccessDenied", InputError),
        (403, "RequestTimeTooSkewed", InputError),
        (400, "ExpiredToken", InputError),
        (400, "InvalidArgument", InputError),
        (501, "NotImplemented", NotSupportedError),
        (404, "NoSuchKey", MissingObjectError),
    ],
)
def test_answers_have_their_errors(status: int, code: str, family: type[Exception]) -> None:
    with canned_server(lambda *_: s3_error(status, code)) as url, pytest.raises(family) as caught:
        broken_store(url).open(KEY)
    assert type(caught.value) is family


@pytest.mark.parametrize(
    ("status", "code"), [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")]
)
def test_a_write_that_met_another_one_which_then_failed_may_be_tried_again(status: int, code: str) -> None:
    """The condition failed, yet there is nothing there."""

    def answer(method: str, _path: str, _headers: Mapping[str, str]) -> Canned:
        return s3_error(404, "NoSuchKey") if method != "PUT" else s3_error(status, code)

    with canned_server(answer) as url, pytest.raises(UnavailableError, match="another write was under way"):
        broken_store(url).create(KEY, b"text", sha256=sha(b"text"))


def test_an_object_that_breaks_off_is_unavailable_not_short() -> None:
    with (
        canned_server(lambda *_: Canned(body=b"half", length=8)) as url,
        pytest.raises(UnavailableError, match=f"s3://bucket/{KEY}: "),
    ):
        broken_store(url).read(KEY)


def test_an_object_that_contradicts_its_checksum_is_not_verified() -> None:
    right = base64.b64encode(sha(b"text").value).decode()
    canned = Canned(body=b"evil", headers={"x-amz-checksum-sha256": right})
    with (
        canned_server(lambda *_: canned) as url,
        pytest.raises(NotVerifiedError, match=f"s3://bucket/{KEY}: "),
    ):
        broken_store(url).read(KEY)


@pytest.mark.parametrize("body", [b"", b"<html>", b"no XML"])
def test_a_server_that_is_no_s3_is_an_error_of_ours(body: bytes) -> None:
    with canned_server(lambda *_: Canned(body=body)) as url:
        store = broken_store(url)
        for attempt in (
            lambda: store.stat(KEY),
            lambda: store.read_pointer(KEY),
            lambda: store.swap_pointer(KEY, None, b"x"),
        ):
            with pytest.raises(HumpyardError, match=f"s3://bucket/{KEY}: "):
                attempt()


def test_a_server_killed_in_the_middle_is_outlasted(seaweedfs: SeaweedFS, bucket: str) -> None:
    """The upload's requests are repeated until the server is back."""
    store = S3Store(
        bucket=bucket,
        prefix="outage",
        options=S3Options(endpoint_url=seaweedfs.endpoint_url, attempts=10, part_size=5 << 20),
    )
    data = bytes(range(256)) * (40 << 12)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(store.create, "big", data, sha256=sha(data))
        seaweedfs.kill()
        seaweedfs.start()
        assert isinstance(running.result(), Created)
    with store.open("big") as stream:
        assert hash_stream(stream).sha256 == sha(data)
