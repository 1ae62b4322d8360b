"""What is inside released images: read once, compared with the right ones, never a hindrance."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release.bundle.diff import FileChange
from release.bundle.release import Release
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.channel import PromotionKind
from release.catalog.naming import NamingScheme, image_prefix
from release.catalog.version import Version
from release.digests import hash_stream
from release.errors import UnavailableError
from release.image.packages import Package
from release.ledger.kinds import ReleaseCollected
from release.line.contents import Contents, compared_with, contents_of
from release.line.list_memory import ListMemory
from release.mirror.store import DEFAULT_READ_LIMIT
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import digest_of, released
from tests.unit.line.story import Story
from tests.unit.pages.samples import AMD64, ARM64, board, payload, release

NAMES = NamingScheme()
V1, V2, V3 = (Version(number, 0, 0) for number in (1, 2, 3))


class ListeningStore(MemoryStore):
    """Knows what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        self.reads.append(key)
        return super().read(key, limit)


class Shelf:
    """Releases whose lists are in a store, and the ledger that knows them."""

    def __init__(self) -> None:
        self.store = ListeningStore()
        self.story = Story()
        self.releases: dict[Version, Release] = {}

    def add(self, version: Version, kernel: str, origin: Version | None = None, **sizes: int) -> None:
        """A release of two boards: one with lists, and one without."""
        lines = "".join(
            f"-rw-r--r--  1 root    root    {size:7} 2026-07-01 10:11 ./usr/{name}\n"
            for name, size in sizes.items()
        )
        files = {
            NAMES.packages: f"sys-kernel/coreos-kernel-{kernel}::demo\n".encode(),
            NAMES.contents: lines.encode(),
        }
        listed = board(AMD64, payload(9000), files=False)
        self.releases[version] = release(
            str(version),
            replace(listed, files=tuple(_artifact(name, data) for name, data in sorted(files.items()))),
            board(ARM64, payload(8000), files=False),
            created=datetime(2026, 7, 1, tzinfo=UTC),
        )
        for name, data in files.items():
            self.store.objects[_key(version, name)] = data
        kind = PromotionKind.SAME_BITS if origin is None else PromotionKind.REBUILD
        self.story.tell(released(str(version), lineage=kind, derives_from=origin))

    def contents(self, memory: ListMemory | None = None) -> Contents:
        memory = ListMemory() if memory is None else memory
        return contents_of(self.store, NAMES, self.story.state, self.releases, memory)


def _key(version: Version, name: str) -> str:
    return image_prefix("alpha", AMD64, version) + name


def _artifact(name: str, data: bytes) -> Artifact:
    return Artifact.from_digests(name, hash_stream(io.BytesIO(data), ARTIFACT_ALGORITHMS))


@pytest.fixture
def shelf() -> Shelf:
    """Three releases; alpha had the first and has the third, the second is in no channel."""
    shelf = Shelf()
    shelf.add(V1, "6.12.1", a=10, b=20)
    shelf.add(V2, "6.12.2", a=10, b=20, c=5)
    shelf.add(V3, "6.12.1", a=400)
    for version in ("1.0.0", "3.0.0"):
        shelf.story.move(version, "alpha")
    return shelf


def test_a_release_is_compared_with_what_its_channel_had_before(shelf: Shelf) -> None:
    found = shelf.contents()
    assert found.packages[V2] == {AMD64: (Package("sys-kernel/coreos-kernel", "6.12.2"),)}
    assert set(found.differences) == {V3}
    (difference,) = found.differences[V3][V1]
    assert difference.board == AMD64
    assert difference.tree is not None
    assert difference.tree.largest == (
        FileChange(name="usr/a", before=10, after=400),
        FileChange(name="usr/b", before=20, after=None),
    )
    assert (difference.payload_before, difference.image_after) == (9000, 512 << 20)
    assert found.unread == ()
    assert _key(V2, NAMES.contents) not in shelf.store.reads


def test_a_rebuild_is_compared_with_its_origin_and_a_stream_with_what_opened_it(shelf: Shelf) -> None:
    shelf.add(Version(1, 0, 1), "6.12.9", V1, a=10)
    assert compared_with(shelf.story.state) == {V3: {V1}, Version(1, 0, 1): {V1}}
    shelf.story.move("1.0.1", "lts-2024")
    shelf.story.move("2.0.0", "lts-2025")
    assert compared_with(shelf.story.state)[V2] == {Version(1, 0, 1)}


@pytest.mark.parametrize("on_disk", [False, True])
def test_nothing_is_read_twice_and_the_disk_remembers_for_other_processes(
    shelf: Shelf, tmp_path: Path, on_disk: bool
) -> None:
    folder = tmp_path / "lists"
    memory = ListMemory(folder=folder) if on_disk else ListMemory()
    first = shelf.contents(memory)
    assert len(shelf.store.reads) == 4  # two of the package lists are the same
    assert shelf.contents(ListMemory(folder=folder) if on_disk else memory) == first
    assert len(shelf.store.reads) == 4
    for number, path in enumerate(sorted(folder.glob("*.json"))):
        path.write_bytes(
            (b"", b"{}", path.read_bytes()[:-9], path.read_bytes().replace(b"[", b"1,[", 1))[number]
        )
    assert shelf.contents(ListMemory(folder=folder)) == first


def test_lists_that_are_absent_other_or_no_lists_are_left_out_and_named(shelf: Shelf) -> None:
    del shelf.store.objects[_key(V1, NAMES.packages)]
    shelf.store.objects[_key(V2, NAMES.packages)] += b"app-misc/evil-1::demo\n"
    shelf.store.objects[_key(V3, NAMES.contents)] = b""
    found = shelf.contents()
    assert (found.packages[V1], found.packages[V2]) == ({}, {})
    assert found.differences == {}
    assert len(found.unread) == 2
    for version in (V1, V2):
        assert any(_key(version, NAMES.packages) in line for line in found.unread)


def test_a_board_whose_files_cannot_be_compared_has_its_packages_compared(shelf: Shelf) -> None:
    shelf.store.objects[_key(V3, NAMES.contents)] = b"other"
    found = shelf.contents()
    (difference,) = found.differences[V3][V1]
    assert difference.tree is None
    assert [line.partition(": ")[0] for line in found.unread] == [_key(V3, NAMES.contents)]


def test_releases_that_were_collected_or_are_not_wanted_are_not_looked_at(shelf: Shelf) -> None:
    shelf.story.move("2.0.0", "lts-2024")
    shelf.story.tell(ReleaseCollected(version=V1, release=digest_of("1.0.0"), reason="old"))
    del shelf.releases[V2]
    found = shelf.contents()
    assert set(found.packages) == {V3}
    assert found.differences == {}
    assert shelf.store.reads == [_key(V3, NAMES.packages)]


def test_a_store_that_does_not_answer_is_not_taken_for_one_without_lists(shelf: Shelf) -> None:
    shelf.store.faults.down = True
    with pytest.raises(UnavailableError):
        shelf.contents()
