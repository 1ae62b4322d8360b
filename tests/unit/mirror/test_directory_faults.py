"""A directory store in trouble: full disks, killed and racing writers, storage that fails."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release.digests import Digest
from release.errors import StorageFullError, UnavailableError
from release.mirror.directory import DirectoryStore
from release.mirror.store import AlreadyThere, Created
from tests.programs import needed
from tests.store_conformance import KEY, sha


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


def temporaries(root: Path) -> list[Path]:
    return list((root / ".humpyard/tmp").iterdir())


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Writes beyond ``size`` bytes of a file fail with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_size_limit_leaves_nothing_half_published(store: DirectoryStore, root: Path) -> None:
    data = bytes(3 << 20)
    with file_size_limit(1 << 20), pytest.raises(StorageFullError, match="larger than the file system"):
        store.create(KEY, data, sha256=sha(data))
    assert list(store.list("")) == []
    assert temporaries(root) == []
    assert store.create(KEY, data, sha256=sha(data)) == Created(KEY)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB. Needs root and mount(8)."""
    where = tmp_path / "disk"
    where.mkdir()
    mount, umount = needed("mount"), needed("umount")
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield where
    subprocess.run([umount, str(where)], check=True)


def test_a_full_disk_leaves_nothing_half_published(small_disk: Path) -> None:
    """After making room the same call succeeds."""
    store = DirectoryStore(small_disk)
    store.create("old", bytes(600_000), sha256=sha(bytes(600_000)))
    data = bytes(900_000)
    with pytest.raises(StorageFullError, match=f"{KEY}: no space left while writing"):
        store.create(KEY, data, sha256=sha(data))
    with pytest.raises(StorageFullError):
        store.replace("old", data)
    assert list(store.list("")) == ["old"]
    assert store.read("old") == bytes(600_000)
    assert temporaries(small_disk) == []
    store.delete("old")
    assert store.create(KEY, data, sha256=sha(data)) == Created(KEY)


_WRITER = """
import sys
from pathlib import Path
from release.digests import Digest
from release.mirror.directory import DirectoryStore

store = DirectoryStore(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    data = bytes([number % 256]) * 300_000
    store.create(f"writer/{number}", data, sha256=Digest.sha256(data))
    store.replace("index", data)
    pointer = store.read_pointer("pointer")
    store.swap_pointer("pointer", pointer.tag if pointer else None, b"%d" % number)
    number += 1
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_objects_only(root: Path) -> None:
    """What it had acknowledged is there, nothing is half there, and its rubbish goes with the next write."""
    acknowledged = 0
    for pause in (3, 5, 8):
        root_of_run = root / str(pause)
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(root_of_run)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if line.strip() == str(pause):
                    writer.send_signal(signal.SIGKILL)
                    break
            acknowledged = pause
        store = DirectoryStore(root_of_run)
        keys = list(store.list("writer/"))
        assert len(keys) >= acknowledged
        for key in (*keys, "index"):
            data = store.read(key)
            assert data == data[:1] * 300_000
        pointer = store.read_pointer("pointer")
        assert pointer is not None
        assert int(pointer.data) >= acknowledged - 1
        store.replace("index", b"")
        assert temporaries(root_of_run) == []


_CRASHER = """
import os
import sys
from pathlib import Path
from release.digests import Digest
from release.mirror.directory import DirectoryStore

CALLS = ("open", "mkdir", "fsync", "link", "replace", "unlink", "close")
originals = {name: getattr(os, name) for name in CALLS}


def work(root):
    store = DirectoryStore(root)
    store.create("a/object", b"object" * 1000, sha256=Digest.sha256(b"object" * 1000))
    store.copy("a/object", "b/copy", sha256=Digest.sha256(b"object" * 1000))
    store.replace("index", b"new")
    pointer = store.read_pointer("pointer")
    store.swap_pointer("pointer", pointer.tag, b"new")


def crash_at(limit):
    count = 0
    for name in CALLS:
        def call(*args, _original=originals[name], **kwargs):
            nonlocal count
            count += 1
            if count == limit:
                os._exit(9)
            return _original(*args, **kwargs)
        setattr(os, name, call)


limit = 0
while True:
    limit += 1
    root = Path(sys.argv[1]) / str(limit)
    store = DirectoryStore(root)
    store.replace("index", b"old")
    store.swap_pointer("pointer", None, b"old")
    child = os.fork()
    if child == 0:
        crash_at(limit)
        work(root)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(limit)
"""


def test_a_crash_before_any_system_call_leaves_things_old_or_new(tmp_path: Path) -> None:
    """And running again completes them, with nothing left over."""
    done = subprocess.run(
        [sys.executable, "-c", _CRASHER, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) > 50
    data = b"object" * 1000
    allowed = {"a/object": {data}, "b/copy": {data}, "index": {b"old", b"new"}, "pointer": {b"old", b"new"}}
    for number in range(1, int(done.stdout) + 1):
        store = DirectoryStore(tmp_path / str(number))
        found = {key: store.read(key) for key in store.list("")}
        assert all(content in allowed[key] for key, content in found.items())
        assert {"index", "pointer"} <= found.keys()
        store.create("a/object", data, sha256=sha(data))
        store.copy("a/object", "b/copy", sha256=sha(data))
        pointer = store.read_pointer("pointer")
        assert pointer is not None
        store.swap_pointer("pointer", pointer.tag, b"new")
        store.replace("index", b"new")
        found = {key: store.read(key) for key in store.list("")}
        assert found == {"a/object": data, "b/copy": data, "index": b"new", "pointer": b"new"}
        assert temporaries(store.root) == []


def test_only_dead_writers_files_are_swept(root: Path, tmp_path: Path) -> None:
    """A file in the making of a living writer stays; one that nobody holds goes."""
    source = tmp_path / "fifo"
    os.mkfifo(source)
    code = _WRITER.split("print", maxsplit=1)[0] + (
        "store.create('slow', Path(sys.argv[2]), sha256=Digest.sha256(b'slow'))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(root), str(source)]) as writer:
        with source.open("wb") as feed:  # opens when the writer does, which has its file by then
            dead = root / ".humpyard/tmp/dead"
            dead.write_bytes(b"half")
            DirectoryStore(root).create("quick", b"", sha256=sha(b""))
            assert not dead.exists()
            assert len(temporaries(root)) == 1
            feed.write(b"slow")
        assert writer.wait(30) == 0
    assert DirectoryStore(root).read("slow") == b"slow"


def test_a_temporary_file_swept_between_making_and_locking_is_made_again(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.replace("first", b"")
    names = iter(["taken", "free"])

    def token_hex(_: int) -> str:
        return next(names)

    monkeypatch.setattr("release.mirror.folders.secrets.token_hex", token_hex)
    real = os.fstat

    def fstat(file: int) -> os.stat_result:
        path = root / ".humpyard/tmp/taken"
        if path.exists() and Path(f"/proc/self/fd/{file}").resolve() == path:
            path.unlink()
        return real(file)

    monkeypatch.setattr("release.mirror.directory.os.fstat", fstat)
    assert store.create(KEY, b"x", sha256=sha(b"x")) == Created(KEY)
    assert next(names, None) is None


def test_losing_the_race_to_link_is_noticed(store: DirectoryStore, tmp_path: Path) -> None:
    """Another writer may come between the look and the link."""
    source = tmp_path / "fifo"
    os.mkfifo(source)
    code = _WRITER.split("print", maxsplit=1)[0] + (
        "print(store.create('key', Path(sys.argv[2]), sha256=Digest.sha256(b'same')))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store.root), str(source)], stdout=subprocess.PIPE, text=True
    ) as writer:
        with source.open("wb") as feed:
            assert store.create("key", b"same", sha256=sha(b"same")) == Created("key")
            feed.write(b"same")
        output, _ = writer.communicate(timeout=30)
    assert output.strip() == repr(AlreadyThere("key"))


def test_storage_that_fails_while_reading_is_unavailable(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create(KEY, b"x", sha256=sha(b"x"))

    def read(_file: int, _count: int) -> bytes:
        raise OSError(5, "Input/output error")

    with store.open(KEY) as stream:
        monkeypatch.setattr("release.mirror.directory.os.read", read)
        with pytest.raises(UnavailableError, match=f"{KEY}: Input/output error"):
            stream.read()
        monkeypatch.undo()


def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create(KEY, b"x", sha256=sha(b"x"))

    def scandir(_: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(UnavailableError, match="Input/output error"):
        store.list("")


def test_a_lock_file_left_behind_does_not_lock(store: DirectoryStore, root: Path) -> None:
    """Locks are held by open files, not by the lock file's being there."""
    locks = root / ".humpyard/locks"
    locks.mkdir(parents=True)
    (locks / "pointers").write_bytes(b"left by someone")
    assert store.swap_pointer(KEY, None, b"x").tag == Digest.sha256(b"x").hex
