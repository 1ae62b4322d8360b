"""Uploads to a real S3 server that are cut off, and what the next one makes of what they left."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from release.digests import Digest, hash_stream
from release.errors import InputError, UnavailableError
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.mirror.s3_unfinished import checksum
from release.mirror.store import AlreadyThere, Created, ObjectReader
from release.mirror.streams import WrongSourceError
from tests.s3_home import s3_credentials
from tests.s3_proxy import S3Proxy, s3_proxy
from tests.s3_uploader import Order, pattern, pattern_sha256
from tests.seaweedfs import SeaweedFS, seaweedfs
from tests.store_conformance import race, sha

__all__ = ["s3_credentials", "seaweedfs"]  # fixtures, found by their names in this module

pytestmark = pytest.mark.usefixtures("s3_credentials")
SIZE = 48 << 20
KEY = "update/amd64-usr/4593.0.1/payload.gz"
PART = 5 << 20


@pytest.fixture(scope="module")
def bucket(seaweedfs: SeaweedFS) -> str:
    return seaweedfs.new_bucket()


@pytest.fixture
def prefix() -> str:
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[S3Proxy]:
    with s3_proxy(seaweedfs.endpoint_url) as running:
        yield running


@pytest.fixture
def store(proxy: S3Proxy, bucket: str, prefix: str) -> S3Store:
    return store_at(proxy.url, bucket, prefix)


def store_at(url: str, bucket: str, prefix: str, attempts: int = 3) -> S3Store:
    options = S3Options(endpoint_url=url, attempts=attempts, part_size=PART, parallel=2)
    return S3Store(bucket=bucket, prefix=prefix, options=options)


def uploads(server: SeaweedFS, bucket: str, prefix: str) -> list[str]:
    """Ids of unfinished uploads."""
    found = server.client().list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
    return [one["UploadId"] for one in found]


def digest_of(reader: ObjectReader, key: str) -> Digest:
    with reader.open(key) as stream:
        return hash_stream(stream).sha256


def breaking(data: bytes, at: int) -> BinaryIO:
    """A stream that breaks off behind ``at`` bytes, as one from another mirror may."""

    class Broken(io.RawIOBase):
        place = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io passes a memoryview
            if self.place >= at:
                raise UnavailableError("the other mirror went away")
            piece = data[self.place : min(at, self.place + len(buffer))]
            buffer[: len(piece)] = piece
            self.place += len(piece)
            return len(piece)

    return io.BufferedReader(Broken())


def cut_off(store: S3Store, data: bytes, at: int, promised: bytes | None = None) -> None:
    """Upload ``data`` as far as ``at``."""
    with pytest.raises(UnavailableError, match="went away"):
        store.create(KEY, lambda: breaking(data, at), sha256=sha(promised or data))


def test_a_killed_upload_goes_on_without_sending_finished_parts_again(
    proxy: S3Proxy, seaweedfs: SeaweedFS, bucket: str, prefix: str, s3_credentials: dict[str, str]
) -> None:
    """SIGKILL in the middle, then the same command. The proxy counts what the server took."""
    order = Order(
        endpoint=proxy.url, bucket=bucket, prefix=prefix, key=KEY, size=SIZE, sha256=pattern_sha256(SIZE)
    )
    proxy.hold = lambda _method, path: "partNumber=" in path and len(proxy.parts()) >= 4
    process = order.start(s3_credentials)
    with process:
        assert proxy.holding.wait(180)
        process.kill()
    proxy.let_all_pass()
    finished = proxy.parts()
    assert len(finished) >= 4
    assert store_at(seaweedfs.endpoint_url, bucket, prefix).stat(KEY) is None
    assert len(uploads(seaweedfs, bucket, prefix)) == 1

    proxy.forget()
    with order.start(s3_credentials) as again:
        output, _ = again.communicate(timeout=400)
    assert json.loads(output)["uploaded"] == [KEY]
    sent = proxy.parts()
    assert set(sent) & set(finished) == set()
    counted = sorted(sent + finished)
    assert len(counted) == len(set(counted)), "nothing was sent twice"
    # What was on its way when the process was killed may still have come through, after the count.
    assert max(counted) - len(counted) <= order.parallel
    assert digest_of(store_at(seaweedfs.endpoint_url, bucket, prefix), KEY).hex == order.sha256
    assert uploads(seaweedfs, bucket, prefix) == []


def test_an_origin_that_went_away_in_the_middle_costs_no_part_twice(store: S3Store, proxy: S3Proxy) -> None:
    data = pattern(30 << 20).read()
    cut_off(store, data, 20 << 20)
    before = proxy.parts()
    assert len(before) >= 3
    proxy.forget()
    assert store.create(KEY, lambda: io.BytesIO(data), sha256=sha(data)) == Created(KEY)
    assert set(proxy.parts()) & set(before) == set()
    assert digest_of(store, KEY) == sha(data)


def test_a_part_that_holds_other_bytes_is_sent_again(store: S3Store, proxy: S3Proxy) -> None:
    """The source was wrong in its second part, which nobody had found out when it broke off."""
    data = pattern(30 << 20).read()
    wrong = data[: 7 << 20] + b"?" + data[(7 << 20) + 1 :]
    cut_off(store, wrong, 20 << 20, promised=data)
    kept = proxy.parts()
    proxy.forget()
    assert store.create(KEY, data, sha256=sha(data)) == Created(KEY)
    assert sorted(set(proxy.parts()) & set(kept)) == [2]
    assert digest_of(store, KEY) == sha(data)


def test_an_upload_of_other_content_is_not_gone_on_with(
    store: S3Store, proxy: S3Proxy, seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    """Though its first parts hold the same bytes: it was begun under another name. It is left alone."""
    data = pattern(30 << 20).read()
    other = data[:-1] + b"?"
    cut_off(store, other, 20 << 20)
    [theirs] = uploads(seaweedfs, bucket, prefix)
    proxy.forget()
    assert store.create(KEY, data, sha256=sha(data)) == Created(KEY)
    assert len(proxy.parts()) >= 5
    assert uploads(seaweedfs, bucket, prefix) == [theirs]
    stat = store.stat(KEY)
    assert stat is not None
    assert stat.sha256 == sha(data)


def test_a_wrong_source_leaves_no_parts(
    store: S3Store, seaweedfs: SeaweedFS, bucket: str, prefix: str, tmp_path: Path
) -> None:
    source = tmp_path / "big"
    source.write_bytes(pattern(30 << 20).read())
    for wrong in (source, source.read_bytes(), lambda: source.open("rb")):
        with pytest.raises(WrongSourceError, match="expected sha256"):
            store.create(KEY, wrong, sha256=sha(b"promised"))
        assert uploads(seaweedfs, bucket, prefix) == []
        assert store.stat(KEY) is None


def test_a_source_that_wrote_over_parts_of_a_cut_off_upload_and_is_wrong_ends_it(
    store: S3Store, seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    data = pattern(30 << 20).read()
    cut_off(store, data, 20 << 20)
    with pytest.raises(WrongSourceError):
        store.create(KEY, data[:-1] + b"?", sha256=sha(data))
    assert uploads(seaweedfs, bucket, prefix) == []


def test_credentials_that_end_in_the_middle_end_no_upload(store: S3Store, proxy: S3Proxy) -> None:
    """An error of a request is no error of the content: what is there stays, for new credentials."""
    data = pattern(30 << 20).read()
    proxy.deny = lambda _method, path: "partNumber=" in path and len(proxy.parts()) >= 3
    with pytest.raises(InputError, match="ExpiredToken"):
        store.create(KEY, data, sha256=sha(data))
    before = proxy.parts()
    proxy.deny = lambda _method, _path: False
    proxy.forget()
    assert store.create(KEY, data, sha256=sha(data)) == Created(KEY)
    assert set(proxy.parts()) & set(before) == set()


def test_two_who_upload_the_same_at_once_both_succeed(seaweedfs: SeaweedFS, bucket: str, prefix: str) -> None:
    """Whether or not one finds the other's upload and joins it: the object is whole, nothing is left."""
    data = pattern(16 << 20).read()
    for number in range(2):
        key = f"{KEY}.{number}"
        stores = [store_at(seaweedfs.endpoint_url, bucket, prefix) for _ in range(2)]
        results = race([partial(one.create, key, data, sha256=sha(data)) for one in stores])
        assert {type(result) for result in results} <= {Created, AlreadyThere}, results
        assert digest_of(stores[0], key) == sha(data)
    assert uploads(seaweedfs, bucket, prefix) == []


def test_parts_that_nobody_goes_on_with_are_cleaned_up(
    store: S3Store, seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    """Only old ones, only below the prefix."""
    data = pattern(24 << 20).read()
    other = store_at(seaweedfs.endpoint_url, bucket, f"{prefix}-other")
    for one in (store, other):
        cut_off(one, data, 16 << 20)
    assert store.clean_up(timedelta(hours=1)) == ()
    assert store.clean_up(timedelta(seconds=-60)) == (f"{prefix}/{KEY}",)
    assert len(uploads(seaweedfs, bucket, prefix)) == 1
    assert other.clean_up(timedelta(seconds=-60)) == (f"{prefix}-other/{KEY}",)
    assert uploads(seaweedfs, bucket, prefix) == []


def test_a_server_killed_in_mid_upload_is_outlasted(
    seaweedfs: SeaweedFS, bucket: str, prefix: str, s3_credentials: dict[str, str]
) -> None:
    """By the process itself: its requests are repeated until the server is back."""
    with s3_proxy(seaweedfs.endpoint_url) as proxy:
        order = Order(
            endpoint=proxy.url,
            bucket=bucket,
            prefix=prefix,
            key=KEY,
            size=SIZE,
            sha256=pattern_sha256(SIZE),
            attempts=20,
        )
        proxy.hold = lambda _method, path: "partNumber=" in path and len(proxy.parts()) >= 3
        with order.start(s3_credentials) as process:
            assert proxy.holding.wait(180)
            seaweedfs.kill()
            proxy.let_all_pass()
            seaweedfs.start()
            output, _ = process.communicate(timeout=400)
        assert process.returncode == 0
    assert json.loads(output)["uploaded"] == [KEY]
    assert digest_of(store_at(seaweedfs.endpoint_url, bucket, prefix), KEY).hex == order.sha256


def test_a_server_that_stays_away_ends_the_upload_and_the_next_one_goes_on(
    seaweedfs: SeaweedFS, proxy: S3Proxy, bucket: str, prefix: str
) -> None:
    data = pattern(SIZE).read()
    proxy.hold = lambda _method, path: "partNumber=" in path and len(proxy.parts()) >= 4
    proxy.release.set()  # drops at once, again and again
    with pytest.raises(UnavailableError):
        store_at(proxy.url, bucket, prefix, attempts=2).create(KEY, data, sha256=sha(data))
    before = proxy.parts()
    seaweedfs.kill()
    seaweedfs.start()
    proxy.let_all_pass()
    proxy.forget()
    assert store_at(proxy.url, bucket, prefix).create(KEY, data, sha256=sha(data)) == Created(KEY)
    assert set(proxy.parts()) & set(before) == set()


def test_the_server_compares_kept_parts_by_sha256_when_the_upload_is_completed(
    seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    """Resuming rests on it, besides MD5: SeaweedFS lists no SHA-256 of parts, but has and compares them."""
    client, name, data = seaweedfs.client(), f"{prefix}/x", b"part"
    upload = client.create_multipart_upload(Bucket=bucket, Key=name, ChecksumAlgorithm="SHA256")["UploadId"]
    tag = client.upload_part(
        Bucket=bucket, Key=name, UploadId=upload, PartNumber=1, Body=data, ChecksumSHA256=checksum(data)
    )["ETag"]
    with pytest.raises(client.exceptions.ClientError, match="BadDigest"):
        client.complete_multipart_upload(
            Bucket=bucket,
            Key=name,
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag, "ChecksumSHA256": checksum(b"other")}]},
        )


def test_an_object_is_read_on_where_its_connection_broke_off(store: S3Store, proxy: S3Proxy) -> None:
    """Again and again, and only what is missing."""
    data = pattern(12 << 20).read()
    store.create(KEY, data, sha256=sha(data))
    proxy.forget()
    proxy.cut = lambda method, _path: (3 << 20) if method == "GET" else None
    with store.open(KEY) as stream:
        assert hash_stream(stream).sha256 == sha(data)
    assert [one.status for one in proxy.asked] == [200, 206, 206, 206]


def test_an_object_of_which_no_byte_comes_any_more_is_unavailable(store: S3Store, proxy: S3Proxy) -> None:
    data = pattern(12 << 20).read()
    store.create(KEY, data, sha256=sha(data))
    proxy.cut = lambda method, _path: 0 if method == "GET" else None
    with store.open(KEY) as stream, pytest.raises(UnavailableError):
        hash_stream(stream)


def test_an_object_that_changes_while_it_is_read_is_not_mixed(
    store: S3Store, proxy: S3Proxy, seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    data = pattern(12 << 20).read()
    store.create(KEY, data, sha256=sha(data))
    proxy.cut = lambda method, _path: (3 << 20) if method == "GET" else None
    with store.open(KEY) as stream:
        stream.read(1 << 20)
        seaweedfs.client().put_object(Bucket=bucket, Key=f"{prefix}/{KEY}", Body=bytes(12 << 20))
        with pytest.raises(UnavailableError, match="was changed while it was read"):
            hash_stream(stream)
