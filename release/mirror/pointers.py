"""Channel pointers: ``<channel>/<board>/current/version.txt``, the interface installers rely on.

Installers look for a line ``FLATCAR_VERSION=...`` in it (docs of flatcar-install and the mirror script).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from release.catalog.board import Board
from release.catalog.naming import POINTER_FILE, NamingScheme, current_prefix, image_prefix
from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.mirror.store import LostRaceError, ObjectReader, Pointer, PointerReader, PointerStore

_TRIES = 5


class PointerMovedError(RefusedError):
    """The channel is neither where the caller thinks it is nor where it shall go."""


class MissingBytesError(RefusedError):
    """A pointer would lead to a release that is not on this mirror."""


class PointedStore(ObjectReader, PointerStore, Protocol):
    """What moving a pointer needs: pointers, and a look at the objects they lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPointer:
    """Where a channel of one board is. ``text`` is the whole file."""

    version: Version
    text: bytes
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerMove:
    """What ``move_channel_pointer`` found and did. ``moved`` is False when all was so already."""

    before: ChannelPointer | None
    after: ChannelPointer
    moved: bool


def pointer_key(channel: str, board: Board) -> str:
    """The key of a channel's pointer."""
    return current_prefix(channel, board) + POINTER_FILE


def pointer_version(text: bytes, field: str, where: str) -> Version:
    """The version a pointer's text names in its one line ``field=``.

    Raises InputError, naming ``where``, when there is no such line, more than one, or no version in it.
    """
    start = f"{field}=".encode()
    values = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    if len(values) != 1:
        raise InputError(f"{where}: expected one line {field}=VERSION, found {len(values)}")
    try:
        return Version.parse(values[0].decode("ascii", errors="backslashreplace"))
    except InputError as error:
        raise InputError(f"{where}: {field}: {error.message}") from error


def read_channel_pointer(
    store: PointerReader, channel: str, board: Board, *, naming: NamingScheme | None = None
) -> ChannelPointer | None:
    """Where the channel is, None when it was never set. Raises InputError when it cannot be read."""
    key = pointer_key(channel, board)
    pointer = store.read_pointer(key)
    return None if pointer is None else _parse(pointer, key, naming or NamingScheme())


def move_channel_pointer(
    store: PointedStore,
    channel: str,
    board: Board,
    *,
    expected: Version | None,
    text: bytes,
    naming: NamingScheme | None = None,
) -> PointerMove:
    """Let the channel lead to the version that ``text`` names, if it is at ``expected`` now.

    ``expected`` None means that the channel was never set. Level-triggered: a channel that has this
    very text already is done, whatever was expected, so the call is safe to repeat. Whether the move
    is allowed is not asked here: that is the gate's decision.

    Raises:
        InputError: ``text`` names no version.
        MissingBytesError: no object of that version is on this mirror under this channel.
        PointerMovedError: the channel is at neither version.
        LostRaceError: others kept moving it between our looking and our writing.
    """
    naming = naming or NamingScheme()
    key = pointer_key(channel, board)
    target = pointer_version(text, naming.version_field, f"new text of {key}")
    prefix = image_prefix(channel, board, target)
    if next(store.list(prefix), None) is None:
        raise MissingBytesError(
            f"{key}: expected the objects of {target} under {prefix} before the pointer, found none",
            hint="publish the release first",
        )
    for _ in range(_TRIES):
        before = read_channel_pointer(store, channel, board, naming=naming)
        if before is not None and before.text == text:
            return PointerMove(before=before, after=before, moved=False)
        at = before.version if before is not None else None
        if at not in {expected, target}:
            raise PointerMovedError(
                f"{key}: expected the channel at {expected or 'no version'}, found {at or 'no version'}",
                hint="somebody moved the channel since this was decided; decide again",
            )
        try:
            pointer = store.swap_pointer(key, before.tag if before is not None else None, text)
        except LostRaceError:
            continue
        return PointerMove(before=before, after=_parse(pointer, key, naming), moved=True)
    raise LostRaceError(f"{key}: others moved this pointer {_TRIES} times while it was to go to {target}")


def _parse(pointer: Pointer, key: str, naming: NamingScheme) -> ChannelPointer:
    try:
        version = pointer_version(pointer.data, naming.version_field, key)
    except InputError as error:
        hint = "somebody changed it by hand; put back the version.txt of the release the channel is at"
        raise InputError(error.message, hint=hint) from error
    return ChannelPointer(version=version, text=pointer.data, tag=pointer.tag)
