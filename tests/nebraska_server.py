"""A Nebraska on loopback that holds every request and every answer to Nebraska's API description.

It is stateful (``tests.nebraska_state``), can be told to fail in all the ways that networks and proxies do,
and keeps a log. The description is the one with the names of the wire, beside the checkout.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.nebraska_state import APP, AnswerError, NebraskaState, Object

TOKEN = "a-robot.s-token"  # an administrator's
VIEWER = "a-viewer.s-token"


@dataclass
class Fault:
    """Something that goes wrong ``times`` times, with requests of ``method`` whose path ``path`` is found in.

    ``kind``: ``drop`` (closed unanswered, nothing done), ``drop-after`` (done, then closed unanswered),
    ``status`` and ``status-after`` (answered with ``status``, nothing done or done), ``lie`` (said to be
    done, and not), ``slow`` (done, answered after ``seconds``), ``cut`` (half of the answer), ``half``
    (half of it, with the length of that), ``html``, ``login`` (redirected), ``huge``, ``stale`` (as it
    was before the last write, as from a copy of the database that lags), ``none``.
    """

    kind: str
    method: str = "GET"
    path: str = ""
    times: int = 1
    status: int = 502
    seconds: float = 0.0
    then: Fault | None = None
    """What goes wrong after this."""


@dataclass
class NebraskaServer:
    """One that runs. ``writes`` are the requests that may change something, as ``METHOD path``."""

    url: str = ""
    open: bool = False
    """Whether everybody is let in: ``--auth-mode=noop``."""
    state: NebraskaState = field(default_factory=NebraskaState)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)
    stale: NebraskaState | None = None
    """The state before the last write."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def writes(self) -> list[str]:
        """Requests that may change something."""
        return [one for one in self.requests if not one.startswith("GET ")]

    def fault(self, method: str, path: str) -> Fault:
        """What goes wrong with this request, and one less of it."""
        for one in self.faults:
            if one.times > 0 and one.method == method and re.search(one.path, path):
                one.times -= 1
                if one.then is not None:
                    self.faults.append(one.then)
                return one
        return Fault("none")


@cache
def description(path: Path) -> OpenAPI:
    """Nebraska's description, and what its code adds to it (flatcar/nebraska, ``backend/pkg`` 2026-08)."""
    spec = yaml.safe_load(path.read_bytes())
    schemas, paths = spec["components"]["schemas"], spec["paths"]
    package, channel = schemas["package"]["properties"], schemas["channel"]["properties"]
    # api/types: null.String, a StringArray scanned from NULL, and pointers are null in JSON.
    for name in ("filename", "description", "size", "hash", "channels_blacklist"):
        package[name]["nullable"] = True
    package["flatcar_action"] = {**deepcopy(schemas["flatcarAction"]), "nullable": True}
    channel["package_id"]["nullable"] = True
    channel["package"] = {**deepcopy(schemas["package"]), "nullable": True}
    # api/types.File tells two fields more than a request may.
    shown = deepcopy(schemas["extraFiles"])
    shown["items"]["properties"] |= {"package_id": {"type": "string"}, "created_ts": {"type": "string"}}
    for one in (package, channel["package"]["properties"]):
        one["extra_files"] = shown
    # handler: DELETE answers 204, and floors are counted like all other lists.
    for name in (
        "/api/channels/{channelID}/floors/{packageID}",
        "/api/apps/{appIDorProductID}/packages/{packageID}",
    ):
        paths[name]["delete"]["responses"]["204"] = {"description": "done"}
    page = paths["/api/channels/{channelID}/floors"]["get"]["responses"]["200"]
    page["content"]["application/json"]["schema"] = deepcopy(schemas["packagePage"])
    return OpenAPI.from_dict(spec)


_ROUTES = (
    ("GET", rf"/api/apps/{APP}/packages", lambda on, _, query, __: on.list_packages(query)),
    ("POST", rf"/api/apps/{APP}/packages", lambda on, _, __, body: on.create_package(body)),
    ("GET", rf"/api/apps/{APP}/packages/([^/]+)", lambda on, ids, _, __: on.get_package(*ids)),
    ("DELETE", rf"/api/apps/{APP}/packages/([^/]+)", lambda on, ids, _, __: on.delete_package(*ids)),
    ("GET", rf"/api/apps/{APP}/channels", lambda on, _, query, __: on.list_channels(query)),
    ("GET", rf"/api/apps/{APP}/channels/([^/]+)", lambda on, ids, _, __: on.get_channel(*ids)),
    (
        "PUT",
        rf"/api/apps/{APP}/channels/([^/]+)",
        lambda on, ids, _, body: on.update_channel(*ids, body),
    ),
    ("GET", r"/api/channels/([^/]+)/floors", lambda on, ids, query, _: on.list_floors(*ids, query)),
    ("PUT", r"/api/channels/([^/]+)/floors/([^/]+)", lambda on, ids, _, body: on.set_floor(*ids, body)),
    ("DELETE", r"/api/channels/([^/]+)/floors/([^/]+)", lambda on, ids, _, __: on.remove_floor(*ids)),
)


@dataclass(frozen=True)
class Reply:
    """An answer. ``length`` is what Content-Length claims, None for the truth."""

    status: int
    body: bytes = b""
    kind: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


_CHECKED: set[tuple[str, ...]] = set()
_HUGE = b" " * (17 << 20)


class _Handler(BaseHTTPRequestHandler):
    nebraska: NebraskaServer
    openapi: OpenAPI
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    disable_nagle_algorithm = True

    def answer(self) -> None:
        parts, server = urlsplit(self.path), self.nebraska
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with server.lock:
            fault = server.fault(self.command, self.path)
            server.requests.append(f"{self.command} {parts.path}")
            server.authorizations.add(self.headers.get("Authorization", ""))
            reply = self._reply(fault, parts.path, dict(parse_qsl(parts.query)), data)
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = reply.length is not None

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # the base class's names

    def _reply(self, fault: Fault, path: str, query: dict[str, str], data: bytes) -> Reply | None:
        """The answer, by what goes wrong; None closes the connection."""
        early = {
            "drop": None,
            "status": Reply(fault.status),
            "html": Reply(200, b"<html>sign in</html>", "text/html; charset=utf-8"),
            "login": Reply(302, headers={"Location": "https://login.example.org/?next=%2F"}),
            "huge": Reply(200, _HUGE),
        }
        if fault.kind in early:
            return early[fault.kind]
        before = deepcopy(self.nebraska.state)
        if fault.kind == "stale" and self.nebraska.stale is not None:
            self.nebraska.state = self.nebraska.stale
        reply = self._honest(path, query, data)
        if fault.kind in {"lie", "stale"}:
            self.nebraska.state = before
        elif self.command != "GET":
            self.nebraska.stale = before
        half = reply.body[: len(reply.body) // 2]
        late = {
            "drop-after": None,
            "status-after": Reply(fault.status),
            "cut": Reply(200, half, length=len(reply.body)),
            "half": Reply(200, half),
        }
        return late.get(fault.kind, reply)

    def _honest(self, path: str, query: dict[str, str], data: bytes) -> Reply:
        """What Nebraska answers, request and answer held to its description."""
        request = MockRequest(
            "http://127.0.0.1",
            self.command.lower(),
            path,
            args=query,
            headers={"authorization": "Bearer any"},  # who is let in is not for the description to say
            data=data or None,
            content_type=self.headers.get("Content-Type", ""),
        )
        if self._breaks(f"{self.command} {path}", self.openapi.validate_request, request):
            return Reply(400)
        reply = self._routed(path, query, data)
        response = MockResponse(reply.body, status_code=reply.status, content_type="application/json")
        if reply.status not in {401, 403}:
            what = f"answer to {self.command} {path}"
            self._breaks(what, self.openapi.validate_response, request, response)
        return reply

    def _breaks(self, what: str, check: Callable[..., None], *values: MockRequest | MockResponse) -> bool:
        """Whether it is against the description. What was checked once is not checked again."""
        known = (what, *(repr(sorted(vars(value).items(), key=str)) for value in values))
        if known not in _CHECKED:
            try:
                check(*values)
            except OpenAPIError as error:
                self.nebraska.violations.append(f"{what}: {error}: {error.__cause__}")
                return True
            _CHECKED.add(known)
        return False

    def _routed(self, path: str, query: dict[str, str], data: bytes) -> Reply:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in {TOKEN, VIEWER} and not self.nebraska.open:
            return Reply(401)
        if token == VIEWER and self.command != "GET":
            return Reply(403)
        body: Object = json.loads(data) if data else {}
        for method, pattern, handle in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is not None and method == self.command:
                try:
                    found: Any = handle(self.nebraska.state, match.groups(), query, body)
                except AnswerError as error:
                    return Reply(error.status, error.text.encode(), "text/plain; charset=UTF-8")
                return Reply(204) if found is None else Reply(200, json.dumps(found).encode())
        return Reply(404, b'{"message":"Not Found"}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that went away are part of the tests."""


@contextmanager
def nebraska_server(described_in: Path) -> Iterator[NebraskaServer]:
    """Run one; in the end nothing may have been against the description."""
    nebraska = NebraskaServer()
    handler = type("Handler", (_Handler,), {"nebraska": nebraska, "openapi": description(described_in)})
    with _Server(("127.0.0.1", 0), handler) as server:
        nebraska.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield nebraska
        finally:
            server.shutdown()
            thread.join()
    assert nebraska.violations == []
