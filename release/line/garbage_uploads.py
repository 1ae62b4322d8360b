"""Uploads that nobody goes on with: parts that no listing shows and somebody pays for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol, runtime_checkable

from release.errors import HumpyardError
from release.line.steps import Job, Step
from release.line.yard import Yard

IDLE = timedelta(days=7)
"""A run that was killed goes on with its uploads within this time, or begins anew."""


@runtime_checkable
class KeepsUploads(Protocol):
    """A store where unfinished uploads stay until somebody aborts them: ``release.mirror.s3``."""

    def clean_up(self, older_than: timedelta) -> tuple[str, ...]:
        """Abort those that were idle for so long. Gives their names."""
        ...


def uploads_job(yard: Yard) -> Job:
    """The step that aborts them in the store and on every mirror that has such. Runs alone, too."""
    return (Step("abort-uploads", "abort uploads that nobody goes on with", lambda _: _abort(yard)),)


def _abort(yard: Yard) -> str:
    """A mirror that is away stops no other; the next run comes again."""
    aborted, away = 0, []
    for name, store in _places(yard):
        try:
            aborted += len(store.clean_up(IDLE))
        except HumpyardError as error:
            away.append(f"{name}: {error.message}")
    return "; ".join((f"{aborted} aborted", *away))


def _places(yard: Yard) -> Iterator[tuple[str, KeepsUploads]]:
    if isinstance(yard.store, KeepsUploads):
        yield "the store", yard.store
    for name, access in yard.mirrors.items():
        store = None if access.store is None else access.store()
        if isinstance(store, KeepsUploads):
            yield name, store
