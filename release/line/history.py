"""The history from before this pipeline, read from the lists that the settings name."""

from __future__ import annotations

from release.line.yard import PagesOptions
from release.notes.imported import ImportedRelease, read_history


def imported_history(options: PagesOptions) -> tuple[ImportedRelease, ...]:
    """Every release of the history, ascending; none where the settings name none. Raises InputError."""
    return () if options.history is None else read_history(options.history)
