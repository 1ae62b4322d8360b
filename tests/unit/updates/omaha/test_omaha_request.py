"""Requests of real clients are read, and whatever else is refused in one short line."""

from __future__ import annotations

import pytest

from release.catalog.version import Version
from release.updates.omaha_request import APP_LIMIT, EVENT_LIMIT, AppRequest, Event, read_request
from release.updates.omaha_xml import (
    ATTRIBUTE_LIMIT,
    DEPTH_LIMIT,
    ELEMENT_LIMIT,
    SIZE_LIMIT,
    MalformedRequestError,
)
from tests.unit.updates.omaha.requests import (
    CHECK,
    FLATCAR_APP,
    MACHINE,
    PING,
    SYNCER,
    UE_RS,
    event,
    update_engine,
)


def app_of(data: bytes) -> AppRequest:
    (app,) = read_request(data).apps
    return app


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedRequestError) as caught:
        read_request(data)
    text = str(caught.value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 160
    return text


def test_the_check_of_update_engine() -> None:
    request = read_request(update_engine())
    assert (request.updater, request.install_source) == ("update_engine-0.4.10", "scheduler")
    assert request.apps == (
        AppRequest(
            appid=FLATCAR_APP,
            application="e96281a6-d1af-4bde-9a0a-97b76e56dc57",
            version=Version(4081, 2, 0),
            released=True,
            track="stable",
            board="amd64-usr",
            machine=MACHINE,
            boot="{965fb4c5-ad3e-4eb7-a4c2-ca0c0e31ec84}",
            oem="ami",
            ping=True,
            update_check=True,
            events=(Event(type=3, result=2),),
            delta_okay=False,
            multi_manifest_ok=False,
        ),
    )


def test_the_events_of_update_engine() -> None:
    assert app_of(event(13, 1)).events == (Event(type=13, result=1),)
    failed = event(3, 0, errorcode="-2147483638")
    assert app_of(failed).events == (Event(type=3, result=0, error_code=-2147483638),)
    rebooted = event(3, 2, previousversion="4081.2.0")
    assert app_of(rebooted).events == (Event(type=3, result=2, previous=Version(4081, 2, 0)),)


@pytest.mark.parametrize("previous", ["", ".".join("0000"), "initial", "9" * 5000, "<>", "1.2"])
def test_a_previous_version_that_is_none_says_nothing(previous: str) -> None:
    data = event(3, 2, previousversion=previous.replace("<", "&lt;"))
    assert app_of(data).events[0].previous is None


def test_a_report_asks_for_nothing() -> None:
    app = app_of(event(14, 1))
    assert not app.update_check
    assert not app.ping


def test_the_syncer_of_nebraska_names_no_board_but_an_architecture() -> None:
    request = read_request(SYNCER)
    (app,) = request.apps
    assert request.updater == "CoreOSUpdateEngine-0.1.0.0"
    assert (app.board, app.machine) == ("arm64-usr", "b1f0c9ae-8b0b-4f0b-8b58-9b7c1c7d7c11")
    assert app.multi_manifest_ok


def test_a_nightly_is_the_numbers_of_its_version_and_no_release() -> None:
    app = app_of(UE_RS)
    assert (app.version, app.released) == (Version(3340, 0, 0), False)
    assert app.board == ""


@pytest.mark.parametrize("version", ["0.0.0", "4081.2.0-dev", "4081.2.0+nightly-20240823-2100", "1.2.3"])
def test_versions_that_are_sent(version: str) -> None:
    app = app_of(update_engine(version))
    assert str(app.version) == version.partition("+")[0].partition("-")[0]
    assert app.released == ("+" not in version and "-" not in version)


@pytest.mark.parametrize(
    "version",
    [
        "",
        "4081",
        "4081.2",
        "4081.2.0.0",
        "-1.2.0",
        "04081.2.0",
        "999999999999999999999.0.0",
        "4081.2.0+",
        "4081.2.0+<b>",
        "4081.2.0+" + "x" * 65,
        "version four",
        "4081.2.0 ",
        "4081.2.\u0660",
        "9" * 10_000,
    ],
)
def test_absurd_versions_are_refused(version: str) -> None:
    assert "app version" in refusal(update_engine(version))


@pytest.mark.parametrize("name", ["appid", "machineid"])
@pytest.mark.parametrize("value", ["", "{", "{}", "a b", "a\nb", "a" * 65, "<x>", "é", "a\u202eb", "../x"])
def test_ids_are_plain_and_there(name: str, value: str) -> None:
    assert f"app {name}" in refusal(update_engine(**{name: value}))


@pytest.mark.parametrize("name", ["track", "board"])
def test_a_track_or_board_may_be_missing_and_may_not_be_strange(name: str) -> None:
    assert getattr(app_of(update_engine(**{name: ""})), name) == ""
    assert f"app {name}" in refusal(update_engine(**{name: "../../etc/passwd"}))
    assert f"app {name}" in refusal(update_engine(**{name: "a'; DROP TABLE machines; --"}))


@pytest.mark.parametrize("value", ["a b", "<script>", "x" * 65, "ö"])
def test_what_decides_nothing_is_left_out_when_it_is_strange(value: str) -> None:
    app = app_of(update_engine(oem=value, bootid=value))
    assert (app.oem, app.boot) == ("", "")


@pytest.mark.parametrize(
    "code", ["x", "", "1e3", "99999999999", "4294967296", "-4294967296", "1" * 9000, "\u0661"]
)
def test_numbers_of_events_are_numbers(code: str) -> None:
    assert "event errorcode" in refusal(event(3, 0, errorcode=code))


def test_several_apps_keep_their_order_and_their_events() -> None:
    one = update_engine().decode()
    begin, end = one.index("<app"), one.index("</request>")
    app = one[begin:end]
    two = one[:end] + app.replace(FLATCAR_APP, "other.app").replace(CHECK, "") + one[end:]
    request = read_request(two.encode())
    assert [each.appid for each in request.apps] == [FLATCAR_APP, "other.app"]
    assert [each.update_check for each in request.apps] == [True, False]
    many = one[:end] + app * APP_LIMIT + one[end:]
    assert f"expected 1 to {APP_LIMIT} apps, found {APP_LIMIT + 1}" in refusal(many.encode())
    assert "found 0" in refusal((one[:begin] + one[end:]).encode())


def test_events_have_a_limit() -> None:
    one = '<event eventtype="13" eventresult="1"/>'
    assert len(app_of(update_engine(inside=one * EVENT_LIMIT)).events) == EVENT_LIMIT
    assert "events" in refusal(update_engine(inside=one * (EVENT_LIMIT + 1)))


def test_elements_that_are_not_known_are_passed_over() -> None:
    inside = f"{PING}<extra deep='1'><updatecheck/></extra>{CHECK}<!-- comment --><![CDATA[ text ]]><?pi x?>"
    app = app_of(update_engine(inside=inside))
    assert app.ping
    assert app.update_check
    outside = update_engine().replace(b"<app ", b"<other><updatecheck/></other><app ")
    assert read_request(outside).apps[0].update_check


def test_an_update_check_outside_of_an_app_or_too_deep_is_none() -> None:
    deep = update_engine(inside=f"<x>{CHECK}{PING}</x>")
    assert not app_of(deep).update_check
    beside = update_engine(inside="").replace(b"</app>", b"</app><updatecheck/>")
    assert not app_of(beside).update_check


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"{}",
        b"<request",
        b"<request protocol='3.0'>",
        b"<request protocol='3.0'/><request protocol='3.0'/>",
        b"<html/>",
        b"<request/>",
        b"<request protocol='2.0'/>",
        b"<a:request protocol='3.0'/>",
        b"<request protocol='3.0' protocol='3.0'/>",
        b"<request protocol='3.0'>&undefined;</request>",
        b"<request protocol='3.0' x='&#0;'/>",
        b"<request protocol='3.0' x='\x01'/>",
        b"<request protocol='3.0' x='\xff\xfe'/>",
        b"<request protocol='3.0' x='\xed\xa0\x80'/>",
        "<request protocol='3.0'/>".encode("utf-16"),
        "<request protocol='3.0'/>".encode("utf-32"),
        b"<?xml version='1.0' encoding='iso-8859-1'?><request protocol='3.0'/>",
        b"<?xml version='1.0' encoding='UTF-7'?><request protocol='3.0'/>",
        b"<?xml version='1.0' encoding='no-such'?><request protocol='3.0'/>",
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    refusal(data)


def test_an_app_inside_of_something_else_is_none() -> None:
    data = update_engine().replace(b"<app ", b"<x><app ").replace(b"</app>", b"</app></x>")
    assert "found 0" in refusal(data)
    inside = read_request(update_engine(inside=f"<app appid='other'/>{CHECK}"))
    assert [app.appid for app in inside.apps] == [FLATCAR_APP]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp037"])
def test_a_request_is_utf_8(encoding: str) -> None:
    assert "expected XML" in refusal(SYNCER.decode().encode(encoding))


def test_a_byte_order_mark_of_utf_8_is_fine() -> None:
    assert read_request(b"\xef\xbb\xbf" + update_engine()) == read_request(update_engine())


@pytest.mark.parametrize(
    "declarations",
    [
        "",
        '<!ENTITY a "b">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)) + '<!ENTITY a0 "lol">',
        f'<!ENTITY a "{"x" * 30_000}">',
    ],
)
def test_document_types_are_refused_before_they_are_read(declarations: str) -> None:
    prolog = f"<!DOCTYPE request [{declarations}]>".encode()
    data = update_engine(machinealias="@").replace(b"<request", prolog + b"<request").replace(b"@", b"&a;")
    assert "no document type" in refusal(data)


def test_bounds_hold_while_reading_before_the_document_turns_out_broken() -> None:
    assert "inside one another" in refusal(b"<a>" * (DEPTH_LIMIT + 1))
    assert "inside one another" in refusal(b"<a>" * (SIZE_LIMIT // 3))
    assert f"{ELEMENT_LIMIT} elements" in refusal(b"<a>" + b"<b/>" * (SIZE_LIMIT // 4 - 3))
    wide = b"<a " + b" ".join(b"a%d='1'" % number for number in range(ATTRIBUTE_LIMIT + 1)) + b">"
    assert "attributes" in refusal(wide)
    assert f"{SIZE_LIMIT} bytes" in refusal(update_engine() + b" " * SIZE_LIMIT)


def test_a_request_of_the_largest_size_is_read() -> None:
    data = update_engine()
    assert read_request(data + b" " * (SIZE_LIMIT - len(data))) == read_request(data)
