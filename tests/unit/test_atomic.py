"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from release.atomic import check_place, replacing
from release.errors import InputError, StorageFullError, UnavailableError


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_what_was_there_is_seen_until_the_block_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_bytes(b"before")
    with replacing(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert names(tmp_path) == ["p"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), RuntimeError("no")])
def test_a_block_that_fails_leaves_what_was_there(failure: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_bytes(b"before")
    with pytest.raises(type(failure)), replacing(path):
        raise failure
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["p"]


def test_a_full_disk_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageFullError, match=r"p: no space left"), replacing(tmp_path / "p"):
        raise OSError(errno.ENOSPC, "full")
    assert names(tmp_path) == []


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "p"
    with replacing(path) as file:
        file.write(b"first")
        with pytest.raises(UnavailableError, match="p: another run is writing it"), replacing(path):
            pass
    assert path.read_bytes() == b"first"


def test_a_run_that_fails_gives_its_lock_away_only_when_its_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next run would lock the file, and lose it to the first one's tidying."""
    partial = tmp_path / ".p.partial"
    locked_while_removed = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        with partial.open("rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked_while_removed.append(False)
            except BlockingIOError:
                locked_while_removed.append(True)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    with pytest.raises(RuntimeError), replacing(tmp_path / "p"):
        raise RuntimeError
    assert locked_while_removed == [True]


def test_what_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".p.partial").write_bytes(b"left over, and longer")
    with replacing(tmp_path / "p") as file:
        file.write(b"new")
    assert (tmp_path / "p").read_bytes() == b"new"
    assert names(tmp_path) == ["p"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o644), (0o077, 0o600)])
def test_others_may_read_the_file_unless_the_umask_says_no(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "p"):
            pass
        with replacing(tmp_path / "secret", mode=0o600):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_link_is_replaced_and_what_it_points_to_is_not(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"real")
    (tmp_path / "link").symlink_to("real")
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "real").read_bytes() == b"real"
    assert not (tmp_path / "link").is_symlink()


def test_a_place_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a directory"):
        check_place(tmp_path)
    with pytest.raises(InputError, match="is no directory"), replacing(tmp_path / "none" / "p"):
        pytest.fail("nothing may begin")
