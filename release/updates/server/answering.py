"""From the bytes of a request to the bytes of an answer: reads, finds, decides, reports, renders. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from release.catalog.version import Version
from release.trust.channel_document import ChannelDocument
from release.updates.counts import MachineKey, PayloadKind, Progress, Recorder, Report, machine_key
from release.updates.machine import machine_of
from release.updates.offer import Answer, NoUpdate, Reason, Update, decide
from release.updates.omaha_request import AppRequest, UpdateRequest, read_request
from release.updates.omaha_response import AppAnswer, render
from release.updates.outcome import Outcome, outcome
from release.updates.server.documents import Documents, Held, Place
from release.updates.server.groups import Group, Groups
from release.updates.server.metrics import NOWHERE, Metrics

OK, LACKING, AWAY = 200, 404, 503


class Reply(NamedTuple):
    """A status of HTTP and the body. 404 and 503: another copy of this server may know more.

    503 is for a server that knows nothing any more: balancers take one that says so out for a while, and
    must not do that to all others' channels because machines ask for one that has no document.
    """

    status: int
    body: bytes
    answers: tuple[AppAnswer, ...]
    """For the access log."""


@dataclass(slots=True)
class FailedDeltas:
    """The versions to which a delta failed on one machine; looks only when it is asked."""

    recorder: Recorder
    machine: MachineKey

    def __contains__(self, version: object) -> bool:
        return isinstance(version, Version) and self.recorder.failed_delta(self.machine, version)


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
        status = OK if not away else LACKING if held.fresh(now) else AWAY
        return Reply(status, render(answers, self.poll_interval), answers)

    def _app(self, request: UpdateRequest, app: AppRequest, held: Held, now: datetime) -> AppAnswer:
        if app.application != self.application:
            return self._without(app, Reason.UNKNOWN_APPLICATION)
        group = self.groups.find(app.track)
        place = Place(group.channel, app.board)
        served = held.served.get(place)
        if served is None:
            return self._without(app, _why_none(held, place))
        machine = machine_key(self.product, app.machine)
        for event in app.events:
            self._report(outcome(event), machine, app.version, served.document, now)
        if not app.update_check:
            return AppAnswer(app=app, answer=None)
        failed = FailedDeltas(self.recorder, machine)
        answer = decide(served.document, machine_of(request, app, failed), now, group.limits)
        if isinstance(answer, Update):
            answer = _by_head(held, served.document, answer)
        if isinstance(answer, Update):
            answer = self._offer(machine, answer, group, served.document, now)
        self.metrics.answer(place, _word(answer))
        return AppAnswer(app=app, answer=answer, manifests=served.manifests)

    def _without(self, app: AppRequest, reason: Reason) -> AppAnswer:
        if app.update_check:
            self.metrics.answer(NOWHERE, reason.value)
        return AppAnswer(app=app, answer=NoUpdate(reason=reason) if app.update_check else None)

    def _offer(
        self, machine: MachineKey, update: Update, group: Group, document: ChannelDocument, now: datetime
    ) -> Answer:
        """The update, taken note of; or none, where its group has had enough for now."""
        version = update.release.version
        if self._is_full(group, machine, version, now):
            return NoUpdate(reason=Reason.GROUP)
        self.recorder.record(
            Report(
                channel=document.channel,
                board=document.board,
                version=version,
                machine=machine,
                at=now,
                progress=Progress.OFFERED,
                kind=PayloadKind.DELTA if update.is_delta else PayloadKind.FULL,
                since=_stretch(document, update.target),
                group="" if group.offers_per_hour is None else group.name,
            )
        )
        return update

    def _is_full(self, group: Group, machine: MachineKey, version: Version, now: datetime) -> bool:
        """Whether the group had its offers of this hour; who was offered the release keeps the offer."""
        if group.offers_per_hour is None or self.recorder.offered_before(machine, version):
            return False
        return self.recorder.offers_last_hour(group.name, now) >= group.offers_per_hour

    def _report(
        self, found: Outcome, machine: MachineKey, runs: Version, document: ChannelDocument, now: datetime
    ) -> None:
        """Tell of an event. Success is of the version that runs; all else of what was offered last."""
        self.metrics.event(Place(document.channel, str(document.board)), found)
        progress = found.progress
        if progress is None:
            return
        self.recorder.record(
            Report(
                channel=document.channel,
                board=document.board,
                version=runs if progress is Progress.SUCCEEDED else None,
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


def _by_head(held: Held, document: ChannelDocument, update: Update) -> Answer:
    """The update, unless the newest head stopped it and the document does not know that yet."""
    if update.release.release in held.withdrawn:
        return NoUpdate(reason=Reason.WITHDRAWN)
    paused = held.pauses(document, update.release.version) or held.pauses(document, update.target)
    return NoUpdate(reason=Reason.PAUSED) if paused else update


def _stretch(document: ChannelDocument, target: Version) -> datetime | None:
    """When the rollout of what machines are on their way to began, or went on, last."""
    return next((one.rollout.since for one in document.offers if one.release.version == target), None)


def _word(answer: Answer) -> str:
    if isinstance(answer, Update):
        return "delta" if answer.is_delta else "full"
    return answer.reason.value
