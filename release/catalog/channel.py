"""Channels: names, their order, and which may feed which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from release.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)


class PromotionKind(StrEnum):
    """How a release gets from one channel to the next."""

    SAME_BITS = "same-bits"
    """The version itself moves on."""
    REBUILD = "rebuild"
    """New bits from the same branch, a version of their own, deriving from the older release."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel.

    ``feeds_from`` names the channels a release may come from; empty means that releases enter here
    straight from the build.
    """

    name: str
    feeds_from: tuple[str, ...] = ()
    kind: PromotionKind = PromotionKind.SAME_BITS

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > 40:
            raise InputError(
                f"channel {self.name!r}: expected lower-case words joined by '-', for example lts-2024"
            )


@dataclass(frozen=True, slots=True)
class Channels:
    """All channels of a product, from the least settled to the most settled."""

    channels: tuple[Channel, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for channel in self.channels:
            if channel.name in seen:
                raise InputError(f"channel {channel.name!r} is listed twice")
            for source in channel.feeds_from:
                if source not in seen:
                    raise InputError(
                        f"channel {channel.name!r} is fed from {source!r}, which is not listed before it"
                    )
            seen.add(channel.name)
        if not seen:
            raise InputError("channels: expected at least one, found none")

    def __iter__(self) -> Iterator[Channel]:
        return iter(self.channels)

    def __contains__(self, name: object) -> bool:
        return any(channel.name == name for channel in self.channels)

    def get(self, name: str) -> Channel:
        """The channel called ``name``. Raises InputError when there is none."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        known = ", ".join(channel.name for channel in self.channels)
        raise InputError(f"channel {name!r} is unknown; configured are: {known}")

    def rank(self, name: str) -> int:
        """The place in the order, 0 for the least settled."""
        return self.channels.index(self.get(name))


DEFAULT_CHANNELS = Channels(
    (
        Channel("alpha"),
        Channel("beta", ("alpha",)),
        Channel("stable", ("beta",)),
        Channel("lts", ("stable",)),
    )
)
"""The four of Flatcar, every edge same-bits. Products say their own in the policy."""
