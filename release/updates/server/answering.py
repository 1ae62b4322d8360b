"""From the bytes of a request to the bytes of an answer: reads, finds, decides, reports, renders. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from release.catalog.version import Version
from release.updates.counts import MachineKey, PayloadKind, Progress, Recorder, Report, machine_key
from release.updates.machine import machine_of
from release.updates.offer import Answer, NoUpdate, Reason, Update, decide
from release.updates.omaha_request import AppRequest, UpdateRequest, read_request
from release.updates.omaha_response import AppAnswer, render
from release.updates.outcome import outcome
from release.updates.server.documents import Documents, Held, Place, Served
from release.updates.server.groups import Group, Groups
from release.updates.server.metrics import NOWHERE, Metrics

OK, AWAY = 200, 503


class Reply(NamedTuple):
    """A status of HTTP and the body. 503: another copy of this server may know more."""

    status: int
    body: bytes
    answers: tuple[AppAnswer, ...]
    """For the access log."""


@dataclass(slots=True)
class FailedDeltas:
    """The versions to which a delta failed on one machine; looks only when it is asked."""

    recorder: Recorder
    product: str
    machine: str

    def __contains__(self, version: object) -> bool:
        key = machine_key(self.product, self.machine)
        return isinstance(version, Version) and self.recorder.failed_delta(key, version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Answers machines of one product. ``application`` is its id: without braces, in small letters."""

    product: str
    application: str
    documents: Documents
    groups: Groups
    recorder: Recorder
    metrics: Metrics
    clock: Callable[[], datetime]
    poll_interval: int | None = None

    def answer(self, data: bytes) -> Reply:
        """Answer one request. Raises MalformedRequestError when it is none."""
        request, now, held = read_request(data), self.clock(), self.documents.held
        answers = tuple([self._app(request, app, held, now) for app in request.apps])
        away = any(
            isinstance(one.answer, NoUpdate) and one.answer.reason in {Reason.NO_DOCUMENT, Reason.EXPIRED}
            for one in answers
        )
        return Reply(AWAY if away else OK, render(answers, self.poll_interval), answers)

    def _app(self, request: UpdateRequest, app: AppRequest, held: Held, now: datetime) -> AppAnswer:
        if app.application != self.application:
            return self._without(app, Reason.UNKNOWN_APPLICATION)
        group = self.groups.find(app.track)
        place = Place(group.channel, app.board)
        served = held.served.get(place)
        if served is None:
            return self._without(app, _why_none(held, place))
        if app.events:
            self._report(app, served, place, now)
        if not app.update_check:
            return AppAnswer(app=app, answer=None)
        failed = FailedDeltas(self.recorder, self.product, app.machine)
        answer = decide(served.document, machine_of(request, app, failed), now, group.limits)
        if isinstance(answer, Update):
            gone = answer.release.release in held.withdrawn
            answer = (
                NoUpdate(reason=Reason.WITHDRAWN) if gone else self._offer(app, answer, group, served, now)
            )
        self.metrics.answer(place, _word(answer))
        return AppAnswer(app=app, answer=answer, manifests=served.manifests)

    def _without(self, app: AppRequest, reason: Reason) -> AppAnswer:
        if app.update_check:
            self.metrics.answer(NOWHERE, reason.value)
        return AppAnswer(app=app, answer=NoUpdate(reason=reason) if app.update_check else None)

    def _offer(self, app: AppRequest, update: Update, group: Group, served: Served, now: datetime) -> Answer:
        """The update, taken note of; or none, where its group has had enough for now."""
        machine, version = machine_key(self.product, app.machine), update.release.version
        if self._is_full(group, machine, version, now):
            return NoUpdate(reason=Reason.GROUP)
        self.recorder.record(
            Report(
                channel=served.document.channel,
                board=served.document.board,
                version=version,
                machine=machine,
                at=now,
                progress=Progress.OFFERED,
                kind=PayloadKind.DELTA if update.is_delta else PayloadKind.FULL,
                group="" if group.offers_per_hour is None else group.name,
            )
        )
        return update

    def _is_full(self, group: Group, machine: MachineKey, version: Version, now: datetime) -> bool:
        """Whether the group had its offers of this hour; who was offered the release keeps the offer."""
        if group.offers_per_hour is None or self.recorder.offered_before(machine, version):
            return False
        return self.recorder.offers_last_hour(group.name, now) >= group.offers_per_hour

    def _report(self, app: AppRequest, served: Served, place: Place, now: datetime) -> None:
        """Tell of the events. Success is of the version that runs; all else of what was offered last."""
        machine = machine_key(self.product, app.machine)
        for event in app.events:
            found = outcome(event)
            self.metrics.event(place, found)
            progress = found.progress
            if progress is None:
                continue
            self.recorder.record(
                Report(
                    channel=served.document.channel,
                    board=served.document.board,
                    version=app.version if progress is Progress.SUCCEEDED else None,
                    machine=machine,
                    at=now,
                    progress=progress,
                    code=found.code if progress is Progress.FAILED else None,
                )
            )


def _why_none(held: Held, place: Place) -> Reason:
    if place in held.places or not held.channels:
        return Reason.NO_DOCUMENT
    return Reason.UNKNOWN_BOARD if place.channel in held.channels else Reason.UNKNOWN_CHANNEL


def _word(answer: Answer) -> str:
    if isinstance(answer, Update):
        return "delta" if answer.is_delta else "full"
    return answer.reason.value
