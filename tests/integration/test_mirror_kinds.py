"""One yard, three kinds of mirrors on real servers: SeaweedFS, a directory behind nginx, an rsync daemon."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError

from release.cli.main import run
from release.mirror.content_types import IMMUTABLE, MUTABLE
from release.wiring import open_yard
from tests.mirror_yard import add_access, add_mirrors
from tests.nginx import served_by_nginx
from tests.rsync_daemon import PASSWORD, RsyncDaemon, rsync_daemon  # noqa: F401 - a fixture
from tests.seaweedfs import ACCESS_KEY, PUBLIC_BUCKET, SECRET_KEY, SeaweedFS, seaweedfs  # noqa: F401 - same
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard

NAMES = ("bucket", "directory", "daemon")


@dataclass(frozen=True)
class Kinds:
    """``urls`` are the public addresses, by name."""

    yard: SmallYard
    urls: dict[str, str]
    daemon: RsyncDaemon
    server: SeaweedFS

    def get(self, mirror: str, key: str) -> requests.Response:
        """What everybody gets."""
        return requests.get(self.urls[mirror] + key, timeout=20)

    def at(self, mirror: str) -> str:
        """What a mirror's pointer says."""
        text = self.get(mirror, f"alpha/{BOARD}/current/version.txt").text
        (line,) = [one for one in text.splitlines() if one.startswith("FLATCAR_VERSION=")]
        return line.partition("=")[2]

    def verify(self, mirror: str) -> int:
        """Do what whoever uses the mirror does."""
        keys = self.yard.root / "keys"
        options = [f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc"]
        options += [f"--payload-key={keys}/payload-2048.pub.pem", f"--product={PRODUCT}"]
        return run(["verify", self.urls[mirror], "--channel", "alpha", *options])

    def have(self) -> set[str]:
        """Who has the new release, as the ledger says."""
        with open_yard(self.yard.settings) as yard:
            return set(yard.ledger.state().mirrors_with("alpha", NEW))


@pytest.fixture
def kinds(
    small_yard: SmallYard,
    seaweedfs: SeaweedFS,  # noqa: F811
    rsync_daemon: RsyncDaemon,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Kinds]:
    """The policy asks for all three. The old release is in alpha; nothing is known of the new one."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "HUMPYARD_SECRET_MIRROR_DAEMON": PASSWORD,
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    with suppress(ClientError):
        seaweedfs.client().create_bucket(Bucket=PUBLIC_BUCKET)
    prefix, directory = secrets.token_hex(6), tmp_path / "directory"
    directory.mkdir()
    (rsync_daemon.root / "site").mkdir()
    with ExitStack() as stack:
        urls = {
            "bucket": f"{seaweedfs.endpoint_url}/{PUBLIC_BUCKET}/{prefix}/",
            "directory": stack.enter_context(served_by_nginx(directory, tmp_path / "nginx-1")) + "/",
            "daemon": stack.enter_context(served_by_nginx(rsync_daemon.root / "site", tmp_path / "nginx-2"))
            + "/",
        }
        shutil.rmtree(small_yard.mirror)
        add_mirrors(small_yard.root / "policy.toml", list(urls.items()), 3)
        assert small_yard.humpyard("ledger", "begin") == 0
        settings = small_yard.settings
        add_access(
            settings,
            "bucket",
            url=f"s3://{PUBLIC_BUCKET}/{prefix}",
            s3_endpoint=seaweedfs.endpoint_url,
            s3_attempts=2,
        )
        add_access(settings, "directory", url=f"file:{directory}")
        add_access(settings, "daemon", url=rsync_daemon.url(), password_secret="mirror-daemon", links=True)
        small_yard.publish(OLD, offered_in=("alpha",))
        yield Kinds(small_yard, urls, rsync_daemon, seaweedfs)


def ask(kinds: Kinds) -> None:
    """Ask for the new release in alpha."""
    request = ["promote", "request", str(NEW), "--to", "alpha", *kinds.yard.secret("ada")]
    assert kinds.yard.humpyard(*request) == 0


def test_all_kinds_of_mirrors_are_brought_a_release_read_back_and_show_it(kinds: Kinds) -> None:
    """Publishing brings it; promoting needs no more than to let the mirrors show it."""
    kinds.yard.publish(NEW, OLD)
    assert kinds.have() == set(NAMES)
    assert [kinds.at(name) for name in NAMES] == [str(OLD)] * 3
    ask(kinds)
    assert kinds.yard.humpyard("promote", "run") == 0
    for name in NAMES:
        assert kinds.at(name) == str(NEW)
        assert kinds.verify(name) == 0
        payload = kinds.get(name, f"update/{BOARD}/{NEW}/flatcar_production_update.gz")
        pointer = kinds.get(name, f"alpha/{BOARD}/current/version.txt")
        assert payload.headers["Cache-Control"] == IMMUTABLE
        assert pointer.headers["Cache-Control"] == MUTABLE
        assert "Content-Encoding" not in payload.headers
        for key in (f"alpha/{BOARD}/{NEW}/index.json", "channel-info.txt", "pages/index.html"):
            assert kinds.get(name, key).status_code == requests.codes.ok
        kernel = "flatcar_production_image.vmlinuz"
        small = kinds.get(name, f"alpha/{BOARD}/current/{kernel}")
        assert small.content == kinds.get(name, f"alpha/{BOARD}/{NEW}/{kernel}").content
    assert kinds.yard.humpyard("mirrors", "status") == 0
    assert kinds.yard.humpyard("mirrors", "sync", "--again") == 0


def test_servers_that_are_down_hold_a_channel_back_until_they_are_up_again(
    kinds: Kinds, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both say why; the directory, which is up, has the release long before."""
    kinds.server.kill()
    kinds.daemon.kill()
    try:
        kinds.yard.publish(NEW, OLD)
        assert kinds.have() == {"directory"}
        ask(kinds)
        capsys.readouterr()
        assert kinds.yard.humpyard("promote", "run") == 1
        said = capsys.readouterr().err
    finally:
        kinds.server.start()
        kinds.daemon.start()
    assert "mirrors: missing 2 more of the mirrors bucket, daemon" in said
    assert kinds.server.endpoint_url in said
    assert kinds.daemon.url().partition("@")[2] in said
    assert PASSWORD not in said
    assert [kinds.at(name) for name in NAMES] == [str(OLD)] * 3
    assert kinds.yard.humpyard("promote", "run") == 0
    assert [kinds.at(name) for name in NAMES] == [str(NEW)] * 3
    assert [kinds.verify(name) for name in NAMES] == [0, 0, 0]
