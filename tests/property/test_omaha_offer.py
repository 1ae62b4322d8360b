"""Laws of what is offered, for any document, machine, time and limits; and the answer says it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.catalog.version import Version
from release.promotion.delivery import RolloutRules, RolloutStep
from release.trust.channel_document import ChannelDocument
from release.trust.head import ChannelStatus
from release.updates.machine import Machine
from release.updates.offer import Answer, Choice, Limits, NoUpdate, Reason, Update, decide
from release.updates.omaha_request import read_request
from release.updates.omaha_response import AppAnswer, prepare, render
from tests.property.omaha_world import documents, limits, machines, moments, rules
from tests.unit.updates.omaha import readers, requests
from tests.unit.updates.omaha.scene import NOW, OLD, document, machine, offer

QUICK = settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
(APP,) = read_request(requests.update_engine()).apps


def target(answer: Answer) -> Version:
    return answer.target if isinstance(answer, Update) else Version(0, 0, 0)


def walk(served: ChannelDocument, asks: Machine, now: datetime) -> list[Answer]:
    """What a machine is told while it installs whatever it is offered."""
    told: list[Answer] = []
    for _ in range(20):
        told.append(answer := decide(served, asks, now))
        if isinstance(answer, NoUpdate):
            return told
        asks = replace(asks, version=answer.release.version)
    pytest.fail("never ends")


@QUICK
@given(served=documents(), asks=machines, now=moments, holds=limits())
def test_no_machine_gets_what_it_must_not_have(
    served: ChannelDocument, asks: Machine, now: datetime, holds: Limits
) -> None:
    answer = decide(served, asks, now, holds)
    assert answer == decide(served, asks, now, holds)
    if isinstance(answer, NoUpdate):
        return
    assert asks.version < answer.release.version <= answer.target
    assert answer.release.mirrors
    stopped = {one.release.release for one in served.offers if one.status is not ChannelStatus.OFFERED}
    stopped |= {one.release.release for one in served.floors if one.withdrawn}
    assert answer.release.release not in stopped
    assert answer.release.release not in holds.halted
    assert answer.payload in answer.release.payloads
    assert not answer.payload.extension
    assert answer.is_delta == (answer.choice is Choice.DELTA)
    if answer.is_delta:
        assert answer.payload.source == asks.version
        assert asks.released
        assert answer.payload.profile in asks.client.applies
        assert answer.release.version not in asks.failed_deltas
    else:
        assert answer.payload == answer.release.full


@QUICK
@given(served=documents(), asks=machines, now=moments)
def test_nobody_passes_a_floor_by(served: ChannelDocument, asks: Machine, now: datetime) -> None:
    at = asks.version
    for answer in walk(served, asks, now):
        if isinstance(answer, Update):
            passed = [one for one in served.floors if at < one.release.version < answer.release.version]
            assert not passed
            at = answer.release.version


@QUICK
@given(served=documents(), asks=machines, now=moments)
def test_floors_lead_to_the_release_that_they_are_the_way_to(
    served: ChannelDocument, asks: Machine, now: datetime
) -> None:
    stopped = {one.release.version for one in served.offers if one.status is not ChannelStatus.OFFERED}
    floors = [
        replace(one, withdrawn=False)
        for one in served.floors
        if one.release.mirrors and one.release.version not in stopped
    ]
    told = [one for one in walk(replace(served, floors=tuple(floors)), asks, now) if isinstance(one, Update)]
    versions = [one.release.version for one in told]
    assert versions == sorted(set(versions))
    if told:
        assert {one.target for one in told} == {versions[-1]}


@QUICK
@given(
    served=documents(with_windows=False),
    asks=machines,
    now=moments,
    later=st.timedeltas(timedelta(), timedelta(days=300)),
    holds=limits(with_windows=False),
)
def test_who_is_admitted_stays_admitted(
    served: ChannelDocument, asks: Machine, now: datetime, later: timedelta, holds: Limits
) -> None:
    lasting = replace(served, expires=NOW + timedelta(days=1000))
    assert target(decide(lasting, asks, now, holds)) <= target(decide(lasting, asks, now + later, holds))


@QUICK
@given(served=documents(), asks=machines, now=moments, holds=limits())
def test_limits_only_hold_back(served: ChannelDocument, asks: Machine, now: datetime, holds: Limits) -> None:
    free = decide(served, asks, now)
    held = decide(served, asks, now, holds)
    assert target(held) <= target(free)
    if isinstance(free, NoUpdate):
        assert isinstance(held, NoUpdate)


@QUICK
@given(served=documents(), asks=machines, after=st.timedeltas(timedelta(), timedelta(days=9)))
def test_an_expired_document_offers_nothing(served: ChannelDocument, asks: Machine, after: timedelta) -> None:
    assert decide(served, asks, served.expires + after) == NoUpdate(reason=Reason.EXPIRED)


@QUICK
@given(served=documents(), asks=machines, now=moments, holds=limits())
def test_the_answer_says_what_was_decided(
    served: ChannelDocument, asks: Machine, now: datetime, holds: Limits
) -> None:
    answer = decide(served, asks, now, holds)
    data = render([AppAnswer(app=APP, answer=answer, manifests=prepare(served))])
    plan, _ = readers.update_engine(data)
    if isinstance(answer, NoUpdate):
        assert plan is None
        return
    assert plan is not None
    assert (plan.version, plan.size, plan.is_delta) == (
        str(answer.release.version),
        answer.payload.size,
        answer.is_delta,
    )
    place = f"update/amd64-usr/{answer.release.version}/{answer.payload.name}"
    assert plan.urls == tuple(served.mirrors[name] + place for name in answer.release.mirrors)
    assert len(readers.ue_rs(data, "*oem-azure.gz")) == 1


@settings(QUICK, max_examples=15)
@given(plan=rules(with_windows=False), hours=st.integers(0, 210))
def test_the_share_of_machines_is_that_of_the_plan(plan: RolloutRules, hours: int) -> None:
    """Within five standard deviations, for 4,000 random ids."""
    served = document(offer(rules=plan, since=NOW - timedelta(hours=hours)))
    source, count = random.Random(hours), 4000  # noqa: S311  ids, not secrets
    got = sum(
        isinstance(decide(served, machine(OLD, id_=source.randbytes(16).hex()), NOW), Update)
        for _ in range(count)
    )
    share = float(_share(plan, timedelta(hours=hours)))
    assert abs(got - share * count) <= 5 * (count * share * (1 - share)) ** 0.5


def _share(plan: RolloutRules, active: timedelta) -> Decimal:
    """On paper: the line between the points of the plan, or the last point that was reached."""
    points = [RolloutStep(after=timedelta(), share=Decimal(0)), *plan.steps]
    before = [one for one in points if one.after <= active][-1]
    after = next((one for one in points if one.after > active), None)
    if after is None or not plan.linear:
        return before.share
    part = Decimal((active - before.after) / (after.after - before.after))
    return before.share + (after.share - before.share) * part
