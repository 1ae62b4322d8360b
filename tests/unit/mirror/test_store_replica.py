"""Replicas in a directory, and in a store that has objects only; what only one of them does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from release.errors import InputError, UnavailableError
from release.mirror.directory import DirectoryStore
from release.mirror.replica import CurrentView, Document, Replica
from release.mirror.store import LostRaceError, Pointer
from release.mirror.store_replica import StoreReplica
from tests.memory_store import MemoryStore
from tests.replica_conformance import (
    BOARD,
    CURRENT,
    NEW,
    OLD,
    ReplicaConformance,
    newer,
    prefix,
    release_files,
    version_text,
    view,
)

HERE = f"alpha/{BOARD}"


class TestLinked(ReplicaConformance):
    @pytest.fixture
    def replica(self, tmp_path: Path) -> Replica:
        return StoreReplica.linked(DirectoryStore(tmp_path / "mirror"))


class TestCopied(ReplicaConformance):
    @pytest.fixture
    def replica(self) -> Replica:
        return StoreReplica.copied(MemoryStore())


class TestCopiedInADirectory(ReplicaConformance):
    @pytest.fixture
    def replica(self, tmp_path: Path) -> Replica:
        return StoreReplica.copied(DirectoryStore(tmp_path / "mirror"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def linked(root: Path) -> StoreReplica:
    replica = StoreReplica.linked(DirectoryStore(root))
    for version in (OLD, NEW):
        replica.write_once(release_files(version))
    return replica


def test_current_is_a_relative_link_to_a_folder_of_relative_links(linked: StoreReplica, root: Path) -> None:
    linked.show_current(view(OLD))
    moved = root.rename(root.with_name("elsewhere"))
    current = moved / HERE / "current"
    assert current.is_symlink()
    assert not current.readlink().is_absolute()
    image = current / "flatcar_image.bin"
    assert image.is_symlink()
    assert image.samefile(moved / prefix(OLD) / "flatcar_image.bin")
    assert not (current / "version.txt").is_symlink()


def test_who_opened_current_sees_the_old_version_whole_while_it_changes(
    linked: StoreReplica, root: Path
) -> None:
    linked.show_current(view(OLD))
    opened = os.open(root / HERE / "current", os.O_RDONLY | os.O_DIRECTORY)
    linked.show_current(view(NEW, generation=2))
    with os.fdopen(os.open("version.txt", os.O_RDONLY, dir_fd=opened), "rb") as stream:
        assert stream.read() == version_text(OLD)
    os.close(opened)


def test_views_are_kept_for_an_hour_after_they_were_replaced(linked: StoreReplica, root: Path) -> None:
    for generation in range(1, 6):
        linked.show_current(view((OLD, NEW)[generation % 2], generation=generation))
    views = set((root / HERE).glob(".view-*"))
    assert len(views) == 5
    current = (root / HERE / "current").resolve()
    for path in views:
        os.utime(path, (0, 0))
    linked.show_current(view(OLD, generation=6))
    left = set((root / HERE).glob(".view-*"))
    assert left == {current, (root / HERE / "current").resolve()}
    assert current.stat().st_mtime > 0


def test_what_a_killed_writer_left_is_removed_by_a_later_one(linked: StoreReplica, root: Path) -> None:
    half = root / HERE / ".view-current.0123456789abcdef"
    half.mkdir()
    (half / "version.txt").write_bytes(b"FLATCAR_VER")
    os.utime(half, (0, 0))
    link = root / HERE / f"{half.name}.link"
    link.symlink_to(half.name)
    other = root / HERE / ".view-current-2024.0123456789abcdef"
    other.mkdir()
    os.utime(other, (0, 0))
    linked.show_current(view(OLD))
    assert not half.exists()
    assert not link.is_symlink()
    assert other.is_dir()


def test_links_and_views_are_no_keys(linked: StoreReplica) -> None:
    before = list(linked.list(""))
    linked.show_current(view(OLD))
    assert list(linked.list("")) == before
    assert list(linked.list(CURRENT)) == []


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("4593.0.1"), Path.touch])
def test_what_somebody_else_put_in_the_place_of_current_stays(
    linked: StoreReplica, root: Path, make: Callable[[Path], object]
) -> None:
    make(root / HERE / "current")
    for attempt in (
        lambda: linked.show_current(view(OLD)),
        lambda: linked.replace([Document(key=CURRENT + "channel.json", data=b"1")]),
        lambda: linked.read(CURRENT + "channel.json", 10),
    ):
        with pytest.raises(InputError, match="expected a symbolic link to a view"):
            attempt()


def test_a_link_in_a_view_that_leads_out_of_the_mirror_is_not_read(linked: StoreReplica, root: Path) -> None:
    linked.show_current(view(OLD))
    image = root / HERE / "current" / "flatcar_image.bin"
    image.unlink()
    image.symlink_to("../../../../secret")
    (root.parent / "secret").write_bytes(b"secret")
    with pytest.raises(InputError):
        linked.read(CURRENT + "flatcar_image.bin", 100)


def test_small_files_are_copied_big_ones_are_not_and_stale_ones_go() -> None:
    store = MemoryStore()
    replica = StoreReplica.copied(store, small=100)
    for version in (OLD, NEW):
        replica.write_once(release_files(version))
    replica.show_current(view(OLD))
    store.log.clear()
    replica.show_current(view(NEW, generation=2))
    shown = sorted(key.removeprefix(CURRENT) for key in store.list(CURRENT))
    assert shown == ["channel.json", f"only-{NEW}.txt", "packages.txt", "version.txt"]
    assert [key.removeprefix(CURRENT) for key in store.log] == [
        "packages.txt",
        f"only-{NEW}.txt",
        "channel.json",
        "version.txt",
        f"only-{OLD}.txt",  # removed
    ]


def test_a_view_that_was_cut_off_anywhere_is_made_whole_by_the_next_run() -> None:
    clean = MemoryStore()
    replica = StoreReplica.copied(clean)
    for version in (OLD, NEW):
        replica.write_once(release_files(version))
    replica.show_current(view(OLD))
    for cut in range(1, 7):
        store = MemoryStore(clean.objects)
        replica = StoreReplica.copied(store)
        store.faults.fail_before = {cut}
        try:
            replica.show_current(view(NEW, generation=2), newer)
        except UnavailableError:
            replica.show_current(view(NEW, generation=2), newer)
        shown = {key.removeprefix(CURRENT): store.objects[key] for key in store.list(CURRENT)}
        assert shown == {
            "channel.json": b"00000002",
            f"only-{NEW}.txt": b"only here\n",
            "packages.txt": b"packages of 4593.0.10\n",
            "version.txt": version_text(NEW),
        }


class Overtaken(MemoryStore):
    """Somebody writes a newer document between our look and our write, so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        if self._times:
            self._times -= 1
            self.objects[key] = b"%d" % (int(self.objects.get(key, b"0")) + 1)
        return super().swap_pointer(key, expected, data)


def test_a_document_is_judged_again_when_somebody_was_quicker() -> None:
    store = Overtaken(times=2)
    StoreReplica.copied(store).replace([Document(key="head.json", data=b"9")], newer)
    assert store.objects["head.json"] == b"9"
    store = Overtaken(times=2)
    with pytest.raises(LostRaceError, match="it is newer"):
        StoreReplica.copied(store).replace([Document(key="head.json", data=b"0")], newer)
    assert store.objects["head.json"] == b"1"


def test_a_view_cannot_show_two_files_of_one_name_or_documents_of_elsewhere() -> None:
    files = view(OLD).files
    with pytest.raises(InputError, match="two files of one name"):
        CurrentView(channel="alpha", board=BOARD, version=OLD, files=(*files, files[0]), documents=())
    for key in ("alpha/amd64-usr/version.txt", "beta/amd64-usr/current/version.txt", CURRENT + "a/b"):
        with pytest.raises(InputError, match="directly below alpha/amd64-usr/current/"):
            CurrentView(
                channel="alpha",
                board=BOARD,
                version=OLD,
                files=(),
                documents=(Document(key=key, data=b""),),
            )
