"""Visiting a mirror: fetch what the head names, in the order in which it can be believed.

The rules are in ``release.trust.verify``; here is their I/O. Nothing is listed, so that a plain web
server will do, and nothing is read that was not named before, nor more of it than it may have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE, NamingScheme, ledger_key
from release.errors import InputError, NotVerifiedError
from release.ledger.entries import ENTRY_LIMIT
from release.ledger.state import State
from release.line.policies import policy_in_force
from release.mirror.pointers import pointer_key
from release.mirror.store import MissingObjectError, ObjectReader, ObjectTooLargeError, PointerReader
from release.promotion.policy import Policy
from release.trust.head import HEAD_LIMIT, ChannelHead, HeadError
from release.trust.seen import Seen
from release.trust.verify import (
    MixedError,
    VerifiedMirror,
    Visitor,
    boards_of,
    check_channel,
    check_pointer,
    check_saying,
    verify_head,
    verify_ledger,
)

_TRIES = 3


class MirrorSource(ObjectReader, PointerReader, Protocol):
    """Where a mirror is read. Every store and ``release.mirror.http.HttpReader`` are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelVisit:
    """A channel after all rules. ``pointers`` are the texts of those that were looked at."""

    mirror: VerifiedMirror
    channel: str
    head: ChannelHead
    pointers: Mapping[Board, bytes]


def forget(_seen: Seen) -> None:
    """Remember nothing."""


def visit(
    source: MirrorSource, visitor: Visitor, *, remember: Callable[[Seen], None] = forget
) -> VerifiedMirror:
    """Rules 1 to 7 of ``release.trust.verify``.

    A mirror that changes while it is read gets another look, a few times. ``remember`` is called with
    what to know at the next visit as soon as they hold, whatever else may be wrong with the mirror.

    Raises:
        NotVerifiedError: a rule does not hold; says which and what to do.
        UnavailableError: the mirror does not answer, or too slowly.
    """
    for number in range(_TRIES):
        data = _head(source)
        try:
            mirror = _visit(source, data, visitor)
        except MixedError:
            if number + 1 == _TRIES or _head(source) == data:
                raise
        else:
            remember(mirror.seen)
            return mirror
    raise RuntimeError("unreachable")


def visit_channel(
    source: MirrorSource,
    visitor: Visitor,
    channel: str,
    board: Board | None,
    *,
    naming: NamingScheme,
    remember: Callable[[Seen], None] = forget,
) -> ChannelVisit:
    """All rules, for one channel; for one board of it, or for all. Raises as ``visit``, and InputError.

    Whether a pointer is the release's own file to the last byte is for whoever reads the release: see
    ``release.trust.verify.check_pointer_text``.
    """
    for number in range(_TRIES):
        mirror = visit(source, visitor, remember=remember)
        head = check_channel(mirror, channel, board)
        try:
            pointers = {one: _pointer(source, channel, one, head, naming) for one in boards_of(head, board)}
        except MixedError:
            if number + 1 == _TRIES or visit(source, visitor).head == mirror.head:
                raise
        else:
            return ChannelVisit(mirror=mirror, channel=channel, head=head, pointers=pointers)
    raise RuntimeError("unreachable")


def _visit(source: MirrorSource, data: bytes, visitor: Visitor) -> VerifiedMirror:
    believed = verify_head(data, visitor)
    entries = _entries(source, believed.head.ledger.sequence)
    mirror = verify_ledger(believed, entries, visitor)
    check_saying(mirror, _policy(source, mirror.state))
    return mirror


def _head(source: MirrorSource) -> bytes:
    try:
        return source.read(HEAD_FILE, HEAD_LIMIT)
    except MissingObjectError as error:
        raise HeadError(
            f"{HEAD_FILE}: this mirror has none, so nobody knows how old it is",
            hint="the pipeline signs one at the end of each promotion: humpyard head refresh",
        ) from error
    except ObjectTooLargeError as error:
        raise HeadError(error.message, hint=error.hint) from error


def _entries(source: MirrorSource, last: int) -> Iterator[bytes]:
    for sequence in range(last + 1):
        try:
            yield source.read(ledger_key(sequence), ENTRY_LIMIT)
        except (MissingObjectError, ObjectTooLargeError) as error:
            raise MixedError(
                f"ledger: {error.message}, though {HEAD_FILE} says that it goes on to entry {last}",
                hint="the mirror lacks a part of what it says: try another mirror",
            ) from error


def _policy(source: MirrorSource, state: State) -> Policy:
    try:
        return policy_in_force(source, state)
    except (InputError, NotVerifiedError) as error:
        raise MixedError(error.message, hint=error.hint) from error


def _pointer(
    source: MirrorSource, channel: str, board: Board, head: ChannelHead, naming: NamingScheme
) -> bytes:
    try:
        pointer = source.read_pointer(pointer_key(channel, board))
    except ObjectTooLargeError as error:
        raise MixedError(error.message, hint=error.hint) from error
    check_pointer(channel, board, None if pointer is None else pointer.data, head, naming)
    return b"" if pointer is None else pointer.data
