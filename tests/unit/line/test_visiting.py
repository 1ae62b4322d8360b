"""Visiting a mirror: what is fetched, and what becomes of one that changes while it is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from release.catalog.naming import HEAD_FILE, NamingScheme, ledger_key
from release.errors import InputError
from release.ledger.statements import StopAction
from release.line.visiting import visit, visit_channel
from release.mirror.pointers import pointer_key
from release.trust.head import HEAD_LIMIT, HeadError
from release.trust.seen import Seen
from release.trust.verify import MixedError
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import BOARD, HOUR
from tests.unit.trust.mirrors import SignedScene, last_key, later

NAMING = NamingScheme()


@pytest.fixture
def scene() -> SignedScene:
    made = SignedScene()
    made.sign()
    for channel, head in made.state.heads.items():
        text = f"FLATCAR_VERSION={head.version}\n".encode()
        made.store.objects[pointer_key(channel, BOARD)] = text
    return made


class Changing(MemoryStore):
    """A mirror that changes before certain reads, counted from 1."""

    def __init__(self, objects: dict[str, bytes], changes: dict[int, Callable[[], None]]) -> None:
        super().__init__()
        self.objects = objects  # the very ones
        self.changes = changes
        self.keys: list[str] = []

    def read(self, key: str, limit: int = 1 << 20) -> bytes:
        self.keys.append(key)
        self.changes.get(len(self.keys), lambda: None)()
        return super().read(key, limit)


def test_a_mirror_is_read_in_the_order_of_belief_and_never_listed(scene: SignedScene) -> None:
    store = Changing(scene.store.objects, {})
    found = visit_channel(store, scene.visitor(), "beta", None, naming=NAMING)
    assert str(found.head.version) == "1.0.0"
    assert found.pointers == {BOARD: b"FLATCAR_VERSION=1.0.0\n"}
    entries = [ledger_key(number) for number in range(scene.state.sequence + 1)]
    policy = f"policy/{scene.policy.digest.hex}.toml"
    assert store.keys == [HEAD_FILE, *entries, policy, pointer_key("beta", BOARD)]


def test_entries_behind_the_head_are_not_read(scene: SignedScene) -> None:
    """A person recorded something since; the pipeline will sign it in a while."""
    signed = scene.state.sequence
    scene.stop(StopAction.FREEZE, channel="beta")
    store = Changing(scene.store.objects, {})
    assert visit(store, scene.visitor()).state.sequence == signed
    assert last_key(scene) not in store.keys


def test_what_was_seen_is_remembered_before_anything_else_can_fail(scene: SignedScene) -> None:
    seen: list[Seen] = []
    with pytest.raises(InputError, match="has no release here"):
        visit_channel(scene.store, scene.visitor(), "gamma", None, naming=NAMING, remember=seen.append)
    assert [one.ledger.sequence for one in seen] == [scene.state.sequence]


def test_a_mirror_that_moves_on_meanwhile_is_looked_at_again(scene: SignedScene) -> None:
    """Alpha is moved after the head was read: its pointer is ahead of that head, and agrees with the next."""

    def move() -> None:
        scene.register("3.0.0")
        scene.prove("3.0.0")
        scene.move(scene.request("3.0.0", "alpha"))
        scene.store.objects[pointer_key("alpha", BOARD)] = b"FLATCAR_VERSION=3.0.0\n"
        scene.sign()

    store = Changing(scene.store.objects, {3: move})
    found = visit_channel(store, scene.visitor(), "alpha", BOARD, naming=NAMING)
    assert str(found.head.version) == "3.0.0"
    assert store.keys.count(HEAD_FILE) > 1


def test_a_mirror_that_stays_mixed_is_refused_after_one_more_look(scene: SignedScene) -> None:
    scene.store.objects[pointer_key("alpha", BOARD)] = b"FLATCAR_VERSION=1.0.0\n"
    store = Changing(scene.store.objects, {})
    with pytest.raises(MixedError, match=r"leads to 1\.0\.0, head\.json says 2\.0\.0"):
        visit_channel(store, scene.visitor(), "alpha", None, naming=NAMING)
    assert store.keys.count(HEAD_FILE) == 2


def test_a_mirror_that_never_comes_to_rest_is_refused(scene: SignedScene) -> None:
    del scene.store.objects[ledger_key(1)]

    def sign() -> None:
        scene.store.objects[HEAD_FILE] = heads.pop()

    heads = [scene.signed(lambda head, by=by: later(head, by * HOUR / 60)) for by in range(20)]  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    store = Changing(scene.store.objects, dict.fromkeys(range(1, 50), sign))
    with pytest.raises(MixedError, match=r"though head\.json says that it goes on to entry"):
        visit(store, scene.visitor(after=HOUR))
    assert store.keys.count(HEAD_FILE) == 5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "this mirror has none"),
        (b"x" * (HEAD_LIMIT + 1), "at most 65536 bytes"),
        (b"{}", "not a signed head"),
    ],
)
def test_a_mirror_without_a_head_says_nothing(scene: SignedScene, data: bytes | None, message: str) -> None:
    if data is None:
        del scene.store.objects[HEAD_FILE]
    else:
        scene.store.objects[HEAD_FILE] = data
    with pytest.raises(HeadError, match=message):
        visit(scene.store, scene.visitor())


@pytest.mark.parametrize("damage", ["missing", "altered", "no policy"])
def test_the_policy_is_the_one_that_the_ledger_names(scene: SignedScene, damage: str) -> None:
    key = f"policy/{scene.policy.digest.hex}.toml"
    if damage == "missing":
        del scene.store.objects[key]
    else:
        scene.store.objects[key] += b" " if damage == "altered" else b"\x00"
    with pytest.raises(MixedError, match=key):
        visit(scene.store, scene.visitor())
