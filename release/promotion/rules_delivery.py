"""Rules that the pipeline's own work meets, after people have said go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from release.catalog.board import Board
from release.catalog.version import Version
from release.ledger.state import State, base_of
from release.promotion.case import PromotionCase
from release.promotion.delivery import Floor
from release.promotion.policy import Edge, Policy
from release.promotion.rule import RuleResult, result


def mirrors(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """Enough of the policy's mirrors have what the channel will have of the release, verified."""
    if not edge.mirrors:
        yield result("mirrors", True, "the policy asks for none", "")
        return
    channel = case.request.channel
    verified = case.state.mirrors_with(channel, case.request.version)
    those = names(case.policy, channel)
    have = [name for name in those if name in verified]
    lagging = [name for name in those if name not in verified]
    yield result(
        "mirrors",
        len(have) >= edge.mirrors,
        f"{len(have)} of {len(those)} have it verified, {edge.mirrors} must"
        + (f"; behind: {', '.join(lagging)}" if lagging else ""),
        f"{edge.mirrors - len(have)} more of the mirrors {', '.join(lagging)}"
        " (humpyard mirrors sync tells why they are behind)",
    )


def floors(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """What older machines must pass through on the way is there, for every board of the release."""
    version = case.request.version
    faults = [*stranding(case.state, case.policy, edge.channel.name, version, case.request.boards)]
    yield result(
        "floors",
        not faults,
        "every floor on the way is there",
        f"floors that machines can pass through: {'; '.join(faults)}; publish them, or correct the policy",
    )


def stranding(
    state: State, policy: Policy, channel: str, version: Version, boards: Iterable[Board]
) -> Iterator[str]:
    """Floors of a channel up to ``version`` that nobody could pass through, in words."""
    for floor in floors_of(policy, channel):
        if floor.version > version:
            continue
        known = state.releases.get(floor.version)
        missing = [str(board) for board in boards if known is None or board not in known.boards]
        if missing:
            yield f"{floor.version} is not released for {', '.join(missing)}"
        elif floor.version in state.collected:
            yield f"{floor.version} was collected"


def floors_of(policy: Policy, channel: str) -> tuple[Floor, ...]:
    """The floors of a channel; a stream has those of the channel that it is a stream of, too."""
    names = {channel, base_of(channel, policy.streams)}
    return tuple(floor for floor in policy.floors if floor.channel in names)


def names(policy: Policy, channel: str) -> tuple[str, ...]:
    """The mirrors that are to have the releases of a channel."""
    return tuple(mirror.name for mirror in policy.mirrors_of(channel))
