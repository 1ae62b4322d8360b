"""Replicas in a real bucket."""

from __future__ import annotations

import pytest

from release.mirror.content_types import IMMUTABLE, MUTABLE
from release.mirror.replica import Replica
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.mirror.store_replica import StoreReplica
from tests.replica_conformance import CURRENT, OLD, ReplicaConformance, newer, prefix, release_files, view
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS, seaweedfs  # noqa: F401 - fixture


@pytest.fixture
def bucket(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return seaweedfs.new_bucket()


class TestS3(ReplicaConformance):
    @pytest.fixture
    def replica(self, seaweedfs: SeaweedFS, bucket: str) -> Replica:  # noqa: F811
        return _replica(seaweedfs, bucket)


def test_what_is_in_current_is_short_lived_and_what_is_under_a_version_is_not(
    seaweedfs: SeaweedFS,  # noqa: F811
    bucket: str,
) -> None:
    replica = _replica(seaweedfs, bucket)
    replica.write_once(release_files(OLD))
    replica.show_current(view(OLD), newer)
    client = seaweedfs.client()
    for name in ("packages.txt", "version.txt", "channel.json"):
        head = client.head_object(Bucket=bucket, Key=f"site/{CURRENT}{name}")
        assert head["CacheControl"] == MUTABLE
        kind = "application/json" if name.endswith(".json") else "text/plain; charset=utf-8"
        assert head["ContentType"] == kind
    head = client.head_object(Bucket=bucket, Key=f"site/{prefix(OLD)}packages.txt")
    assert head["CacheControl"] == IMMUTABLE


def _replica(server: SeaweedFS, bucket: str) -> StoreReplica:
    return StoreReplica.copied(
        S3Store(bucket=bucket, prefix="site", options=S3Options(endpoint_url=server.endpoint_url))
    )
