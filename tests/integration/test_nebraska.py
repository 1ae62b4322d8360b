"""Publishing to a Nebraska that holds every request and every answer to its API description."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from release.errors import InputError, RefusedError, UnavailableError
from release.updates.nebraska.publish import MovedError, make_plans, publish
from release.updates.nebraska.transport import LoginRefusedError
from release.updates.nebraska.wire import package_body
from tests.nebraska_publishing import Killed, Publisher, for_board
from tests.nebraska_server import TOKEN, VIEWER, NebraskaServer, nebraska_server
from tests.nebraska_state import APP, NebraskaState
from tests.unit.pages.samples import ARM64
from tests.unit.updates.nebraska.samples import OPTIONS, content, floor, version, wish

pytestmark = pytest.mark.shared

REQUESTS = 32
"""That publishing one release with two floors to one channel takes."""


@pytest.fixture
def server(shared: Path) -> Iterator[NebraskaServer]:
    with nebraska_server(shared / "data" / "nebraska-wire.yaml") as running:
        running.state.add_channel("stable", 1)
        running.state.add_channel("stable", 2)
        yield running


@pytest.fixture
def publisher(server: NebraskaServer) -> Publisher:
    full = wish("3.0.0", "1.0.0", "2.0.0", floors=(floor("1.0.0"), floor("2.0.0")))
    return Publisher(server, (full, for_board(full, ARM64)))


def ids(server: NebraskaServer) -> tuple[str, str]:
    """The channels stable of amd64 and arm64."""
    amd64, arm64 = server.state.channels
    return amd64, arm64


def make(server: NebraskaServer, text: str, **changes: object) -> str:
    """Let somebody else make a package; its id."""
    body = package_body(replace(content(text), **changes), APP, "by hand")  # type: ignore[arg-type]
    return str(server.state.create_package({**body})["id"])


def is_published(server: NebraskaServer) -> bool:
    state = server.state
    return len(state.packages) == 6 and all(
        state.at(one) == "3.0.0" and state.floor_versions(one) == ["1.0.0", "2.0.0"] for one in state.channels
    )


def test_packages_floors_and_channels_are_published_in_this_order(
    publisher: Publisher, server: NebraskaServer
) -> None:
    result = publisher.publish()
    assert not result.blocked
    assert is_published(server)
    kinds = [one.split(": ")[1].split()[0] for one in result.done]
    assert kinds == ["create", "create", "set", "create", "set", "point"] * 2
    assert server.authorizations == {f"Bearer {TOKEN}"}


def test_what_machines_are_told_is_what_the_release_records(
    publisher: Publisher, server: NebraskaServer
) -> None:
    publisher.publish()
    made = next(
        one for one in server.state.packages.values() if (one["version"], one["arch"]) == ("3.0.0", 1)
    )
    wanted = content("3.0.0")
    assert (made["hash"], made["flatcar_action"]["sha256"]) == (wanted.sha1, wanted.sha256)
    assert made["url"] == "https://update.example.org/amd64-usr/3.0.0/"
    assert [one["name"] for one in made["extra_files"]] == ["flatcar-zfs.gz", "oem-azure.gz"]
    assert made["flatcar_action"]["is_delta"] is False


def test_publishing_again_writes_nothing(publisher: Publisher, server: NebraskaServer) -> None:
    publisher.publish()
    server.requests.clear()
    result = publisher.publish()
    assert (result.done, result.blocked) == ([], [])
    assert not server.writes
    assert len(server.requests) == 9  # channels once; three packages and the floors of each channel


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_publisher_that_was_killed_anywhere_is_completed_by_the_next(
    publisher: Publisher, server: NebraskaServer, *, after: bool
) -> None:
    publisher.wishes = publisher.wishes[:1]
    publisher.publish()
    requests, writes = len(server.requests), len(server.writes)
    assert (requests, writes) == (REQUESTS, 6)
    for cut in range(1, requests + 1):
        server.state = NebraskaState()
        amd64 = server.state.add_channel("stable", 1)
        server.requests.clear()
        with pytest.raises(Killed):
            publish(publisher.nebraska(cut, after=after), lambda: publisher.wishes)
        assert not publisher.publish().blocked
        assert server.state.at(amd64) == "3.0.0"
        assert server.state.floor_versions(amd64) == ["1.0.0", "2.0.0"]
        assert len(server.state.packages) == 3
        assert len(server.writes) == writes  # nothing is written twice
        assert len(server.state.activity) == 1  # the channel was moved once


def test_a_package_beyond_the_first_page_is_found(publisher: Publisher, server: NebraskaServer) -> None:
    for number in range(130):  # any of these has the text 3.0.0 in its version
        make(server, f"{number + 1}3.0.0")
    make(server, "3.0.0")
    result = publisher.publish()
    assert not result.blocked
    assert [one for one in result.done if "create package 3.0.0" in one] == [
        "stable/arm64-usr: create package 3.0.0, architecture 2 with 2 extra files"
    ]


def test_lists_whose_order_changes_between_pages_are_read_again(
    publisher: Publisher, server: NebraskaServer
) -> None:
    for _ in range(70):
        server.state.add_channel("same", 1)
        server.state.add_channel("name", 1)
    server.state.shuffles = 2  # the two pages of one reading
    plans = make_plans(publisher.nebraska(), publisher.wishes)
    assert len(plans) == 2
    assert publisher.slept


def test_a_token_that_nobody_knows_is_refused(publisher: Publisher, server: NebraskaServer) -> None:
    publisher.token = "an-old-token"
    with pytest.raises(LoginRefusedError, match="status 401") as caught:
        publisher.publish()
    assert "an-old-token" not in f"{caught.value}{caught.value.hint}"
    assert server.authorizations == {"Bearer an-old-token"}
    assert not server.writes


def test_where_no_token_is_asked_for_none_is_sent(
    publisher: Publisher, server: NebraskaServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even what is in ``~/.netrc`` for that host."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    publisher.token, server.open = None, True
    assert not publisher.publish().blocked
    assert is_published(server)
    assert server.authorizations == {""}


def test_a_token_that_may_only_read_plans_and_writes_nothing(
    publisher: Publisher, server: NebraskaServer
) -> None:
    publisher.token = VIEWER
    assert all(plan.actions for plan in make_plans(publisher.nebraska(), publisher.wishes))
    with pytest.raises(LoginRefusedError, match="status 403"):
        publisher.publish()
    assert not server.state.packages
    assert len(server.writes) == 1  # a refusal is not tried again


def test_a_token_that_would_break_a_header_is_not_shown(publisher: Publisher) -> None:
    publisher.token = "secret\r\nX-Other: 1"
    with pytest.raises(InputError, match="no bearer token") as caught:
        publisher.publish()
    assert "secret\r" not in str(caught.value)


def test_another_package_of_our_version_is_a_conflict_and_stays(
    publisher: Publisher, server: NebraskaServer
) -> None:
    made = make(server, "3.0.0", sha256="AAAA")
    result = publisher.publish()
    assert any("sha256 is 'AAAA'" in one for one in result.blocked)
    assert server.state.packages[made]["flatcar_action"]["sha256"] == "AAAA"
    amd64, arm64 = ids(server)
    assert (server.state.at(amd64), server.state.at(arm64)) == (None, "3.0.0")


def test_a_package_that_blacklists_the_channel_is_not_pointed_to(
    publisher: Publisher, server: NebraskaServer
) -> None:
    amd64, _ = ids(server)
    made = make(server, "3.0.0")
    server.state.packages[made]["channels_blacklist"] = [amd64]
    assert any("blacklists this channel" in one for one in publisher.publish().blocked)
    assert server.state.at(amd64) is None


def test_what_a_channel_is_besides_its_package_survives(publisher: Publisher, server: NebraskaServer) -> None:
    amd64, _ = ids(server)
    server.state.channels[amd64].update(color="#abcdef")
    publisher.publish()
    assert server.state.channels[amd64]["name"] == "stable"
    assert server.state.channels[amd64]["color"] == "#abcdef"


def test_a_channel_may_be_named_by_its_id(publisher: Publisher, server: NebraskaServer) -> None:
    amd64, _ = ids(server)
    publisher.wishes = (replace(publisher.wishes[0], named=amd64),)
    publisher.publish()
    assert server.state.at(amd64) == "3.0.0"


@pytest.mark.parametrize("named", ["nothing", "twice"])
def test_a_channel_that_is_not_exactly_one_is_refused(
    publisher: Publisher, server: NebraskaServer, named: str
) -> None:
    server.state.add_channel("twice", 1)
    server.state.add_channel("twice", 1)
    publisher.wishes = (replace(publisher.wishes[0], named=named),)
    with pytest.raises(InputError, match="expected one channel"):
        publisher.publish()


def test_two_channels_of_ours_cannot_be_one_of_nebraska(publisher: Publisher) -> None:
    publisher.wishes = (publisher.wishes[0], replace(publisher.wishes[0], channel="beta"))
    with pytest.raises(InputError, match="both are 'stable'"):
        publisher.publish()


def test_a_stopped_release_is_taken_back_and_offered_again(
    publisher: Publisher, server: NebraskaServer
) -> None:
    amd64, _ = ids(server)
    head = publisher.wishes[0]
    publisher.publish()
    stopped = replace(
        head, stopped={version("3.0.0"): "paused"}, earlier=(version("2.0.0"), version("1.0.0"))
    )
    assert publisher.publish(lambda: (stopped,)).done == ["stable/amd64-usr: point the channel back to 2.0.0"]
    assert publisher.publish(lambda: (stopped,)).done == []
    assert server.state.at(amd64) == "2.0.0"
    publisher.publish()
    assert server.state.at(amd64) == "3.0.0"


def test_a_withdrawn_floor_is_one_no_more(publisher: Publisher, server: NebraskaServer) -> None:
    amd64, _ = ids(server)
    publisher.publish()
    gone = frozenset({version("2.0.0")})
    head = replace(publisher.wishes[0], withdrawn=gone, floors=(floor("1.0.0"),))
    assert publisher.publish(lambda: (head,)).done == [
        "stable/amd64-usr: remove floor 2.0.0, which is withdrawn"
    ]
    assert server.state.floor_versions(amd64) == ["1.0.0"]


def test_several_publishers_at_once_end_as_one(publisher: Publisher, server: NebraskaServer) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = [one.result() for one in [pool.submit(publisher.publish) for _ in range(4)]]
    assert not any(one.blocked for one in results)
    assert is_published(server)


def test_the_older_of_two_ledgers_does_not_have_the_last_word(
    publisher: Publisher, server: NebraskaServer
) -> None:
    """One that planned with an older ledger moves a channel back; it looks again, and moves it on."""
    amd64, _ = ids(server)
    newer = Publisher(server, (wish("4.0.0", "3.0.0"),))
    older = iter([(wish("3.0.0"),)])

    def ledger() -> tuple[object, ...]:
        first = next(older, None)
        if first is not None:
            return first
        if server.state.at(amd64) == "3.0.0":
            newer.publish()
            server.state.channels[amd64]["package_id"] = next(
                one["id"] for one in server.state.packages.values() if one["version"] == "3.0.0"
            )
        return newer.wishes  # type: ignore[return-value]

    publisher.publish(ledger)  # type: ignore[arg-type]  # made of wishes
    assert server.state.at(amd64) == "4.0.0"


def test_a_channel_that_somebody_moves_meanwhile_is_looked_at_again(
    publisher: Publisher, server: NebraskaServer
) -> None:
    amd64, _ = ids(server)
    made = make(server, "2.5.0")
    publisher.publish()
    rounds = 0

    def ledger() -> tuple[object, ...]:
        nonlocal rounds
        rounds += 1
        return (wish("5.0.0"),)

    real = server.state.create_package

    def meddle(body: dict[str, object]) -> dict[str, object]:
        server.state.channels[amd64]["package_id"] = made
        return real(body)

    server.state.create_package = meddle  # type: ignore[method-assign]  # somebody else, in between
    assert not publisher.publish(ledger).blocked  # type: ignore[arg-type]  # made of wishes
    assert rounds == 3
    assert server.state.at(amd64) == "5.0.0"


def test_one_gives_up_where_somebody_keeps_moving_a_channel(
    publisher: Publisher, server: NebraskaServer
) -> None:
    amd64, _ = ids(server)
    others = [make(server, f"2.5.{number}") for number in range(9)]
    real = server.state.get_channel

    def meddle(channel: str) -> dict[str, object]:
        server.state.channels[amd64]["package_id"] = others.pop()
        return real(channel)

    server.state.get_channel = meddle  # type: ignore[method-assign]  # somebody else, in between
    with pytest.raises(MovedError, match="others changed it"):
        publisher.publish()


def test_payloads_that_machines_would_not_find_are_not_told(
    publisher: Publisher, server: NebraskaServer
) -> None:
    served = replace(publisher.nebraska(), served=lambda _url, name: 1 if "oem" in name else 9003)
    with pytest.raises(
        RefusedError, match=r"oem-azure.gz: expected .* bytes, found 1; Nebraska was not told"
    ):
        publish(served, lambda: publisher.wishes)
    assert not server.writes


def test_nobody_there_is_unavailable(publisher: Publisher) -> None:
    publisher.server = NebraskaServer(url="http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="ConnectionError"):
        publisher.publish()
    assert len(publisher.slept) == OPTIONS.retries
