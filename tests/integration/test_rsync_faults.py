"""What only rsync does: it resumes, it is refused, it finds damage; links on disk; over ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from release.errors import HumpyardError, InputError, UnavailableError
from release.mirror.replica import Document
from release.mirror.rsync import RsyncReplica
from release.mirror.rsync_program import Rsync
from release.mirror.rsync_target import RsyncTarget
from release.mirror.store import ConflictError
from tests.replica_conformance import BOARD, NEW, OLD, prefix, release_files, upload, version_text, view
from tests.rsync_daemon import PASSWORD, RsyncDaemon, rsync_daemon  # noqa: F401 - fixture
from tests.ssh_server import SshServer, ssh_server  # noqa: F401 - fixture

_KEY = "alpha/amd64-usr/4593.0.1/image.bin"
_SIZE = 12 << 20
_WAIT = 60.0


@pytest.fixture
def daemon(rsync_daemon: RsyncDaemon) -> RsyncDaemon:  # noqa: F811
    return rsync_daemon


@pytest.fixture
def site(daemon: RsyncDaemon) -> Path:
    return daemon.root / "site"


@pytest.fixture
def replica(daemon: RsyncDaemon, tmp_path: Path) -> RsyncReplica:
    return RsyncReplica(daemon.rsync(), tmp_path / "work")


def test_a_second_time_no_byte_of_a_file_crosses_the_wire(replica: RsyncReplica, daemon: RsyncDaemon) -> None:
    replica.write_once(release_files(OLD))
    replica.show_current(view(OLD))
    pages = [Document(key=f"pages/{number}.html", data=b"page") for number in range(3)]
    replica.replace(pages)
    once = daemon.received()
    replica.write_once(release_files(OLD))
    replica.show_current(view(OLD))
    replica.replace(pages)
    assert daemon.received() == once
    assert {name for name, _, _ in once} >= {f"site/{one.key}" for one in release_files(OLD)}


def test_a_transfer_that_was_killed_is_gone_on_with(
    replica: RsyncReplica, daemon: RsyncDaemon, site: Path, tmp_path: Path
) -> None:
    source = tmp_path / "image.bin"
    source.write_bytes(os.urandom(_SIZE))
    _killed_in_the_middle(daemon, site, source, tmp_path)
    assert list(replica.list("")) == []
    replica.write_once([upload(_KEY, source)])
    assert (site / _KEY).read_bytes() == source.read_bytes()
    name, size, moved = daemon.received()[-1]
    assert (name, size) == (f"site/{_KEY}", _SIZE)
    assert moved < _SIZE * 0.9
    assert [path.name for path in (site / _KEY).parent.iterdir()] == ["image.bin"]


_WRITER = """
import sys
from pathlib import Path
from release.mirror.rsync import RsyncReplica
from release.mirror.rsync_program import Rsync
from release.mirror.rsync_target import RsyncTarget
from tests.replica_conformance import upload
url, password, key, source, work = sys.argv[1:]
rsync = Rsync(target=RsyncTarget.parse(url), secret=lambda: password, bandwidth=1 << 20)
RsyncReplica(rsync, Path(work)).write_once([upload(key, Path(source))])
"""


def _killed_in_the_middle(daemon: RsyncDaemon, site: Path, source: Path, tmp_path: Path) -> None:
    """Send at 1 MiB/s, and kill sender and program when a third has arrived."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, daemon.url(), PASSWORD, _KEY, source, tmp_path / "work"],
        start_new_session=True,
    )
    folder = (site / _KEY).parent
    try:
        _await(lambda: any(size > _SIZE // 3 for size in _partial_sizes(folder)), writer)
    finally:
        os.killpg(writer.pid, signal.SIGKILL)
        writer.wait()
    # The daemon notices, and keeps what it has for the next time.
    _await((folder / ".rsync-partial/image.bin").exists)
    assert not (site / _KEY).exists()


def _partial_sizes(folder: Path) -> list[int]:
    try:
        return [path.stat().st_size for path in folder.glob(".image.bin.*")]
    except FileNotFoundError:
        return []


def _await(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + _WAIT
    while not condition():
        assert process is None or process.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


@pytest.mark.parametrize("damage", [b"short", b"X" * 1000])
def test_a_file_that_was_damaged_over_there_is_found(
    replica: RsyncReplica, site: Path, damage: bytes
) -> None:
    files = [upload(prefix(OLD) + "a.txt", b"a" * 1000), upload(prefix(OLD) + "b.txt", b"b")]
    replica.write_once(files)
    before = (site / files[0].key).stat()
    (site / files[0].key).write_bytes(damage)
    os.utime(site / files[0].key, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ConflictError, match=r"a\.txt"):
        replica.write_once(files)
    assert (site / files[0].key).read_bytes() == damage


def test_a_conflict_is_found_before_anything_is_sent(replica: RsyncReplica, site: Path) -> None:
    replica.write_once([upload(prefix(OLD) + "b.txt", b"there")])
    with pytest.raises(ConflictError):
        replica.write_once([upload(prefix(OLD) + name, b"other") for name in ("a.txt", "b.txt")])
    assert [path.name for path in (site / prefix(OLD)).iterdir()] == ["b.txt"]


def test_streams_are_copied_a_few_at_a_time(daemon: RsyncDaemon, tmp_path: Path) -> None:
    replica = RsyncReplica(daemon.rsync(), tmp_path / "work", batch=10)
    files = [upload(f"releases/4593.0.1/{number}", b"%d" % number * 8) for number in range(3)]
    assert len(replica.write_once(files).uploaded) == 3
    assert sorted(replica.list("")) == sorted(one.key for one in files)
    assert not any((tmp_path / "work").iterdir())


def test_a_wrong_password_is_an_input_error_that_does_not_tell_it(
    daemon: RsyncDaemon, tmp_path: Path
) -> None:
    replica = RsyncReplica(daemon.rsync(password="open barley"), tmp_path / "work")
    with pytest.raises(InputError, match="auth failed") as caught:
        replica.write_once(release_files(OLD))
    assert "barley" not in f"{caught.value} {caught.value.hint}"


def test_a_missing_password_is_not_asked_for(daemon: RsyncDaemon, tmp_path: Path) -> None:
    replica = RsyncReplica(Rsync(target=RsyncTarget.parse(daemon.url())), tmp_path / "work")
    with pytest.raises(InputError, match="auth failed"):
        list(replica.list(""))


@pytest.mark.parametrize(("module", "said"), [("nothere", "Unknown module"), ("frozen", "read only")])
def test_a_module_that_does_not_let_us_is_an_input_error(
    daemon: RsyncDaemon, tmp_path: Path, module: str, said: str
) -> None:
    replica = RsyncReplica(daemon.rsync(module), tmp_path / "work")
    with pytest.raises(InputError, match=said):
        replica.write_once(release_files(OLD))


def test_a_daemon_that_refuses_to_delete_says_so(daemon: RsyncDaemon, tmp_path: Path) -> None:
    replica = RsyncReplica(daemon.rsync("keeps"), tmp_path / "work")
    replica.write_once(release_files(OLD))
    with pytest.raises(InputError, match="refuse") as caught:
        replica.delete([release_files(OLD)[0].key])
    assert "rsyncd.conf" in str(caught.value.hint)


def test_a_daemon_that_is_away_may_come_back(replica: RsyncReplica, daemon: RsyncDaemon) -> None:
    daemon.kill()
    for attempt in (
        lambda: replica.write_once(release_files(OLD)),
        lambda: replica.present([release_files(OLD)[0].wanted]),
        lambda: replica.read("head.json", 10),
        lambda: list(replica.list("")),
        lambda: replica.replace([Document(key="head.json", data=b"1")]),
    ):
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1"):
            attempt()
    daemon.start()
    replica.write_once(release_files(OLD))


def _read_in(folder: int, name: str) -> bytes:
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as stream:
        return stream.read()


def test_current_is_one_link_at_every_moment(daemon: RsyncDaemon, site: Path, tmp_path: Path) -> None:
    replica = RsyncReplica(daemon.rsync(), tmp_path / "work", links=True)
    for version in (OLD, NEW):
        replica.write_once(release_files(version))
    replica.show_current(view(OLD, generation=1))
    current = site / "alpha" / str(BOARD) / "current"
    done, seen = Event(), set()

    def look() -> None:
        while not done.is_set():
            folder = os.open(current, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(FileNotFoundError):  # two swaps later the folder may be gone
                seen.add((_read_in(folder, "version.txt"), _read_in(folder, "packages.txt")))
            os.close(folder)

    reader = Thread(target=look)
    reader.start()
    try:
        for generation in range(2, 8):
            replica.show_current(view((OLD, NEW)[generation % 2], generation=generation))
    finally:
        done.set()
        reader.join()
    assert seen == {(version_text(one), f"packages of {one}\n".encode()) for one in (OLD, NEW)}
    assert current.is_symlink()
    assert len(list(current.parent.glob(".view-*"))) == 2


def test_a_daemon_that_munges_links_is_refused_before_anybody_is_led_there(
    daemon: RsyncDaemon, site: Path, tmp_path: Path
) -> None:
    replica = RsyncReplica(daemon.rsync("munging"), tmp_path / "work", links=True)
    replica.write_once(release_files(OLD))
    with pytest.raises(InputError, match="lead nowhere") as caught:
        replica.show_current(view(OLD))
    assert "munge symlinks = no" in str(caught.value.hint)
    assert not os.path.lexists(site / "alpha" / str(BOARD) / "current")


def test_big_files_are_not_copied_into_current_without_links(replica: RsyncReplica, site: Path) -> None:
    replica.write_once(release_files(OLD))
    replica.show_current(view(OLD))
    shown = sorted(path.name for path in (site / "alpha" / str(BOARD) / "current").iterdir())
    assert shown == ["channel.json", f"only-{OLD}.txt", "packages.txt", "version.txt"]


def test_over_ssh_everything_is_the_same(ssh_server: SshServer, tmp_path: Path) -> None:  # noqa: F811
    root = tmp_path / "far"
    url = f"rsync+ssh://{ssh_server.user}@127.0.0.1:{ssh_server.port}{root}"
    rsync = Rsync(target=RsyncTarget.parse(url), ssh_config=ssh_server.client)
    replica = RsyncReplica(rsync, tmp_path / "work", links=True)
    assert list(replica.list("")) == []
    replica.write_once(release_files(OLD))
    replica.show_current(view(OLD))
    assert replica.write_once(release_files(OLD)).uploaded == ()
    assert replica.read(f"alpha/{BOARD}/current/version.txt", 100) == version_text(OLD)
    replica.delete([release_files(OLD)[0].key])
    assert not (root / release_files(OLD)[0].key).exists()
    ssh_server.known_hosts.write_text("")
    with pytest.raises(InputError, match="Host key verification failed"):
        list(replica.list(""))


def test_over_ssh_nobody_there_is_unavailable(ssh_server: SshServer, tmp_path: Path) -> None:  # noqa: F811
    rsync = Rsync(target=RsyncTarget.parse("rsync+ssh://127.0.0.1:1/mirror"), ssh_config=ssh_server.client)
    with pytest.raises(HumpyardError) as caught:
        list(RsyncReplica(rsync, tmp_path / "work").list(""))
    assert isinstance(caught.value, UnavailableError)
