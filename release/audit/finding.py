"""What an audit finds: each thing by itself, with a word for machines, a place, and both sides of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from release.canonical import Json


class Severity(StrEnum):
    """What a finding means for whoever relies on the mirror."""

    BREAK = "break"
    """What the mirror says cannot be relied upon here. Unknown counts as this."""
    WARNING = "warning"
    """In order, but somebody should look at it."""
    NOTE = "note"
    """In order, and worth knowing."""


class Code(StrEnum):
    """Words for machines. They stay; new ones may come. ``docs/audit.md`` says what each means."""

    LEDGER_EMPTY = "ledger-empty"
    LEDGER_STRAY = "ledger-stray"
    LEDGER_FORKED = "ledger-forked"
    ENTRY_MISSING = "entry-missing"
    ENTRY_UNREADABLE = "entry-unreadable"
    ENTRY_UNKNOWN = "entry-unknown"
    ENTRY_FORGED = "entry-forged"
    ENTRY_ALTERED = "entry-altered"
    ENTRY_MISPLACED = "entry-misplaced"
    ENTRY_DOUBLED = "entry-doubled"
    ENTRY_UNAUTHORISED = "entry-unauthorised"
    ENTRY_BACKDATED = "entry-backdated"
    ENTRY_POSTDATED = "entry-postdated"
    ENTRY_CONTRADICTS = "entry-contradicts"
    STATEMENT_POSTDATED = "statement-postdated"
    STATEMENT_FORGED = "statement-forged"
    PRODUCT_DIFFERS = "product-differs"
    PIPELINE_UNTRUSTED = "pipeline-untrusted"
    GENESIS_DIFFERS = "genesis-differs"
    DECISION_NOT_ALLOWED = "decision-not-allowed"
    DECISION_UNCHECKED = "decision-unchecked"
    DECISION_DIFFERS = "decision-differs"
    DECISION_HELD_UP = "decision-held-up"
    DECISION_RETOLD = "decision-retold"
    DECISION_HURRIED = "decision-hurried"
    VETO_OVERRULED = "veto-overruled"
    STOP_WITHOUT_ROLE = "stop-without-role"
    STOP_STANDS = "stop-stands"
    WAIVER_IGNORED = "waiver-ignored"
    SIGN_OFF_IGNORED = "sign-off-ignored"
    REQUEST_IGNORED = "request-ignored"
    POLICY_MISSING = "policy-missing"
    POLICY_ALTERED = "policy-altered"
    POLICY_UNREADABLE = "policy-unreadable"
    REVISION_IGNORED = "revision-ignored"
    ISSUE_IGNORED = "issue-ignored"
    PROPOSAL_MISSING = "proposal-missing"
    EVIDENCE_MISSING = "evidence-missing"
    EVIDENCE_ALTERED = "evidence-altered"
    NOTES_MISSING = "notes-missing"
    NOTES_ALTERED = "notes-altered"
    UNUSED_NOTES_MISSING = "unused-notes-missing"
    REVISION_UNFOUNDED = "revision-unfounded"
    RELEASE_MISSING = "release-missing"
    RELEASE_ALTERED = "release-altered"
    RELEASE_DIFFERS = "release-differs"
    RELEASE_UNVERIFIED = "release-unverified"
    HEAD_MISSING = "head-missing"
    HEAD_FORGED = "head-forged"
    HEAD_EXPIRED = "head-expired"
    HEAD_POSTDATED = "head-postdated"
    HEAD_AHEAD = "head-ahead"
    HEAD_BEHIND = "head-behind"
    HEAD_DIFFERS = "head-differs"
    ROLLED_BACK = "rolled-back"
    POINTER_FORGED = "pointer-forged"
    POINTER_ALTERED = "pointer-altered"
    POINTER_STALE = "pointer-stale"
    POINTER_LAGGING = "pointer-lagging"
    POINTER_UNKNOWN = "pointer-unknown"
    MIRROR_UNREACHABLE = "mirror-unreachable"
    MIRROR_SLOW = "mirror-slow"
    HEAD_STALE = "head-stale"
    CHANNEL_MISSING = "channel-missing"
    CHANNEL_FORGED = "channel-forged"
    CHANNEL_EXPIRED = "channel-expired"
    CHANNEL_STALE = "channel-stale"
    CHANNEL_DIFFERS = "channel-differs"
    CHANNEL_LAGGING = "channel-lagging"
    OBJECT_MISSING = "object-missing"
    OBJECT_SHORT = "object-short"
    OBJECT_LONG = "object-long"
    OBJECT_WRONG = "object-wrong"
    OBJECT_UNREADABLE = "object-unreadable"
    OBJECT_EXTRA = "object-extra"
    SIGNATURE_WRONG = "signature-wrong"
    RELEASE_LACKING = "release-lacking"
    TYPE_WRONG = "type-wrong"
    CACHE_WRONG = "cache-wrong"
    RANGE_IGNORED = "range-ignored"
    TLS_UNTRUSTED = "tls-untrusted"
    TLS_EXPIRED = "tls-expired"
    TLS_EXPIRING = "tls-expiring"
    TLS_NONE = "tls-none"
    MIRROR_UNKNOWN = "mirror-unknown"
    HALT_WITHOUT_RULES = "halt-without-rules"
    COLLECTED_TOO_EARLY = "collected-too-early"
    KEY_REVOKED = "key-revoked"
    KEY_ENDED = "key-ended"
    KEY_EXPIRING = "key-expiring"
    KEY_UNKNOWN = "key-unknown"
    NOT_LISTED = "not-listed"


_WARNINGS = frozenset(
    {
        Code.DECISION_HELD_UP,
        Code.DECISION_HURRIED,
        Code.VETO_OVERRULED,
        Code.STOP_WITHOUT_ROLE,
        Code.STOP_STANDS,
        Code.WAIVER_IGNORED,
        Code.REVISION_IGNORED,
        Code.REVISION_UNFOUNDED,
        Code.UNUSED_NOTES_MISSING,
        Code.ISSUE_IGNORED,
        Code.STATEMENT_POSTDATED,
        Code.PROPOSAL_MISSING,
        Code.HEAD_BEHIND,
        Code.POINTER_LAGGING,
        Code.CHANNEL_LAGGING,
        Code.OBJECT_EXTRA,
        Code.RELEASE_LACKING,
        Code.TYPE_WRONG,
        Code.CACHE_WRONG,
        Code.RANGE_IGNORED,
        Code.TLS_EXPIRING,
        Code.MIRROR_UNKNOWN,
        Code.HALT_WITHOUT_RULES,
        Code.KEY_EXPIRING,
        Code.KEY_UNKNOWN,
    }
)
_NOTES = frozenset(
    {
        Code.DECISION_RETOLD,
        Code.SIGN_OFF_IGNORED,
        Code.REQUEST_IGNORED,
        Code.KEY_ENDED,
        Code.TLS_NONE,
        Code.NOT_LISTED,
    }
)


def severity_of(code: Code) -> Severity:
    """How bad a finding of this code is; a break unless it is said to be less."""
    if code in _WARNINGS:
        return Severity.WARNING
    return Severity.NOTE if code in _NOTES else Severity.BREAK


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found. ``where`` is a key on the mirror, or a name of what it is about."""

    code: Code
    where: str
    expected: str
    found: str
    hint: str | None = None
    """What it may follow from, or what to do."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return severity_of(self.code)

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.code}: {self.where}: expected {self.expected}, found {self.found}"

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
            "hint": self.hint,
        }
