"""The outcome of an audit: everything that was looked at, and everything that was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from release.audit.finding import Finding, Severity
from release.canonical import Json
from release.digests import Digest
from release.ledger.fields import format_time
from release.trust.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much was looked at."""

    entries: int = 0
    """Of the ledger, with a signature that holds."""
    decisions: int = 0
    """Moves, policies and resumptions that the gate was asked about again."""
    policies: int = 0
    evidence: int = 0
    corrections: int = 0
    """Texts that took the place of a release's notes."""
    releases: int = 0
    pointers: int = 0

    def __str__(self) -> str:
        words = (
            (self.entries, "entry", "entries"),
            (self.decisions, "decision asked again", "decisions asked again"),
            (self.policies, "policy", "policies"),
            (self.evidence, "document of evidence", "documents of evidence"),
            (self.corrections, "corrected text", "corrected texts"),
            (self.releases, "release", "releases"),
            (self.pointers, "pointer", "pointers"),
        )
        return ", ".join(
            f"{count} {one if count == 1 else more}"
            for count, one, more in words
            if count or one != "corrected text"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """An audit of one mirror at one time.

    ``last`` is the digest of the last entry that is believed. ``seen`` is what to remember for the next
    audit; None when the mirror's head is not to be believed.
    """

    product: str
    at: datetime
    last: Digest | None
    counts: Counts
    findings: tuple[Finding, ...]
    seen: Seen | None = None

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity, in the order they were made."""
        return tuple(one for one in self.findings if one.severity is severity)

    @property
    def broken(self) -> bool:
        """Whether anything does not hold."""
        return bool(self.of(Severity.BREAK))

    @property
    def summary(self) -> str:
        """One line."""
        found = ", ".join(_counted(len(self.of(severity)), severity) for severity in Severity)
        return f"{self.counts}: {found}"

    def as_json(self) -> dict[str, Json]:
        """For scripts. Times are RFC 3339 UTC, digests ``sha256:<hex>``."""
        return {
            "format": "humpyard-audit-1",
            "product": self.product,
            "at": format_time(self.at),
            "passed": not self.broken,
            "last": None if self.last is None else str(self.last),
            "counts": {name: getattr(self.counts, name) for name in self.counts.__slots__},
            "findings": [one.as_json() for severity in Severity for one in self.of(severity)],
        }


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
