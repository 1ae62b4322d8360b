"""What a mirror serves becomes believed piece by piece, in one order, or is refused. No I/O.

1. The head is signed by a key of the pipeline that is trusted here and good now.
2. It is a head of this format, of the product asked for.
3. It was not issued in the future, and has not expired: a mirror cannot freeze time.
4. It is not older than what was seen before, by ledger entry and by time: nor can it go back.
5. The ledger is the one that the head names, entry by entry, each naming the SHA-256 of the one before,
   and what was seen before is in it: nor can it mix, shorten or fork.
6. The ledger began with keys that are trusted here, and whoever signed the head is one of its pipeline's.
7. The head says of every channel what that ledger says, under the policy that the ledger names.
8. The channel has a release that is not withdrawn, made for the board.
9. The pointers of the channel lead where the head says.

With keys of people, every signature in the ledger is verified, theirs included. Without, what the
ledger holds is believed on the word of the pipeline, which signed its last digest.

Not decided here: whether the moves in the ledger were allowed. Whoever has the pipeline's key alone can
record a move that nobody signed for; the audit derives every decision anew and finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE, NamingScheme, ledger_key
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.chain import StatementVerifier, open_entry
from release.ledger.entries import CLOCK_SKEW, LedgerBrokenError, read_body, read_sealed
from release.ledger.fields import format_time
from release.ledger.fold import Trust, step
from release.ledger.kinds import Genesis, Statement, read_content
from release.ledger.state import State
from release.ledger.verified import VerifiedEntry
from release.mirror.pointers import pointer_key, pointer_version
from release.promotion.policy import Policy
from release.trust.head import ChannelHead, ChannelStatus, HeadError, MirrorHead, read_head, unseal
from release.trust.making import differences, head_of
from release.trust.seen import Seen

_VOUCHED = ""
"""Stands for whoever signed a statement that was not verified: nobody's fingerprint."""


class FrozenError(NotVerifiedError):
    """The head has expired: the mirror, or the pipeline, stands still."""


class RolledBackError(NotVerifiedError):
    """The mirror was seen further on before."""


class MixedError(NotVerifiedError):
    """What the mirror serves does not belong together. It may be changing just now."""


class WithdrawnError(NotVerifiedError):
    """The channel's release is withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks at a mirror, and what they know from elsewhere.

    ``trust.people`` may be empty; see the module. ``seen`` is None at the first visit. ``now`` is aware,
    UTC, and one time for the whole visit, however long it takes.
    """

    product: str
    trust: Trust
    verifier: StatementVerifier
    now: datetime
    seen: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedHead:
    """A head after rules 1 to 4. ``signer`` is the pipeline key that signed it."""

    head: MirrorHead
    signer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMirror:
    """Head and ledger after rules 1 to 7. ``entries`` are what the audit asks for."""

    head: MirrorHead
    signer: str
    state: State
    entries: tuple[VerifiedEntry, ...]

    @property
    def seen(self) -> Seen:
        """What to remember for the next visit."""
        return Seen(product=self.head.product, ledger=self.head.ledger, issued=self.head.issued)


def verify_head(data: bytes, visitor: Visitor) -> VerifiedHead:
    """Rules 1 to 4.

    Raises:
        HeadError: not a head, or not signed by a trusted key of the pipeline (1, 2, 3).
        FrozenError: it has expired (3).
        RolledBackError: the mirror was seen further on (4).
    """
    sealed = unseal(data, HEAD_FILE)
    try:  # (1)
        signer = visitor.verifier.verify(sealed.signed_bytes, sealed.signature, at=visitor.now)
    except NotVerifiedError as error:
        raise HeadError(f"{HEAD_FILE}: {error.message}", hint=error.hint) from error
    if signer not in visitor.trust.pipeline:
        raise HeadError(f"{HEAD_FILE}: signed by {signer}, which is no key of the pipeline")
    head = read_head(sealed.body, HEAD_FILE)  # (2)
    if head.product != visitor.product:
        raise HeadError(f"{HEAD_FILE}: expected the product {visitor.product!r}, found {head.product!r}")
    _check_time(head, visitor.now)
    if visitor.seen is not None:
        _check_forward(head, visitor.seen)
    return VerifiedHead(head=head, signer=signer)


def _check_time(head: MirrorHead, now: datetime) -> None:
    if head.issued > now + CLOCK_SKEW:  # (3)
        raise HeadError(
            f"{HEAD_FILE}: issued {format_time(head.issued)}, but it is {format_time(now)}",
            hint="check this machine's clock",
        )
    if now >= head.expires:
        raise FrozenError(
            f"{HEAD_FILE}: of {format_time(head.issued)}, expired {format_time(head.expires)}:"
            f" it is {format_time(now)}",
            hint="try another mirror; if all are so old, the pipeline does not sign any more"
            " (humpyard head refresh), or this machine's clock is wrong",
        )


def _check_forward(head: MirrorHead, seen: Seen) -> None:
    if head.product != seen.product:
        raise InputError(f"remembered is {seen.product!r}, the mirror is of {head.product!r}")
    if head.ledger.sequence < seen.ledger.sequence or head.issued < seen.issued:  # (4)
        raise RolledBackError(
            f"{HEAD_FILE}: of {format_time(head.issued)}, at ledger entry {head.ledger.sequence}; seen before"
            f" was one of {format_time(seen.issued)}, at entry {seen.ledger.sequence}",
            hint="this mirror lags behind, or is taken back in time by somebody: try another mirror",
        )


def verify_ledger(believed: VerifiedHead, entries: Iterable[bytes], visitor: Visitor) -> VerifiedMirror:
    """Rules 5 and 6. ``entries`` are the objects of the ledger up to the head's, in order.

    Raises:
        LedgerBrokenError: an entry is not one, does not follow, or with people's keys, is not signed.
        MixedError: another ledger than the head's (5).
        RolledBackError: what was seen before is not in it (5).
        HeadError: the head's signer is no key of this ledger's pipeline (6).
    """
    head, trust = believed.head, visitor.trust
    state: State | None = None
    opened: list[VerifiedEntry] = []
    for sequence, data in enumerate(entries):
        key = ledger_key(sequence)
        if trust.people:
            entry = open_entry(data, key, visitor.verifier)
            state = step(state, entry, trust)
        else:
            entry = _vouched(data, key, state)
            state = step(state, entry, Trust(pipeline=trust.pipeline, people=frozenset({_VOUCHED})))
        _check_seen(entry, visitor.seen)
        opened.append(entry)
    if state is None or (state.sequence, state.digest) != (head.ledger.sequence, head.ledger.digest):
        found = "none" if state is None else f"entry {state.sequence}, {state.digest}"
        raise MixedError(
            f"ledger: expected it to end with entry {head.ledger.sequence}, {head.ledger.digest},"
            f" as {HEAD_FILE} says, found {found}",
            hint="the mirror mixes two states of the ledger: try another mirror",
        )
    if believed.signer not in state.pipeline_keys:  # (6)
        raise HeadError(f"{HEAD_FILE}: signed by {believed.signer}, no key of this ledger's pipeline now")
    return VerifiedMirror(head=head, signer=believed.signer, state=state, entries=tuple(opened))


def _vouched(data: bytes, key: str, state: State | None) -> VerifiedEntry:
    """An entry believed because the head's digest covers it; who signed it is not looked at."""
    sealed = read_sealed(data, key)
    entry = read_body(sealed.body, key)
    try:
        content = read_content(entry.kind, entry.data, key)
    except InputError as error:
        raise LedgerBrokenError(error.message, hint=error.hint) from error
    keys = content.pipeline_keys if isinstance(content, Genesis) else state.pipeline_keys if state else ()
    stated = isinstance(content, Statement)
    return VerifiedEntry(
        entry=entry,
        digest=Digest.sha256(data),
        # A person may have written it: then their clock must not count as the pipeline's.
        signer=_VOUCHED if stated else next(iter(keys), _VOUCHED),
        statement_signer=_VOUCHED if stated else None,
    )


def _check_seen(entry: VerifiedEntry, seen: Seen | None) -> None:
    if seen is None or entry.entry.sequence != seen.ledger.sequence:
        return
    if entry.digest != seen.ledger.digest:  # (5)
        raise RolledBackError(
            f"{ledger_key(entry.entry.sequence)}: expected {seen.ledger.digest}, as seen before, found"
            f" {entry.digest}",
            hint="there are two ledgers of this product: somebody rewrote what had happened",
        )


def check_saying(mirror: VerifiedMirror, policy: Policy) -> None:
    """Rule 7. ``policy`` is the one of the digest that the ledger names.

    Raises:
        MixedError: says what differs.
    """
    derived = head_of(mirror.state, policy, mirror.head.issued)
    found = differences(mirror.head, derived)
    if found:
        raise MixedError(
            f"{HEAD_FILE}: does not say what its ledger says: {'; '.join(found)}",
            hint="a humpyard of another version may have signed it; else its key is in wrong hands",
        )


def check_channel(mirror: VerifiedMirror, channel: str, board: Board | None) -> ChannelHead:
    """Rule 8: what the channel is at, for one board or for all of its boards.

    Raises:
        InputError: there is no such channel, or nothing in it yet.
        WithdrawnError: its release is withdrawn.
        NotVerifiedError: its release is not made for the board.
    """
    head = mirror.head.channels.get(channel)
    if head is None:
        known = ", ".join(mirror.head.channels) or "none"
        raise InputError(f"channel {channel!r}: has no release here; channels with one are: {known}")
    if head.status is ChannelStatus.WITHDRAWN:
        why = next((one.reason for one in mirror.head.withdrawn if one.version == head.version), "")
        raise WithdrawnError(
            f"{channel}: {head.version} is withdrawn: {why}",
            hint="do not install it; its page says what to do",
        )
    if board is not None and board not in head.boards:
        made = ", ".join(map(str, head.boards))
        raise NotVerifiedError(f"{channel}: {head.version} is not made for {board}, only for {made}")
    return head


def check_pointer(
    channel: str, board: Board, text: bytes | None, head: ChannelHead, naming: NamingScheme
) -> None:
    """Rule 9, as far as the version goes. ``text`` is the pointer's; None where there is none.

    Raises:
        MixedError: it leads elsewhere, or nowhere.
    """
    key = pointer_key(channel, board)
    if text is None:
        raise MixedError(f"{key}: is missing, {HEAD_FILE} says {head.version}")
    try:
        version = pointer_version(text, naming.version_field, key)
    except InputError as error:
        raise MixedError(error.message) from error
    if version != head.version:
        raise MixedError(
            f"{key}: leads to {version}, {HEAD_FILE} says {head.version}",
            hint="somebody changed it, or the channel is moving just now: try again in some minutes",
        )


def check_pointer_text(channel: str, board: Board, text: bytes, recorded: Digest | None) -> None:
    """Rule 9, to the last byte: the pointer is the release's own ``version.txt``. Raises MixedError."""
    if Digest.sha256(text) != recorded:
        raise MixedError(f"{pointer_key(channel, board)}: is not the version file of its release")


def boards_of(head: ChannelHead, board: Board | None) -> Sequence[Board]:
    """The boards to look at: the one asked for, or all."""
    return head.boards if board is None else (board,)
