"""Files on the far side of rsync: looking, reading, putting small ones, deleting. No view, no rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from release.errors import storage_errors
from release.mirror.keys import check_prefix, is_key
from release.mirror.rsync_program import Change, Rsync
from release.mirror.store import MissingObjectError, ObjectTooLargeError
from release.scratch import scratch_directory

MODES = "--chmod=D755,F644"
"""A web server of another user reads what arrives."""


class RsyncFiles:
    """The tree at one target, by names relative to its root. Names are checked by the callers."""

    def __init__(self, rsync: Rsync, work: Path) -> None:
        """``work`` is where transfers are laid out; it is made when it is missing."""
        self.rsync = rsync
        self._work = work

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder, gone afterwards."""
        with scratch_directory(self._work) as folder:
            yield folder

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """The sizes in bytes of those of ``names`` that are plain files there."""
        if not names:
            return {}
        with self.scratch() as empty:
            changes = self.rsync.look(empty, names)
        return {one.name: one.size for one in changes if one.is_file}

    def read(self, name: str, limit: int) -> bytes:
        """A file. Raises MissingObjectError, or ObjectTooLargeError above ``limit`` bytes."""
        size = self.sizes([name]).get(name)
        if size is None:
            raise MissingObjectError(f"{self.rsync.target}{name}: there is no such object")
        if size > limit:
            raise ObjectTooLargeError(f"{name}: expected at most {limit} bytes, found {size}")
        with self.scratch() as folder:
            self.fetch(folder, [name], limit)
            return _read(folder / name, name)

    def fetch(self, folder: Path, names: Sequence[str], limit: int) -> None:
        """Bring files into ``folder``, under their names. Absent ones, and larger ones, are left out."""
        rules = {f"+ /{part}": None for name in names for part in (*_folders(name), name)}
        if not names:
            return
        with self.scratch() as scratch:
            path = scratch / "rules"
            with storage_errors(path):
                path.write_text("".join(f"{rule}\n" for rule in (*rules, "- *")))
            self.rsync.pull(folder, f"--max-size={limit}b", f"--filter=merge {path}")

    def keys(self, prefix: str) -> list[str]:
        """All keys that start with ``prefix``, sorted; links and folders are none."""
        top, _, _ = check_prefix(prefix).rpartition("/")
        options = [*_down_to(top), f"--include=/{top}/**", "--exclude=*"] if top else []
        with self.scratch() as empty:
            changes = self.rsync.pull(empty, "--dry-run", *options)
        return sorted(
            one.name for one in changes if one.is_file and one.name.startswith(prefix) and is_key(one.name)
        )

    def entries(self, folder: str, pattern: str, *, follow: bool = False) -> list[Change]:
        """What is directly in ``folder`` under names that match rsync's ``pattern``.

        Links show their targets, or, with ``follow``, what they lead to.
        """
        with self.scratch() as empty:
            changes = self.rsync.pull(
                empty,
                "--copy-links" if follow else "--links",
                "--dry-run",
                *_down_to(folder),
                f"--include=/{folder}/{pattern}",
                "--exclude=*",
            )
        return [one for one in changes if one.name.startswith(f"{folder}/") and one.name != f"{folder}/"]

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write small files, each in one step, all of them at nearly the same moment. Equal ones stay."""
        with self.scratch() as folder:
            lay_out(folder, files)
            self.rsync.push(folder, "--checksum", "--delay-updates", MODES, names=list(files), create=True)

    def equal(self, files: Mapping[str, bytes]) -> set[str]:
        """Which of these small files are there with these very bytes, by rsync's checksum."""
        if not files:
            return set()
        with self.scratch() as folder:
            lay_out(folder, files)
            changes = self.rsync.push(folder, "--checksum", "--dry-run", names=list(files), create=True)
        return set(files) - {one.name for one in changes if one.is_file}

    def delete(self, names: Iterable[str]) -> None:
        """Remove files, and folders with all that is in them. Every name must be there."""
        gone = sorted(names)
        if not gone:
            return
        with self.scratch() as folder:
            for name in gone:  # a missing parent would be taken for a thing to delete
                make_parent(folder / name)
            self.rsync.push(folder, "--recursive", "--force", "--delete-missing-args", names=gone)


def lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write small files below ``folder``."""
    for name, data in files.items():
        make_parent(folder / name)
        with storage_errors(folder / name):
            (folder / name).write_bytes(data)


def make_parent(path: Path) -> None:
    """Make the folder that ``path`` is to be in."""
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)


def _down_to(folder: str) -> list[str]:
    """Filter rules that let rsync walk down to ``folder``."""
    return [f"--include=/{one}" for one in _folders(f"{folder}/")]


def _folders(name: str) -> list[str]:
    """The folders that ``name`` is in, from the root, each with its slash."""
    above = name.split("/")[:-1]
    return ["/".join(above[: depth + 1]) + "/" for depth in range(len(above))]


def _read(path: Path, name: str) -> bytes:
    with storage_errors(path):
        if not path.is_file():  # it went away between the look and the fetch
            raise MissingObjectError(f"{name}: there is no such object")
        return path.read_bytes()
