"""The event store of the settings, as the pipeline and the command line read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from release.settings import load_settings
from release.updates.event_store import EventStore, open_event_store
from release.updates.event_store_schema import is_begun


@contextmanager
def open_events(settings_file: Path) -> Iterator[EventStore | None]:
    """What update servers count; None where they count nothing: by the settings, or as none ever ran here.

    Raises:
        InputError: the settings, or what is at that place, are not what they should be.
        UnavailableError: the database does not answer.
    """
    url, base = load_settings(settings_file).events.url, settings_file.resolve().parent
    if not url or not is_begun(url, base):
        yield None
        return
    store = open_event_store(url, base)
    try:
        yield store
    finally:
        store.close()
