"""Shares over time beside their plans, and bad releases until they halt, in SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from tools.rollout.machines import Seconds
from tools.rollout.scenario import DAY, HOUR
from tools.rollout.simulate import Run

# Okabe and Ito's colours, which differ for colour-blind eyes too; and in lightness.
_COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _PANEL = 960, 820, 70, 30, 56, 280
_ROUND = 400
_FONT = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """A panel: seconds to the right, machines or shares upwards."""

    top: int
    length: int
    most: float

    def point(self, at: float, value: float) -> str:
        x = _LEFT + at / self.length * (_WIDTH - _LEFT - _RIGHT)
        y = self.top + _PANEL * (1 - min(value / self.most, 1))
        return f"{x:.1f},{y:.1f}"

    def line(self, points: Iterable[tuple[float, float]], colour: str, style: str) -> str:
        path = " ".join(self.point(*one) for one in points)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" {style}/>'


def plot(runs: Sequence[Run]) -> str:
    """The whole drawing: rollouts that went well above, those that halted below."""
    title = f"Rollouts to {runs[0].machines:,} simulated machines"
    good = [run for run in runs if run.halt is None]
    bad = [run for run in runs if run.halt is not None]
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_FONT} font-size="12" fill="#222">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="16" y="26" font-size="17" font-weight="bold">{escape(title)}</text>',
        *_shares(good),
        *_halts(bad),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _shares(runs: Sequence[Run]) -> Iterator[str]:
    axes = _Axes(top=_TOP + 24, length=8 * DAY, most=1.0)
    yield _caption(axes, "Share of machines that were offered the release (thick), and the plan (dashed)")
    for day in range(9):
        yield from _tick(axes, day * DAY, f"day {day}")
    for part in range(5):
        yield from _mark(axes, part / 4, f"{25 * part} %")
    times = np.arange(0, 8 * DAY + 1, HOUR // 6)
    for number, run in enumerate(runs):
        colour = _COLOURS[number]
        yield axes.line(_points(times, run.offered_share(times)), colour, 'stroke-width="2.5"')
        plan = _points(times, run.planned_share(times))
        yield axes.line(plan, "#222", 'stroke-width="1" stroke-dasharray="4 3"')
        yield from _label(axes, number, colour, f"{run.scenario.title}; paused for day 3 to 4")


def _halts(runs: Sequence[Run]) -> Iterator[str]:
    ends = [run.halt for run in runs if run.halt is not None]
    if not ends:
        return
    length = (max(one.at for one in ends) // HOUR + 5) * HOUR
    most = float(_ROUND * (max(one.offered for one in ends) // _ROUND + 1))
    axes = _Axes(top=_TOP + _PANEL + 110, length=length, most=most)
    yield _caption(axes, "Machines that were offered a bad release until it halted by itself")
    for hour in range(0, length // HOUR + 1, 6):
        yield from _tick(axes, hour * HOUR, f"hour {hour}")
    for part in range(5):
        yield from _mark(axes, most * part / 4, f"{most * part / 4:,.0f}")
    for number, run in enumerate(runs):
        colour, halt = _COLOURS[number + 2], run.halt
        if halt is None:
            continue
        times = np.arange(0, halt.at, 300)
        seen = run.offered_share(times) * run.machines
        points = [*_points(times, seen), (halt.at, halt.offered)]
        yield axes.line(points, colour, 'stroke-width="2.5"')
        x, y = axes.point(halt.at, halt.offered).split(",")
        yield f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>'
        said = f"{run.scenario.title}: halted after {halt.at / HOUR:.1f} h, {halt.offered:,} machines"
        yield from _label(axes, number, colour, said)


def _points(times: Seconds, values: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    return [(float(at), float(value)) for at, value in zip(times, values, strict=True)]


def _caption(axes: _Axes, text: str) -> str:
    return f'<text x="16" y="{axes.top - 12}" font-size="14" font-weight="bold">{escape(text)}</text>'


def _tick(axes: _Axes, at: int, text: str) -> Iterator[str]:
    x, y = axes.point(at, 0).split(",")
    yield f'<line x1="{x}" y1="{axes.top}" x2="{x}" y2="{y}" stroke="#ddd"/>'
    yield f'<text x="{x}" y="{axes.top + _PANEL + 16}" text-anchor="middle">{escape(text)}</text>'


def _mark(axes: _Axes, value: float, text: str) -> Iterator[str]:
    _, y = axes.point(0, value).split(",")
    yield f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#ddd"/>'
    yield f'<text x="{_LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{escape(text)}</text>'


def _label(axes: _Axes, number: int, colour: str, text: str) -> Iterator[str]:
    y = axes.top + _PANEL + 40 + 16 * number
    yield f'<rect x="{_LEFT}" y="{y - 9}" width="18" height="4" fill="{colour}"/>'
    yield f'<text x="{_LEFT + 26}" y="{y - 3}">{escape(text)}</text>'
