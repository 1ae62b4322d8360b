"""What a head says, and when it is signed anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.errors import NotVerifiedError
from release.ledger.entries import CLOCK_SKEW
from release.ledger.state import frozen
from release.ledger.statements import StopAction
from release.trust.head import HEAD_LIMIT, ChannelStatus, LedgerPosition, seal, write_head
from release.trust.making import differences, head_of, next_head
from tests.unit.ledger.fakes import digest_of
from tests.unit.promotion.scene import POLICY_TEXT
from tests.unit.trust.mirrors import SignedScene, later

LTS = """
[[channels]]
name = "lts"
feeds_from = ["alpha"]
open = true
streams = { support_months = 18, overlap_months = 6 }
"""


@pytest.fixture
def scene() -> SignedScene:
    return SignedScene()


def test_it_names_the_last_entry_and_lives_as_long_as_the_policy_says(scene: SignedScene) -> None:
    head = scene.head()
    assert head.ledger == LedgerPosition(sequence=scene.state.sequence, digest=scene.state.digest)
    assert (head.product, head.policy) == ("demo", scene.policy.digest)
    assert head.expires - head.issued == scene.policy.signing.head_valid_for
    assert {name: str(one.version) for name, one in head.channels.items()} == {
        "alpha": "2.0.0",
        "beta": "1.0.0",
    }


def test_a_paused_rollout_shows_in_its_channel_only(scene: SignedScene) -> None:
    scene.stop(StopAction.PAUSE, channel="alpha", version="2.0.0")
    head = scene.head()
    assert head.channels["alpha"].status is ChannelStatus.PAUSED
    assert head.channels["beta"].status is ChannelStatus.OFFERED
    assert head.withdrawn == ()


def test_a_withdrawn_release_shows_wherever_it_is(scene: SignedScene) -> None:
    scene.stop(StopAction.WITHDRAW, version="1.0.0", reason="x" * 300)
    head = scene.head()
    assert head.channels["beta"].status is ChannelStatus.WITHDRAWN
    assert head.channels["alpha"].status is ChannelStatus.OFFERED
    (gone,) = head.withdrawn
    assert (str(gone.version), gone.release, gone.reason) == ("1.0.0", digest_of("1.0.0"), "x" * 100)


def test_a_head_stays_small_however_much_was_withdrawn(scene: SignedScene) -> None:
    """The longest reasons, of the widest letters, for twice as many releases as a head names."""
    for number in range(100):
        scene.register(f"3.{number}.0")
        scene.stop(StopAction.WITHDRAW, version=f"3.{number}.0", reason="\N{OLD PERSIAN SIGN A}" * 200)
    head = scene.head()
    assert [str(one.version) for one in head.withdrawn] == [f"3.{number}.0" for number in range(50, 100)]
    assert len(seal(write_head(head), "x" * 1000)) < HEAD_LIMIT * 3 // 4


def test_a_frozen_channel_is_offered_and_says_so(scene: SignedScene) -> None:
    scene.stop(StopAction.FREEZE, channel="beta")
    head = scene.head()
    assert (head.channels["beta"].frozen, head.channels["beta"].status) == (True, ChannelStatus.OFFERED)
    assert not head.channels["alpha"].frozen


def test_streams_say_when_their_life_ends_and_so_does_what_follows_them() -> None:
    scene = SignedScene(POLICY_TEXT + LTS)
    opened = replace(scene.state.heads["alpha"], channel="lts-2024")
    heads = {**scene.state.heads, "lts-2024": opened, "lts": replace(opened, channel="lts")}
    state = replace(
        scene.state,
        channels=(*scene.state.channels, "lts"),
        streams=("lts",),
        heads=frozen(heads),
        history=(*scene.state.history, opened),
    )
    channels = head_of(state, scene.policy, scene.now).channels
    ends = channels["lts-2024"].end_of_life
    assert ends is not None
    assert ends - opened.since > timedelta(days=540)
    assert channels["lts"].end_of_life == ends
    assert channels["alpha"].end_of_life is None


def test_the_first_head_is_always_due(scene: SignedScene) -> None:
    assert next_head(None, scene.head()) == scene.head()


def test_a_head_that_says_the_same_is_signed_anew_when_half_its_life_is_over(scene: SignedScene) -> None:
    present = scene.head()
    half = (present.expires - present.issued) / 2
    assert next_head(present, later(present, half)) is present
    due = later(present, half + timedelta(seconds=1))
    assert next_head(present, due) == due


def test_a_head_whose_key_has_ended_is_signed_anew(scene: SignedScene) -> None:
    """By its own dates it would be good: the key that signed it ends before it does."""
    present = scene.head()
    soon = later(present, timedelta(minutes=1))
    assert next_head(present, soon) is present
    assert next_head(present, soon, holds=False) == soon


def test_a_head_that_says_something_else_is_signed_at_once(scene: SignedScene) -> None:
    present = scene.head()
    scene.stop(StopAction.FREEZE, channel="beta")
    assert next_head(present, scene.head()) == scene.head()


def test_a_head_never_goes_back_in_the_ledger(scene: SignedScene) -> None:
    older = scene.head()
    scene.stop(StopAction.FREEZE, channel="beta")
    with pytest.raises(NotVerifiedError, match=r"names ledger entry \d+, the ledger ends at \d+"):
        next_head(scene.head(), older)


def test_a_head_never_goes_back_in_time_that_readers_may_remember(scene: SignedScene) -> None:
    """Of two pipelines one's clock is some minutes ahead: heads keep its time until that has come."""
    ahead = later(scene.head(), CLOCK_SKEW)
    scene.stop(StopAction.FREEZE, channel="beta")
    signed = next_head(ahead, later(scene.head(), ahead.issued - CLOCK_SKEW - scene.now))
    assert signed.issued == ahead.issued
    assert signed.expires - signed.issued == scene.policy.signing.head_valid_for
    assert signed.channels["beta"].frozen


def test_a_head_from_the_future_is_replaced_at_once(scene: SignedScene) -> None:
    """A clock was wrong by a year. No reader believed it, so none remembers its time."""
    assert next_head(later(scene.head(), timedelta(days=365)), scene.head()) == scene.head()


def test_differences_are_told_field_by_field(scene: SignedScene) -> None:
    head = scene.head()
    assert differences(head, head) == []
    other = replace(
        head,
        policy=digest_of("other"),
        channels={"alpha": replace(head.channels["alpha"], version=head.channels["beta"].version)},
    )
    found = differences(other, head)
    assert found[0].startswith("policy is sha256:")
    assert found[1:] == [
        "alpha is at 1.0.0 (offered, generation 2), the ledger says at 2.0.0 (offered, generation 2)",
        "beta is at nothing, the ledger says at 1.0.0 (offered, generation 1)",
    ]
    scene.stop(StopAction.WITHDRAW, version="1.0.0")
    derived = head_of(scene.state, scene.policy, head.issued)
    assert "withdrawn are none, the ledger says 1.0.0" in differences(head, derived)
