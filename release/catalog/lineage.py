"""Which release a release derives from."""

from __future__ import annotations

from dataclasses import dataclass

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.errors import InputError


@dataclass(frozen=True, slots=True)
class Lineage:
    """``derives_from`` is None for a release that starts a branch."""

    kind: PromotionKind = PromotionKind.SAME_BITS
    derives_from: Version | None = None

    @classmethod
    def from_origin(cls, origin: Version | None) -> Lineage:
        """A rebuild of ``origin``; the start of a branch when there is none."""
        return cls() if origin is None else cls(PromotionKind.REBUILD, origin)

    def __post_init__(self) -> None:
        if self.kind is PromotionKind.REBUILD and self.derives_from is None:
            raise InputError("lineage: a rebuild must name the release it derives from")
