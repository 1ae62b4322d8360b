"""Publishing to a Nebraska behind a network that fails, and one that does not do what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from release.errors import HumpyardError, InputError, NotVerifiedError
from release.updates.nebraska.transport import LoginRefusedError, NebraskaUnavailableError
from tests.nebraska_publishing import Publisher
from tests.nebraska_server import Fault, NebraskaServer, nebraska_server
from tests.unit.updates.nebraska.samples import floor, wish

pytestmark = pytest.mark.shared

WRITES = (("POST", "/packages"), ("PUT", "/floors/"), ("PUT", "/channels/[^/]+$"))
Expected = tuple[type[HumpyardError], str]
UNCLEAR = ("drop", "drop-after", "status", "status-after", "cut", "half")


@pytest.fixture
def server(shared: Path) -> Iterator[NebraskaServer]:
    with nebraska_server(shared / "data" / "nebraska-wire.yaml") as running:
        running.state.add_channel("stable", 1)
        yield running


@pytest.fixture
def publisher(server: NebraskaServer) -> Publisher:
    return Publisher(server, (wish("3.0.0", "2.0.0", floors=(floor("2.0.0"),)),))


def check_published(server: NebraskaServer) -> None:
    (channel,) = server.state.channels
    assert server.state.at(channel) == "3.0.0"
    assert server.state.floor_versions(channel) == ["2.0.0"]
    assert len(server.state.packages) == 2
    assert len(server.state.activity) == 1


@pytest.mark.parametrize("kind", UNCLEAR)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_whose_answer_is_lost_is_looked_for_before_it_is_tried_again(
    publisher: Publisher, server: NebraskaServer, kind: str, method: str, path: str
) -> None:
    server.faults = [Fault(kind, method, path)]
    assert not publisher.publish().blocked
    check_published(server)
    done = kind not in {"drop", "status"}
    assert len(server.writes) == (4 if done else 5)


@pytest.mark.parametrize("kind", ["drop", "status", "cut", "half"])
def test_reads_that_fail_are_tried_again(publisher: Publisher, server: NebraskaServer, kind: str) -> None:
    server.faults = [
        Fault(kind, "GET", path, times=2) for path in ("/channels$", "/channels[?]", "/packages", "/floors")
    ]
    assert not publisher.publish().blocked
    check_published(server)
    assert publisher.slept[:2] == [0.5, 1.0]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_one_that_stays_away_is_unavailable(
    publisher: Publisher, server: NebraskaServer, status: int
) -> None:
    server.faults = [Fault("status", "GET", "/packages", times=99, status=status)]
    with pytest.raises(NebraskaUnavailableError, match=f"expected status 200, found {status}"):
        publisher.publish()


def test_a_write_that_is_refused_for_ever_is_told_with_what_500_may_mean(
    publisher: Publisher, server: NebraskaServer
) -> None:
    server.faults = [Fault("status", "POST", times=99, status=500)]
    with pytest.raises(NebraskaUnavailableError, match=r"package 3.0.0: POST .*500") as caught:
        publisher.publish()
    assert "its log says why" in str(caught.value.hint)
    assert len(server.writes) == publisher.options.retries + 1


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_one_that_says_it_did_and_did_not_is_caught(
    publisher: Publisher, server: NebraskaServer, method: str, path: str
) -> None:
    server.faults = [Fault("lie", method, path, times=99)]
    with pytest.raises(NotVerifiedError, match="said that it did, and does not show"):
        publisher.publish()
    (channel,) = server.state.channels
    assert server.state.at(channel) is None


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_copy_of_the_database_that_lags_is_waited_for(
    publisher: Publisher, server: NebraskaServer, method: str, path: str
) -> None:
    """A write is done, and the next looks at it show what was before."""
    reads = {"/packages": "/packages", "/floors/": "/floors"}.get(path, path)
    publisher.patient(retries=4)
    server.faults = [Fault("none", method, path, then=Fault("stale", "GET", reads, times=2))]
    assert not publisher.publish().blocked
    check_published(server)
    assert publisher.slept


def test_one_that_is_too_slow_is_left_and_found_to_have_done_it(
    publisher: Publisher, server: NebraskaServer
) -> None:
    publisher.patient(timeout=2)
    server.faults = [Fault("slow", "POST", seconds=5)]
    assert not publisher.publish().blocked
    check_published(server)
    assert len(server.writes) == 4


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("login", (LoginRefusedError, "a redirect, as to a login page")),
        ("html", (InputError, "expected JSON, found 'text/html'")),
        ("huge", (InputError, "expected up to 16777216 bytes, found more")),
    ],
)
def test_what_no_nebraska_answers_ends_it_at_once(
    publisher: Publisher, server: NebraskaServer, method: str, kind: str, expected: Expected
) -> None:
    server.faults = [Fault(kind, method)]
    with pytest.raises(expected[0], match=expected[1]):
        publisher.publish()
    assert not publisher.slept
    assert "example.org" not in " ".join(server.requests)
