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
    """Machines that they are a share of: those that reported, or are due."""
    text: str
    """One line for people."""

    @property
    def halts(self) -> bool:
        """Whether the rollout is to stop."""
        return self.cause is not None


def judge(rules: HaltRules, counts: RolloutCounts) -> Verdict:
    """Whether a rollout with these counts is to stop.

    It stops when ``error_share`` or more of at least ``error_minimum`` machines that told how it ended
    failed; or when ``silence_share`` or more of at least ``silence_minimum`` machines that are due, which
    is ``silence_after`` after they were offered the release, did not tell. Below the minimum it never
    does. ``counts`` must have been taken with the rules' own ``silence_after``.
    """
    failed, ended, silent, due = counts.failed, counts.ended, counts.silent, counts.due
    if _reached(failed, ended, rules.error_share, rules.error_minimum):
        told = f"{failed} of {ended} machines that reported failed"
        return Verdict(
            cause=HaltCause.ERRORS,
            bad=failed,
            of=ended,
            text=_halt_text(told, failed, ended, rules.error_share),
        )
    if _reached(silent, due, rules.silence_share, rules.silence_minimum):
        told = f"{silent} of {due} machines said nothing for {rules.silence_after} after the offer"
        return Verdict(
            cause=HaltCause.SILENCE,
            bad=silent,
            of=due,
            text=_halt_text(told, silent, due, rules.silence_share),
        )
    text = f"{failed} of {ended} that reported failed, {silent} of {due} that are due are silent"
    return Verdict(cause=None, bad=failed, of=ended, text=text)


def errors_to_halt(rules: HaltRules, succeeded: int) -> int | None:
    """How many machines must have failed for a halt, when so many succeeded.

    ``judge`` halts by errors from exactly this number on, so that no more can fail before it does. None:
    no number of failures halts.
    """
    if rules.error_share is None:
        return None
    allowed = Fraction(rules.error_share)
    if allowed == 1:
        return None if succeeded else rules.error_minimum
    return max(math.ceil(allowed * succeeded / (1 - allowed)), rules.error_minimum - succeeded)


def reports_to_halt(rules: HaltRules, failing: float, risk: float) -> int | None:
    """After how many reports a release that fails on a share of all machines is stopped at the latest.

    The number n after which not having halted has a probability of at most ``risk``, when each machine
    fails independently with probability ``failing``: the lower tail of a binomial distribution at n
    alone, so an upper bound for a rule that is asked after every report. None when there is no such n up
    to a million, as where no more fail than the rules allow.
    """
    if rules.error_share is None:
        return None
    allowed = Fraction(rules.error_share)

    def missed(reports: int) -> float:
        return _tail(reports, math.ceil(allowed * reports) - 1, failing)

    low, high = max(rules.error_minimum, 1), _MOST_REPORTS
    if missed(high) > risk:
        return None
    while low < high:  # the tail falls with the number, but for ripples as wide as one failure allowed
        middle = (low + high) // 2
        if missed(middle) > risk:
            low = middle + 1
        else:
            high = middle
    return low


def _reached(part: int, whole: int, share: Decimal | None, minimum: int) -> bool:
    return share is not None and whole >= max(minimum, 1) and part >= Fraction(share) * whole


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
