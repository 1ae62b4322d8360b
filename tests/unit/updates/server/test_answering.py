from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from release.catalog.version import Version
from release.errors import InputError
from release.promotion.delivery import OfferWindow
from release.trust.channel_document import FloorRelease, channel_document_key
from release.trust.head import ChannelStatus
from release.updates.counts import Progress
from release.updates.offer import NO_LIMITS, Limits
from release.updates.omaha_xml import MalformedRequestError
from release.updates.server.groups import Group, Groups
from release.updates.server.uncounted import Uncounted
from tests.unit.updates.server.desk import Desk, Notes
from tests.update_mirror import BOARD, DAY, NEW, OLD, document, head_of, offer, payload, release
from tests.update_server import request_body

DELTA = offer(NEW, payload("from-old.gz", OLD))


@pytest.fixture
def desk() -> Desk:
    desk = Desk(("one",))
    desk.mirror.publish(document(DELTA))
    desk.documents.refresh()
    return desk


def failed(code: int) -> str:
    return f'<updatecheck/><event eventtype="3" eventresult="0" errorcode="{code}"/>'


def test_a_machine_is_offered_the_delta_and_the_offer_is_noted(desk: Desk) -> None:
    notes = Notes()
    reply = desk.answering(notes).answer(request_body())
    assert reply.status == 200
    assert b'name="from-old.gz"' in reply.body
    assert [(one.version, one.progress, one.group) for one in notes.reports] == [(NEW, Progress.OFFERED, "")]


def test_an_offer_says_in_which_stretch_of_the_rollout_it_was_made_a_floors_too(desk: Desk) -> None:
    """A floor is counted in the rollout of what is behind it."""
    since, oldest = desk.now - timedelta(hours=1), Version(3000, 0, 0)
    floors = (FloorRelease(release=release(OLD)),)
    desk.mirror.publish(replace(document(offer(NEW, since=since)), floors=floors))
    desk.documents.refresh()
    notes = Notes()
    for version in (OLD, oldest):
        desk.answering(notes).answer(request_body(version=str(version)))
    assert [one.version for one in notes.reports] == [NEW, OLD]
    assert {one.since for one in notes.reports} == {since.replace(microsecond=0)}


def test_after_a_failed_delta_the_same_machine_is_offered_the_full_payload(desk: Desk) -> None:
    assert b'name="update.gz"' in desk.answering(Notes(failed={NEW})).answer(request_body()).body


def test_where_nothing_is_counted_only_full_payloads_are_offered(desk: Desk) -> None:
    answering = desk.answering(Uncounted())
    assert b'name="update.gz"' in answering.answer(request_body()).body


def test_a_success_is_of_the_version_that_runs_and_a_failure_of_what_was_offered_last(desk: Desk) -> None:
    notes = Notes()
    answering = desk.answering(notes)
    inside = '<event eventtype="3" eventresult="2" previousversion="4081.2.0"/>'
    answering.answer(request_body(version=str(NEW), inside=inside))
    answering.answer(request_body(inside=failed(20)))
    told = [(one.version, one.progress, one.code) for one in notes.reports[:2]]
    assert told == [(NEW, Progress.SUCCEEDED, None), (None, Progress.FAILED, 20)]


def test_a_document_that_expired_is_answered_503_so_that_another_copy_is_asked(desk: Desk) -> None:
    desk.pass_time(DAY)
    reply = desk.answering().answer(request_body())
    assert reply.status == 503
    assert b'status="error-internal"' in reply.body


def test_one_document_that_is_missing_is_answered_404_and_does_not_end_the_server(desk: Desk) -> None:
    desk.mirror.publish(document(), document(channel="beta"))
    del desk.stores["one"].objects[channel_document_key("beta", BOARD)]
    desk.documents.refresh()
    reply = desk.answering().answer(request_body(track="beta"))
    assert reply.status == 404
    assert b'<updatecheck status="error-internal"' in reply.body
    assert desk.answering().answer(request_body()).status == 200


def test_before_there_is_any_document_the_answer_is_503() -> None:
    assert Desk().answering().answer(request_body()).status == 503


@pytest.mark.parametrize(
    "body",
    [
        request_body(track="nowhere"),
        request_body(board="riscv-usr"),
        request_body(application="00000000-0000-0000-0000-000000000000"),
        request_body(track=""),
    ],
)
def test_what_is_not_known_gets_an_error_that_counts_under_no_name_of_the_clients(
    desk: Desk, body: bytes
) -> None:
    answering = desk.answering()
    reply = answering.answer(body)
    assert reply.status == 200
    assert b"error-" in reply.body
    assert b'board="",channel=""' in answering.metrics.text()
    assert b"nowhere" not in answering.metrics.text()


def test_what_is_no_request_is_refused(desk: Desk) -> None:
    with pytest.raises(MalformedRequestError):
        desk.answering().answer(b"<x/>")


def test_a_release_that_the_newest_head_withdraws_is_not_offered_by_the_older_document(desk: Desk) -> None:
    gone = document(offer(NEW, status=ChannelStatus.WITHDRAWN), sequence=11)
    desk.mirror.put_head(head_of(gone, sequence=11, withdrawn=[release(NEW)]))
    desk.documents.refresh()
    assert b'status="noupdate"' in desk.answering().answer(request_body()).body


def test_a_release_that_the_newest_head_pauses_is_not_offered_by_the_older_document(desk: Desk) -> None:
    answering = desk.answering()
    paused = document(offer(NEW, status=ChannelStatus.PAUSED), sequence=12)
    desk.mirror.put_head(head_of(paused, sequence=12))
    assert not desk.documents.refresh()
    assert b'status="noupdate"' in answering.answer(request_body()).body
    resumed = document(sequence=13)
    desk.mirror.put_document(resumed)
    desk.documents.refresh()
    assert b"<manifest" in answering.answer(request_body()).body, "it is newer than the head"


def test_a_group_holds_back_by_share_delay_and_window(desk: Desk) -> None:
    night = OfferWindow(zone=ZoneInfo("UTC"), days=frozenset(), begins=time(1), ends=time(2))
    held_back = {
        "share": Limits(share=Decimal("0.000000001")),
        "delay": Limits(delay=timedelta(days=2)),
        "night": Limits(windows=(night,)),
    }
    groups = [Group(name=name, channel="stable", limits=limits) for name, limits in held_back.items()]
    answering = desk.answering(groups=groups)
    for name in held_back:
        assert b'status="noupdate"' in answering.answer(request_body(track=name)).body
    assert b'updatecheck status="ok"' in answering.answer(request_body()).body


def test_a_group_gets_so_many_offers_an_hour_and_who_has_one_keeps_it(desk: Desk) -> None:
    notes = Notes()
    few = Group(name="few", channel="stable", limits=NO_LIMITS, offers_per_hour=2)
    answering = desk.answering(notes, [few])
    machines = [f"{number:032x}" for number in range(4)]

    def offered() -> list[bool]:
        bodies = [answering.answer(request_body(machine, track="few")).body for machine in machines]
        return [b'updatecheck status="ok"' in body for body in bodies]

    assert offered() == [True, True, False, False]
    assert offered() == [True, True, False, False]


def test_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two of that name"):
        Groups([Group(name="a", channel="stable"), Group(name="a", channel="beta")])


def test_metrics_count_by_channel_board_and_answer(desk: Desk) -> None:
    answering = desk.answering()
    answering.answer(request_body())
    answering.answer(request_body(version=str(NEW), inside=failed(20)))
    text = answering.metrics.text().decode()
    place = 'board="amd64-usr",channel="stable"'
    assert f'humpyard_update_answers_total{{answer="delta",{place}}} 1.0' in text
    assert f'humpyard_update_answers_total{{answer="up-to-date",{place}}} 1.0' in text
    assert f'humpyard_update_events_total{{{place},code="old-partition-hash",told="failed"}} 1.0' in text
    assert "humpyard_documents_missing 0.0" in text
