"""What is to be done so that Nebraska says what a channel wants: packages, then floors, then the channel.

Pure. Nothing that Nebraska has is changed but what a channel points to and its floors: a package of our
version with other bytes is for people to look at. What people must do is ``blocked``; until then the
channel is not moved on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from release.catalog.version import Version
from release.updates.nebraska.options import architecture_of
from release.updates.nebraska.wanted import Wish, reason_of
from release.updates.nebraska.wire import (
    NebraskaChannel,
    NebraskaFloor,
    Package,
    PackageContent,
    version_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePackage:
    """Add the package of a release."""

    content: PackageContent

    def __str__(self) -> str:
        extras = f" with {len(self.content.extras)} extra files" if self.content.extras else ""
        return f"create package {self.content.version}, architecture {self.content.architecture}{extras}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFloor:
    """Make a package a floor, or say anew why it is one."""

    content: PackageContent
    reason: str

    def __str__(self) -> str:
        return f"set floor {self.content.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFloor:
    """Make a package no floor any more."""

    package: Package

    def __str__(self) -> str:
        return f"remove floor {self.package.content.version}, which is withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointChannel:
    """Point the channel to a package. ``back`` when it goes to an older one."""

    content: PackageContent
    back: bool = False

    def __str__(self) -> str:
        return f"point the channel {'back ' if self.back else ''}to {self.content.version}"


Action = CreatePackage | SetFloor | RemoveFloor | PointChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Nebraska has for one of our channels: packages by version, for those of the wish."""

    channel: NebraskaChannel
    packages: Mapping[Version, Package]
    floors: tuple[NebraskaFloor, ...]


@dataclass(slots=True, kw_only=True)
class ChannelPlan:
    """What to do for one channel and board, in order; what only people can do; what is good to know."""

    wish: Wish
    found: Found
    goal: Version | None = None
    """Where the channel shall be; None: where it is."""
    actions: list[Action] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether there is something to do, for us or for people."""
        return bool(self.actions or self.blocked)

    @property
    def at(self) -> str | None:
        """The version that Nebraska's channel is at."""
        package = self.found.channel.package
        return None if package is None else package.content.version


def plan_channel(wish: Wish, found: Found, *, point_back: bool, max_floors: int) -> ChannelPlan:
    """Compare the wish with what Nebraska has."""
    plan = ChannelPlan(wish=wish, found=found)
    if found.channel.architecture != architecture_of(wish.board):
        plan.blocked.append(
            f"Nebraska's channel {found.channel.name!a} is of architecture {found.channel.architecture},"
            f" expected {architecture_of(wish.board)} for {wish.board}"
        )
        return plan
    plan.goal = _goal(plan, point_back=point_back)
    content = _plan_package(plan, plan.goal)
    _plan_floors(plan, max_floors)
    _plan_point(plan, content)
    return plan


def differences(wanted: PackageContent, present: PackageContent) -> list[str]:
    """Where a package is not what it should be, in words; empty when it is."""
    return [
        f"{name} is {getattr(present, name)!a:.200}, expected {getattr(wanted, name)!a:.200}"
        for name in (one.name for one in fields(wanted))
        if getattr(wanted, name) != getattr(present, name)
    ]


def _goal(plan: ChannelPlan, *, point_back: bool) -> Version | None:
    """Where the channel shall be; None: where it is."""
    barrier = plan.wish.barrier()
    if barrier is not None:
        return _held(plan, *barrier, point_back=point_back)
    if plan.wish.waits is not None and plan.at != str(plan.wish.head):
        plan.notes.append(f"{plan.wish.waits}: the channel stays at {plan.at or 'nothing'}")
        return None
    return plan.wish.head


def _held(plan: ChannelPlan, barrier: Version, why: str, *, point_back: bool) -> Version | None:
    """Where the channel shall be while machines are held back: below what stops them, if it is ours."""
    wish = plan.wish
    at = next((one for one in (wish.head, *wish.earlier) if str(one) == plan.at), None)
    if at is None or (at < barrier and at not in wish.stopped):
        plan.notes.append(f"{why}: the channel stays at {plan.at or 'nothing'}")
        return None
    lower = (one for one in wish.earlier if one < min(at, barrier) and one not in wish.stopped)
    back = next((one for one in lower if one in wish.contents), None)
    if back is None or not point_back:
        reason = "no earlier release may be offered" if back is None else "pointing back is switched off"
        plan.blocked.append(
            f"{why}, and Nebraska offers {at}; {reason}:"
            " switch off updates of the groups on this channel, in Nebraska"
        )
        return None
    plan.notes.append(f"{why}: pointing back to {back} ends new updates, machines that have {at} keep it")
    return back


def _plan_package(plan: ChannelPlan, version: Version | None) -> PackageContent | None:
    """See that there is a package of that version, and that it is ours. None when it cannot be used."""
    if version is None:
        return None
    content, present = plan.wish.contents.get(version), plan.found.packages.get(version)
    if content is None:
        plan.blocked.append(f"{version}: the ledger has no release with a full payload for {plan.wish.board}")
        return None
    if present is None:
        create = CreatePackage(content=content)
        if create not in plan.actions:
            plan.actions.append(create)
        return content
    wrong = differences(content, present.content)
    if wrong:
        plan.blocked.append(f"Nebraska's package {version} is another: {'; '.join(wrong)}")
        return None
    if plan.found.channel.id in present.blacklist:
        plan.blocked.append(f"Nebraska's package {version} blacklists this channel")
        return None
    return content


def _plan_floors(plan: ChannelPlan, most: int) -> None:
    """Floors for what the channel shall be at. Those that others set stay, unless they are withdrawn."""
    wish, present = plan.wish, {one.package.content.version: one for one in plan.found.floors}
    named = {str(floor.version) for floor in wish.floors}
    withdrawn = {str(version) for version in wish.withdrawn}
    others = sorted(present.keys() - named, key=lambda text: version_key(text) or ())
    for text in others:
        if text in withdrawn:
            plan.actions.append(RemoveFloor(package=present[text].package))
        else:
            plan.notes.append(f"floor {text!a} is in Nebraska, and not in the policy: it stays")
    wanted = [] if plan.goal is None else [one for one in wish.floors if one.version <= plan.goal]
    total = len((present.keys() - (withdrawn - named)) | {str(one.version) for one in wanted})
    if total > most:
        plan.blocked.append(
            f"{total} floors, of which Nebraska would skip some: expected up to {most}"
            " (flatcar/nebraska#1291); remove old ones"
        )
        return
    for floor in wanted:
        content, there = _plan_package(plan, floor.version), present.get(str(floor.version))
        if content is not None and (there is None or there.reason != reason_of(floor)):
            plan.actions.append(SetFloor(content=content, reason=reason_of(floor)))


def _plan_point(plan: ChannelPlan, content: PackageContent | None) -> None:
    goal, at = plan.goal, plan.at
    if goal is None or at == str(goal):
        return
    back = goal != plan.wish.head
    if at is not None and not back and not _is_above(goal, at):
        plan.blocked.append(
            f"Nebraska is at {at!a}, the ledger says {goal}: a channel never goes back by itself"
        )
    elif content is not None and (back or not plan.blocked):
        plan.actions.append(PointChannel(content=content, back=back))


def _is_above(goal: Version, at: str) -> bool:
    key = version_key(at)
    return key is not None and (goal.major, goal.branch, goal.patch) > key
