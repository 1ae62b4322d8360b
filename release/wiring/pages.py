"""Settings of the pages become what they are made with."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

from release.line.yard import PagesOptions
from release.pages.records import Brand, Support
from release.settings.pages import PagesSettings


def pages_options(settings: PagesSettings, base: Path) -> PagesOptions:
    """What the settings say; relative paths count from ``base``. Nothing is read."""
    return PagesOptions(
        base_url=settings.base_url,
        templates=None if settings.templates is None else base / settings.templates,
        feed_authority=settings.feed_authority,
        history=None if settings.history is None else base / settings.history,
        supports={
            name: Support(stream_of=one.stream_of, opened=_midnight(one.opened), ends=_midnight(one.ends))
            for name, one in settings.support.items()
        },
        brand=_brand(settings),
    )


def _brand(settings: PagesSettings) -> Brand:
    usual = Brand()
    return Brand(
        tagline=settings.tagline,
        accent=settings.accent or usual.accent,
        accent_dark=settings.accent_dark or usual.accent_dark,
        home=settings.home,
        links=tuple((link.text, link.url) for link in settings.links),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
