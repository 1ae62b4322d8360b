"""The picture: well-formed, the same every time, never large, nothing of a name taken as markup."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from release.explain.fates import Fate, Fates, Use
from release.explain.kinds import Kind
from release.explain.picture import SIZE_LIMIT, draw, megabytes
from release.explain.report import Advice, Basis, Explanation, Line, by_class

SVG = "{http://www.w3.org/2000/svg}"


def explanation(blocks: int, seed: int | None = None) -> Explanation:
    """Of an image of which everything is unchanged, or of one that is as mixed as can be."""
    choice = np.random.default_rng(seed)

    def marks(most: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        mixed = choice.integers(0, most, blocks) if seed is not None else np.zeros(blocks)
        return mixed.astype(np.uint8)

    fates = Fates(marks(len(Fate)), np.ones(blocks, dtype=np.int64), marks(len(Use)))
    items = tuple(
        Line(title=f"{kind} file", kind=kind.value, size=4096, rewritten=4096, moved=0, payload=blocks)
        for kind in Kind
    )
    size = blocks * len(Kind) + 100
    advice = Advice(title="do <this> & that", saving=12_345, basis=Basis.MEASURED, how="so")
    return Explanation(
        old="old <1>.img",
        new="new & 2.img",
        profile="flatcar",
        block_size=4096,
        size=size,
        manifest=100,
        fates=fates,
        kinds=marks(len(Kind) + 1),
        items=items,
        classes=by_class(items),
        advice=(advice, replace(advice, saving=None, basis=Basis.NOT_MEASURED)),
        notes=(),
    )


def test_it_is_well_formed_and_tells_names_sizes_classes_and_advice() -> None:
    root = ET.fromstring(draw(explanation(1000, 1)))  # noqa: S314  our own document
    assert root.tag == f"{SVG}svg"
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    for wanted in ("old <1>.img", "4.10 MB", "kernel modules", "moved", "do <this> & that", "header and man"):
        assert any(wanted in text for text in texts), wanted


def test_the_same_delta_gives_the_same_bytes() -> None:
    assert draw(explanation(5000, 3)) == draw(explanation(5000, 3))


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("blocks", [1, 7, 120, 121, 262_144, 1_000_000])
def test_it_stays_below_its_limit_however_large_or_mixed_the_image(blocks: int, seed: int | None) -> None:
    document = draw(explanation(blocks, seed))
    assert len(document.encode()) <= SIZE_LIMIT
    ET.fromstring(document)  # noqa: S314  our own document


def test_a_cell_has_the_dearest_fate_that_a_quarter_of_its_blocks_has() -> None:
    found = explanation(16384 * 4)
    found.fates.fate[:4] = [Fate.UNCHANGED, Fate.UNCHANGED, Fate.UNCHANGED, Fate.RAW]
    found.fates.fate[4:8] = [Fate.MOVED] * 4
    document = draw(found)
    assert '<path stroke="#7b2065" d="M0 0h1"/>' in document
    assert '<path stroke="#56b4e9" d="M1 0h1"/>' in document


def test_sizes_are_written_for_people() -> None:
    assert [megabytes(size) for size in (0, 999, 1000, 21_384_277, 1_073_741_824)] == [
        "0 bytes",
        "999 bytes",
        "1.00 kB",
        "21.4 MB",
        "1.07 GB",
    ]
