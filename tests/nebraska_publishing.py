"""A publisher and a Nebraska to publish to, for tests of both ends of the contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from release.catalog.board import Board
from release.updates.nebraska.client import NebraskaClient
from release.updates.nebraska.options import NebraskaOptions
from release.updates.nebraska.publish import Nebraska, Published, publish
from release.updates.nebraska.transport import Transport
from release.updates.nebraska.wanted import Wish
from tests.nebraska_server import TOKEN, NebraskaServer
from tests.unit.updates.nebraska.samples import OPTIONS, content


class Killed(BaseException):
    """The publisher's process ended here."""


class CuttingTransport(Transport):
    """Ends the process before its request number ``cut``, or after it was sent."""

    cut = 1 << 30
    after = False
    sent = 0

    def send(self, method: str, path: str, *, query: object = None, body: object = None) -> object:
        self.sent += 1
        if self.sent == self.cut and not self.after:
            raise Killed
        found = super().send(method, path, query=query, body=body)  # type: ignore[arg-type]  # passed on
        if self.sent == self.cut:
            raise Killed
        return found


@dataclass
class Publisher:
    """One that publishes ``wishes`` to ``server``; ``slept`` are the seconds that it waited."""

    server: NebraskaServer
    wishes: Sequence[Wish] = ()
    token: str | None = TOKEN
    options: NebraskaOptions = OPTIONS
    slept: list[float] = field(default_factory=list)

    def nebraska(self, cut: int = 1 << 30, *, after: bool = False) -> Nebraska:
        transport = CuttingTransport(
            self.server.url,
            token=None if self.token is None else self._token,
            timeout=self.options.timeout,
            retries=self.options.retries,
            sleep=self.slept.append,
        )
        transport.cut, transport.after = cut, after
        return Nebraska(self.options, NebraskaClient(transport, self.options.app))

    def _token(self) -> str:
        return self.token or ""

    def publish(self, wishes: Callable[[], Sequence[Wish]] | None = None) -> Published:
        return publish(self.nebraska(), wishes or (lambda: self.wishes))

    def patient(self, **changes: float) -> None:
        """Change how often, and how long, it tries."""
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]  # two numbers


def for_board(wanted: Wish, board: Board) -> Wish:
    """The same for another board; contents have its architecture."""
    contents = {one: content(str(one), board) for one in wanted.contents}
    return replace(wanted, board=board, contents=contents)
