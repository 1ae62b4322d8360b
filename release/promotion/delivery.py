"""What the policy says about delivery: mirrors, rollouts, floors, and what is kept. Values only.

``release.promotion.delivery_file`` reads them; ``rollout`` and ``retention``, beside it, decide by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from release.catalog.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSite:
    """A mirror as machines know it. How the pipeline writes to it is in the settings, under the same name."""

    name: str
    url: str
    """``https://HOST/PATH/``, with its slash: keys are appended."""
    channels: tuple[str, ...] = ()
    """Whose releases it has; empty means all."""

    def serves(self, channel: str) -> bool:
        """Whether it is to have the releases of a channel, or of a stream of one that it names."""
        return not self.channels or any(
            channel == one or channel.startswith(f"{one}-") for one in self.channels
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A release that older machines of a channel, and of its streams, must pass through."""

    channel: str
    version: Version
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A release whose bytes are never collected."""

    version: Version
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many of the newest releases stay on the mirrors, counted per channel, and per stream."""

    channel_releases: int
    stream_releases: int
    grace: timedelta
    """How long ago a release must have been registered, and left its last channel, before it may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """The share (0 to 1) of machines that may have a release once it was rolled out for ``after``."""

    after: timedelta
    share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWindow:
    """When updates are offered: from ``begins`` up to ``ends``, local times of ``zone``, on ``days``.

    Monday is 0. A window that ends at or before its beginning ends on the next day.
    """

    zone: ZoneInfo
    days: frozenset[int]
    begins: time
    ends: time


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRules:
    """When a rollout stops by itself. Shares are above 0, up to 1; a share that is reached halts.

    ``error_share`` is of the machines that were offered the release and are not silent; at least
    ``error_minimum`` must have reported an outcome.
    ``silence_share`` is of the machines that were offered the release ``silence_after`` ago or
    earlier, at least ``silence_minimum`` of them: those that reported no outcome since. None: not asked.
    """

    error_share: Decimal | None = None
    error_minimum: int = 20
    silence_share: Decimal | None = None
    silence_after: timedelta = timedelta(hours=24)
    silence_minimum: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRules:
    """How a release reaches the machines of a channel.

    ``steps`` ascend in time and share, and end with everybody. With ``linear`` the share grows evenly
    from one to the next; without, it stays until the next. Without ``windows`` any time will do.
    """

    steps: tuple[RolloutStep, ...] = (RolloutStep(after=timedelta(), share=Decimal(1)),)
    linear: bool = False
    windows: tuple[OfferWindow, ...] = ()
    halt: HaltRules | None = None


AT_ONCE = RolloutRules()
"""Everybody, at once: where the policy says nothing."""
