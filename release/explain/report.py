"""The explanation of one delta as values, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from release.canonical import Json
from release.explain.fates import FATE_NAMES, Fate, Fates


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One file, region or class. All numbers are bytes.

    Attributes:
        title: a path, or what a region is called.
        kind: the class.
        size: how much of the new image it takes up.
        rewritten: how much of that is diffed or replaced.
        moved: how much comes from elsewhere as it is.
        payload: what it costs in the payload.
    """

    title: str
    kind: str
    size: int
    rewritten: int
    moved: int
    payload: int

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "title": self.title,
            "class": self.kind,
            "size": self.size,
            "rewritten": self.rewritten,
            "moved": self.moved,
            "payload": self.payload,
        }


class Basis(Enum):
    """How a saving was found."""

    MEASURED = "measured"
    COMPUTED = "computed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a builder could change. ``saving``: bytes of this payload; None if not measured."""

    title: str
    saving: int | None
    basis: Basis
    how: str

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "title": self.title,
            "saving": self.saving,
            "basis": self.basis.value,
            "how": self.how,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Where the bytes of one delta come from. Sizes are bytes.

    ``manifest`` and the ``payload`` of all ``items``, or of all ``classes``, add up to ``size``.

    Attributes:
        old, new: names of the images.
        profile: the client profile that the payload was built for.
        block_size: of the payload.
        size: of the payload, without signatures.
        manifest: header and manifest.
        fates: of the blocks.
        items: files and regions of the new image, the dearest first.
        classes: the same by class.
        kinds: of each block that is rewritten the class, as its place in ``Kind`` from 1 on; else 0.
        advice: the largest saving first.
        notes: what could not be told, and why.
    """

    old: str
    new: str
    profile: str
    block_size: int
    size: int
    manifest: int
    fates: Fates
    kinds: npt.NDArray[np.uint8]
    items: tuple[Line, ...]
    classes: tuple[Line, ...]
    advice: tuple[Advice, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """For scripts: items that cost nothing are left out."""
        return {
            "old": self.old,
            "new": self.new,
            "profile": self.profile,
            "payload": self.size,
            "manifest": self.manifest,
            "block_size": self.block_size,
            "fates": [dict(line) for line in self.fate_lines()],
            "classes": [line.as_json() for line in self.classes],
            "items": [line.as_json() for line in self.items if line.payload],
            "advice": [item.as_json() for item in self.advice],
            "notes": list(self.notes),
        }

    def fate_lines(self) -> list[Mapping[str, Json]]:
        """Blocks and bytes of each fate."""
        return [
            {
                "fate": FATE_NAMES[fate],
                "blocks": self.fates.blocks_of(fate),
                "payload": self.fates.bytes_of(fate),
            }
            for fate in Fate
        ]


def by_class(items: Iterable[Line]) -> tuple[Line, ...]:
    """The sums of each class, the dearest first."""
    sums: dict[str, Line] = {}
    for item in items:
        known = sums.get(
            item.kind, Line(title=item.kind, kind=item.kind, size=0, rewritten=0, moved=0, payload=0)
        )
        sums[item.kind] = Line(
            title=item.kind,
            kind=item.kind,
            size=known.size + item.size,
            rewritten=known.rewritten + item.rewritten,
            moved=known.moved + item.moved,
            payload=known.payload + item.payload,
        )
    return dearest_first(sums.values())


def dearest_first(items: Iterable[Line]) -> tuple[Line, ...]:
    """By bytes of the payload, then of the image, then by name."""
    return tuple(sorted(items, key=lambda item: (-item.payload, -item.size, item.title)))
