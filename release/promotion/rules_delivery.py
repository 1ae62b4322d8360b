"""Rules that the pipeline's own work meets, after people have said go. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release.promotion.case import PromotionCase
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


def names(policy: Policy, channel: str) -> tuple[str, ...]:
    """The mirrors that are to have the releases of a channel."""
    return tuple(mirror.name for mirror in policy.mirrors_of(channel))
