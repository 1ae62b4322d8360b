"""When a rollout stops by itself: by the share of machines that fail, or that are never heard of again.

Pure. The rule is one comparison that people can do on paper, and no statistics are needed to see why a
rollout stopped. A halt that was not needed costs a resume request; one that did not come costs machines.
``docs/rollout.md`` has the odds of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from release.promotion.delivery import HaltRules
from release.updates.counts import RolloutCounts

_MOST_REPORTS = 1_000_000


class HaltCause(Enum):
    """Why a rollout stops by itself."""

    ERRORS = "errors"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rollout's numbers mean. ``cause`` is None while it goes on."""

    cause: HaltCause | None
    bad: int
    """Machines that failed, or are silent."""
    of: int
    """Machines that they are a share of: those that are not silent, or those that are due."""
    text: str
    """One line for people."""

    @property
    def halts(self) -> bool:
        """Whether the rollout is to stop."""
        return self.cause is not None


def judge(rules: HaltRules, counts: RolloutCounts) -> Verdict:
    """Whether a rollout with these counts is to stop.

    By errors: when ``error_minimum`` or more machines told how it ended, and those that failed are
    ``error_share`` or more of the machines that were offered the release and are not silent. So one that
    has not told yet, and is not due, counts as if it went well: failures come first, as they need no
    reboot, and would otherwise halt every rollout whenever many machines are offered it at once.

    By silence: when ``silence_minimum`` or more machines are due, which is ``silence_after`` after they
    were offered the release, and ``silence_share`` or more of them did not tell how it ended.

    ``counts`` must have been taken with the rules' own ``silence_after``.
    """
    failed, silent, due = counts.failed, counts.silent, counts.due
    hoped = counts.offered - silent
    if counts.ended >= rules.error_minimum and _reached(failed, hoped, rules.error_share):
        told = f"{failed} of {hoped} machines failed, {counts.ended} have reported"
        text = _halt_text(told, failed, hoped, rules.error_share)
        return Verdict(cause=HaltCause.ERRORS, bad=failed, of=hoped, text=text)
    if due >= rules.silence_minimum and _reached(silent, due, rules.silence_share):
        told = f"{silent} of {due} machines said nothing for {rules.silence_after} after the offer"
        text = _halt_text(told, silent, due, rules.silence_share)
        return Verdict(cause=HaltCause.SILENCE, bad=silent, of=due, text=text)
    text = (
        f"{failed} of {hoped} failed, {counts.ended} have reported, {silent} of {due} that are due are silent"
    )
    return Verdict(cause=None, bad=failed, of=hoped, text=text)


def errors_to_halt(rules: HaltRules, succeeded: int, waiting: int = 0) -> int | None:
    """How many machines must have failed for a halt, when so many succeeded and ``waiting`` may still.

    ``judge`` halts by errors from exactly this number on, so that no more can fail before it does. None:
    no number of failures halts.
    """
    if rules.error_share is None:
        return None
    allowed, others = Fraction(rules.error_share), succeeded + waiting
    if allowed == 1:
        return None if others else rules.error_minimum
    return max(math.ceil(allowed * others / (1 - allowed)), rules.error_minimum - succeeded)


def chance_to_miss(limit: Decimal, bad: float, told: int, of: int) -> float:
    """The probability that a bad release is not halted at a moment.

    Each machine fails, or stays silent, with probability ``bad``, independently of others. ``told`` of
    them have had the time to show it, which is fewer than ``limit`` of ``of`` with this probability.
    """
    return _tail(told, math.ceil(Fraction(limit) * of) - 1, bad)


def machines_to_halt(limit: Decimal, minimum: int, bad: float, risk: float) -> int | None:
    """After how many machines a bad release is stopped at the latest, when no others wait.

    Args:
        limit: the rules' share of failures, or of silent machines.
        minimum: how many must have reported, or be due.
        bad: the probability with which each machine fails, or stays silent.
        risk: the probability with which it may take more.

    Returns:
        The number at which ``chance_to_miss`` is at most ``risk``: an upper bound, as the rule is asked
        before, too. None when there is none up to a million, as where no more are bad than is allowed.
    """

    def missed(machines: int) -> bool:
        return chance_to_miss(limit, bad, machines, machines) > risk

    low, high = max(minimum, 1), _MOST_REPORTS
    if missed(high):
        return None
    while low < high:  # the chance falls with the number, but for ripples as wide as one failure allowed
        middle = (low + high) // 2
        low, high = (middle + 1, high) if missed(middle) else (low, middle)
    return low


def _reached(part: int, whole: int, share: Decimal | None) -> bool:
    return share is not None and whole > 0 and part >= Fraction(share) * whole


def _tail(tries: int, most: int, chance: float) -> float:
    """The probability of at most ``most`` hits in so many independent tries."""
    if chance >= 1 or most >= tries:
        return float(most >= tries)
    if chance <= 0:
        return 1.0
    hit, miss, total = math.log(chance), math.log1p(-chance), 0.0
    for hits in range(most, -1, -1):
        ways = math.lgamma(tries + 1) - math.lgamma(hits + 1) - math.lgamma(tries - hits + 1)
        term = math.exp(ways + hits * hit + (tries - hits) * miss)
        total += term
        if hits < chance * tries and term <= total * 1e-12:  # what is left falls faster than geometrically
            break
    return min(total, 1.0)


def _halt_text(told: str, part: int, whole: int, share: Decimal | None) -> str:
    limit = 0.0 if share is None else 100 * float(share)
    return f"{told}: {100 * part / whole:.1f} %, where the policy halts at {limit:g} %"
