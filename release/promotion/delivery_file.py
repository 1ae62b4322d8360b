"""Reading what a policy file says about delivery: strict models that become ``delivery``."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, model_validator

from release.errors import InputError
from release.ledger.fields import ChannelName, Line, VersionText, Word
from release.promotion.delivery import (
    Floor,
    HaltRules,
    Hold,
    MirrorSite,
    OfferWindow,
    Retention,
    RolloutRules,
    RolloutStep,
)

_YEAR_HOURS = 24 * 366
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def time_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises InputError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"time zone {name!r}: unknown", hint='for example "Europe/Berlin", or "UTC"'
        ) from error


def _web_directory(text: str) -> str:
    parts = urlsplit(text)
    plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
    if not plain or "@" in parts.netloc or not text.endswith("/") or not text.isascii() or " " in text:
        raise ValueError("expected https://HOST/PATH/, with its last slash, without user, query and fragment")
    return text


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=6)]
_SomePercent = Annotated[Decimal, Field(gt=0, le=100, decimal_places=6)]
_Hours = Annotated[StrictInt, Field(ge=0, le=_YEAR_HOURS)]
_Machines = Annotated[StrictInt, Field(ge=1, le=10**9)]


class MirrorFields(_Model):
    """``[[mirrors]]``."""

    name: Word
    url: Annotated[str, Field(max_length=200), AfterValidator(_web_directory)]
    channels: tuple[ChannelName, ...] = ()

    def value(self) -> MirrorSite:
        """The mirror."""
        return MirrorSite(name=self.name, url=self.url, channels=self.channels)


class FloorFields(_Model):
    """``[[floors]]``."""

    channel: ChannelName
    version: VersionText
    reason: Line

    def value(self) -> Floor:
        """The floor."""
        return Floor(channel=self.channel, version=self.version, reason=self.reason)


class HoldFields(_Model):
    """``[[holds]]``."""

    version: VersionText
    reason: Line

    def value(self) -> Hold:
        """The hold."""
        return Hold(version=self.version, reason=self.reason)


class RetentionFields(_Model):
    """``[retention]``."""

    channel_releases: Annotated[StrictInt, Field(ge=1, le=10_000)]
    stream_releases: Annotated[StrictInt, Field(ge=1, le=10_000)]
    grace: _Hours = 24 * 30

    def value(self) -> Retention:
        """The rules."""
        return Retention(
            channel_releases=self.channel_releases,
            stream_releases=self.stream_releases,
            grace=timedelta(hours=self.grace),
        )


class _Step(_Model):
    after: _Hours
    percent: _Percent


class WindowFields(_Model):
    """A window of offers; the settings of update servers have the same."""

    zone: Line
    days: tuple[Line, ...] = _DAYS
    begins: time
    ends: time

    def value(self) -> OfferWindow:
        """The window. Raises InputError for days or times that are none."""
        unknown = [day for day in self.days if day not in _DAYS]
        if unknown or not self.days:
            raise InputError(f"windows: days: expected some of {', '.join(_DAYS)}, found {unknown}")
        if self.begins.tzinfo is not None or self.ends.tzinfo is not None:
            raise InputError(f"windows: expected local times, without an offset, in {self.zone}")
        return OfferWindow(
            zone=time_zone(self.zone),
            days=frozenset(_DAYS.index(day) for day in self.days),
            begins=self.begins,
            ends=self.ends,
        )


class _Halt(_Model):
    error_percent: _SomePercent | None = None
    error_minimum: _Machines = 20
    silence_percent: _SomePercent | None = None
    silence_after: Annotated[StrictInt, Field(ge=1, le=_YEAR_HOURS)] = 24
    silence_minimum: _Machines = 20

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.error_percent is None and self.silence_percent is None:
            raise ValueError("expected error_percent, silence_percent or both")
        return self

    def value(self) -> HaltRules:
        return HaltRules(
            error_share=_share(self.error_percent),
            error_minimum=self.error_minimum,
            silence_share=_share(self.silence_percent),
            silence_after=timedelta(hours=self.silence_after),
            silence_minimum=self.silence_minimum,
        )


class _Kind(StrEnum):
    LINEAR = "linear"
    STEPPED = "stepped"


class RolloutFields(_Model):
    """``[channels.rollout]``: ``hours`` for ``linear``, ``steps`` for ``stepped``."""

    kind: _Kind
    hours: Annotated[StrictInt, Field(ge=1, le=_YEAR_HOURS)] | None = None
    steps: Annotated[tuple[_Step, ...], Field(max_length=100)] = ()
    windows: Annotated[tuple[WindowFields, ...], Field(max_length=20)] = ()
    halt: _Halt | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        linear = self.kind is _Kind.LINEAR
        if linear != (self.hours is not None) or linear == bool(self.steps):
            raise ValueError("expected hours for kind 'linear', or steps for kind 'stepped'")
        for one, other in zip(self.steps, self.steps[1:], strict=False):
            if not (one.after < other.after and one.percent <= other.percent):
                raise ValueError("steps: expected later ones after earlier ones, and never a smaller percent")
        if self.steps and self.steps[-1].percent != 100:
            raise ValueError("steps: expected the last to be 100 percent: else some machines never get it")
        return self

    def value(self) -> RolloutRules:
        """The rules. Raises InputError for a window that is none."""
        if self.hours is not None:
            steps: tuple[RolloutStep, ...] = (
                RolloutStep(after=timedelta(), share=Decimal(0)),
                RolloutStep(after=timedelta(hours=self.hours), share=Decimal(1)),
            )
        else:
            steps = tuple(
                RolloutStep(after=timedelta(hours=step.after), share=step.percent / 100)
                for step in self.steps
            )
        return RolloutRules(
            steps=steps,
            linear=self.kind is _Kind.LINEAR,
            windows=tuple(window.value() for window in self.windows),
            halt=None if self.halt is None else self.halt.value(),
        )


def _share(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent / 100
