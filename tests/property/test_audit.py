"""The audit for any single change of a mirror: every byte that is signed or named is missed and found."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from release.catalog.naming import HEAD_FILE, LEDGER_PREFIX
from tests.memory_store import MemoryStore
from tests.unit.audit.mirrors import Mirror
from tests.unit.audit.test_corrections import correct, tell
from tests.unit.promotion.ruled_scene import DAY, FREEZE, RULES
from tests.unit.promotion.scene import ALICE, BOB

QUICK = settings(
    max_examples=80, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def told() -> Mirror:
    """A ledger with every kind of entry."""
    mirror = Mirror(RULES)
    mirror.tick(3 * DAY)
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    mirror.resume(mirror.stop(mirror.order(FREEZE, "beta")))
    mirror.waive(mirror.waiver("2.0.0", "tests", "boot", release=mirror.digest("2.0.0")))
    correct(mirror)
    tell(mirror)
    other = RULES.replace("soak = 48", "soak = 24")
    mirror.keep_policy(other)
    mirror.adopt(other)
    mirror.publish()
    return mirror


MIRROR = told()
ALL = sorted(MIRROR.store.objects)
LEDGER = [key for key in ALL if key.startswith(LEDGER_PREFIX)]


def broken(objects: dict[str, bytes]) -> bool:
    other = Mirror.__new__(Mirror)
    other.__dict__.update(MIRROR.__dict__)
    other.store = MemoryStore(objects)
    return other.audit().broken


def test_as_it_is_nothing_is_broken() -> None:
    assert not broken(dict(MIRROR.store.objects))
    assert not MIRROR.audit().findings
    assert {MIRROR.entry(number).kind for number in range(len(LEDGER))} == {
        "genesis",
        "release",
        "evidence",
        "request",
        "sign-off",
        "pointer",
        "stop",
        "resume",
        "waiver",
        "revision",
        "known-issue",
        "policy",
    }


@QUICK
@given(st.sampled_from(ALL), st.integers(0), st.integers(1, 255))
def test_no_byte_of_the_mirror_may_change(key: str, position: int, change: int) -> None:
    data = bytearray(MIRROR.store.objects[key])
    data[position % len(data)] ^= change
    assert broken({**MIRROR.store.objects, key: bytes(data)})


@QUICK
@given(st.sampled_from(ALL), st.integers(1), st.binary(min_size=1, max_size=8))
def test_nothing_may_be_cut_off_or_added(key: str, length: int, more: bytes) -> None:
    data = MIRROR.store.objects[key]
    for other in (data[: length % len(data)], data + more):
        assert broken({**MIRROR.store.objects, key: other})


@QUICK
@given(st.sets(st.sampled_from([*LEDGER, HEAD_FILE]), min_size=1))
def test_nothing_of_the_ledger_may_be_removed(keys: set[str]) -> None:
    assert broken({key: data for key, data in MIRROR.store.objects.items() if key not in keys})


@QUICK
@given(st.permutations(LEDGER))
def test_the_entries_have_one_order(order: list[str]) -> None:
    assume(order != LEDGER)
    moved = {key: MIRROR.store.objects[other] for key, other in zip(LEDGER, order, strict=True)}
    assert broken({**MIRROR.store.objects, **moved})


@QUICK
@given(st.sampled_from(LEDGER), st.sampled_from(LEDGER))
def test_no_entry_takes_the_place_of_another(source: str, target: str) -> None:
    assume(source != target)
    assert broken({**MIRROR.store.objects, target: MIRROR.store.objects[source]})


@QUICK
@given(st.sampled_from(LEDGER), st.integers(len(LEDGER), 99_999_999))
def test_no_entry_is_there_twice(source: str, number: int) -> None:
    again = {f"{LEDGER_PREFIX}{number:08d}.json": MIRROR.store.objects[source]}
    assert broken({**MIRROR.store.objects, **again})
