"""Whatever bytes come, a request is read or refused: in one short line, in little memory, and harmless."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import fields
from xml.etree import ElementTree as ET

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from release.catalog.version import Version
from release.updates.offer import NoUpdate, Reason
from release.updates.omaha_request import AppRequest, UpdateRequest, read_request
from release.updates.omaha_response import AppAnswer, render
from release.updates.omaha_xml import SIZE_LIMIT, MalformedRequestError
from release.updates.outcome import CODES, outcome
from tests.unit.updates.omaha.requests import SYNCER, UE_RS, event, update_engine

QUICK = settings(
    max_examples=600, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
REAL = [
    update_engine(),
    update_engine("4081.2.0+nightly-20240823-2100"),
    event(3, 0, errorcode="268435466"),
    event(3, 2, previousversion="3975.2.0"),
    SYNCER,
    UE_RS,
]
PIECES = [
    b"<",
    b">",
    b"/>",
    b"&",
    b"&lt;",
    b"&#x0;",
    b"&#10;",
    b'"',
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE r [<!ENTITY a 'b'>]>",
    b"&a;",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<app>",
    b"</app>",
    b"<event eventtype='13'/>",
    b"\xff\xfe",
    b"\x00",
    b"\xed\xa0\x80",
    "\u202e\u0000\u2028".encode(),
    b"9" * 400,
]
PLAIN = re.compile(r"[0-9A-Za-z._+{}-]{0,66}", re.ASCII)


def read(data: bytes) -> UpdateRequest | None:
    """The request, or None when it was refused in good form. Anything else fails the test."""
    try:
        request = read_request(data)
    except MalformedRequestError as error:
        text = str(error)
        assert text.isascii()
        assert text.isprintable()
        assert len(text) < 160
        return None
    harmless(request)
    return request


def harmless(request: UpdateRequest) -> None:
    records: list[UpdateRequest | AppRequest] = [request, *request.apps]
    for record in records:
        for field in fields(record):
            value = getattr(record, field.name)
            if isinstance(value, str):
                assert PLAIN.fullmatch(value), (field.name, value)
    for app in request.apps:
        assert app.machine
        assert app.application == app.application.lower()
        for one in app.events:
            assert outcome(one).word in {*CODES.values(), "none", "other"}
    answers = [AppAnswer(app=app, answer=NoUpdate(reason=Reason.EXPIRED)) for app in request.apps]
    told = ET.fromstring(render(answers, 1))  # noqa: S314  our own
    assert [app.get("appid") for app in told.iter("app")] == [app.appid for app in request.apps]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real request with pieces cut out, doubled, moved and put in."""
    data = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(1, 4))):
        low, high = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
        high = min(high, low + draw(st.sampled_from([0, 1, 20, 300])))
        put = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(data[low:high])))
        data = data[:low] + put + data[draw(st.sampled_from([low, high])) :]
    return data


@QUICK
@given(data=st.binary(max_size=300))
@example(data=b"")
def test_any_bytes(data: bytes) -> None:
    assert read(data) is None


@QUICK
@given(data=damaged())
def test_damaged_requests(data: bytes) -> None:
    read(data)


@QUICK
@given(
    values=st.dictionaries(
        st.sampled_from(
            ["appid", "version", "track", "board", "machineid", "oem", "bootid", "delta_okay", "lang"]
        ),
        st.one_of(
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=80),
            st.from_regex(r"[0-9]{1,12}\.[0-9]{1,12}\.[0-9]{1,12}([+-][a-z0-9.]{0,70})?", fullmatch=True),
            st.sampled_from(["'\"<&>", "\t", "x" * 65, "../..", "{}", "{a}", "a}{b"]),
        ),
        min_size=1,
    )
)
def test_any_text_in_any_attribute(values: dict[str, str]) -> None:
    if not any(ord(c) in {0xFFFE, 0xFFFF} for value in values.values() for c in value):
        ET.fromstring(update_engine(**values))  # noqa: S314  the test's own; it is XML
    read(update_engine(**values))


@QUICK
@given(
    numbers=st.tuples(*[st.integers(0, 10**10)] * 3),
    suffix=st.from_regex(r"([+-][0-9A-Za-z.+_-]{1,64})?", fullmatch=True),
)
def test_a_version_is_read_as_its_numbers_or_refused(numbers: tuple[int, int, int], suffix: str) -> None:
    request = read(update_engine(".".join(map(str, numbers)) + suffix.strip()))
    assert (request is None) == (max(numbers) >= 10**9)
    if request is not None:
        assert request.apps[0].version == Version(*numbers)
        assert request.apps[0].released == (suffix == "")


def test_the_largest_and_worst_documents_take_little_memory() -> None:
    """A few times the size of the document, however it is made."""
    full = [piece * (SIZE_LIMIT // len(piece)) for piece in PIECES]
    ones = [b"<a>", b"<a/>", b"<a x='1'>", b"<!---->", b"&lt;", b"<?p?>", b" ", b"\xc3\xbc"]
    full += [b"<r>" + one * ((SIZE_LIMIT - 3) // len(one)) for one in ones]
    names = b"".join(b" a%d=''" % number for number in range(6000))
    full += [b"<r" + names + b">", b"<" + b"n" * (SIZE_LIMIT - 1)]
    full += [update_engine(machinealias="&" * 12_000)]
    for data in full:
        assert len(data) <= SIZE_LIMIT
        tracemalloc.start()
        try:
            read(data)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 40 * SIZE_LIMIT, data[:20]
