"""What a reader remembers of a product between two visits, so that nobody can take it back in time.

One small file. It serves for one mirror, or for several of the same product: then a mirror that lags
behind another one is refused until it has caught up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import with_config

from release import canonical
from release.atomic import replacing
from release.errors import InputError, storage_errors
from release.ledger.fields import Line, Reader, Utc
from release.trust.head import LedgerPosition

FORMAT = "humpyard-seen-1"
_LIMIT = 16 << 10


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest head that was ever believed: whose, where its ledger ended, when it was issued."""

    product: Line
    ledger: LedgerPosition
    issued: Utc

    def knows_more_than(self, other: Seen) -> bool:
        """Whether ``other`` is older."""
        return (self.ledger.sequence, self.issued) > (other.ledger.sequence, other.issued)


_READER = Reader(Seen)


def read_seen(path: Path) -> Seen | None:
    """What was remembered; None when there is no file, as at the first visit.

    Raises:
        InputError: it is there and cannot be read. Whoever removes it starts anew, and can be shown
            an old head once.
    """
    with storage_errors(path):
        if not path.exists():
            return None
        with path.open("rb") as source:
            data = source.read(_LIMIT + 1)
    fields = canonical.load(data, str(path), _LIMIT)
    found = fields.pop("format", None)
    if found != FORMAT:
        raise InputError(f"{path}: expected format {FORMAT!r}, found {found!r}")
    return _READER.read(fields, str(path))


def remember(path: Path, seen: Seen) -> None:
    """Remember ``seen`` unless the file, perhaps by another run meanwhile, knows more. Atomic.

    Raises:
        UnavailableError: another run is writing it at this very moment.
        InputError: as ``read_seen``, or another product's memory is there.
    """
    with replacing(path) as file:
        before = read_seen(path)
        if before is not None and before.product != seen.product:
            raise InputError(f"{path}: is about {before.product!r}, not {seen.product!r}")
        newest = before if before is not None and before.knows_more_than(seen) else seen
        file.write(canonical.dump({"format": FORMAT, **_READER.write(newest)}) + b"\n")
