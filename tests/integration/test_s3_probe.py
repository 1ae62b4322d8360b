"""What real S3 servers are found to do, and what they may be used for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from release.errors import InputError, RefusedError, UnavailableError
from release.mirror.abilities import (
    ORIGIN_NEEDS,
    REPLICA_NEEDS,
    STRICT_REPLICA_NEEDS,
    Abilities,
    Ability,
    Verdict,
    check_abilities,
)
from release.mirror.probe import probe
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from tests.rclone import BUCKET as RCLONE_BUCKET
from tests.rclone import rclone_s3
from tests.s3_home import s3_credentials
from tests.s3_proxy import s3_proxy
from tests.seaweedfs import SeaweedFS, seaweedfs
from tests.store_conformance import sha

__all__ = ["s3_credentials", "seaweedfs"]  # fixtures, found by their names in this module

pytestmark = pytest.mark.usefixtures("s3_credentials")


def store_at(url: str, bucket: str) -> S3Store:
    options = S3Options(endpoint_url=url, attempts=2, part_size=5 << 20)
    return S3Store(bucket=bucket, prefix=f"test-{secrets.token_hex(4)}", options=options)


def ignored(abilities: Abilities) -> set[Ability]:
    return {one.ability for one in abilities.findings if one.verdict is Verdict.IGNORED}


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with rclone_s3(tmp_path_factory.mktemp("rclone")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def bucket(seaweedfs: SeaweedFS) -> str:
    return seaweedfs.new_bucket()


def test_seaweedfs_does_all_of_it_and_may_be_the_origin(seaweedfs: SeaweedFS, bucket: str) -> None:
    store = store_at(seaweedfs.endpoint_url, bucket)
    found = probe(store, "s3://weed")
    assert [one for one in found.findings if one.verdict is not Verdict.KEPT] == []
    check_abilities(found, ORIGIN_NEEDS | STRICT_REPLICA_NEEDS, "the origin")
    assert_clean(seaweedfs, bucket, store)


def test_rclone_ignores_conditions_and_is_refused_as_the_origin(rclone: str) -> None:
    store = store_at(rclone, RCLONE_BUCKET)
    found = probe(store, "s3://rclone")
    assert ignored(found) >= {Ability.CREATE_ONCE, Ability.SWAP, Ability.LARGE_ONCE, Ability.CHECKSUM}
    check_abilities(found, REPLICA_NEEDS, "a mirror")
    with pytest.raises(RefusedError, match="s3://rclone: cannot be the origin") as caught:
        check_abilities(found, ORIGIN_NEEDS, "the origin")
    text = str(caught.value)
    assert "silently ignored. Tried: PutObject with If-Match of another ETag" in text
    assert "If-None-Match on PutObject" in str(caught.value.hint)
    with pytest.raises(RefusedError, match="refuses to complete a large object over another one"):
        check_abilities(found, STRICT_REPLICA_NEEDS, "a mirror that several write to")
    assert list(store.list("")) == []


def assert_clean(server: SeaweedFS, bucket: str, store: S3Store) -> None:
    assert list(store.list("")) == []
    uploads = server.client().list_multipart_uploads(Bucket=bucket, Prefix=store._prefix)
    assert uploads.get("Uploads", []) == []


def test_a_copy_in_parts_that_a_server_only_pretends_is_found_out(rclone: str) -> None:
    """Rclone says that it copied each part. Nothing is completed."""
    options = S3Options(endpoint_url=rclone, attempts=2, copy_size=5 << 20)
    store = S3Store(bucket=RCLONE_BUCKET, prefix="copies", options=options)
    data = bytes(6 << 20)
    store.create("original", data, sha256=sha(data))
    with pytest.raises(InputError, match=r"expected copied parts of \[5242880, 1048576\] bytes, found"):
        store.copy("original", "copy", sha256=sha(data))
    assert store.stat("copy") is None


def test_a_probe_cut_off_in_the_middle_leaves_nothing(seaweedfs: SeaweedFS, bucket: str) -> None:
    with s3_proxy(seaweedfs.endpoint_url) as proxy:
        store = store_at(proxy.url, bucket)
        proxy.deny = lambda method, path: method == "POST" and "uploadId=" in path
        found = probe(store, "s3://weed")
        for ability in (Ability.LARGE, Ability.LARGE_ONCE):
            finding = found.of(ability)
            assert finding is not None
            assert finding.verdict is Verdict.REFUSED
            assert "ExpiredToken" in finding.found
        assert_clean(seaweedfs, bucket, store)


def test_a_mirror_that_takes_no_object_is_not_probed_at_all(
    seaweedfs: SeaweedFS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnavailableError):
        probe(store_at("http://127.0.0.1:9", bucket), "s3://nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InputError, match="SignatureDoesNotMatch"):
        probe(store_at(seaweedfs.endpoint_url, bucket), "s3://weed")


def test_a_bucket_that_is_missing_is_an_input_error(seaweedfs: SeaweedFS) -> None:
    with pytest.raises(InputError, match="NoSuchBucket"):
        probe(store_at(seaweedfs.endpoint_url, "no-such-bucket"), "s3://weed")
