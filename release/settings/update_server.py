"""``[update_server]``: how `humpyard serve` answers machines.

Whom it believes is ``openpgp.pipeline``, where it counts what machines report ``events.url``.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field

from release.ledger.fields import ChannelName
from release.promotion.delivery_file import WindowFields
from release.settings.section import Section

FLATCAR_APPLICATION = "e96281a6-d1af-4bde-9a0a-97b76e56dc57"
_YEAR_HOURS = 24 * 366


class UpdateGroup(Section):
    """``[[update_server.groups]]``: machines that send ``name`` as their track. It can only hold back."""

    name: Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z._-]{0,59}$")]
    """Small letters: capital ones of a machine count as such."""
    channel: ChannelName
    """What they get: releases of this channel."""
    percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=6)] = Decimal(100)
    """The most of them that get a release, as long as it is so."""
    delay_hours: Annotated[int, Field(ge=0, le=_YEAR_HOURS)] = 0
    """How much later than others they follow a rollout."""
    windows: Annotated[tuple[WindowFields, ...], Field(max_length=20)] = ()
    """When they are offered anything, beside the channel's own windows."""
    offers_per_hour: Annotated[int, Field(ge=1)] | None = None
    """How many of them are first offered a release in any hour. About so many, with several servers."""

    @property
    def delay(self) -> timedelta:
        """``delay_hours``."""
        return timedelta(hours=self.delay_hours)


class UpdateServerSettings(Section):
    """The update server."""

    application: Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z._-]{0,63}$")] = FLATCAR_APPLICATION
    """The application id that machines send."""
    listen: str = "127.0.0.1:8080"
    """``HOST:PORT``. Machines come through a balancer; see docs/update-server.md."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes. One answers as fast as one core can."""
    path_file: Path | None = None
    """A file with one line that is part of the path: ``/v1/update/LINE``. For who cannot ask for more."""
    mirrors: tuple[str, ...] = ()
    """Where channel documents are read, in this order: URLs, or directories. Empty: the store."""
    channels: tuple[ChannelName, ...] = ()
    """Served here; empty: all."""
    boards: tuple[str, ...] = ()
    """Served here; empty: all."""
    refresh: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds between looks at the mirrors."""
    state: Path | None = Path("update-server")
    """A directory that remembers documents, so that a server that starts anew is not shown older ones."""
    poll_interval: Annotated[int, Field(ge=60, le=86_400)] | None = None
    """Seconds after which machines are to ask again; without it they do as they like (45 minutes)."""
    deltas: tuple[str, ...] | None = None
    """Client profiles that are offered deltas; empty for none. Without it, all that can apply them.
    Nobody is where reports are not counted: a machine that a delta failed on would not be known again."""
    groups: tuple[UpdateGroup, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    """Addresses, or networks, whose ``X-Forwarded-For`` is believed, in the access log."""
    access_log: bool = False
    """A line for every request."""
