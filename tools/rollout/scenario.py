"""What is rolled out in a simulation: the plan, the pause, what goes wrong, and what documents say.

Times are whole seconds since the rollout began.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.promotion.delivery import HaltRules, RolloutRules, RolloutStep
from release.trust.channel_document import ChannelDocument, Offer, OfferedPayload, OfferedRelease, Rollout
from release.trust.head import ChannelStatus, LedgerPosition

BEGAN = datetime(2026, 5, 4, 6, tzinfo=UTC)
BOARD = Board("amd64")
OLD, NEW = Version(4593, 2, 0), Version(4600, 2, 0)
HOUR, DAY = 3600, 86_400
LENGTH = 8 * DAY
HALT = HaltRules(
    error_share=Decimal("0.05"),
    error_minimum=200,
    silence_share=Decimal("0.3"),
    silence_after=timedelta(hours=24),
    silence_minimum=200,
)
_FILE = OfferedPayload(
    name="flatcar_production_update.gz",
    size=400_000_000,
    sha256=Digest.sha256(b"payload"),
    sha1=Digest("sha1", bytes(20)),
    profile="flatcar",
)
RELEASE = OfferedRelease(
    version=NEW, release=Digest.sha256(b"release.json"), payloads=(_FILE,), mirrors=("main",)
)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One rollout. ``failing`` and ``silent`` are shares of all machines; what is usual is their default."""

    name: str
    title: str
    rules: RolloutRules
    pause: tuple[int, int] | None = None
    """When people paused it, and when they let it go on."""
    failing: float = 0.01
    silent: float = 0.02

    @property
    def halt(self) -> HaltRules:
        """When it stops by itself."""
        return HALT

    def active(self, at: int) -> int:
        """Seconds of active time."""
        if self.pause is None or at < self.pause[0]:
            return at
        return self.pause[0] + max(at - self.pause[1], 0)

    def is_paused(self, at: int) -> bool:
        """Whether people have paused it."""
        return self.pause is not None and self.pause[0] <= at < self.pause[1]

    def since(self, at: int) -> int:
        """When it began, or went on, last."""
        return self.pause[1] if self.pause is not None and at >= self.pause[1] else 0

    def document(self, at: int) -> ChannelDocument:
        """What the pipeline has signed at that time."""
        if self.pause is None or at < self.pause[0]:
            return self._first
        return self._paused if at < self.pause[1] else self._second

    @cached_property
    def _first(self) -> ChannelDocument:
        return _document(Rollout(active=0, since=BEGAN, rules=self.rules))

    @cached_property
    def _paused(self) -> ChannelDocument:
        return _document(Rollout(active=self.active(self._pause[0]), since=None, rules=self.rules))

    @cached_property
    def _second(self) -> ChannelDocument:
        since = BEGAN + timedelta(seconds=self._pause[1])
        return _document(Rollout(active=self._pause[0], since=since, rules=self.rules))

    @property
    def _pause(self) -> tuple[int, int]:
        if self.pause is None:
            raise ValueError("there is no pause")
        return self.pause


def _document(rollout: Rollout) -> ChannelDocument:
    status = ChannelStatus.PAUSED if rollout.since is None else ChannelStatus.OFFERED
    return ChannelDocument(
        product="Simulated OS",
        channel="stable",
        board=BOARD,
        issued=BEGAN,
        expires=BEGAN + timedelta(days=30),
        ledger=LedgerPosition(sequence=1, digest=Digest.sha256(b"entry")),
        generation=1,
        offers=(Offer(release=RELEASE, status=status, rollout=rollout),),
        mirrors={"main": "https://mirror.example/"},
    )


def _steps(*steps: tuple[int, str]) -> tuple[RolloutStep, ...]:
    return tuple(RolloutStep(after=timedelta(hours=after), share=Decimal(share)) for after, share in steps)


LINEAR = RolloutRules(steps=_steps((7 * 24, "1")), linear=True, halt=HALT)
STEPPED = RolloutRules(
    steps=_steps((0, "0.01"), (36, "0.05"), (60, "0.25"), (108, "0.5"), (156, "1")), halt=HALT
)
_GOOD = Scenario(name="linear", title="linear, 7 days", rules=LINEAR, pause=(3 * DAY, 4 * DAY))
SCENARIOS: tuple[Scenario, ...] = (
    _GOOD,
    replace(_GOOD, name="stepped", title="stepped: 1, 5, 25, 50, 100 %", rules=STEPPED),
    Scenario(name="linear-failing", title="linear, 12 % fail", rules=LINEAR, failing=0.12),
    Scenario(name="stepped-failing", title="stepped, 12 % fail", rules=STEPPED, failing=0.12),
    Scenario(name="stepped-silent", title="stepped, 40 % silent", rules=STEPPED, silent=0.4),
)
"""The pause is a day, in the middle, so that both good ones last eight days. The first step lasts longer than
``silence_after``, so that what is silent halts in it."""
