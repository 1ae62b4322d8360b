"""How the rules of a rollout are written in a channel document: whole seconds, decimal text, sorted days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, StrictBool, with_config

from release.ledger.fields import Count, Line
from release.promotion.delivery import HaltRules, OfferWindow, RolloutRules, RolloutStep
from release.promotion.delivery_file import time_zone

Share = Annotated[str, Field(pattern=r"^(0|1|0\.[0-9]{1,8})$")]
"""A part of 1, in decimal digits."""
_Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$")]
_Day = Annotated[int, Field(ge=0, le=6, strict=True)]


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class StepFields:
    """``RolloutStep``; ``after`` in seconds."""

    after: Count
    share: Share


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFields:
    """``OfferWindow``."""

    zone: Line
    days: tuple[_Day, ...]
    begins: _Time
    ends: _Time


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class HaltFields:
    """``HaltRules``; ``silence_after`` in seconds."""

    error_share: Share | None
    error_minimum: Annotated[int, Field(ge=1, strict=True)]
    silence_share: Share | None
    silence_after: Count
    silence_minimum: Annotated[int, Field(ge=1, strict=True)]


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFields:
    """``RolloutRules`` as a document has them."""

    steps: Annotated[tuple[StepFields, ...], Field(min_length=1)]
    linear: StrictBool
    windows: tuple[WindowFields, ...] = ()
    halt: HaltFields | None = None

    @classmethod
    def of(cls, rules: RolloutRules) -> Self:
        """Write rules down."""
        return cls(
            steps=tuple(
                StepFields(after=int(step.after.total_seconds()), share=_text(step.share))
                for step in rules.steps
            ),
            linear=rules.linear,
            windows=tuple(
                WindowFields(
                    zone=window.zone.key,
                    days=tuple(sorted(window.days)),
                    begins=window.begins.isoformat("seconds"),
                    ends=window.ends.isoformat("seconds"),
                )
                for window in rules.windows
            ),
            halt=None if rules.halt is None else _halt_fields(rules.halt),
        )

    def rules(self) -> RolloutRules:
        """Read them back. Raises InputError for a time zone that this machine does not know."""
        return RolloutRules(
            steps=tuple(
                RolloutStep(after=timedelta(seconds=step.after), share=Decimal(step.share))
                for step in self.steps
            ),
            linear=self.linear,
            windows=tuple(
                OfferWindow(
                    zone=time_zone(window.zone),
                    days=frozenset(window.days),
                    begins=time.fromisoformat(window.begins),
                    ends=time.fromisoformat(window.ends),
                )
                for window in self.windows
            ),
            halt=None if self.halt is None else _halt_rules(self.halt),
        )


def _halt_fields(rules: HaltRules) -> HaltFields:
    return HaltFields(
        error_share=None if rules.error_share is None else _text(rules.error_share),
        error_minimum=rules.error_minimum,
        silence_share=None if rules.silence_share is None else _text(rules.silence_share),
        silence_after=int(rules.silence_after.total_seconds()),
        silence_minimum=rules.silence_minimum,
    )


def _halt_rules(fields: HaltFields) -> HaltRules:
    return HaltRules(
        error_share=None if fields.error_share is None else Decimal(fields.error_share),
        error_minimum=fields.error_minimum,
        silence_share=None if fields.silence_share is None else Decimal(fields.silence_share),
        silence_after=timedelta(seconds=fields.silence_after),
        silence_minimum=fields.silence_minimum,
    )


def _text(share: Decimal) -> str:
    """Without an exponent, and without zeros that say nothing."""
    text = format(share, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
