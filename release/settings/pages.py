"""``[pages]``: where the release pages are served, what history they begin with, and how they look."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from release.settings.section import Section


def _web_address(text: str) -> str:
    """Http(s) only: a link that does anything else has no place on a page."""
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"expected http(s)://HOST/...: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("expected http(s)://HOST/...")
    return text


WebAddress = Annotated[str, Field(max_length=1000), AfterValidator(_web_address)]
_Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
_Text = Annotated[str, Field(min_length=1, max_length=100)]


class LinkSettings(Section):
    """A link at the foot of every page."""

    text: _Text
    url: WebAddress


class SupportSettings(Section):
    """How long a stream is supported that only the imported history knows. Days begin at 00:00 UTC."""

    stream_of: _Text
    opened: date
    ends: date
    """The first day without support."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.ends <= self.opened:
            raise ValueError("expected ends after opened")
        return self


class PagesSettings(Section):
    """The release pages."""

    base_url: str | None = None
    """Where the pages are served from, with a trailing slash; needed for absolute links in feeds."""
    templates: Path | None = None
    """Templates that take the place of the built-in ones, file by file."""
    feed_authority: str = "releases.invalid,2026"
    """Who mints the ids of feed entries (RFC 4151): a domain of yours and a year you had it. Then keep it."""
    history: Path | None = None
    """A directory of lists in the form that Flatcar publishes, ``releases-CHANNEL.json``: what was released
    before this pipeline."""
    support: dict[str, SupportSettings] = Field(default_factory=dict)
    """By the name of the stream, ``lts-2024``. The others of the history are taken for retired."""
    tagline: str = Field(default="", max_length=200)
    """One line for the home page."""
    accent: _Colour | None = None
    """The colour of links on light paper, ``#rrggbb``; its contrast must be at least 4.5."""
    accent_dark: _Colour | None = None
    """On dark paper."""
    home: WebAddress | None = None
    """The product's own site."""
    links: tuple[LinkSettings, ...] = ()
    """At the foot of every page."""
