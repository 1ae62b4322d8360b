from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from release.updates.omaha_xml import SIZE_LIMIT
from release.updates.server.access_log import AccessLog
from release.updates.server.app import Life, UpdateApp
from release.updates.server.log import Bucket, Changes, EventLog
from tests.unit.updates.server.desk import Desk
from tests.update_mirror import DAY, document
from tests.update_server import MACHINE, request_body

Headers = list[tuple[bytes, bytes]]


@dataclass
class Client:
    """Speaks ASGI to an application, without a server in between."""

    desk: Desk
    access: bool = False
    lived: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answering = self.desk.answering()
        life = Life(begin=lambda: self.lived.append("begin"), end=lambda: self.lived.append("end"))
        log = AccessLog(self.desk.log) if self.access else None
        self.app = UpdateApp(self.answering, life, self.desk.log, path="/v1/update", access_log=log)

    def send(
        self,
        method: str,
        path: str,
        *pieces: bytes,
        headers: Headers | None = None,
        kind: str = "http.request",
    ) -> tuple[int, bytes]:
        return asyncio.run(self._send(method, path, list(pieces) or [b""], headers or [], kind))

    async def _send(
        self, method: str, path: str, pieces: list[bytes], headers: Headers, kind: str
    ) -> tuple[int, bytes]:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            piece = pieces.pop(0)
            return {"type": kind if not pieces else "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": headers,
            "client": ("192.0.2.1", 9),
        }
        await self.app(scope, receive, send)
        return (sent[0]["status"], sent[1]["body"]) if sent else (0, b"")


@pytest.fixture
def desk() -> Desk:
    desk = Desk(("one",))
    desk.mirror.publish(document())
    desk.documents.refresh()
    return desk


@pytest.fixture
def client(desk: Desk) -> Client:
    return Client(desk)


@pytest.mark.parametrize("path", ["/v1/update", "/v1/update/"])
def test_machines_ask_with_and_without_a_slash(client: Client, path: str) -> None:
    status, body = client.send("POST", path, request_body())
    assert status == 200
    assert b'updatecheck status="ok"' in body


def test_a_body_may_come_in_pieces(client: Client) -> None:
    body = request_body()
    assert client.send("POST", "/v1/update/", body[:10], body[10:])[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/update/x", 404),
        ("GET", "/v1/update/", 405),
        ("POST", "/metrics", 405),
        ("GET", "/health", 200),
        ("HEAD", "/ready", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_other_paths_and_methods(client: Client, method: str, path: str, status: int) -> None:
    assert client.send(method, path)[0] == status


def test_ready_means_that_all_was_asked_for_once_and_a_document_is_not_expired(client: Client) -> None:
    assert client.send("GET", "/ready")[0] == 200
    client.desk.documents.settled = False
    assert client.send("GET", "/ready")[0] == 503
    client.desk.documents.settled = True
    client.desk.pass_time(DAY)
    assert client.send("GET", "/ready")[0] == 503
    assert client.send("GET", "/health")[0] == 200


@pytest.mark.parametrize("length", [b"1000000000", b"65537"])
def test_a_body_that_says_it_is_too_long_is_refused_unread(client: Client, length: bytes) -> None:
    status, body = client.send("POST", "/v1/update/", headers=[(b"content-length", length)])
    assert (status, body) == (413, b"413: expected up to 65536 bytes\n")


def test_a_body_that_does_not_say_is_refused_when_it_is_too_long(client: Client) -> None:
    assert client.send("POST", "/v1/update/", *[b"x" * SIZE_LIMIT] * 3)[0] == 413
    assert client.send("POST", "/v1/update/", b"x" * SIZE_LIMIT, b"x")[0] == 413


def test_a_packed_body_is_refused(client: Client) -> None:
    assert client.send("POST", "/v1/update/", headers=[(b"content-encoding", b"gzip")])[0] == 415


def test_what_is_no_request_is_answered_in_one_short_line(client: Client) -> None:
    status, body = client.send("POST", "/v1/update/", b"<\xff\x1b[31m")
    assert status == 400
    assert body.isascii()
    assert len(body) < 300
    assert body.count(b"\n") == 1


def test_a_client_that_goes_away_is_not_answered(client: Client) -> None:
    assert client.send("POST", "/v1/update/", b"x", kind="http.disconnect") == (0, b"")


def test_a_fault_tells_the_client_a_number_and_the_log_a_place(client: Client) -> None:
    client.desk.documents.held = None  # type: ignore[assignment]  # a fault of the program
    status, body = client.send("POST", "/v1/update/", request_body("secretsecret"))
    fault = client.desk.told("request-fault")[0]
    assert status == 500
    assert fault["request"].encode() in body
    assert fault["error"] == "AttributeError"
    assert "answering.py" in fault["where"]
    assert "secretsecret" not in json.dumps(client.desk.events)


def test_a_flood_of_faults_is_no_flood_of_lines(client: Client) -> None:
    client.desk.documents.held = None  # type: ignore[assignment]  # as above
    for _ in range(50):
        client.send("POST", "/v1/update/", request_body())
    assert len(client.desk.told("request-fault")) == 10


def test_requests_leave_no_lines_unless_wanted(client: Client) -> None:
    before = len(client.desk.lines)
    client.send("POST", "/v1/update/", request_body())
    client.send("POST", "/v1/update/", b"<x/>")
    assert len(client.desk.lines) == before


def test_the_access_log_says_who_was_told_what_without_machine_ids(desk: Desk) -> None:
    client = Client(desk, access=True)
    client.send("POST", "/v1/update/", request_body())
    client.send("POST", "/v1/update/", b"<x/>")
    good, bad = desk.told("request")
    assert (good["client"], good["offered"], good["track"]) == ("192.0.2.1", "4081.2.1", "stable")
    assert bad["status"] == 400
    assert MACHINE not in json.dumps(desk.events)


def test_the_application_begins_and_ends_with_its_lifespan(client: Client) -> None:
    sent: list[str] = []

    async def live() -> None:
        incoming = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> MutableMapping[str, Any]:
            return {"type": next(incoming)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message["type"])

        await client.app({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    assert client.lived == ["begin", "end"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_line_of_the_log_is_ascii_and_short_whatever_it_tells() -> None:
    lines: list[str] = []
    EventLog(lines.append).say("x", text="\x1b[31m\n\u202e" + "y" * 10_000, nothing=None)
    assert lines[0].isascii()
    assert "\n" not in lines[0]
    assert "\x1b" not in lines[0]
    assert len(lines[0]) < 500
    assert "nothing" not in lines[0]


def test_a_state_is_told_when_it_changes() -> None:
    lines: list[str] = []
    changes = Changes(EventLog(lines.append))
    told = [changes.tell("mirror", state, "x") for state in ("good", "good", "bad", "bad", "good")]
    assert told == [True, False, True, False, True]


def test_a_bucket_lets_so_many_through_in_a_period() -> None:
    now = [0.0]
    bucket = Bucket(2, 60.0, lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 60.0
    assert bucket.take()
    assert bucket.held_back == 1
