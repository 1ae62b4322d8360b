"""What S3 options do to a real server: encryption, addressing, limits, progress, copies in parts, memory."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator

import pytest

from release.errors import InputError, UnavailableError
from release.mirror.content_types import IMMUTABLE
from release.mirror.s3 import S3Store
from release.mirror.s3_options import Encryption, S3Options
from release.mirror.store import AlreadyThere, Created
from release.mirror.sync import Upload, publish
from tests.s3_home import s3_credentials
from tests.s3_proxy import S3Proxy, s3_proxy
from tests.s3_uploader import Order, pattern, pattern_sha256
from tests.seaweedfs import SeaweedFS, seaweedfs
from tests.store_conformance import sha

__all__ = ["s3_credentials", "seaweedfs"]  # fixtures, found by their names in this module

pytestmark = pytest.mark.usefixtures("s3_credentials")
KEY = "alpha/amd64-usr/4593.0.1/image.bin.bz2"
PART = 5 << 20
MEMORY = 128 << 20
"""Bytes an upload may add to what the process has without it, by four parts of 8 MiB at once. 81 to 98 MiB
were measured, of 1 and of 5 GiB, beside 51 MiB of the process itself."""
LARGE = int(os.environ.get("HUMPYARD_TEST_LARGE_MIB", "512")) << 20


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


def test_objects_are_encrypted_and_placed_as_asked(
    seaweedfs: SeaweedFS, bucket: str, prefix: str, proxy: S3Proxy
) -> None:
    """Small, large, copied, and those that move, which stay in the usual storage class."""
    options = S3Options(
        endpoint_url=proxy.url, encryption=Encryption(algorithm="AES256"), storage_class="STANDARD_IA"
    )
    store = S3Store(bucket=bucket, prefix=prefix, options=options)
    large = pattern(20 << 20).read()
    store.create("small", b"text", sha256=sha(b"text"))
    store.create("large", large, sha256=sha(large))
    store.copy("small", "copy", sha256=sha(b"text"))
    store.replace("page", b"text")
    client = seaweedfs.client()
    for key in ("small", "large", "copy", "page"):
        head = client.head_object(Bucket=bucket, Key=f"{prefix}/{key}")
        assert head["ServerSideEncryption"] == "AES256"
    assert store.read("large", 21 << 20) == large
    classes = {name: value for name, value in proxy.storage_classes().items() if value}
    assert sorted(classes) == [f"/{bucket}/{prefix}/{key}" for key in ("copy", "large", "small")]


def test_a_key_the_server_does_not_have_is_an_error_and_no_object(
    seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    """SeaweedFS has no key management service here. It must not be stored without encryption instead."""
    options = S3Options(
        endpoint_url=seaweedfs.endpoint_url,
        attempts=1,
        encryption=Encryption(algorithm="aws:kms", key="release"),
    )
    store = S3Store(bucket=bucket, prefix=prefix, options=options)
    with pytest.raises((InputError, UnavailableError)):
        store.create("small", b"text", sha256=sha(b"text"))
    assert store.stat("small") is None


def test_a_bucket_is_found_by_its_host_name(
    bucket: str, prefix: str, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a forward proxy, as nobody knows ``*.s3.localhost`` by name."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    options = S3Options(endpoint_url="http://s3.localhost:80", addressing="virtual", attempts=1)
    store = S3Store(bucket=bucket, prefix=prefix, options=options)
    assert store.create("a", b"text", sha256=sha(b"text")) == Created("a")
    assert store.read("a") == b"text"
    assert list(store.list("")) == ["a"]
    assert {one.path.partition("?")[0] for one in proxy.asked} == {"/", f"/{prefix}/a"}


def test_no_more_bytes_and_requests_a_second_than_allowed(
    seaweedfs: SeaweedFS, bucket: str, prefix: str
) -> None:
    """Of 24 MiB at 8 MiB/s a second's worth goes at once. A slow machine makes it longer, never shorter."""
    data = pattern(24 << 20).read()
    url = seaweedfs.endpoint_url
    slow = S3Options(endpoint_url=url, bandwidth=8 << 20, part_size=PART)
    begun = time.monotonic()
    S3Store(bucket=bucket, prefix=prefix, options=slow).create("slow", data, sha256=sha(data))
    assert time.monotonic() - begun >= 2

    few = S3Store(bucket=bucket, prefix=prefix, options=S3Options(endpoint_url=url, request_rate=10))
    begun = time.monotonic()
    for _ in range(25):
        few.stat("slow")
    assert time.monotonic() - begun >= 1.5


def test_publishing_tells_its_progress_in_bytes(seaweedfs: SeaweedFS, bucket: str, prefix: str) -> None:
    store = S3Store(
        bucket=bucket, prefix=prefix, options=S3Options(endpoint_url=seaweedfs.endpoint_url, part_size=PART)
    )
    told: list[tuple[str, int, int]] = []
    size = 12 << 20
    files = [
        Upload(key=KEY, source=lambda: pattern(size), size=size, sha256=sha(pattern(size).read())),
        Upload(key=f"{KEY}.sig", source=b"sig", size=3, sha256=sha(b"sig")),
    ]
    publish(store, files, progress=lambda key, done, total: told.append((key, done, total)))
    image = [done for key, done, total in told if key == KEY and total == size]
    assert image == sorted(image)
    assert len(set(image)) >= 12
    assert image[-1] == size
    assert (f"{KEY}.sig", 3, 3) in told


def test_what_is_too_large_for_one_copy_is_copied_in_parts(
    bucket: str, prefix: str, proxy: S3Proxy, seaweedfs: SeaweedFS
) -> None:
    """Nothing of it comes by this machine, and it says of itself what the original says."""
    options = S3Options(endpoint_url=proxy.url, part_size=PART, copy_size=6 << 20)
    store = S3Store(bucket=bucket, prefix=prefix, options=options)
    data = pattern(20 << 20).read()
    store.create(KEY, data, sha256=sha(data), content_type="text/x")
    proxy.forget()
    target = KEY.replace("alpha", "beta")
    assert store.copy(KEY, target, sha256=sha(data)) == Created(target)
    assert store.copy(KEY, target, sha256=sha(data)) == AlreadyThere(target)
    assert sorted(proxy.parts()) == [1, 2, 3, 4]
    assert sum(one.size for one in proxy.asked) < 10_000
    assert store.read(target, 21 << 20) == data
    head = seaweedfs.client().head_object(Bucket=bucket, Key=f"{prefix}/{target}")
    assert head["ContentType"] == "text/x"
    assert head["CacheControl"] == IMMUTABLE
    assert head["Metadata"] == {"sha256": sha(data).hex}


def test_a_large_object_takes_bounded_memory(
    seaweedfs: SeaweedFS, bucket: str, prefix: str, s3_credentials: dict[str, str]
) -> None:
    """In a process of its own, uploaded from a stream and read back."""
    order = Order(
        endpoint=seaweedfs.endpoint_url,
        bucket=bucket,
        prefix=prefix,
        key=KEY,
        size=LARGE,
        sha256=pattern_sha256(LARGE),
        part_size=8 << 20,
        parallel=4,
    )
    with order.start(s3_credentials) as process:
        output, _ = process.communicate(timeout=900)
    report = json.loads(output)
    assert report["uploaded"] == [KEY]
    assert report["peak"] - report["before"] < MEMORY
    assert report["peak"] < 300 << 20
    S3Store(bucket=bucket, prefix=prefix, options=S3Options(endpoint_url=seaweedfs.endpoint_url)).delete(KEY)
