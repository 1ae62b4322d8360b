"""The event store of the settings, as the pipeline and the command line read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from release.settings import load_settings
from release.updates.event_store import EventStore, open_event_store


@contextmanager
def open_events(settings_file: Path) -> Iterator[EventStore | None]:
    """What update servers count; None where the settings name no store.

    Raises:
        InputError: the settings, or what is at that place, are not what they should be.
        UnavailableError: the database does not answer.
    """
    url = load_settings(settings_file).events.url
    if url is None:
        yield None
        return
    store = open_event_store(url, settings_file.resolve().parent)
    try:
        yield store
    finally:
        store.close()
