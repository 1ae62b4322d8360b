"""Bringing Nebraska to what the ledger wants, with a look before and after each write.

Nebraska has no compare-and-swap, and says 500 when it refuses as well as when it fails. So nobody believes
an answer to a write: what is there afterwards is read. A run that was killed anywhere is completed by
the next one, and of two at the same time the one with the newer ledger has the last word, since each looks
at the ledger again after its writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from release.errors import InputError, NotVerifiedError, RefusedError, UnavailableError
from release.updates.nebraska.client import NebraskaClient
from release.updates.nebraska.options import NebraskaOptions, architecture_of
from release.updates.nebraska.plan import (
    Action,
    ChannelPlan,
    CreatePackage,
    Found,
    PointChannel,
    RemoveFloor,
    SetFloor,
    differences,
    plan_channel,
)
from release.updates.nebraska.transport import NebraskaUnavailableError, NotThereError
from release.updates.nebraska.wanted import Wish
from release.updates.nebraska.wire import NebraskaChannel, Package, PackageContent

Served = Callable[[str, str], int | None]
"""``served(directory_url, name)``: how many bytes of a file machines would get; None when there is none."""

_ROUNDS = 5


class MovedError(UnavailableError):
    """Somebody else changed Nebraska meanwhile. Looking again helps."""


@dataclass(frozen=True, slots=True)
class Nebraska:
    """One Nebraska, as a job uses it. ``served`` is None where payload addresses are not looked at."""

    options: NebraskaOptions
    client: NebraskaClient
    served: Served | None = None


@dataclass(slots=True)
class Published:
    """What was done, and what was found in the end: plans without actions."""

    done: list[str] = field(default_factory=list)
    plans: tuple[ChannelPlan, ...] = ()

    @property
    def blocked(self) -> list[str]:
        """What only people can do."""
        return [f"{plan.wish.title}: {text}" for plan in self.plans for text in plan.blocked]


def make_plans(nebraska: Nebraska, wishes: Iterable[Wish]) -> tuple[ChannelPlan, ...]:
    """Read what Nebraska has, and plan. Changes nothing.

    Raises:
        InputError: a channel of the options is not there, or is named twice.
        LoginRefusedError, UnavailableError: as ``Transport.get``.
    """
    wishes = tuple(wishes)
    if not wishes:
        return ()
    channels = nebraska.client.channels()
    plans, taken = [], dict[str, str]()
    for wish in wishes:
        channel = _find_channel(channels, wish)
        if channel.id in taken:
            raise InputError(
                f"nebraska.channels: {taken[channel.id]} and {wish.title} both are {channel.name!a}"
            )
        taken[channel.id] = wish.title
        plans.append(
            plan_channel(
                wish,
                _look(nebraska.client, wish, channel),
                point_back=nebraska.options.point_back,
                max_floors=nebraska.options.max_floors,
            )
        )
    return tuple(plans)


def publish(nebraska: Nebraska, wishes: Callable[[], Sequence[Wish]]) -> Published:
    """Do what is planned until nothing is left to do. ``wishes`` reads the ledger anew each time.

    What is blocked is in the outcome; everything else is done all the same.

    Raises:
        RefusedError: a payload is not where machines would look for it.
        NotVerifiedError: Nebraska says it did, and shows something else.
        UnavailableError: it does not answer, does not do it, or others keep changing it.
    """
    result = Published()
    for _ in range(_ROUNDS):
        result.plans = make_plans(nebraska, wishes())
        if not any(plan.actions for plan in result.plans):
            return result
        try:
            for plan in result.plans:
                for action in plan.actions:
                    _carry_out(nebraska, plan, action)
                    result.done.append(f"{plan.wish.title}: {action}")
        except MovedError:
            continue
    raise MovedError(f"{nebraska.options.url}: others changed it {_ROUNDS} times meanwhile")


def _find_channel(channels: Iterable[NebraskaChannel], wish: Wish) -> NebraskaChannel:
    """The channel by id, or else by name among those of the board's architecture: names are unique there."""
    channels = tuple(channels)
    fits = [one for one in channels if one.id == wish.named] or [
        one for one in channels if one.name == wish.named and one.architecture == architecture_of(wish.board)
    ]
    if len(fits) != 1:
        raise InputError(
            f"nebraska.channels: {wish.title}: expected one channel of Nebraska with the id or name"
            f" {wish.named!a}, found {len(fits)}",
            hint="make it in Nebraska first: channels, and groups on them, are its administrators' business",
        )
    return fits[0]


def _look(client: NebraskaClient, wish: Wish, channel: NebraskaChannel) -> Found:
    """What there is for one wish. Packages are asked for by version, not listed all."""
    packages = {
        version: client.package(str(version), architecture_of(wish.board)) for version in wish.contents
    }
    return Found(
        channel=channel,
        packages={version: package for version, package in packages.items() if package is not None},
        floors=client.floors(channel.id),
    )


def _carry_out(nebraska: Nebraska, plan: ChannelPlan, action: Action) -> None:
    client, channel = nebraska.client, plan.found.channel
    match action:
        case CreatePackage(content=content):
            _check_served(nebraska, content)
            _create(client, content)
        case SetFloor(content=content, reason=reason):
            package = _ours(client, content)
            _settle(
                client,
                f"floor {content.version} of {channel.name!a}",
                lambda: client.set_floor(channel.id, package.id, reason),
                lambda: _has_floor(client, channel.id, package.id, reason),
            )
        case RemoveFloor(package=package):
            _settle(
                client,
                f"no floor {package.content.version} of {channel.name!a}",
                lambda: _remove_floor(client, channel.id, package.id),
                lambda: package.id not in {one.package.id for one in client.floors(channel.id)},
            )
        case PointChannel(content=content):
            _point(client, channel, _ours(client, content))


def _check_served(nebraska: Nebraska, content: PackageContent) -> None:
    """See that machines find the files of a package. Their bytes were verified where they are mirrored."""
    if nebraska.served is None:
        return
    for name, size in ((content.filename, content.size), *((one.name, one.size) for one in content.extras)):
        found = nebraska.served(content.url, name)
        if found is None or str(found) != size:
            raise RefusedError(
                f"{content.url}{name}: expected {size} bytes,"
                f" found {'nothing' if found is None else found}; Nebraska was not told",
                hint="nebraska.payload_url must be where the mirror's update/{board}/{version}/ is served",
            )


def _create(client: NebraskaClient, content: PackageContent) -> None:
    def is_there() -> bool:
        present = client.package(content.version, content.architecture)
        if present is not None:
            _check_ours(content, present)
        return present is not None

    _settle(
        client,
        f"package {content.version}",
        lambda: client.create_package(content, f"Version {content.version}"),
        is_there,
    )


def _has_floor(client: NebraskaClient, channel: str, package: str, reason: str) -> bool:
    return any(one.package.id == package and one.reason == reason for one in client.floors(channel))


def _remove_floor(client: NebraskaClient, channel: str, package: str) -> None:
    try:
        client.remove_floor(channel, package)
    except NotThereError:
        return  # somebody else did


def _point(client: NebraskaClient, before: NebraskaChannel, package: Package) -> None:
    """Point the channel on, if it still is where it was when that was planned.

    There is a moment between look and write in which somebody else may move it; that is found afterwards
    by whoever looks again, which ``publish`` does.
    """

    def is_there() -> bool:
        now = client.channel(before.id)
        if now.package is not None and now.package.id == package.id:
            return True
        if _id_of(now) != _id_of(before):
            raise MovedError(f"Nebraska's channel {before.name!a} was moved by somebody else meanwhile")
        return False

    _settle(
        client,
        f"channel {before.name!a} at {package.content.version}",
        lambda: client.point(client.channel(before.id), package.id),
        is_there,
    )


def _id_of(channel: NebraskaChannel) -> str | None:
    return None if channel.package is None else channel.package.id


def _ours(client: NebraskaClient, content: PackageContent) -> Package:
    """The package of our version, which is as we want it."""
    package = client.package(content.version, content.architecture)
    if package is None:
        raise MovedError(f"Nebraska's package {content.version} went away meanwhile")
    _check_ours(content, package)
    return package


def _check_ours(content: PackageContent, present: Package) -> None:
    wrong = differences(content, present.content)
    if wrong:
        raise NotVerifiedError(
            f"Nebraska's package {content.version} is another than we want: {'; '.join(wrong)}",
            hint="somebody else made it: find out who; nothing was pointed to it",
        )


def _settle(
    client: NebraskaClient, what: str, write: Callable[[], None], is_there: Callable[[], bool]
) -> None:
    """Write until what shall be there is there. Reads first, and after every write, whatever its answer.

    Raises:
        NotVerifiedError: Nebraska said it did it, and after several looks it is not there.
        NebraskaUnavailableError: it keeps failing, or refusing.
    """
    failure: NebraskaUnavailableError | None = None
    said = False
    for attempt in range(client.transport.retries + 1):
        if attempt:
            client.transport.wait(attempt - 1)
        if is_there():
            return
        if said:
            continue  # it said so; another look, in case it reads from a copy that lags
        try:
            write()
            said = True
        except NebraskaUnavailableError as error:
            failure = error  # it may have been done all the same
        if is_there():
            return
    if said or failure is None:
        raise NotVerifiedError(f"Nebraska said that it did, and does not show: {what}")
    raise NebraskaUnavailableError(f"{what}: {failure.message}", hint=failure.hint) from failure
