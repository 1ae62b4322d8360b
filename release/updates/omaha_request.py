"""Omaha 3.0 requests: what a machine says it is, wants, and has to report.

Source: update_engine's ``omaha_request_action.cc``, go-omaha's ``protocol.go`` (Nebraska's syncer, ue-rs).
Values that decide something are checked and refused when they are not of the form that clients send; of
the rest only plain words are kept. So nothing of a request that was read can hurt a log, a metric, a page
or an answer: it is ASCII letters, digits and ``. _ - + { }``, and short. It may still be a lie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from release.catalog.version import Version
from release.updates.omaha_xml import Element, MalformedRequestError, read_elements, shown

PROTOCOL = "3.0"
APP_LIMIT = 8
"""update_engine sends one; go-omaha may send several."""
EVENT_LIMIT = 16
"""Of one app. update_engine sends one at a time."""
_WORD = re.compile(r"[0-9A-Za-z._+{}-]{1,64}", re.ASCII)
_IDENTIFIER = re.compile(r"\{?([0-9A-Za-z][0-9A-Za-z._-]{0,63})\}?", re.ASCII)
_VERSION = re.compile(
    r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})([+-][0-9A-Za-z.+_-]{1,64})?", re.ASCII
)
_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_WHOLE = 2**32
_BOARDS = {"x64": "amd64-usr", "arm": "arm64-usr"}
"""What go-omaha says of the architecture where it names no board."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on the machine, in numbers of the protocol: see ``release.updates.outcome``."""

    type: int
    result: int
    error_code: int = 0
    previous: Version | None = None
    """What ran before the update, on the first request after it; None where that is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRequest:
    """What one machine asks for one application.

    Attributes:
        appid: as it was sent, to be sent back.
        application: ``appid`` without braces, in small letters, to be compared.
        version: the numbers of what runs. A suffix (``4081.2.0+nightly-20240823-2100``) is left out.
        released: whether it was sent without a suffix. Bits of a build that has one are not the release's.
        track: the group or channel; empty where none was named.
        board: empty where neither it nor a known architecture was named.
        machine: the machine id, without braces, in small letters.
        boot: the boot id, and ``oem`` the platform; empty where they are missing or no plain words.
        delta_okay: what the client says; update_engine says no, and takes deltas all the same.
        multi_manifest_ok: a syncer that could take several releases at once.
    """

    appid: str
    application: str
    version: Version
    released: bool
    track: str
    board: str
    machine: str
    boot: str
    oem: str
    ping: bool
    update_check: bool
    events: tuple[Event, ...]
    delta_okay: bool
    multi_manifest_ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRequest:
    """One request. ``updater`` and ``install_source`` are empty where they are missing or no plain words."""

    updater: str
    install_source: str
    apps: tuple[AppRequest, ...]


def read_request(data: bytes) -> UpdateRequest:
    """Read a request. Elements and attributes that are not known here are passed over.

    Raises:
        MalformedRequestError: it is not one; says what is wrong in one short line of ASCII.
    """
    elements = read_elements(data)
    root = elements[0]
    if root.name != "request" or root.attributes.get("protocol") != PROTOCOL:
        raise MalformedRequestError(f"request: expected an Omaha request, protocol {PROTOCOL}")
    apps = _gather(elements)
    if not 0 < len(apps) <= APP_LIMIT:
        raise MalformedRequestError(f"request: expected 1 to {APP_LIMIT} apps, found {len(apps)}")
    architecture = next((one.attributes.get("arch", "") for one in elements if one.name == "os"), "")
    board = _BOARDS.get(architecture, "")
    return UpdateRequest(
        updater=_word(root.attributes, "updaterversion"),
        install_source=_word(root.attributes, "installsource"),
        apps=tuple([_app(element, inside, board) for element, inside in apps]),
    )


def _gather(elements: list[Element]) -> list[tuple[Element, list[Element]]]:
    """Every app with the elements right inside it."""
    apps: list[tuple[Element, list[Element]]] = []
    inside: list[Element] | None = None
    for element in elements:
        if element.depth == 2:
            inside = None
            if element.name == "app":
                inside = []
                apps.append((element, inside))
        elif element.depth == 3 and inside is not None:
            inside.append(element)
    return apps


def _app(element: Element, inside: list[Element], board: str) -> AppRequest:
    fields = element.attributes
    appid = fields.get("appid", "")
    version, released = _version(fields.get("version", ""))
    names = [child.name for child in inside]
    events = [_event(child.attributes) for child in inside if child.name == "event"]
    if len(events) > EVENT_LIMIT:
        raise MalformedRequestError(f"request: more than {EVENT_LIMIT} events of one app")
    return AppRequest(
        appid=appid,
        application=_identifier(fields, "appid"),
        version=version,
        released=released,
        track=_identifier(fields, "track") if fields.get("track") else "",
        board=_identifier(fields, "board") if fields.get("board") else board,
        machine=_identifier(fields, "machineid"),
        boot=_word(fields, "bootid"),
        oem=_word(fields, "oem"),
        ping="ping" in names,
        update_check="updatecheck" in names,
        events=tuple(events),
        delta_okay=fields.get("delta_okay") == "true",
        multi_manifest_ok=fields.get("multi_manifest_ok") == "true",
    )


def _event(fields: Mapping[str, str]) -> Event:
    previous = _VERSION.fullmatch(fields.get("previousversion", ""))
    return Event(
        type=_number(fields, "eventtype"),
        result=_number(fields, "eventresult"),
        error_code=_number(fields, "errorcode"),
        previous=Version(int(previous[1]), int(previous[2]), int(previous[3])) if previous else None,
    )


def _version(text: str) -> tuple[Version, bool]:
    match = _VERSION.fullmatch(text)
    if match is None:
        raise MalformedRequestError(
            f"request: app version {shown(text)}: expected MAJOR.BRANCH.PATCH, maybe + or - and a suffix"
        )
    return Version(int(match[1]), int(match[2]), int(match[3])), match[4] is None


def _identifier(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name, "")
    match = _IDENTIFIER.fullmatch(text)
    if match is None:
        raise MalformedRequestError(
            f"request: app {name} {shown(text)}: expected up to 64 letters, digits and . _ -"
        )
    return match[1].lower()


def _number(fields: Mapping[str, str], name: str) -> int:
    """A 32-bit number, as ``printf("%d")`` or ``%u`` writes it; 0 where there is none."""
    text = fields.get(name, "0")
    if _NUMBER.fullmatch(text) is None or not -_WHOLE < int(text) < _WHOLE:
        raise MalformedRequestError(f"request: event {name} {shown(text)}: expected a 32-bit number")
    return int(text)


def _word(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name, "")
    return text if _WORD.fullmatch(text) else ""
