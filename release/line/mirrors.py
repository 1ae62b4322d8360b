"""The mirrors of a yard: those that the policy names, and how the settings say to reach them."""

from __future__ import annotations

from dataclasses import dataclass

from release.errors import HumpyardError, InputError
from release.line.yard import MirrorAccess, Yard
from release.promotion.delivery import MirrorSite
from release.promotion.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A mirror as the policy has it. ``access`` is None where the settings say nothing about it."""

    site: MirrorSite
    access: MirrorAccess | None

    @property
    def name(self) -> str:
        """What policy, settings and ledger call it."""
        return self.site.name

    def reach(self) -> MirrorAccess:
        """How to reach it. Raises InputError when nobody said."""
        if self.access is None:
            raise InputError(
                f"mirror {self.name}: the policy names it, the settings do not say how to write to it",
                hint=f'put [mirrors.{self.name}] with url = "..." into humpyard.toml',
            )
        return self.access


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A mirror that is not as it should be, and why. ``what`` says what it lacks, in words."""

    mirror: str
    what: str
    error: HumpyardError

    def __str__(self) -> str:
        return f"{self.mirror}: {self.what}: {self.error.message}"


def mirrors_of(yard: Yard, policy: Policy) -> tuple[Mirror, ...]:
    """The mirrors of the policy, in its order."""
    return tuple(Mirror(site=site, access=yard.mirrors.get(site.name)) for site in policy.mirrors)


def strangers(yard: Yard, policy: Policy) -> tuple[str, ...]:
    """Names in the settings that the policy does not have: nothing is brought there."""
    known = {site.name for site in policy.mirrors}
    return tuple(sorted(name for name in yard.mirrors if name not in known))
