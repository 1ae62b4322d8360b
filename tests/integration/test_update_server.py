"""A real update server as a process of its own, real requests, real gpg."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from release.catalog.naming import HEAD_FILE
from release.trust.channel_document import channel_document_key
from tests.openpgp_home import Keyring, keyring  # noqa: F401 - a fixture
from tests.plain_server import served
from tests.update_mirror import BOARD, NEW, OLD, UpdateMirror, document, mirror_in, offer, payload
from tests.update_server import MACHINE, UpdateServer, await_true, request_body, update_server

LATER = {"sequence": 11}


@pytest.fixture(scope="module")
def keys(keyring: Keyring, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:  # noqa: F811 - the fixture
    file = tmp_path_factory.mktemp("keys") / "pipeline.asc"
    file.write_bytes(keyring.home.export_public(keyring.pipeline))
    return [file]


@pytest.fixture(scope="module")
def shared_server(
    keyring: Keyring,  # noqa: F811 - the fixture
    keys: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[UpdateServer]:
    """One for all tests that leave it as it was; it must survive them all."""
    root = tmp_path_factory.mktemp("shared")
    mirror = mirror_in(root / "mirror", lambda data: keyring.home.sign_bytes(data, keyring.pipeline))
    mirror.publish(document())
    with update_server(root / "server", [str(root / "mirror")], keys, refresh=60) as server:
        server.await_ready()
        yield server


@pytest.fixture
def mirror(keyring: Keyring, tmp_path: Path) -> UpdateMirror:  # noqa: F811 - the fixture
    mirror = mirror_in(tmp_path / "mirror", lambda data: keyring.home.sign_bytes(data, keyring.pipeline))
    mirror.publish(document())
    return mirror


@pytest.fixture
def server(tmp_path: Path, mirror: UpdateMirror, keys: list[Path]) -> Iterator[UpdateServer]:
    del mirror
    with update_server(tmp_path / "server", [str(tmp_path / "mirror")], keys) as server:
        server.await_ready()
        yield server


def post(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /v1/update/ HTTP/1.1", b"Host: updates", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def test_machines_are_told_of_updates_of_none_and_of_errors(shared_server: UpdateServer) -> None:
    offered = shared_server.ask()
    assert offered.status_code == 200
    assert offered.headers["content-type"] == "text/xml; charset=utf-8"
    assert '<url codebase="https://one.example.org/update/amd64-usr/4081.2.1/"/>' in offered.text
    assert 'updatecheck status="noupdate"' in shared_server.ask(request_body(version=str(NEW))).text
    assert 'updatecheck status="error-' in shared_server.ask(request_body(track="nowhere")).text


def test_a_connection_is_kept_for_many_requests(shared_server: UpdateServer) -> None:
    one = post(request_body()).replace(b"Connection: close\r\n", b"")
    answers = shared_server.exchange(one * 5 + post(request_body()))
    assert answers.count(b"HTTP/1.1 200 OK") == 6


ENTITIES = b"<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
)
GARBAGE = {
    "no XML": b"\x00\xff\x1b]0;owned\x07",
    "nothing": b"",
    "entities": ENTITIES + b"]><request protocol='3.0'>&j;</request>",
    "a file": b"<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><request>&x;</request>",
    "deep": b"<a>" * 10_000,
    "wide": b"<request protocol='3.0'>" + b"<app/>" * 5_000 + b"</request>",
    "attributes": b"<request " + b" ".join(b"a%d='x'" % number for number in range(5_000)) + b"/>",
    "another encoding": '<?xml version="1.0" encoding="UTF-16"?><request/>'.encode("utf-16"),
    "an absurd version": request_body(version="9" * 5_000),
    "a negative version": request_body(version="-1.2.3"),
    "another protocol": request_body().replace(b'protocol="3.0"', b'protocol="2.0"'),
    "an escape in a value": request_body(track="\x7f<script>"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_bad_input_gets_one_short_line(shared_server: UpdateServer, name: str) -> None:
    answer = shared_server.ask(GARBAGE[name] or b" ")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert len(answer.content) < 300
    assert answer.text.isascii()
    assert "Traceback" not in answer.text
    assert shared_server.ask().status_code == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"POST /v1/update/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", b"413"),
        (b"POST /v1/update/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", b"400"),
        (b"POST /v1/update/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"40"),
        (b"BREW /v1/update/ HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (post(request_body(), b"Content-Encoding: gzip"), b"415"),
        (post(request_body(), b"Transfer-Encoding: chunked"), b"400"),
        (post(request_body(), b"Upgrade: websocket", b"Connection: Upgrade"), b""),
    ],
)
def test_bad_requests_of_http_are_answered_and_ended(
    shared_server: UpdateServer, data: bytes, status: bytes
) -> None:
    answer = shared_server.exchange(data)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert len(answer) < 2_000
    assert shared_server.ask().status_code == 200


def test_chunks_without_end_are_cut_off(shared_server: UpdateServer) -> None:
    head = b"POST /v1/update/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    try:
        answer = shared_server.exchange(head + b"10000\r\n%s\r\n" % (b"x" * 65536) * 200)
    except OSError:
        answer = b""  # closed while we were still sending
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert shared_server.ask().status_code == 200


def test_headers_without_end_take_no_memory(shared_server: UpdateServer) -> None:
    before = shared_server.resident
    with pytest.raises(OSError, match=r"(?i)reset|pipe"):
        shared_server.exchange(b"GET /health HTTP/1.1\r\nX: " + b"x" * (64 << 20))
    assert shared_server.resident - before < 16 << 20
    assert shared_server.ask().status_code == 200


def test_slow_clients_hold_up_nobody(shared_server: UpdateServer) -> None:
    slow = [socket.create_connection(shared_server.address) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /v1/update/ HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n<")
        assert shared_server.ask().status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_ten_thousand_machines_leave_no_memory_behind(server: UpdateServer) -> None:
    def ask(first: int) -> None:
        with requests.Session() as session:
            for number in range(first, first + 5_000):
                body = request_body(f"{number:032x}")
                answer = session.post(f"{server.url}/v1/update/", body, timeout=30)
                assert answer.status_code == 200

    ask(0)
    settled = server.resident
    threads = [threading.Thread(target=ask, args=(first,)) for first in (10_000, 20_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.resident - settled < 24 << 20
    text = server.get("/metrics").text
    assert 'humpyard_update_answers_total{answer="delta",board="amd64-usr",channel="stable"} 15000.0' in text
    assert "humpyard_reports_dropped 0.0" in text
    assert len(text.splitlines()) < 60


def test_what_a_client_sends_reaches_no_log(tmp_path: Path, mirror: UpdateMirror, keys: list[Path]) -> None:
    del mirror
    with update_server(tmp_path / "server", [str(tmp_path / "mirror")], keys, "--access-log") as server:
        server.await_ready()
        for body in GARBAGE.values():
            server.ask(body or b" ")
        server.ask(
            request_body(track="\x7f<script>alert(1)</script>"), headers={"X-Forwarded-For": "6.6.6.6"}
        )
        server.exchange(b"GET /\x1b[31mowned HTTP/1.1\r\n\r\n")
        server.ask(request_body(MACHINE))
        server.end()
    said = b"".join(server.raw)
    assert all(json.loads(line) for line in server.raw)
    assert not {b"\x1b", b"owned", b"script", b"6.6.6.6", b"Traceback", MACHINE.encode()} & {
        word
        for word in (b"\x1b", b"owned", b"script", b"6.6.6.6", b"Traceback", MACHINE.encode())
        if word in said
    }


def test_a_mirror_goes_away_and_comes_back(tmp_path: Path, mirror: UpdateMirror, keys: list[Path]) -> None:
    with served(tmp_path / "mirror") as url, update_server(tmp_path / "server", [url], keys) as server:
        server.await_ready()
        hidden = tmp_path / "hidden"
        (tmp_path / "mirror").rename(hidden)
        (tmp_path / "mirror").mkdir()
        server.await_event("mirror-failed")
        assert 'updatecheck status="ok"' in server.ask().text
        (tmp_path / "mirror").rmdir()
        hidden.rename(tmp_path / "mirror")
        mirror.publish(document(offer(NEW), sequence=11, generation=2), **LATER)  # type: ignore[arg-type]  # one field
        server.await_event("mirror-good")
        await_true(lambda: 'name="update.gz"' in server.ask().text, "the new document")


def test_forged_old_and_stale_documents_are_refused_and_the_good_one_stays(
    server: UpdateServer,
    mirror: UpdateMirror,
    tmp_path: Path,
    keyring: Keyring,  # noqa: F811 - the fixture
) -> None:
    key = channel_document_key("stable", BOARD)
    old = (tmp_path / "mirror" / key).read_bytes()
    newest = document(offer(NEW, payload("from-old.gz", OLD)), sequence=11, generation=2)
    mirror.publish(newest, sequence=11)
    await_true(
        lambda: (
            'humpyard_document_ledger_sequence{board="amd64-usr",channel="stable"} 11.0'
            in server.get("/metrics").text
        ),
        "the next document",
    )
    evil = document(offer(NEW, payload("evil.gz", OLD)), sequence=12, generation=2)
    mirror.put_document(evil, lambda data: keyring.home.sign_bytes(data, keyring.mallory))
    refused = server.await_event("document-refused")
    assert refused["kind"] == "ChannelDocumentError"
    mirror.write(key, old)
    assert server.await_event("document-refused", 2)["kind"] == "RolledBackError"
    mirror.write(key, b"{" * 100_000)
    assert server.await_event("document-refused", 3)["kind"] == "ChannelDocumentError"
    answer = server.ask().text
    assert "from-old.gz" in answer
    assert "evil" not in answer


def test_a_document_that_ends_is_not_served(tmp_path: Path, mirror: UpdateMirror, keys: list[Path]) -> None:
    mirror.publish(document(valid=timedelta(seconds=45)))
    with update_server(tmp_path / "server", [str(tmp_path / "mirror")], keys) as server:
        server.await_event("document")
        server.await_event("expired")
        assert server.ask().status_code == 503
        assert server.get("/ready").status_code == 503
        assert server.get("/health").status_code == 200


def test_a_server_that_starts_again_without_mirrors_serves_and_is_not_taken_back(
    tmp_path: Path, mirror: UpdateMirror, keys: list[Path]
) -> None:
    first = (tmp_path / "mirror" / HEAD_FILE).read_bytes()
    mirror.publish(document(sequence=11, generation=2), sequence=11)
    state = f"--state={tmp_path / 'state'}"
    with update_server(tmp_path / "server", [str(tmp_path / "mirror")], keys, state) as server:
        server.await_ready()
    mirror.write(HEAD_FILE, first)
    with update_server(tmp_path / "server", [str(tmp_path / "mirror")], keys, state) as server:
        server.await_ready()
        assert server.await_event("document-refused")["kind"] == "RolledBackError"
        assert 'updatecheck status="ok"' in server.ask().text


def test_sigterm_writes_what_was_told_and_ends_well(server: UpdateServer, tmp_path: Path) -> None:
    for number in range(500):
        server.ask(request_body(f"{number:032x}"))
    assert server.end() == 0
    with sqlite3.connect(tmp_path / "server/updates.sqlite") as database:
        assert database.execute("SELECT count(*) FROM humpyard_offers").fetchone() == (500,)
    database.close()
    await_true(lambda: server.events("stopped"), "what it says last")


def test_after_a_failed_delta_the_full_payload_is_offered(server: UpdateServer) -> None:
    assert "from-old.gz" in server.ask().text
    failure = '<event eventtype="3" eventresult="0" errorcode="20"></event>'
    server.ask(request_body(inside=failure))
    await_true(lambda: 'name="update.gz"' in server.ask().text, "the full payload")


def test_several_processes_share_the_work_and_are_replaced(
    tmp_path: Path, mirror: UpdateMirror, keys: list[Path]
) -> None:
    del mirror
    with update_server(tmp_path / "server", [str(tmp_path / "mirror")], keys, "--workers=2") as server:
        await_true(lambda: len(server.events("document")) >= 2, "two processes with documents")
        for number in range(100):
            assert server.ask(request_body(f"{number:032x}")).status_code == 200
        text = server.get("/metrics").text
        assert (
            'humpyard_update_answers_total{answer="delta",board="amd64-usr",channel="stable"} 100.0' in text
        )
        assert server.end() == 0
    with sqlite3.connect(tmp_path / "server/updates.sqlite") as database:
        assert database.execute("SELECT count(*) FROM humpyard_offers").fetchone() == (100,)
    database.close()


def test_a_server_by_settings_has_groups_and_a_path_of_its_own(
    tmp_path: Path,
    mirror: UpdateMirror,
    keys: list[Path],
    keyring: Keyring,  # noqa: F811 - the fixture
) -> None:
    del mirror
    (tmp_path / "path").write_text("0123456789abcdef\n")
    settings = tmp_path / "humpyard.toml"
    settings.write_text(f"""
product = "demo"
[store]
url = "file:mirror"
[openpgp]
pipeline = ["{keyring.pipeline}"]
keys = ["{keys[0]}"]
[events]
url = "sqlite:///counts.sqlite"
[update_server]
path_file = "path"
poll_interval = 600
deltas = []
[[update_server.groups]]
name = "berlin"
channel = "stable"
offers_per_hour = 1
windows = [{{ zone = "Europe/Berlin", begins = "00:00:00", ends = "00:00:00" }}]
""")
    with update_server(tmp_path / "server", [], [], settings=settings) as server:
        path = "/v1/update/0123456789abcdef"
        server.await_ready()
        assert server.ask().status_code == 404

        def ask(machine: str, track: str) -> str:
            body = request_body(machine, track=track)
            return requests.post(server.url + path, body, timeout=30).text

        assert 'PollInterval="600"' in ask("a" * 32, "stable")
        assert 'name="update.gz"' in ask("b" * 32, "Berlin")
        assert 'status="noupdate"' in ask("c" * 32, "berlin")
    assert (tmp_path / "counts.sqlite").exists()
    assert (tmp_path / "update-server/head.seen.json").exists()


def test_what_is_wrong_is_said_before_anything_is_served(tmp_path: Path, keys: list[Path]) -> None:
    for option, said in {
        "--listen=nowhere": "expected HOST:PORT",
        "--database=mysql://x": "event store",
        "--board=x86": "board",
        "--channel=UPPER": "channels",
    }.items():
        with pytest.raises(AssertionError, match=said), update_server(tmp_path, ["mirror"], keys, option):
            pass
