from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.digests import Digest
from release.ledger.state import Head, State
from release.promotion.baselines import baselines
from tests.unit.ledger.fakes import released

NOW = datetime(2026, 11, 1, tzinfo=UTC)
STATE = State(
    sequence=0,
    digest=Digest.sha256(b"entry"),
    latest=NOW,
    product="demo",
    pipeline_keys=frozenset(),
    policy=Digest.sha256(b"policy"),
    channels=("alpha", "beta", "stable", "lts"),
    policies=(),
    streams=("lts",),
)


def state(*moves: str) -> State:
    """After these moves, ``channel version`` each."""
    heads = tuple(
        Head(
            channel=channel,
            version=Version.parse(version),
            release=Digest.sha256(version.encode()),
            generation=number,
            since=NOW,
            request=None,
        )
        for number, (channel, _, version) in enumerate((move.partition(" ") for move in moves), start=1)
    )
    return replace(STATE, history=heads, heads={head.channel: head for head in heads})


def compared(
    state: State, version: str, channel: str, source: str | None, derives: str | None = None
) -> list[str]:
    release = released(version)
    if derives is not None:
        release = replace(release, lineage=PromotionKind.REBUILD, derives_from=Version.parse(derives))
    return [str(one) for one in baselines(state, release, channel, source).versions]


def test_a_release_is_compared_with_the_head_and_with_what_its_source_had_before_it() -> None:
    now = state("alpha 1.0.0", "beta 1.0.0", "alpha 2.0.0", "alpha 3.0.0")
    assert compared(now, "3.0.0", "beta", "alpha") == ["1.0.0", "2.0.0"]


def test_one_that_is_both_is_compared_with_once() -> None:
    assert compared(state("alpha 1.0.0", "beta 1.0.0", "alpha 2.0.0"), "2.0.0", "beta", "alpha") == ["1.0.0"]


def test_a_rebuild_is_compared_with_what_it_derives_from() -> None:
    now = state("alpha 1.0.0", "stable 1.0.2", "alpha 3.0.0", "beta 3.0.0")
    assert compared(now, "3.0.1", "stable", "beta", derives="3.0.0") == ["1.0.2", "3.0.0"]


def test_the_first_release_of_all_has_nothing_to_be_compared_with() -> None:
    assert compared(state(), "1.0.0", "alpha", None) == []


def test_after_the_move_it_is_still_what_was_there_before() -> None:
    now = state("alpha 1.0.0", "beta 1.0.0", "alpha 2.0.0", "beta 2.0.0", "beta 3.0.0")
    assert compared(now, "2.0.0", "beta", "alpha") == ["1.0.0"]


def test_a_stream_that_is_opened_is_compared_with_what_followers_of_the_newest_have() -> None:
    now = state("stable 1.0.0", "lts-2024 1.0.0", "lts 1.0.0", "stable 1.5.0", "stable 2.0.0")
    assert compared(now, "2.0.0", "lts-2026", "stable") == ["1.0.0", "1.5.0"]
