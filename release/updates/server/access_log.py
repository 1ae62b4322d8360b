"""One line for each request, where that is wanted: who, from which version, what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from release.updates.offer import NoUpdate, Update
from release.updates.server.answering import Reply
from release.updates.server.log import EventLog


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Writes lines. Machine ids are not written; what a client chose is plain words, or not there."""

    log: EventLog

    def note(self, client: Sequence[Any] | None, reply: Reply) -> None:
        """``client`` is the address of the other end, or what a trusted proxy says it is."""
        address = str(client[0]) if client else None
        if not reply.answers:
            self.log.say("request", client=address, status=reply.status)
        for one in reply.answers:
            update = one.answer if isinstance(one.answer, Update) else None
            self.log.say(
                "request",
                client=address,
                status=reply.status,
                track=one.app.track,
                board=one.app.board,
                version=str(one.app.version),
                events=len(one.app.events),
                answer=one.answer.reason.value if isinstance(one.answer, NoUpdate) else None,
                offered=None if update is None else str(update.release.version),
                payload=None if update is None else update.payload.name,
            )
