"""The ledger in a store: read and verify all of it, append to its end.

Write-once keys make appending safe: of two writers that want the same number the store lets one win,
and the other reads again, decides again, signs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from release.catalog.naming import LEDGER_PREFIX, ledger_key, ledger_sequence
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError, UnavailableError
from release.ledger.entries import (
    ENTRY_LIMIT,
    Entry,
    LedgerBrokenError,
    read_body,
    read_sealed,
    write_body,
    write_sealed,
)
from release.ledger.fold import Trust, step
from release.ledger.kinds import KINDS, Content, Genesis, Statement, kind_of, read_content, write_content
from release.ledger.sealed import Sealed
from release.ledger.state import State
from release.ledger.verified import REVOKED, VerifiedEntry
from release.mirror.store import ConflictError, MissingObjectError, ObjectTooLargeError
from release.signing.openpgp_status import RevokedKeyError

ATTEMPTS = 20
"""How often ``append`` starts again because another writer was quicker."""


class EntryReader(Protocol):
    """Where a ledger is read. Every reader of ``release.mirror.store`` is one."""

    def read(self, key: str, limit: int) -> bytes:
        """All bytes; raises MissingObjectError or, above ``limit`` bytes, ObjectTooLargeError."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that start with ``prefix``."""
        ...


class EntryStore(EntryReader, Protocol):
    """Where a ledger is kept. Every writer of ``release.mirror.store`` is one."""

    def create(self, key: str, source: bytes, *, sha256: Digest) -> object:
        """Write once; raises ConflictError when other bytes are there."""
        ...


class StatementSigner(Protocol):
    """Signs with one OpenPGP key."""

    @property
    def fingerprint(self) -> str:
        """The primary fingerprint."""
        ...

    def sign(self, data: bytes) -> str:
        """An armored detached signature of ``data``."""
        ...


class StatementVerifier(Protocol):
    """Checks signatures against one keyring. What a signer may do is decided elsewhere."""

    def verify(self, data: bytes, signature: str, *, at: datetime) -> str:
        """The primary fingerprint of the key that made a valid detached signature of ``data``.

        The key, and the signature, must have begun and not have expired ``at`` (aware, UTC). A key
        that was revoked never counts. Raises NotVerifiedError when no key of the keyring made it.
        """
        ...


class LedgerEmptyError(NotVerifiedError):
    """There is no ledger where one was expected."""


class EntryRefusedError(RefusedError):
    """An entry would break the ledger and was not written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A verified ledger: every entry and the state they fold to."""

    entries: tuple[VerifiedEntry, ...]
    state: State


Proposal = Callable[[State], Content | None]
"""Looks at the newest state: what to append, None when it is recorded already, RefusedError when not."""


def open_entry(data: bytes, key: str, verifier: StatementVerifier) -> VerifiedEntry:
    """Verify one stored entry: the envelope's signature and, where there is a statement, its signature.

    A key that was revoked has signed, and is told as ``REVOKED``: the fold believes no entry of the
    pipeline by it, and no statement by it counts.

    Both are judged at the entry's own time, so that a key which expired later takes nothing back.
    How far that time can be believed is said in ``release.ledger.fold``.

    Raises:
        LedgerBrokenError: not an entry, or a signature does not hold. Whether the signers may write
            this, and whether it follows what came before, is for ``release.ledger.fold.step``.
    """
    sealed = read_sealed(data, key)
    entry = read_body(sealed.body, key)  # for its time; not believed before the next line
    signer = _signer(verifier, sealed.signed_bytes, sealed.signature, entry.time, key)
    return VerifiedEntry(
        entry=entry,
        digest=Digest.sha256(data),
        signer=signer,
        statement_signer=_statement_signer(entry, key, verifier),
    )


def _statement_signer(entry: Entry, key: str, verifier: StatementVerifier) -> str | None:
    if entry.kind not in KINDS:
        return None  # the fold stops here; a log may still show the entry
    try:
        content = read_content(entry.kind, entry.data, key)
    except InputError as error:
        raise LedgerBrokenError(error.message) from error
    if not isinstance(content, Statement):
        return None
    statement = content.statement.encode()
    return _signer(verifier, statement, content.statement_signature, entry.time, f"{key}: statement")


def _signer(verifier: StatementVerifier, data: bytes, signature: str, at: datetime, where: str) -> str:
    try:
        return verifier.verify(data, signature, at=at)
    except RevokedKeyError as error:
        if error.fingerprint:
            return REVOKED + error.fingerprint
        raise LedgerBrokenError(f"{where}: {error.message}", hint=error.hint) from error
    except NotVerifiedError as error:
        raise LedgerBrokenError(f"{where}: {error.message}", hint=error.hint) from error


class Ledger:
    """One ledger in one store, read with one keyring.

    What was verified once is kept in memory, so a second read verifies only what is new. Make a new
    ``Ledger`` to verify everything anew. A ledger cut off at its end cannot be told from a younger
    one from the outside; one that is shorter than this object saw before is refused.
    """

    def __init__(self, store: EntryReader, verifier: StatementVerifier, trust: Trust) -> None:
        self._store = store
        self._verifier = verifier
        self._trust = trust
        self._known: Chain | None = None

    @property
    def trust(self) -> Trust:
        """Whom it is read with."""
        return self._trust

    def read(self) -> Chain:
        """Read and verify the whole ledger.

        Raises:
            LedgerEmptyError: there is no entry.
            LedgerBrokenError: an entry is missing, altered, out of order, forged or not understood.
            UnavailableError: the store does not answer.
        """
        chain = self._read()
        if chain is None:
            raise LedgerEmptyError(
                f"{LEDGER_PREFIX}: no ledger here",
                hint="start one with 'humpyard ledger begin'; if there was one, the store lost it",
            )
        return chain

    def state(self) -> State:
        """The state after the last entry. Raises as ``read``."""
        return self.read().state

    def _read(self) -> Chain | None:
        numbers = [ledger_sequence(key) for key in self._store.list(LEDGER_PREFIX)]
        length = max((number + 1 for number in numbers if number is not None), default=0)
        known = self._known
        entries = list(known.entries) if known else []
        state = known.state if known else None
        if length < len(entries):
            raise LedgerBrokenError(f"{ledger_key(length)}: was there before and is missing now")
        for sequence in range(len(entries), length):
            key = ledger_key(sequence)
            verified = open_entry(self._read_object(key), key, self._verifier)
            if verified.entry.sequence != sequence:
                raise LedgerBrokenError(f"{key}: holds entry {verified.entry.sequence}")
            state = step(state, verified, self._trust)
            entries.append(verified)
        if state is None:
            return None
        self._known = Chain(entries=tuple(entries), state=state)
        return self._known

    def _read_object(self, key: str) -> bytes:
        try:
            return self._store.read(key, ENTRY_LIMIT)
        except MissingObjectError as error:
            raise LedgerBrokenError(f"{key}: missing, though later entries are there") from error
        except ObjectTooLargeError as error:
            raise LedgerBrokenError(error.message, hint=error.hint) from error


class LedgerWriter(Ledger):
    """A ledger that can be appended to."""

    def __init__(
        self, store: EntryStore, verifier: StatementVerifier, trust: Trust, signer: StatementSigner
    ) -> None:
        """``signer`` signs the entries: the pipeline's key, or a person's for their own statements."""
        super().__init__(store, verifier, trust)
        self._writable = store
        self._own = signer

    def start(self, genesis: Genesis, *, now: datetime) -> State:
        """Begin the ledger. Safe to repeat.

        Raises:
            EntryRefusedError: there is a ledger that began otherwise, or ``genesis`` is not valid.
            NotVerifiedError, UnavailableError: as ``read``.
        """
        if self._read() is None:
            try:
                return self._add(None, genesis, now)
            except ConflictError:
                pass  # somebody started one meanwhile: compare with theirs
        chain = self.read()
        first = chain.entries[0].entry
        if read_content(first.kind, first.data, ledger_key(0)) != genesis:
            raise EntryRefusedError(
                f"{ledger_key(0)}: began with {dict(first.data)}, not with {write_content(genesis)}",
                hint="a ledger keeps its product, keys and first policy; another product needs another store",
            )
        return chain.state

    def append(self, propose: Proposal, *, now: datetime) -> State:
        """Append what ``propose`` makes of the newest state; return the state after it.

        ``propose`` is asked again each time another writer was quicker, so whatever it decides, it
        decides on the state that its entry follows. None means that nothing is left to do. Nothing is
        written that would break the ledger. ``now`` (aware, UTC) becomes the entry's time: keys that
        have expired by then sign nothing new.

        Raises:
            EntryRefusedError: the entry would break the ledger.
            UnavailableError: others were quicker ``ATTEMPTS`` times, or the store does not answer.
            RefusedError: whatever ``propose`` raises.
            NotVerifiedError: as ``read``.
        """
        for _ in range(ATTEMPTS):
            state = self.state()
            content = propose(state)
            if content is None:
                return state
            try:
                return self._add(state, content, now)
            except ConflictError:
                continue
        raise UnavailableError(
            f"{LEDGER_PREFIX}: other writers were quicker {ATTEMPTS} times",
            hint="run the same command again",
        )

    def rehearse(self, propose: Proposal, *, now: datetime) -> None:
        """Refuse what ``append`` would refuse of the newest state. Signs, but writes nothing."""
        state = self.state()
        content = propose(state)
        if content is not None:
            self._seal(state, content, now)

    def _add(self, state: State | None, content: Content, now: datetime) -> State:
        key, data, after = self._seal(state, content, now)
        self._writable.create(key, data, sha256=after.digest)
        return after

    def _seal(self, state: State | None, content: Content, now: datetime) -> tuple[str, bytes, State]:
        """The entry as it would be stored, and the state after it.

        It is dated ``now``, or as the pipeline's latest entry where that is later: a clock that was wrong
        once must not stop everybody until its time has come. Decisions are made with the real time.
        """
        entry = Entry(
            sequence=0 if state is None else state.sequence + 1,
            previous=None if state is None else state.digest,
            time=now if state is None else max(now, state.latest),
            kind=kind_of(content),
            data=write_content(content),
        )
        key = ledger_key(entry.sequence)
        body = write_body(entry)
        data = write_sealed(Sealed(body=body, signature=self._own.sign(body.encode())))
        try:
            verified = open_entry(data, f"new {entry.kind} entry", self._verifier)
            after = step(state, verified, self._trust)
        except LedgerBrokenError as error:
            raise EntryRefusedError(f"not written: {error.message}", hint=error.hint) from error
        return key, data, after
