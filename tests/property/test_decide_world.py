"""The gate for any world: stops and lost evidence never open it, and nothing recorded makes it fail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release import canonical
from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.fields import parse_time
from release.ledger.state import RequestRecord, SignOffRecord, State, StopRecord, WaiverRecord, frozen
from release.ledger.statements import (
    REQUEST,
    RESUME_REQUEST,
    SIGN_OFF,
    WAIVER,
    StopAction,
    StopSubject,
    read_statement,
    request_subject,
    statement_digest,
    write_statement,
)
from release.promotion.case import PromotionCase, open_case
from release.promotion.decide import decide
from release.promotion.evidence_names import (
    BOOT_BYTES,
    COMPARISON,
    DOWNGRADE,
    DOWNGRADES,
    FEWEST_KEYS,
    FULL_GROWTH_PERMILLE,
    IMAGE_GROWTH_PERMILLE,
    PAYLOAD_SIGNATURES,
    SIZES,
)
from release.promotion.policy import Policy
from release.promotion.request import Skippable
from release.promotion.status import status
from tests.unit.ledger.fakes import digest_of
from tests.unit.promotion.ruled_scene import DAY, FREEZE, RULES, RuledScene
from tests.unit.promotion.scene import ALICE, BOB, CAROL, ERIN

QUICK = settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
STRICT = (
    RULES.replace(
        "soak = 48",
        'soak = 48\nevidence = ["payload-proven", "kola", "comparison"]\n'
        "limits = { image_growth_percent = 5, boot_bytes = 100, downgrades = 0 }",
    )
    + """
[signing]
payload_signatures = 2

[[freezes]]
name = "nights"
zone = "Europe/Berlin"
begins = 2026-01-01T20:00:00
ends = 2026-01-02T06:00:00
every = "FREQ=DAILY"
"""
)
ONE = Version(1, 0, 0)


def _made() -> tuple[RuledScene, Digest]:
    """Everything is in order, thanks to a waiver, and a little hurried."""
    scene = RuledScene()
    scene.adopt(STRICT)
    scene.found("2.0.0", "kola", passed=False, failed=("cl.install",))
    facts = {IMAGE_GROWTH_PERMILLE: 1, FULL_GROWTH_PERMILLE: 1, DOWNGRADES: 1}
    down = f"{DOWNGRADE}openssl 3.1 to 3.0"
    scene.found("2.0.0", COMPARISON, against=ONE, facts=facts, failed=(down,))
    scene.found("2.0.0", SIZES, facts={BOOT_BYTES: 1})
    scene.found("2.0.0", PAYLOAD_SIGNATURES, facts={FEWEST_KEYS: 2})
    long = scene.now + 90 * DAY
    scene.waive(scene.waiver("2.0.0", "kola", "cl.install", expires_at=long))
    scene.waive(scene.waiver("2.0.0", COMPARISON, down, expires_at=long))
    lifted = scene.stop(scene.order(FREEZE, "beta"))
    scene.resume(lifted)
    scene.tick(DAY)
    asked = scene.request("2.0.0", "beta", hurry=tuple(Skippable), reason="now")
    scene.agree(asked, ALICE, BOB, CAROL)
    return scene, asked


SCENE, ASKED = _made()
BASE = SCENE.case(ASKED)


def allowed(state: State, now: datetime | None = None) -> bool:
    return decide(replace(BASE, state=state, now=now or BASE.now)).allowed


def test_the_gate_is_open_to_begin_with() -> None:
    assert allowed(BASE.state)


# --- what closes it ------------------------------------------------------------------------------

subjects = st.builds(
    lambda action, channel, version: StopSubject(
        action=action,
        channel=None if action is StopAction.WITHDRAW else channel,
        version=None if action is StopAction.FREEZE else version,
        release=None if action is StopAction.FREEZE else digest_of(str(version)),
        reason="it burns",
    ),
    st.sampled_from(StopAction),
    st.sampled_from(("alpha", "beta", "stable", "lts", "lts-2024")),
    st.sampled_from((ONE, Version(2, 0, 0), Version(9, 0, 0))),
)


def with_stop(state: State, subject: StopSubject) -> State:
    digest = digest_of(repr(subject))
    record = StopRecord(
        digest=digest,
        statement="",
        subject=subject,
        signer=ERIN.fingerprint,
        recorded=SCENE.now,
        told=SCENE.now,
    )
    return replace(state, stops=frozen({**state.stops, digest: record}))


evidence_names = st.sets(st.sampled_from(sorted(BASE.state.evidence[digest_of("2.0.0")])))


def without(state: State, names: set[str], *, waivers: bool) -> State:
    release = digest_of("2.0.0")
    kept = {key: one for key, one in state.evidence[release].items() if key not in names}
    return replace(
        state,
        evidence=frozen({**state.evidence, release: frozen(kept)}),
        waivers=frozen() if waivers else state.waivers,
    )


worlds = st.builds(
    lambda stops, names, waivers: _world(stops, names, waivers=waivers),
    st.lists(subjects, max_size=2),
    evidence_names,
    st.booleans(),
)


def _world(stops: list[StopSubject], names: set[str], *, waivers: bool) -> State:
    state = without(BASE.state, names, waivers=waivers)
    for subject in stops:
        state = with_stop(state, subject)
    return state


@QUICK
@given(worlds, subjects)
def test_adding_a_stop_never_opens_the_gate(state: State, subject: StopSubject) -> None:
    assert allowed(state) or not allowed(with_stop(state, subject))


@QUICK
@given(worlds, evidence_names)
def test_taking_evidence_away_never_opens_the_gate(state: State, names: set[str]) -> None:
    less = without(state, names, waivers=False)
    assert allowed(state) or not allowed(less)
    assert not names or not allowed(less), "all of it is asked for"


@QUICK
@given(worlds)
def test_taking_waivers_away_never_opens_the_gate(state: State) -> None:
    assert not allowed(replace(state, waivers=frozen()))


@QUICK
@given(worlds)
def test_hurry_opens_nothing_that_people_or_evidence_close(state: State) -> None:
    """With all the time in the world, outside of every window, it would be just as closed."""
    patient = replace(BASE.request, hurry=())
    assert isinstance(BASE, PromotionCase)
    later = BASE.now.replace(hour=12) + 3 * DAY
    gos = tuple(
        replace(one, sign_off=replace(one.sign_off, request=patient.digest)) for one in BASE.sign_offs
    )
    waited = replace(BASE, request=patient, digest=patient.digest, sign_offs=gos, state=state, now=later)
    assert decide(waited).allowed == allowed(state)


# --- what it is made of --------------------------------------------------------------------------

EXTREMES = (
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    f"sha256:{'0' * 64}",
    "sha512:00",
    "999999999.999999999.999999999",
    "\x1b[2J",
    "\u202egnp.exe",
    "x" * 5000,
    "\ud800",
)
values: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from(EXTREMES),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    st.lists(st.sampled_from(EXTREMES), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2),
)


@st.composite
def meddled(draw: st.DrawFn, fields: dict[str, Json]) -> dict[str, Json]:
    """Some fields of a good statement changed, left out, or added."""
    result = dict(fields)
    for name in draw(st.sets(st.sampled_from([*sorted(fields), "more"]), max_size=3)):
        if draw(st.booleans()):
            result[name] = draw(values)
        else:
            result.pop(name, None)
    return result


def fields_of(text: str, purpose: str) -> dict[str, Json]:
    return read_statement(text, purpose, "test")


GOOD_REQUEST = fields_of(BASE.state.requests[ASKED].statement, REQUEST)
GOOD_RESUME = fields_of(
    next(
        one.statement
        for one in BASE.state.requests.values()
        if one.digest != ASKED and json.loads(one.statement)["statement"] == RESUME_REQUEST
    ),
    RESUME_REQUEST,
)
GOOD_SIGN_OFF = fields_of(BASE.state.requests[ASKED].sign_offs[0].statement, SIGN_OFF)
GOOD_WAIVER = fields_of(BASE.state.waivers[digest_of("2.0.0")][0].statement, WAIVER)
moments = st.sampled_from(
    (
        BASE.now,
        BASE.now + timedelta(days=8),
        parse_time("1999-01-01T00:00:00Z"),
        parse_time("2031-01-01T00:00:00Z"),
    )
)


def text_of(purpose: str, fields: dict[str, Json]) -> str | None:
    """As a program that is not ours would write it; None for what is no JSON."""
    try:
        return write_statement(purpose, fields)
    except InputError:
        return None


def answered(state: State, request: Digest, now: datetime, policy: Policy = SCENE.policy) -> bool:
    """What the gate says, as everything that shows it does: it must not fail over any of it."""
    found = status(open_case(state, request, policy, now))
    canonical.dump(found.as_json())
    assert found.summary.isprintable()
    assert all(line.isprintable() for line in found.decision.lines())
    return found.decision.allowed


@QUICK
@given(st.sampled_from(((REQUEST, GOOD_REQUEST), (RESUME_REQUEST, GOOD_RESUME))), st.data(), moments)
def test_no_request_makes_the_gate_fail(
    kind: tuple[str, dict[str, Json]], data: st.DataObject, now: datetime
) -> None:
    purpose, good = kind
    text = text_of(purpose, data.draw(meddled(good)))
    if text is None:
        return
    try:
        subject = request_subject(text, "test")
    except InputError:
        return  # the fold takes no such entry
    record = replace(
        BASE.state.requests[ASKED], digest=statement_digest(text), statement=text, subject=subject
    )
    assert isinstance(record, RequestRecord)
    state = replace(BASE.state, requests=frozen({**BASE.state.requests, record.digest: record}))
    assert answered(state, record.digest, now) in {True, False}


@QUICK
@given(st.lists(meddled(GOOD_SIGN_OFF), max_size=4), st.sampled_from((ALICE, BOB, CAROL, ERIN)), moments)
def test_no_sign_off_makes_the_gate_fail(given_: list[dict[str, Json]], key: object, now: datetime) -> None:
    asked = BASE.state.requests[ASKED]
    texts = [text for fields in given_ if (text := text_of(SIGN_OFF, fields)) is not None]
    records = tuple(
        SignOffRecord(
            digest=statement_digest(text),
            statement=text,
            signer=key.fingerprint,  # type: ignore[attr-defined]  # one of the keys
            recorded=SCENE.now,
            sequence=500 + place,
        )
        for place, text in enumerate(texts)
    )
    more = replace(asked, sign_offs=(*asked.sign_offs, *records))
    state = replace(BASE.state, requests=frozen({**BASE.state.requests, ASKED: more}))
    answered(state, ASKED, now)
    alone = replace(asked, sign_offs=records)
    state = replace(BASE.state, requests=frozen({**BASE.state.requests, ASKED: alone}))
    assert not answered(state, ASKED, now), "one person is not three"


@QUICK
@given(meddled(GOOD_WAIVER), moments)
def test_no_waiver_makes_the_gate_fail(fields: dict[str, Json], now: datetime) -> None:
    text = text_of(WAIVER, fields)
    if text is None:
        return
    record = WaiverRecord(
        digest=statement_digest(text), statement=text, signer=ERIN.fingerprint, recorded=SCENE.now
    )
    release = digest_of("2.0.0")
    known = BASE.state.waivers[release]
    state = replace(BASE.state, waivers=frozen({release: (*known[1:], record)}))
    assert answered(state, ASKED, now) <= (now < BASE.now + DAY)


@pytest.mark.parametrize("begins", ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
def test_a_request_dated_at_the_end_of_all_years_stops_no_other(begins: str) -> None:
    """Adding two weeks to it is no date: that must not keep the gate from being asked about the rest."""
    fields = {**GOOD_REQUEST, "requested_at": begins, "expires_at": "9999-12-31T23:59:59Z"}
    text = write_statement(REQUEST, fields)
    record = replace(BASE.state.requests[ASKED], digest=statement_digest(text), statement=text)
    state = replace(BASE.state, requests=frozen({**BASE.state.requests, record.digest: record}))
    assert not answered(state, record.digest, BASE.now)
    assert answered(state, ASKED, BASE.now)
