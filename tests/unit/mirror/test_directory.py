"""What is special about the directory store: plain files, hard links, and no way out of its root."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from release.digests import Digest
from release.errors import InputError
from release.mirror.directory import DirectoryStore
from release.mirror.store import AlreadyThere, ConflictError, MissingObjectError
from tests.store_conformance import KEY, sha


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


def temporaries(root: Path) -> list[Path]:
    return list((root / ".humpyard/tmp").iterdir())


def test_reading_makes_nothing(store: DirectoryStore, root: Path) -> None:
    """A root that does not exist is an empty store, and reading leaves it so."""
    assert list(store.list("")) == []
    assert store.stat(KEY) is None
    assert store.read_pointer(KEY) is None
    store.delete(KEY)
    assert not root.exists()


def test_objects_are_plain_files_and_nothing_else_is_visible(store: DirectoryStore, root: Path) -> None:
    store.create(KEY, b"text", sha256=sha(b"text"))
    store.swap_pointer("pointer", None, b"x")
    assert (root / KEY).read_bytes() == b"text"
    assert sorted(path.name for path in root.iterdir()) == [".humpyard", "alpha", "pointer"]
    assert temporaries(root) == []


def test_a_copy_that_is_there_is_read_once(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the very link that was asked for; as other file with the same bytes it is read for itself."""
    read: list[str] = []
    compare = DirectoryStore._compare

    def watched(self: DirectoryStore, key: str, folder: int, name: str, sha256: Digest) -> AlreadyThere:
        read.append(key)
        return compare(self, key, folder, name, sha256)

    store.create("a", b"text", sha256=sha(b"text"))
    store.copy("a", "b/c", sha256=sha(b"text"))
    shutil.copy(root / "a", root / "b/d")
    monkeypatch.setattr(DirectoryStore, "_compare", watched)
    assert store.copy("a", "b/c", sha256=sha(b"text")) == AlreadyThere("b/c")
    assert store.copy("a", "b/d", sha256=sha(b"text")) == AlreadyThere("b/d")
    assert read == ["a", "a", "b/d"]
    with pytest.raises(ConflictError, match="a: expected"):
        store.copy("a", "b/c", sha256=sha(b"other"))


def test_a_copy_is_a_hard_link(store: DirectoryStore, root: Path) -> None:
    store.create("a", b"text", sha256=sha(b"text"))
    store.copy("a", "b/c", sha256=sha(b"text"))
    assert (root / "a").samefile(root / "b/c")
    store.replace("a", b"other")
    assert store.read("b/c") == b"text"


def test_foreign_names_and_special_files_are_not_listed(store: DirectoryStore, root: Path) -> None:
    store.create("a/b", b"", sha256=sha(b""))
    (root / "a/with space").write_bytes(b"")
    (root / "a/.hidden").write_bytes(b"")
    (root / ".git").mkdir()
    (root / ".git/config").write_bytes(b"")
    (root / "a/link").symlink_to("b")
    (root / "linked").symlink_to("a")
    os.mkfifo(root / "a/fifo")
    assert list(store.list("")) == ["a/b"]


def test_no_symbolic_link_leads_out(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    """Neither as the object nor as a folder above it, neither for reading nor for writing."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store.create("a", b"", sha256=sha(b""))
    (root / "file").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    with pytest.raises(InputError, match="is a symbolic link, which this store never follows"):
        store.open("file")
    with pytest.raises(InputError, match="expected a regular file"):
        store.stat("file")
    with pytest.raises(InputError, match="symbolic link"):
        store.create("file", b"x", sha256=sha(b"x"))
    for attempt in (
        lambda: store.open("folder/secret"),
        lambda: store.stat("folder/secret"),
        lambda: store.list("folder/"),
        lambda: store.create("folder/new", b"x", sha256=sha(b"x")),
        lambda: store.replace("folder/secret", b"x"),
        lambda: store.delete("folder/secret"),
    ):
        with pytest.raises(InputError, match="folder"):
            attempt()
    store.replace("file", b"ours")
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}
    assert not (root / "file").is_symlink()


def test_a_fifo_is_no_object_and_does_not_block(store: DirectoryStore, root: Path) -> None:
    root.mkdir()
    os.mkfifo(root / "fifo")
    with pytest.raises(MissingObjectError):
        store.open("fifo")
    with pytest.raises(InputError, match="expected a regular file"):
        store.stat("fifo")


def test_a_key_below_an_object_is_refused(store: DirectoryStore) -> None:
    store.create("a", b"", sha256=sha(b""))
    with pytest.raises(InputError, match="Not a directory"):
        store.create("a/b", b"", sha256=sha(b""))


def test_a_root_that_is_a_file_is_refused(root: Path, store: DirectoryStore) -> None:
    root.write_bytes(b"")
    with pytest.raises(InputError, match=r"mirror.*: (Not a directory|File exists)"):
        store.read(KEY)


def test_the_content_of_a_taken_key_is_compared_by_its_bytes(store: DirectoryStore, root: Path) -> None:
    """Same size and time do not help."""
    store.create(KEY, b"text", sha256=sha(b"text"))
    before = (root / KEY).stat()
    (root / KEY).write_bytes(b"tex!")
    os.utime(root / KEY, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ConflictError, match="expected sha256"):
        store.create(KEY, b"text", sha256=sha(b"text"))
