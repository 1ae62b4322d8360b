"""The same line with its store on a real S3 server."""

from __future__ import annotations

import pytest

from release.catalog.board import Board
from release.cli.main import run
from release.mirror.pointers import read_channel_pointer
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS, seaweedfs  # noqa: F401 - a fixture
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard


def test_publish_promote_and_verify_on_s3(
    seaweedfs: SeaweedFS,  # noqa: F811
    small_yard: SmallYard,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ledger, releases, pointers and pages are in the bucket; nothing is in the yard's directory."""
    bucket = seaweedfs.new_bucket()
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL_S3": seaweedfs.endpoint_url,
        "HUMPYARD_STORE__URL": f"s3://{bucket}/releases",
    }.items():
        monkeypatch.setenv(name, value)
    before = sorted(small_yard.mirror.rglob("*"))
    assert small_yard.humpyard("ledger", "begin") == 0
    small_yard.publish(OLD, offered_in=("alpha",))
    small_yard.publish(NEW, OLD)
    assert (
        small_yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *small_yard.secret("ada")) == 0
    )
    for _ in range(2):
        assert small_yard.humpyard("promote", "run") == 0

    store = S3Store(bucket=bucket, prefix="releases", options=S3Options(endpoint_url=seaweedfs.endpoint_url))
    pointer = read_channel_pointer(store, "alpha", Board.parse(BOARD))
    assert pointer is not None
    assert pointer.version == NEW
    assert store.stat("pages/index.html") is not None
    assert sorted(small_yard.mirror.rglob("*")) == before

    keys = small_yard.root / "keys"
    options = ["--product", PRODUCT, f"--payload-key={keys / 'payload-2048.pub.pem'}"]
    options += [f"--release-key={keys / 'pipeline.asc'}", f"--build-key={keys / 'build.asc'}"]
    capsys.readouterr()
    assert run(["verify", f"s3://{bucket}/releases", str(NEW), *options, "--prove"]) == 0
    assert f"release {NEW} is verified" in capsys.readouterr().out
