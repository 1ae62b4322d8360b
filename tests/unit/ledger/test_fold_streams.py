"""The fold and streams: what may be one, and the channel that follows the newest."""

from __future__ import annotations

import pytest

from release.ledger.chain import EntryRefusedError
from release.ledger.kinds import Content
from release.ledger.state import State, base_of
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import NOW, genesis, released, writer

CHANNELS = ("alpha", "lts")


def told(
    *contents: Content, channels: tuple[str, ...] = CHANNELS, streams: tuple[str, ...] = ("lts",)
) -> State:
    ledger = writer(MemoryStore())
    state = ledger.start(genesis(channels=channels, streams=streams), now=NOW)
    for content in contents:
        state = ledger.append(lambda _state, content=content: content, now=NOW)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return state


def heads(state: State) -> dict[str, str]:
    return {name: str(head.version) for name, head in state.heads.items()}


@pytest.mark.parametrize(
    ("channel", "base"),
    [
        ("lts-2024", "lts"),
        ("lts-2024-fast", "lts"),
        ("lts", None),
        ("ltsx", None),
        ("alpha", None),
        ("l-ts", None),
    ],
)
def test_a_stream_is_named_after_its_channel(channel: str, base: str | None) -> None:
    assert base_of(channel, ("lts",)) == base
    assert told().knows(channel) == (base is not None or channel in CHANNELS)


def test_the_channel_follows_the_stream_that_was_opened_last() -> None:
    state = told(
        released("1.0.0", offered_in=("lts-2022",)),
        released("2.0.0", offered_in=("lts-2024",)),
        released("1.0.1", offered_in=("lts-2022",)),
    )
    assert heads(state) == {"lts-2022": "1.0.1", "lts-2024": "2.0.0", "lts": "2.0.0"}
    assert [head.channel for head in state.history] == ["lts-2022", "lts", "lts-2024", "lts", "lts-2022"]
    assert [head.channel for head in state.streams_of("lts")] == ["lts-2022", "lts-2024"]
    assert state.generation("lts") == 2


def test_every_channel_that_is_offered_has_an_offer() -> None:
    state = told(released("1.0.0", offered_in=("lts-2022",)), released("2.0.0", offered_in=("lts-2024",)))
    assert [(one.channel, str(one.version), one.ends is None) for one in state.offers] == [
        ("lts-2022", "1.0.0", True),
        ("lts", "1.0.0", False),
        ("lts-2024", "2.0.0", True),
        ("lts", "2.0.0", True),
    ]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ((released("1.0.0", offered_in=("lts",)),), "lts follows its newest stream: name that instead"),
        (
            (released("2.0.0", offered_in=("lts-2024",)), released("1.0.0", offered_in=("lts-2022",))),
            "lts would go from 2.0.0 to 1.0.0: not upwards",
        ),
        ((released("1.0.0", "lt-2024"),), "channel 'lt-2024' is unknown"),
    ],
)
def test_what_cannot_be_so_is_refused(contents: tuple[Content, ...], message: str) -> None:
    with pytest.raises(EntryRefusedError, match=message):
        told(*contents)


@pytest.mark.parametrize(
    ("channels", "streams", "message"),
    [
        (("alpha",), ("lts",), "streams of channels that are unknown: lts"),
        (("lts", "lts-2024"), ("lts",), "channels that are streams of others: lts-2024"),
        (("lts", "lts-arm"), ("lts", "lts-arm"), "channels that are streams of others: lts-arm"),
    ],
)
def test_a_ledger_does_not_begin_with_streams_that_cannot_be(
    channels: tuple[str, ...], streams: tuple[str, ...], message: str
) -> None:
    with pytest.raises(EntryRefusedError, match=message):
        told(channels=channels, streams=streams)
