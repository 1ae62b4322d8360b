"""Whether a delta pays: one that is nearly as large as the full payload is not worth shipping. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A delta beside the full payload of the same board and release. Sizes are bytes.

    Sizes alone decide, and signing changes none, so looking again always gives the same answer.
    """

    delta: int
    full: int
    threshold: float
    """The largest part of the full payload that is shipped: above 0, up to 1."""

    @property
    def pays(self) -> bool:
        """Whether the delta is shipped."""
        return self.delta <= self.threshold * self.full

    def __str__(self) -> str:
        part = f"{self.delta / self.full:.1%} of the full payload's {self.full:,} bytes"
        if self.pays:
            return part
        return (
            f"{part}, which does not pay (payload.delta_threshold is {self.threshold:g}): it is not shipped,"
            " machines take the full payload. To ship it, raise the threshold and begin the candidate anew"
        )
