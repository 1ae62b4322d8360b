"""What an update server remembers on disk: the newest head it saw, and the last documents it believed.

With it, a server that is started again cannot be shown older ones, and serves while all mirrors are away,
but nothing that the head had withdrawn or paused.
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
from release.trust.head import HEAD_LIMIT
from release.trust.seen import Seen, read_seen, remember

_SEEN = "head.seen.json"
_HEAD = "head.json"
_DOCUMENT = ".channel.json"


@dataclass(frozen=True, slots=True)
class Memory:
    """A directory of the server's own. Made when missing."""

    directory: Path

    def seen(self) -> Seen | None:
        """The newest head; None at the first start. Raises InputError when the file is damaged."""
        return read_seen(self.directory / _SEEN)

    def head(self) -> bytes | None:
        """The bytes of the newest head, or of one before it; None when there are none."""
        path = self.directory / _HEAD
        with storage_errors(path):
            if not path.exists():
                return None
            with path.open("rb") as file:
                return file.read(HEAD_LIMIT + 1)

    def documents(self) -> Iterator[tuple[str, Board, bytes]]:
        """Channel, board and bytes of every document that is there."""
        with storage_errors(self.directory):
            for path in sorted(self.directory.glob(f"*{_DOCUMENT}")):
                channel, _, board = path.name.removesuffix(_DOCUMENT).partition(".")
                with suppress(InputError):
                    data = path.read_bytes()[: CHANNEL_LIMIT + 1]
                    yield channel, Board.parse(board), data

    def keep_head(self, seen: Seen, data: bytes) -> bool:
        """Remember a head and its bytes, unless a newer one is remembered.

        Tells whether it was looked at: False while another process writes one, which may be older.
        """
        try:
            with replacing(self.directory / _HEAD) as file:
                before, there = self.seen(), self.head()
                newer = before is not None and before.knows_more_than(seen)
                file.write(there if newer and there is not None else data)
                remember(self.directory / _SEEN, seen)
        except UnavailableError:
            return False
        return True

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
