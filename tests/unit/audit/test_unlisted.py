"""Auditing over plain HTTP, where nothing can be listed: numbers are tried one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from release.audit.finding import Code
from release.catalog.naming import HEAD_FILE, ledger_key
from release.errors import InputError
from release.line.auditing import audit
from release.mirror.store import DEFAULT_READ_LIMIT, MissingObjectError
from tests.memory_store import MemoryStore
from tests.unit.audit.mirrors import Mirror, version_file


class WebServer(MemoryStore):
    """Lists nothing. ``answer`` is what it has for every key that it does not have."""

    answer: bytes | None = None
    forbids = False

    def list(self, prefix: str) -> Iterator[str]:
        raise InputError(f"{prefix}: a mirror read over HTTP cannot be listed")

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        self.log.append(key)
        try:
            return super().read(key, limit)
        except MissingObjectError:
            if self.forbids:
                raise InputError(f"{key}: expected status 200, found 403") from None
            if self.answer is None:
                raise
            return self.answer


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


def served(mirror: Mirror) -> WebServer:
    return WebServer(mirror.store.objects)


def codes(server: WebServer, mirror: Mirror) -> list[Code]:
    return [one.code for one in audit(server, mirror.auditor()).findings]


def test_a_mirror_in_order_is_only_noted_as_not_listed(mirror: Mirror) -> None:
    server = served(mirror)
    report = audit(server, mirror.auditor())
    assert [one.code for one in report.findings] == [Code.NOT_LISTED]
    assert report.counts.entries == 6
    assert len(server.log) < 60, "a few numbers more, not all of them"


def test_entries_after_the_head_and_across_a_gap_are_found(mirror: Mirror) -> None:
    for channel in ("beta", "beta", "beta"):
        mirror.request("2.0.0", channel)
    server = served(mirror)
    assert codes(server, mirror) == [Code.HEAD_BEHIND, Code.NOT_LISTED]
    del server.objects[ledger_key(7)]
    assert Code.ENTRY_MISSING in codes(server, mirror)


def test_without_a_head_the_ledger_is_found_all_the_same(mirror: Mirror) -> None:
    server = served(mirror)
    del server.objects[HEAD_FILE]
    report = audit(server, mirror.auditor())
    assert [one.code for one in report.findings] == [Code.HEAD_MISSING, Code.NOT_LISTED]
    assert report.counts.entries == 6


def test_a_server_that_has_a_page_for_everything_ends_the_search(mirror: Mirror) -> None:
    server = served(mirror)
    server.answer = b"<html>not found, but 200</html>"
    found = codes(server, mirror)
    assert Code.ENTRY_UNREADABLE not in found
    assert len(server.log) < 60


def test_a_server_that_forbids_what_is_not_there_ends_the_search(mirror: Mirror) -> None:
    server = served(mirror)
    server.forbids = True
    assert codes(server, mirror) == [Code.NOT_LISTED]


def test_something_after_the_last_entry_is_told_where_the_server_says_what_it_does_not_have(
    mirror: Mirror,
) -> None:
    server = served(mirror)
    server.objects[ledger_key(6)] = b"what is this"
    assert Code.ENTRY_UNREADABLE in codes(server, mirror)


def test_a_head_that_names_entries_nobody_has_ends_the_search_too(mirror: Mirror) -> None:
    server = served(mirror)
    for number in range(6):
        del server.objects[ledger_key(number)]
    assert Code.LEDGER_EMPTY in codes(server, mirror)
    assert len(server.log) < 60


def test_pointers_of_known_channels_are_looked_at(mirror: Mirror) -> None:
    server = served(mirror)
    server.objects["stable/amd64-usr/current/version.txt"] = version_file("1.0.0")
    assert Code.POINTER_FORGED in codes(server, mirror)
