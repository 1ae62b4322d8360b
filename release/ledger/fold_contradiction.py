"""How the steps of the fold say that an entry cannot be so."""

from __future__ import annotations


class ContradictionError(Exception):
    """What an entry says cannot be so. ``release.ledger.fold.step`` adds where."""


def need(met: bool, message: str) -> None:
    """Raise ContradictionError with ``message`` unless ``met``."""
    if not met:
        raise ContradictionError(message)
