"""The outcome of an audit of mirrors: what was looked at on each, from outside, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from release.audit.finding import Finding, Severity
from release.canonical import Json
from release.ledger.fields import format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How much of a mirror was looked at. ``size`` is bytes that were read in full and compared."""

    objects: int = 0
    """Whose presence and length were compared."""
    read: int = 0
    size: int = 0
    seconds: float = 0.0
    """By a clock on the wall, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedMirror:
    """One mirror. ``behind`` counts ledger entries that its head does not cover; None without a head."""

    name: str
    url: str
    looked: Looked = field(default_factory=Looked)
    behind: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether anything does not hold."""
        return any(one.severity is Severity.BREAK for one in self.findings)

    def count(self, severity: Severity) -> int:
        """How many findings of one severity there are."""
        return sum(one.severity is severity for one in self.findings)

    @property
    def summary(self) -> str:
        """One line."""
        found = ", ".join(
            f"{count} {severity}{'' if count == 1 else 's'}"
            for severity in Severity
            if (count := self.count(severity))
        )
        looked = self.looked
        return (
            f"{looked.objects} objects, {looked.read} of them read ({looked.size:,} bytes), in"
            f" {looked.seconds:.1f} s: {found or 'nothing found'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorsReport:
    """An audit of all mirrors at one time. ``seed`` is what the sample was drawn by; None: all was read.

    ``general`` is about no single mirror: keys.
    """

    product: str
    at: datetime
    seed: int | None
    mirrors: tuple[AuditedMirror, ...]
    general: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[tuple[str, Finding], ...]:
        """Each finding with the name of its mirror, "" for none; breaks first."""
        found = [("", one) for one in self.general]
        found += [(mirror.name, one) for mirror in self.mirrors for one in mirror.findings]
        order = list(Severity)
        return tuple(sorted(found, key=lambda pair: order.index(pair[1].severity)))

    @property
    def broken(self) -> bool:
        """Whether anything does not hold. An audit of no mirror found nothing out."""
        return any(one.severity is Severity.BREAK for _, one in self.findings)

    def as_markdown(self) -> str:
        """For people, as a page. What a mirror said is text in it, and nothing else."""
        how = "every byte" if self.seed is None else f"a sample, seed {self.seed}"
        lines = [
            f"# Mirrors of {_text(self.product)}",
            "",
            f"{format_time(self.at)}, {how}: {'broken' if self.broken else 'nothing is broken'}",
            "",
            "| mirror | address | objects | read | bytes | seconds | entries behind | breaks | warnings |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        lines += [_row(one) for one in self.mirrors]
        lines += ["", "| mirror | finding | where | expected | found |", "|---|---|---|---|---|"]
        for name, one in self.findings:
            cells = (name or "all", f"{one.severity}: {one.code}", one.where, one.expected, one.found)
            lines.append(f"| {' | '.join(map(_text, cells))} |")
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Json]:
        """For scripts. Times are RFC 3339 UTC; sizes are bytes."""
        return {
            "format": "humpyard-mirrors-audit-1",
            "product": self.product,
            "at": format_time(self.at),
            "passed": not self.broken,
            "mode": "full" if self.seed is None else "sampled",
            "seed": self.seed,
            "mirrors": [
                {
                    "name": one.name,
                    "url": one.url,
                    "passed": not one.broken,
                    "entries_behind": one.behind,
                    "objects": one.looked.objects,
                    "objects_read": one.looked.read,
                    "bytes_read": one.looked.size,
                    "seconds": round(one.looked.seconds, 3),
                    "findings": [finding.as_json() for finding in one.findings],
                }
                for one in self.mirrors
            ],
            "findings": [one.as_json() for one in self.general],
        }


def _row(one: AuditedMirror) -> str:
    looked = one.looked
    behind = "?" if one.behind is None else str(one.behind)
    cells = (
        _text(one.name),
        _text(one.url),
        str(looked.objects),
        str(looked.read),
        f"{looked.size:,}",
        f"{looked.seconds:.1f}",
        behind,
        str(one.count(Severity.BREAK)),
        str(one.count(Severity.WARNING)),
    )
    return f"| {' | '.join(cells)} |"


_MARKUP = frozenset("\\`*_{}[]<>()#+!|~&:@")
"""What Markdown or HTML could take for markup, an address or a mention."""


def _text(text: str) -> str:
    """As Markdown that shows the very characters: no markup, no HTML, one line."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return "".join(f"&#{ord(one)};" if one in _MARKUP else one for one in line)
