"""A change that a release has: an item of its notes, known by what it says."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from release.errors import InputError

_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


class ChangeKind(StrEnum):
    """Kinds of change, in the order in which notes tell them. The value is the name of their directory."""

    BREAKING = "breaking"
    ACTION_REQUIRED = "action_required"
    SECURITY = "security"
    BUGFIXES = "bugfixes"
    CHANGES = "changes"
    UPDATES = "updates"

    @property
    def must_be_told(self) -> bool:
        """Whether users of every channel must hear of it, of one that skipped releases, too."""
        return self in {ChangeKind.BREAKING, ChangeKind.ACTION_REQUIRED}

    @property
    def rank(self) -> int:
        """Its place in the order of telling, from 0."""
        return _RANKS[self]


_RANKS = {kind: rank for rank, kind in enumerate(ChangeKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One item of a changelog.

    Attributes:
        id: see ``change_id``; that of ``text``, where there is one.
        kind: what kind of change it is.
        text: the item, Markdown that begins with ``- ``, without a line end, not yet made safe. Empty for
            one that is only known to be in a release.
    """

    id: str
    kind: ChangeKind
    text: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InputError(f"id: expected 16 hexadecimal digits, found {self.id!r}")
        if self.text and not self.text.startswith("- "):
            raise InputError(f"text: expected a list item ('- ...'), found {self.text[:60]!r}")
        if self.text and self.id != change_id(self.text):
            raise InputError(f"id: expected {change_id(self.text)}, that of the text, found {self.id}")

    @classmethod
    def of(cls, kind: ChangeKind, text: str) -> Change:
        """The change that an item tells."""
        return cls(id=change_id(text), kind=kind, text=text)


def change_id(item: str) -> str:
    """16 hexadecimal digits that stay with an item as long as its words do; white space does not count.

    They are the beginning of SHA-256: among 100,000 items, two share one with a probability of 3e-10.
    """
    return hashlib.sha256(" ".join(item.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]
