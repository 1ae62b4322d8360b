"""The rules by which a mirror is believed, each with what breaks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from release.catalog.board import Board
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.chain import LedgerWriter
from release.ledger.entries import CLOCK_SKEW, LedgerBrokenError
from release.ledger.fold import Trust
from release.ledger.kinds import PointerMoved, RequestMade
from release.ledger.statements import StopAction, statement_digest
from release.trust.head import ChannelHead, HeadError
from release.trust.seen import Seen
from release.trust.verify import (
    FrozenError,
    MixedError,
    RolledBackError,
    WithdrawnError,
    check_channel,
    check_pointer,
    check_pointer_text,
    check_saying,
    verify_head,
    verify_ledger,
)
from tests.unit.ledger.fakes import BOARD, HOUR, MALLORY, PIPELINE, FakeKeyring, digest_of
from tests.unit.promotion.scene import ALICE, QUORUM
from tests.unit.trust.mirrors import SignedScene, later

DAY = timedelta(days=1)
NAMING = NamingScheme()
_VERSION = Version(2, 0, 0)


@pytest.fixture
def scene() -> SignedScene:
    return SignedScene()


def test_a_fresh_mirror_is_believed_with_the_pipelines_key_alone(scene: SignedScene) -> None:
    mirror = scene.believe()
    check_saying(mirror, scene.policy)
    assert mirror.signer == PIPELINE.fingerprint
    assert mirror.state.heads == scene.state.heads
    assert len(mirror.entries) == scene.state.sequence + 1
    assert mirror.seen == Seen(product="demo", ledger=mirror.head.ledger, issued=scene.now)


def test_with_peoples_keys_every_signature_is_verified(scene: SignedScene) -> None:
    asked = len(scene.keys.asked)
    mirror = scene.believe(scene.insider())
    assert mirror.state == scene.state
    assert len(scene.keys.asked) - asked > len(mirror.entries)


# 1. Signed by a trusted key of the pipeline, good now


def test_1_a_head_that_was_changed_is_refused(scene: SignedScene) -> None:
    data = scene.signed().replace(b"offered", b"pausedx")
    with pytest.raises(HeadError, match=r"head\.json: signature: expected one by a key of the keyring"):
        verify_head(data, scene.visitor())


def test_1_a_head_by_a_key_of_the_keyring_that_is_not_the_pipelines_is_refused(scene: SignedScene) -> None:
    data = scene.signed(key=ALICE)
    with pytest.raises(HeadError, match=f"signed by {ALICE.fingerprint}, which is no key of the pipeline"):
        verify_head(data, scene.insider())


def test_1_a_head_by_a_key_that_has_expired_is_refused(scene: SignedScene) -> None:
    """The key must be good now; that it was when the head was issued is not enough."""
    keys = FakeKeyring((PIPELINE,), expiry={PIPELINE: scene.now + HOUR})
    data = scene.signed()
    verify_head(data, scene.visitor(verifier=keys))
    with pytest.raises(HeadError):
        verify_head(data, scene.visitor(verifier=keys, after=2 * HOUR))


# 2. Of this format and product


def test_2_a_head_of_another_product_is_refused(scene: SignedScene) -> None:
    data = scene.signed(lambda head: replace(head, product="another"))
    with pytest.raises(HeadError, match="expected the product 'demo', found 'another'"):
        verify_head(data, scene.visitor())


def test_2_a_ledger_entry_is_no_head(scene: SignedScene) -> None:
    with pytest.raises(HeadError, match="found 'humpyard-ledger-1'"):
        verify_head(scene.entries()[0], scene.visitor())


# 3. Neither from the future nor expired


def test_3_a_head_is_believed_until_it_expires_and_not_a_second_longer(scene: SignedScene) -> None:
    data = scene.signed()
    life = scene.policy.signing.head_valid_for
    verify_head(data, scene.visitor(after=life - timedelta(seconds=1)))
    with pytest.raises(FrozenError, match="expired") as caught:
        verify_head(data, scene.visitor(after=life))
    assert "humpyard head refresh" in str(caught.value.hint)


def test_3_a_head_from_the_future_is_refused_beyond_what_clocks_differ(scene: SignedScene) -> None:
    data = scene.signed()
    verify_head(data, scene.visitor(after=-CLOCK_SKEW))
    with pytest.raises(HeadError, match="but it is") as caught:
        verify_head(data, scene.visitor(after=-CLOCK_SKEW - timedelta(seconds=1)))
    assert "clock" in str(caught.value.hint)


# 4. Not older than what was seen


def test_4_the_same_head_and_newer_ones_are_believed_again(scene: SignedScene) -> None:
    seen = scene.believe().seen
    scene.believe(scene.visitor(seen))
    scene.stop(StopAction.FREEZE, channel="beta")
    assert scene.believe(scene.visitor(seen)).state.sequence > seen.ledger.sequence


def test_4_an_older_head_is_refused_though_it_is_fresh(scene: SignedScene) -> None:
    old = scene.signed()
    scene.stop(StopAction.FREEZE, channel="beta")
    seen = scene.believe().seen
    with pytest.raises(RolledBackError, match="seen before was one of"):
        verify_head(old, scene.visitor(seen))


def test_4_an_older_head_of_the_same_entry_is_refused(scene: SignedScene) -> None:
    seen = scene.believe(
        data=scene.signed(lambda head: later(head, HOUR)), visitor=scene.visitor(after=HOUR)
    ).seen
    with pytest.raises(RolledBackError):
        verify_head(scene.signed(), scene.visitor(seen, after=HOUR))


def test_4_the_memory_of_another_product_is_bad_input(scene: SignedScene) -> None:
    seen = replace(scene.believe().seen, product="another")
    with pytest.raises(InputError, match="remembered is 'another'"):
        verify_head(scene.signed(), scene.visitor(seen))


# 5. The ledger is the head's


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_5_a_ledger_that_is_cut_off_is_refused(scene: SignedScene, cut: int) -> None:
    believed = verify_head(scene.signed(), scene.visitor())
    with pytest.raises(MixedError, match=r"expected it to end with entry \d+, .*found (none|entry)"):
        verify_ledger(believed, scene.entries()[:cut], scene.visitor())


def test_5_a_ledger_that_goes_on_is_not_the_heads(scene: SignedScene) -> None:
    """Whoever reads takes as many entries as the head says; more would be another ledger."""
    believed = verify_head(scene.signed(), scene.visitor())
    scene.stop(StopAction.FREEZE, channel="beta")
    with pytest.raises(MixedError):
        verify_ledger(believed, scene.entries(), scene.visitor())


@pytest.mark.parametrize("place", [0, 2, -1])
def test_5_an_altered_entry_is_refused_though_no_signature_is_looked_at(
    scene: SignedScene, place: int
) -> None:
    entries = scene.entries()
    entries[place] = (
        entries[place].replace(b"demo", b"dema").replace(b"2.0.0", b"2.0.1").replace(b"12:", b"13:")
    )
    assert entries != scene.entries()
    believed = verify_head(scene.signed(), scene.visitor())
    with pytest.raises((MixedError, LedgerBrokenError)):
        verify_ledger(believed, entries, scene.visitor())


def test_5_entries_in_another_order_are_refused(scene: SignedScene) -> None:
    entries = scene.entries()
    entries[1], entries[2] = entries[2], entries[1]
    believed = verify_head(scene.signed(), scene.visitor())
    with pytest.raises(LedgerBrokenError, match="expected entry 1, found 2"):
        verify_ledger(believed, entries, scene.visitor())


def test_5_another_history_under_a_good_signature_is_a_fork(scene: SignedScene) -> None:
    """Whoever has the pipeline's key rewrote the ledger from an earlier entry on, and went further."""
    scene.stop(StopAction.FREEZE, channel="beta")
    seen = scene.believe().seen
    other = SignedScene()
    for _ in range(3):
        other.prove("2.0.0", "another-check")
    with pytest.raises(RolledBackError, match="as seen before, found") as caught:
        other.believe(other.visitor(seen))
    assert "two ledgers" in str(caught.value.hint)


def test_5_a_persons_clock_that_is_ahead_stops_nobody(scene: SignedScene) -> None:
    """They wrote into the ledger themselves: the pipeline's next entry may be dated before theirs."""
    text = scene.asked("2.0.0", "beta", ALICE).statement()
    asked = RequestMade(statement=text, statement_signature=ALICE.sign(text.encode()))
    own = LedgerWriter(scene.store, scene.keys, scene.trust, ALICE)
    own.append(lambda _state: asked, now=scene.now + HOUR)
    scene.prove("2.0.0", "another-check")
    assert scene.believe().state.sequence == scene.state.sequence


# 6. Its pipeline is trusted


def test_6_a_ledger_of_other_keys_is_refused(scene: SignedScene) -> None:
    """The head is signed by a key that is trusted here; the ledger began with one that is not."""
    stranger = FakeKeyring((MALLORY,))
    trust = Trust(pipeline=frozenset({MALLORY.fingerprint}))
    visitor = scene.visitor(trust=trust, verifier=stranger)
    believed = verify_head(scene.signed(key=MALLORY), visitor)
    with pytest.raises(LedgerBrokenError, match="names pipeline keys that are not trusted here"):
        verify_ledger(believed, scene.entries(), visitor)


def test_6_a_key_that_the_visitor_trusts_but_the_ledger_does_not_signs_no_head(scene: SignedScene) -> None:
    keys = FakeKeyring((PIPELINE, MALLORY))
    trust = Trust(pipeline=frozenset({PIPELINE.fingerprint, MALLORY.fingerprint}))
    visitor = scene.visitor(trust=trust, verifier=keys)
    believed = verify_head(scene.signed(key=MALLORY), visitor)
    with pytest.raises(HeadError, match="no key of this ledger's pipeline now"):
        verify_ledger(believed, scene.entries(), visitor)


# 7. The head says what the ledger says


@pytest.mark.parametrize(
    "lie",
    [
        lambda head: replace(
            head, channels={**head.channels, "beta": replace(head.channels["beta"], version=_VERSION)}
        ),
        lambda head: replace(head, channels={"alpha": head.channels["alpha"]}),
        lambda head: replace(head, channels={**head.channels, "stable": head.channels["beta"]}),
        lambda head: replace(head, expires=head.expires + 365 * DAY),
        lambda head: replace(head, policy=digest_of("other")),
    ],
    ids=["another version", "a channel less", "a channel more", "a longer life", "another policy"],
)
def test_7_a_head_that_says_something_else_than_its_ledger_is_refused(
    scene: SignedScene, lie: object
) -> None:
    mirror = scene.believe(data=scene.signed(lie))  # type: ignore[arg-type]  # parametrized
    with pytest.raises(MixedError, match="does not say what its ledger says"):
        check_saying(mirror, scene.policy)


# 8. and 9. One channel of it


def channel_of(scene: SignedScene, channel: str, board: Board | None = None) -> ChannelHead:
    return check_channel(scene.believe(), channel, board)


def test_8_a_channel_is_known_by_name_and_by_board(scene: SignedScene) -> None:
    assert check_channel(scene.believe(), "beta", BOARD) == scene.head().channels["beta"]
    with pytest.raises(
        InputError, match="channel 'stable': has no release here; channels with one are: alpha, beta"
    ):
        channel_of(scene, "stable")
    with pytest.raises(NotVerifiedError, match=r"beta: 1\.0\.0 is not made for arm64-usr, only for"):
        channel_of(scene, "beta", Board.parse("arm64-usr"))


def test_8_a_withdrawn_release_is_refused_with_the_reason(scene: SignedScene) -> None:
    scene.stop(StopAction.WITHDRAW, version="1.0.0", reason="eats disks")
    with pytest.raises(WithdrawnError, match=r"beta: 1\.0\.0 is withdrawn: eats disks"):
        channel_of(scene, "beta")
    channel_of(scene, "alpha")


def test_8_a_paused_release_is_still_what_the_channel_is_at(scene: SignedScene) -> None:
    scene.stop(StopAction.PAUSE, channel="alpha", version="2.0.0")
    channel_of(scene, "alpha")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing"),
        (b"", "expected one line FLATCAR_VERSION=VERSION, found 0"),
        (b"FLATCAR_VERSION=1.0.0\nFLATCAR_VERSION=2.0.0\n", "expected one line .* found 2"),
        (b"FLATCAR_VERSION=2.0.0\n", r"leads to 2\.0\.0, head\.json says 1\.0\.0"),
    ],
)
def test_9_a_pointer_that_leads_elsewhere_is_refused(
    scene: SignedScene, text: bytes | None, message: str
) -> None:
    head = scene.head().channels["beta"]
    with pytest.raises(MixedError, match=f"beta/{BOARD}/current/version.txt: {message}"):
        check_pointer("beta", BOARD, text, head, NAMING)


def test_9_a_pointer_is_its_releases_own_file_to_the_last_byte(scene: SignedScene) -> None:
    text = b"FLATCAR_VERSION=1.0.0\n"
    check_pointer("beta", BOARD, text, scene.head().channels["beta"], NAMING)
    check_pointer_text("beta", BOARD, text, Digest.sha256(text))
    for recorded in (Digest.sha256(b"other"), None):
        with pytest.raises(MixedError, match="is not the version file of its release"):
            check_pointer_text("beta", BOARD, text, recorded)


def test_a_forged_move_is_believed_here_and_refused_by_the_gate(scene: SignedScene) -> None:
    """What is not decided here: the pipeline's key alone moved beta. The audit asks the gate."""
    before = scene.state
    text = scene.asked("2.0.0", "beta", PIPELINE).statement()
    asked = RequestMade(statement=text, statement_signature=PIPELINE.sign(text.encode()))
    scene.write(asked)
    scene.write(
        PointerMoved(
            channel="beta",
            version=_VERSION,
            release=digest_of("2.0.0"),
            request=statement_digest(text),
            generation=before.generation("beta") + 1,
            from_version=before.heads["beta"].version,
            decided_at=scene.now,
        )
    )
    for visitor in (scene.visitor(), scene.insider()):
        mirror = scene.believe(visitor)
        check_saying(mirror, scene.policy)
        assert mirror.entries[-1].entry.kind == "pointer"
    assert QUORUM in scene.unmet(statement_digest(text))
