"""Payload sizes by pair as bars, in SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tools.bench.job import Measurement
from tools.bench.plan import FLATCAR, FULL, POSITIONAL, XDELTA, ZSTD
from tools.bench.run import PairResult, Result

# Okabe and Ito's colours, which differ for colour-blind eyes too; and in lightness.
BARS = {
    FULL: ("humpyard, full", "#7f7f7f"),
    FLATCAR: ("humpyard, delta for flatcar", "#e69f00"),
    POSITIONAL: ("humpyard, delta for positional-bspatch", "#0072b2"),
    ZSTD: ("zstd -3 --patch-from", "#56b4e9"),
    XDELTA: ("xdelta3 -9", "#cc79a7"),
}
"""Label and colour by name of the job, in the order of the bars."""

_WIDTH, _LEFT, _RIGHT = 960, 190, 90
_BAR, _GAP, _TOP, _TITLE = 15, 14, 84, 40
_ALONE = 3
_MEGA, _KILO = 1_000_000, 1000
_FONT = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """Pairs on one scale; a bar beyond ``limit`` bytes is cut."""

    title: str
    pairs: Sequence[PairResult]
    unit: int
    suffix: str

    @property
    def limit(self) -> float:
        sizes = sorted(found.bytes for pair in self.pairs for _, found in _bars(pair))
        # One bar alone must not make all others invisible.
        alone = len(sizes) > 1 and sizes[-1] > _ALONE * sizes[-2]
        return sizes[-2] * 1.2 if alone else sizes[-1]


def plot(result: Result) -> str:
    """The whole drawing. Large images, small ones, and tiny changes have a scale each."""
    groups: dict[str, list[PairResult]] = {"large": [], "small": [], "tiny": []}
    for pair in result.pairs:
        tiny, large = pair.name.startswith("tiny"), pair.name.endswith("large")
        groups["tiny" if tiny else "large" if large else "small"].append(pair)
    panels = [
        _Panel(title="Images of 1 GiB (MB)", pairs=groups["large"], unit=_MEGA, suffix="MB"),
        _Panel(title="Small images (MB)", pairs=groups["small"], unit=_MEGA, suffix="MB"),
        _Panel(
            title="Small images, three small files changed (kB)",
            pairs=groups["tiny"],
            unit=_KILO,
            suffix="kB",
        ),
    ]
    lines: list[str] = []
    y = _TOP
    for panel in panels:
        if panel.pairs:
            drawn, y = _panel(panel, y)
            lines += drawn
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}" '
        f'role="img" {_FONT} font-size="12" fill="#222">'
    )
    title = "Size of payloads beside public tools"
    background = f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>'
    return "\n".join([head, f"<title>{title}</title>", background, *_legend(title), *lines, "</svg>"]) + "\n"


def _legend(title: str) -> Iterator[str]:
    yield f'<text x="16" y="26" font-size="17" font-weight="bold">{title}</text>'
    x, y = 16, 44
    for label, colour in BARS.values():
        yield f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 17}" y="{y + 10}">{escape(label)}</text>'
        x += 34 + round(6.9 * len(label))


def _panel(panel: _Panel, y: int) -> tuple[list[str], int]:
    """Its lines, and where the next one begins."""
    lines = [f'<text x="16" y="{y + 20}" font-size="14" font-weight="bold">{panel.title}</text>']
    top = y = y + _TITLE
    for pair in panel.pairs:
        bars = list(_bars(pair))
        middle = y + len(bars) * _BAR / 2 + 4
        lines.append(f'<text x="{_LEFT - 10}" y="{middle}" text-anchor="end">{escape(pair.name)}</text>')
        for name, found in bars:
            lines += _bar(panel, name, found.bytes, y)
            y += _BAR
        y += _GAP
    axis = f'x1="{_LEFT}" y1="{top - 6}" x2="{_LEFT}" y2="{y - _GAP + 6}"'
    lines.append(f'<line {axis} stroke="#222" stroke-width="1"/>')
    return lines, y + 8


def _bar(panel: _Panel, name: str, size: int, y: int) -> Iterator[str]:
    cut = size > panel.limit
    width = max(min(size / panel.limit, 1) * (_WIDTH - _LEFT - _RIGHT), 1)
    box = f'x="{_LEFT}" y="{y + 1}" width="{width:.1f}" height="{_BAR - 2}"'
    yield f'<rect {box} fill="{BARS[name][1]}"/>'
    end = _LEFT + width
    if cut:
        slash = f'x1="{end - 26:.1f}" y1="{y + _BAR}" x2="{end - 18:.1f}" y2="{y}"'
        yield f'<line {slash} stroke="#fff" stroke-width="4"/>'
    value = f"{size / panel.unit:,.1f} {panel.suffix}"
    yield f'<text x="{end + 5:.1f}" y="{y + 11}" font-size="11">{value}</text>'


def _bars(pair: PairResult) -> Iterator[tuple[str, Measurement]]:
    return ((name, pair.measurements[name]) for name in BARS if name in pair.measurements)
