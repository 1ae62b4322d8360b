"""Groups of machines, by what they send as ``track``. They hold back; they can never offer more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from release.errors import InputError
from release.updates.offer import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Machines that name it get what ``channel`` offers, within ``limits``.

    ``offers_per_hour`` is how many of its machines are first offered a release in any hour; None for any.
    """

    name: str
    channel: str
    limits: Limits = NO_LIMITS
    offers_per_hour: int | None = None


class Groups:
    """All groups. A track that names none of them is the channel of that name."""

    def __init__(self, groups: Iterable[Group], limits: Limits = NO_LIMITS) -> None:
        """``limits`` are those of machines of no group. Raises InputError when two have one name."""
        self._limits = limits
        named: dict[str, Group] = {}
        for group in groups:
            if group.name in named:
                raise InputError(f"group {group.name!r}: there are two of that name")
            named[group.name] = group
        self._named: Mapping[str, Group] = MappingProxyType(named)

    def find(self, track: str) -> Group:
        """Whose machine it is. ``track`` is what it says; the channel may be none."""
        known = self._named.get(track)
        return known or Group(name="", channel=track, limits=self._limits)
