"""The block maps of both images as SVG, drawn here so that the same delta gives the same bytes.

The colours follow Okabe and Ito's set, which people with any kind of colour vision tell apart; they
also differ in brightness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from release.explain.fates import FATE_NAMES, Fate, Use
from release.explain.kinds import Kind
from release.explain.report import Explanation

SIZE_LIMIT = 300_000
"""Bytes of the largest picture; the grid gets coarser until it fits."""

_COLUMNS = 120
_CELL = 3
_GRIDS = (16384, 8192, 4096, 2048)
"""Cells of each map, tried in turn."""
_WIDTH, _TOP = 1200, 122
_LEFT, _MIDDLE, _RIGHT = 20, 420, 820
_PANEL = _COLUMNS * _CELL

_FATE_COLOURS: Mapping[int, str] = MappingProxyType(
    {
        Fate.UNCHANGED: "#dde1e6",
        Fate.ZERO: "#f6f7f9",
        Fate.MOVED: "#56b4e9",
        Fate.DIFFED: "#f0c030",
        Fate.PACKED: "#d55e00",
        Fate.RAW: "#7b2065",
    }
)
_USE_COLOURS: Mapping[int, str] = MappingProxyType(
    {
        Use.UNCHANGED: "#dde1e6",
        Use.UNUSED: "#8b94a3",
        Use.MOVED: "#56b4e9",
        Use.DIFFED: "#f0c030",
    }
)
_USE_NAMES = {
    Use.UNCHANGED: "stays where it is",
    Use.UNUSED: "of no use any more",
    Use.MOVED: "moved as it is",
    Use.DIFFED: "read by patches",
}
_KIND_COLOURS = {
    Kind.MODULE: "#332288",
    Kind.KERNEL: "#661100",
    Kind.INITRD: "#117733",
    Kind.NESTED: "#44aa99",
    Kind.PROGRAM: "#88ccee",
    Kind.LIBRARY: "#6699cc",
    Kind.PACKED_FILE: "#999933",
    Kind.OTHER_FILE: "#ddcc77",
    Kind.METADATA: "#cc6677",
    Kind.VERITY: "#882255",
    Kind.FREE: "#bbbbbb",
    Kind.PACKED_DATA: "#aa4499",
    Kind.DATA: "#888888",
}
_MARK_COLOURS: Mapping[int, str] = MappingProxyType(
    {0: "#eceff2", **{number: _KIND_COLOURS[kind] for number, kind in enumerate(Kind, start=1)}}
)
_MANIFEST_COLOUR = "#111111"
_MOST_ADVICE = 6
_STYLE = (
    "text{font-family:system-ui,'Segoe UI',Roboto,'Liberation Sans','DejaVu Sans',sans-serif;"
    "font-size:13px;fill:#1c2430}.t{font-size:22px;font-weight:600}.h{font-size:15px;font-weight:600}"
    ".d{fill:#5b6675}.n{text-anchor:end;font-variant-numeric:tabular-nums}"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a legend."""

    colour: str
    name: str
    numbers: tuple[str, ...]


def draw(explanation: Explanation) -> str:
    """The picture of a delta: an SVG document of at most ``SIZE_LIMIT`` bytes, if it can be at all."""
    for cells in _GRIDS:
        document = _draw(explanation, cells)
        if len(document.encode()) <= SIZE_LIMIT:
            break
    return document


def _draw(explanation: Explanation, cells: int) -> str:
    fates = explanation.fates
    blocks = max(len(fates.fate), len(fates.used))
    per_cell = -(-blocks // cells)
    below = _TOP + -(-blocks // (per_cell * _COLUMNS)) * _CELL
    classes = _class_rows(explanation)
    bar = below + 66 + 20 * max(len(Fate), len(classes))
    parts = [
        *_heading(explanation, per_cell),
        *_map(_LEFT, "Old: what its blocks are good for", fates.used, per_cell, _USE_COLOURS),
        *_map(_MIDDLE, "New: how its blocks come to be", fates.fate, per_cell, _FATE_COLOURS),
        *_map(_RIGHT, "New: what rewritten blocks belong to", explanation.kinds, per_cell, _MARK_COLOURS),
        *_legend(_LEFT, below + 36, ("image",), _old_rows(explanation)),
        *_legend(_MIDDLE, below + 36, ("image", "payload"), _new_rows(explanation)),
        *_legend(_RIGHT, below + 36, ("rewritten", "payload"), classes),
        *_bar(explanation, bar),
        *_advice(explanation, bar + 76),
    ]
    height = bar + 90 + 22 * min(len(explanation.advice), _MOST_ADVICE)
    title = escape(f"Delta from {explanation.old} to {explanation.new}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img"><title>{title}</title><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def megabytes(size: int) -> str:
    """A size for people, in decimal units."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.{2 if size < 10 * scale else 1}f} {unit}"
    return f"{size} bytes"


def _text(x: float, y: float, text: str, style: str = "") -> str:
    chosen = f' class="{style}"' if style else ""
    return f'<text x="{x:g}" y="{y:g}"{chosen}>{escape(text)}</text>'


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{colour}"/>'


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"…{text[1 - length :]}"


def _heading(explanation: Explanation, per_cell: int) -> list[str]:
    size = len(explanation.fates.fate) * explanation.block_size
    cell = f"{per_cell} blocks" if per_cell > 1 else "one block"
    title = f"A delta of {megabytes(explanation.size)} for an image of {megabytes(size)}"
    images = f"from {_shortened(explanation.old, 66)} to {_shortened(explanation.new, 66)}"
    reading = (
        f"for clients of profile {explanation.profile}; a cell is {cell} of {explanation.block_size} bytes, "
        "rows are read from left to right"
    )
    return [_text(_LEFT, 36, title, "t"), _text(_LEFT, 58, images, "d"), _text(_LEFT, 76, reading, "d")]


def _map(
    x: int, title: str, marks: npt.NDArray[np.uint8], per_cell: int, colours: Mapping[int, str]
) -> list[str]:
    """One map: a stroke for every run of cells of one colour within a row."""
    cells = _cells(marks, per_cell, max(colours))
    strokes: dict[int, list[str]] = {}
    for row, start in enumerate(range(0, len(cells), _COLUMNS)):
        line = cells[start : start + _COLUMNS]
        edges = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), len(line)]
        for low, high in pairwise(edges):
            strokes.setdefault(int(line[low]), []).append(f"M{low} {row}h{high - low}")
    paths = [f'<path stroke="{colours[mark]}" d="{"".join(strokes[mark])}"/>' for mark in sorted(strokes)]
    height = -(-len(cells) // _COLUMNS) * _CELL
    place = f"translate({x} {_TOP + _CELL / 2:g}) scale({_CELL})"
    frame = f'x="{x - 0.5:g}" y="{_TOP - 0.5:g}" width="{_PANEL + 1}" height="{height + 1}"'
    return [
        _text(x, _TOP - 14, title, "h"),
        f'<g transform="{place}" fill="none" shape-rendering="crispEdges">',
        *paths,
        "</g>",
        f'<rect {frame} fill="none" stroke="#b4bcc8"/>',
    ]


def _cells(marks: npt.NDArray[np.uint8], per_cell: int, highest: int) -> npt.NDArray[np.int64]:
    """One mark for each cell: the highest that at least a quarter of its blocks has."""
    cells = -(-len(marks) // per_cell)
    counts = np.zeros((cells, highest + 1), dtype=np.int64)
    np.add.at(counts, (np.arange(len(marks)) // per_cell, marks), 1)
    enough = 4 * counts >= counts.sum(axis=1, keepdims=True)
    marked: npt.NDArray[np.int64] = highest - np.argmax(enough[:, ::-1], axis=1)
    return marked


def _new_rows(explanation: Explanation) -> list[_Row]:
    fates = explanation.fates
    return [
        _Row(
            _FATE_COLOURS[fate],
            FATE_NAMES[fate],
            (
                megabytes(fates.blocks_of(fate) * explanation.block_size),
                megabytes(fates.bytes_of(fate)),
            ),
        )
        for fate in Fate
    ]


def _old_rows(explanation: Explanation) -> list[_Row]:
    used = explanation.fates.used
    return [
        _Row(
            _USE_COLOURS[use],
            _USE_NAMES[use],
            (megabytes(int(np.count_nonzero(used == use)) * explanation.block_size),),
        )
        for use in (Use.UNCHANGED, Use.MOVED, Use.DIFFED, Use.UNUSED)
    ]


def _legend(x: int, y: int, columns: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    ends = [x + _PANEL - 90 * (len(columns) - 1 - number) for number in range(len(columns))]
    parts = [_text(end, y - 8, name, "n d") for end, name in zip(ends, columns, strict=True)]
    for number, row in enumerate(rows):
        top = y + 20 * number
        parts.append(
            f'<rect x="{x + 0.5:g}" y="{top + 0.5:g}" width="13" height="13" fill="{row.colour}" '
            'stroke="#b4bcc8"/>'
        )
        parts.append(_text(x + 22, top + 12, row.name))
        parts += [_text(end, top + 12, text, "n") for end, text in zip(ends, row.numbers, strict=True)]
    return parts


def _class_rows(explanation: Explanation) -> list[_Row]:
    rows = [
        _Row(_KIND_COLOURS[Kind(line.kind)], line.title, (megabytes(line.rewritten), megabytes(line.payload)))
        for line in explanation.classes
        if line.payload
    ]
    return [*rows, _Row(_MANIFEST_COLOUR, "header and manifest", ("", megabytes(explanation.manifest)))]


def _bar(explanation: Explanation, y: int) -> list[str]:
    """All of the payload, by class, in the order of the legend."""
    parts = [_text(_LEFT, y, "What the payload's bytes belong to", "h")]
    shares = [(line.payload, _KIND_COLOURS[Kind(line.kind)]) for line in explanation.classes if line.payload]
    width, reached = _WIDTH - 2 * _LEFT, 0
    for size, colour in (*shares, (explanation.manifest, _MANIFEST_COLOUR)):
        start = _LEFT + width * reached / explanation.size
        reached += size
        end = _LEFT + width * reached / explanation.size
        parts.append(_rectangle(round(start, 2), y + 12, round(end - start, 2), 26, colour))
    return parts


def _advice(explanation: Explanation, y: int) -> list[str]:
    if not explanation.advice:
        return []
    parts = [_text(_LEFT, y, "What would make it smaller (savings overlap)", "h")]
    for number, item in enumerate(explanation.advice[:_MOST_ADVICE]):
        top = y + 22 * (number + 1)
        saving = f"\N{MINUS SIGN} {megabytes(item.saving)}" if item.saving is not None else "?"
        parts.append(_text(_LEFT + 80, top, saving, "n"))
        parts.append(_text(_LEFT + 96, top, f"{item.title} ({item.basis.value})"))
    return parts
