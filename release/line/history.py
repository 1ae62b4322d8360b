"""The history from before this pipeline, read from the lists that the settings name."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from release.errors import HumpyardError, InputError
from release.line.yard import PagesOptions
from release.notes.imported import ImportedRelease, list_paths, read_history
from release.scratch import scratch_directory


def imported_history(options: PagesOptions) -> tuple[ImportedRelease, ...]:
    """Every release of the history, ascending; none where the settings name none. Raises InputError."""
    return () if options.history is None else read_history(options.history)


def last_history(options: PagesOptions, copies: Path) -> tuple[tuple[ImportedRelease, ...], tuple[str, ...]]:
    """The history, or, where it cannot be read now, as it was when it last could; and a line that says so.

    Pages tell of withdrawals: a broken list must not keep one from being told.

    Args:
        options: name the lists.
        copies: a directory for copies of those that could be read. It may be deleted at any time.

    Raises:
        InputError: the history cannot be read, and there is no copy.
    """
    if options.history is None:
        return (), ()
    try:
        found = read_history(options.history)
    except InputError as error:
        with suppress(InputError):
            return read_history(copies), (f"{error.message} (pages have the history that was read before)",)
        raise
    _keep(options.history, copies)
    return found, ()


def _keep(directory: Path, copies: Path) -> None:
    """What cannot be copied is done without."""
    with suppress(OSError, HumpyardError):
        lists = {path.name: path.read_bytes() for path in list_paths(directory)}
        if copies.is_dir() and lists == {path.name: path.read_bytes() for path in list_paths(copies)}:
            return
        with scratch_directory(copies.parent) as scratch:
            (scratch / "new").mkdir()
            for name, data in lists.items():
                (scratch / "new" / name).write_bytes(data)
            shutil.rmtree(copies, ignore_errors=True)
            (scratch / "new").rename(copies)
