"""What an update server remembers on disk: the newest head it saw, and the last documents it believed.

With it, a server that is started again cannot be shown older ones, and serves while all mirrors are away.
Several processes may share the directory. What is read from it is verified like anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from release.atomic import replacing
from release.catalog.board import Board
from release.errors import InputError, UnavailableError, storage_errors
from release.trust.channel_document import CHANNEL_LIMIT
from release.trust.seen import Seen, read_seen, remember

_HEAD = "head.seen.json"
_DOCUMENT = ".channel.json"


@dataclass(frozen=True, slots=True)
class Memory:
    """A directory of the server's own. Made when missing."""

    directory: Path

    def seen(self) -> Seen | None:
        """The newest head; None at the first start. Raises InputError when the file is damaged."""
        return read_seen(self.directory / _HEAD)

    def documents(self) -> Iterator[tuple[str, Board, bytes]]:
        """Channel, board and bytes of every document that is there."""
        with storage_errors(self.directory):
            for path in sorted(self.directory.glob(f"*{_DOCUMENT}")):
                channel, _, board = path.name.removesuffix(_DOCUMENT).partition(".")
                with suppress(InputError):
                    data = path.read_bytes()[: CHANNEL_LIMIT + 1]
                    yield channel, Board.parse(board), data

    def keep_seen(self, seen: Seen) -> None:
        """Remember a head, unless a newer one is remembered."""
        with suppress(UnavailableError):  # another process writes it at this moment: its own, as new
            remember(self.directory / _HEAD, seen)

    def keep(self, channel: str, board: Board, data: bytes) -> None:
        """Remember a document that was believed."""
        path = self.directory / f"{channel}.{board}{_DOCUMENT}"
        with suppress(UnavailableError), replacing(path) as file:
            file.write(data)


def open_memory(directory: Path) -> Memory:
    """Raises InputError when it cannot be made or is no directory."""
    with storage_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    memory = Memory(directory)
    memory.seen()
    return memory
