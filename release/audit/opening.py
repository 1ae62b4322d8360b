"""Each object of the ledger by itself: what it is, who signed it, and what does not hold about it.

The strict reader is ``release.ledger.chain.open_entry``. This one tells apart what that one refuses in
one word, and keeps what can still be believed: a place in the chain, though the statement in it is
forged; an entry, though its key was revoked since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from release.audit.finding import Code, Finding
from release.catalog.naming import LEDGER_PREFIX, ledger_key, ledger_sequence
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.chain import StatementVerifier
from release.ledger.entries import Entry, LedgerBrokenError, read_body, read_sealed
from release.ledger.kinds import KINDS, Content, Statement, read_content
from release.ledger.verified import VerifiedEntry
from release.signing.openpgp_status import RevokedKeyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object whose key begins with ``ledger/``: its bytes, or why they cannot be had."""

    key: str
    data: bytes | None = field(repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The same, looked at.

    ``entry`` is there when it is an entry whose signature holds, wherever it is stored. ``content`` is
    there when all of it can be believed, as far as signatures go.
    """

    key: str
    digest: Digest | None
    """SHA-256 of the bytes; None when they cannot be had."""
    entry: VerifiedEntry | None = None
    content: Content | None = None
    revoked: frozenset[str] = frozenset()
    """Keys of these signatures that were revoked, by primary fingerprint."""
    findings: tuple[Finding, ...] = ()

    @property
    def number(self) -> int | None:
        """The number in its key; None where there is none."""
        return ledger_sequence(self.key)

    @property
    def sequence(self) -> int | None:
        """The number it says it has, signed; None when nobody signed one."""
        return None if self.entry is None else self.entry.entry.sequence


@dataclass(frozen=True, slots=True)
class _Signed:
    by: str
    revoked: frozenset[str] = frozenset()


def open_object(stored: Stored, verifier: StatementVerifier) -> Opened:
    """Look at one object. Raises nothing but what ``verifier`` raises of its tools."""
    digest = None if stored.data is None else Digest.sha256(stored.data)
    if stored.data is None:
        return Opened(key=stored.key, digest=digest, findings=(_unreadable(stored.key, stored.problem),))
    try:
        sealed = read_sealed(stored.data, stored.key)
        entry = read_body(sealed.body, stored.key)  # for its time; not believed before the next lines
    except LedgerBrokenError as error:
        return Opened(key=stored.key, digest=digest, findings=(_unreadable(stored.key, error.message),))
    try:
        signed = _signed(verifier, sealed.signed_bytes, sealed.signature, entry.time)
    except NotVerifiedError as error:
        return Opened(key=stored.key, digest=digest, findings=(_forged(stored.key, error.message),))
    return _opened(stored, entry, signed, verifier)


def _opened(stored: Stored, entry: Entry, signed: _Signed, verifier: StatementVerifier) -> Opened:
    digest = Digest.sha256(stored.data or b"")
    verified = VerifiedEntry(entry=entry, digest=digest, signer=signed.by)
    revoked = signed.revoked
    content: Content | None = None
    findings: tuple[Finding, ...] = ()
    try:
        content = read_content(entry.kind, entry.data, stored.key)
        if isinstance(content, Statement):
            text, armored = content.statement.encode(), content.statement_signature
            stated = _signed(verifier, text, armored, entry.time)
            revoked |= stated.revoked
            verified = VerifiedEntry(entry=entry, digest=digest, signer=signed.by, statement_signer=stated.by)
    except InputError as error:
        findings = (_unknown(stored.key, entry.kind, error),)
    except NotVerifiedError as error:
        content, findings = None, (_forged(stored.key, error.message, statement=entry.kind),)
    return Opened(
        key=stored.key, digest=digest, entry=verified, content=content, revoked=revoked, findings=findings
    )


def _signed(verifier: StatementVerifier, data: bytes, signature: str, at: datetime) -> _Signed:
    """Who signed. A revoked key has signed, too; that nobody shall believe it any more is told elsewhere."""
    try:
        return _Signed(verifier.verify(data, signature, at=at))
    except RevokedKeyError as error:
        if not error.fingerprint:
            raise
        return _Signed(error.fingerprint, frozenset({error.fingerprint}))


def _unreadable(key: str, problem: str) -> Finding:
    if ledger_sequence(key) is None:
        return Finding(
            code=Code.LEDGER_STRAY,
            where=key,
            expected=f"nothing but entries under {LEDGER_PREFIX}, called as {ledger_key(0)}",
            found=without(problem, key),
            hint="somebody who is not humpyard writes to the store",
        )
    return Finding(
        code=Code.ENTRY_UNREADABLE, where=key, expected="a ledger entry", found=without(problem, key)
    )


def _forged(key: str, problem: str, *, statement: str = "") -> Finding:
    if statement:
        return Finding(
            code=Code.STATEMENT_FORGED,
            where=key,
            expected=f"a {statement} that somebody signed with their own key",
            found=without(problem, key),
            hint="the pipeline recorded what nobody signed: its key may be in wrong hands",
        )
    return Finding(
        code=Code.ENTRY_FORGED,
        where=key,
        expected="a signature that holds, by a key that was given",
        found=without(problem, key),
    )


def _unknown(key: str, kind: str, error: InputError) -> Finding:
    if kind in KINDS:
        return Finding(
            code=Code.ENTRY_CONTRADICTS,
            where=key,
            expected=f"what a {kind} entry says",
            found=without(error.message, key),
        )
    return Finding(
        code=Code.ENTRY_UNKNOWN,
        where=key,
        expected=f"one of the kinds {', '.join(KINDS)}",
        found=f"kind {kind!r}",
        hint=error.hint,
    )


def without(message: str, key: str) -> str:
    """``message`` without the place it begins with, which a finding tells anyway."""
    return message.removeprefix(f"{key}: ")
