"""Which channels' machines get what a channel gets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.state import Head, State
from release.line.succession import _followers

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOME = Digest.sha256(b"")


def state(*channels: str) -> State:
    """A ledger in which these channels have moved, in this order, and ``lts`` has streams."""
    history = tuple(
        Head(channel=name, version=Version(1, 0, at), release=SOME, generation=1, since=NOW, request=None)
        for at, name in enumerate(channels)
    )
    return State(
        sequence=1,
        digest=SOME,
        latest=NOW,
        product="Small OS",
        pipeline_keys=frozenset(),
        policy=SOME,
        channels=("alpha", "lts"),
        policies=(),
        streams=("lts",),
        heads={head.channel: head for head in history},
        history=history,
    )


@pytest.mark.parametrize(
    ("moved", "channel", "followers"),
    [
        ([], "alpha", ()),
        ([], "lts-2023", ("lts",)),
        (["lts-2023"], "lts-2023", ("lts",)),
        (["lts-2023"], "lts-2024", ("lts",)),
        (["lts-2023", "lts-2024"], "lts-2024", ("lts",)),
        (["lts-2023", "lts-2024"], "lts-2023", ()),
        (["lts-2023", "lts-2024"], "lts", ()),
    ],
)
def test_whoever_follows_the_newest_stream_gets_what_it_gets(
    moved: list[str], channel: str, followers: tuple[str, ...]
) -> None:
    assert _followers(state(*moved), channel) == followers
