"""How `humpyard policy` shows what a policy says about delivery."""

from __future__ import annotations

from decimal import Decimal

from release.cli.output import say, table
from release.promotion.delivery import HaltRules, RolloutRules
from release.promotion.policy import Policy


def show_delivery(policy: Policy) -> None:
    """Print rollouts, mirrors, floors, holds and what is kept; nothing of what the policy does not name."""
    rows = [
        (
            edge.channel.name,
            str(edge.mirrors) if edge.mirrors else "-",
            _steps(edge.rollout),
            f"{len(edge.rollout.windows)} windows" if edge.rollout.windows else "any time",
            "never" if edge.rollout.halt is None else _halt(edge.rollout.halt),
        )
        for edge in policy.edges
    ]
    if policy.mirrors or any(row[2:] != ("at once", "any time", "never") for row in rows):
        table(("channel", "mirrors that must have it", "rollout", "offered", "halts at"), rows)
    if policy.mirrors:
        table(
            ("mirror", "address", "channels"),
            [(one.name, one.url, ", ".join(one.channels) or "all") for one in policy.mirrors],
        )
    for floor in policy.floors:
        say(f"floor: machines of {floor.channel} pass through {floor.version}: {floor.reason}")
    for hold in policy.holds:
        say(f"hold: {hold.version} is kept: {hold.reason}")
    kept = policy.retention
    if kept is not None:
        say(
            f"kept: the newest {kept.channel_releases} of each channel and {kept.stream_releases} of each"
            f" stream, and everything younger than {kept.grace.total_seconds() / 3600:g} h"
        )


def _steps(rules: RolloutRules) -> str:
    if len(rules.steps) == 1 and not rules.steps[0].after:
        return "at once"
    said = ", ".join(
        f"{percent(step.share)} after {step.after.total_seconds() / 3600:g} h" for step in rules.steps
    )
    return f"evenly: {said}" if rules.linear else said


def _halt(rules: HaltRules) -> str:
    said = []
    if rules.error_share is not None:
        said.append(f"{percent(rules.error_share)} failed of {rules.error_minimum} or more")
    if rules.silence_share is not None:
        hours = rules.silence_after.total_seconds() / 3600
        said.append(
            f"{percent(rules.silence_share)} silent of {rules.silence_minimum} or more for {hours:g} h"
        )
    return "; ".join(said)


def percent(share: Decimal) -> str:
    """A share of 1 as people read it: ``0.005`` is ``0.5 %``."""
    return f"{(share * 100).normalize():f} %"
