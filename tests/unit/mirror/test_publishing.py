"""Plan and sync: nothing before everything was looked at, order kept, read back, resumable."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.errors import InputError, NotVerifiedError, UnavailableError
from release.mirror.directory import DirectoryStore
from release.mirror.plan import Wanted, make_plan
from release.mirror.store import ConflictError, ObjectStat
from release.mirror.sync import Action, SyncReport, Upload, publish, verify_objects
from tests.memory_store import MemoryStore
from tests.store_conformance import sha

CONTENT = {"update/z": b"payload", "alpha/a": b"image" * 100, "releases/release.json": b"{}"}
"""In an order that is not the alphabet's."""


def uploads(content: dict[str, bytes]) -> list[Upload]:
    return [Upload(key=key, source=data, size=len(data), sha256=sha(data)) for key, data in content.items()]


def wanted(content: dict[str, bytes]) -> list[Wanted]:
    return [upload.wanted for upload in uploads(content)]


def test_publishing_uploads_in_the_given_order_and_verifies() -> None:
    store = MemoryStore()
    told: list[tuple[Action, str]] = []
    report = publish(store, uploads(CONTENT), lambda action, key, _: told.append((action, key)))
    assert store.objects == CONTENT
    assert store.log == list(CONTENT)
    assert report == SyncReport(uploaded=tuple(CONTENT), kept=(), uploaded_bytes=509)
    assert told == [(Action.UPLOADED, key) for key in CONTENT] + [(Action.VERIFIED, key) for key in CONTENT]


def test_what_comes_last_appears_when_all_else_was_read_back() -> None:
    """Wherever it is among the files, and in its order among what comes last."""
    store = MemoryStore()
    told: list[tuple[Action, str]] = []
    first, second, third = CONTENT
    publish(
        store, uploads(CONTENT), lambda action, key, _: told.append((action, key)), last=(third, first, "?")
    )
    assert told == [
        (Action.UPLOADED, second),
        (Action.VERIFIED, second),
        *[(Action.UPLOADED, key) for key in (first, third)],
        *[(Action.VERIFIED, key) for key in (first, third)],
    ]


@pytest.mark.parametrize("fault", ["truncate", "lie"])
def test_what_comes_last_does_not_appear_when_anything_else_is_wrong(fault: str) -> None:
    store = MemoryStore()
    getattr(store.faults, fault).add("alpha/a")
    with pytest.raises(NotVerifiedError, match="alpha/a"):
        publish(store, uploads(CONTENT), last=["releases/release.json"])
    assert sorted(store.objects) == ["alpha/a", "update/z"]


@pytest.mark.parametrize("knows_sha256", [True, False])
def test_publishing_again_writes_nothing(knows_sha256: bool) -> None:
    store = MemoryStore(knows_sha256=knows_sha256)
    publish(store, uploads(CONTENT))
    told: list[tuple[Action, str]] = []
    report = publish(store, uploads(CONTENT), lambda action, key, _: told.append((action, key)))
    assert report == SyncReport(uploaded=(), kept=tuple(CONTENT), uploaded_bytes=0)
    assert told == [(Action.KEPT, key) for key in CONTENT]
    assert store.writes == len(CONTENT)


@pytest.mark.parametrize("knows_sha256", [True, False])
@pytest.mark.parametrize("other", [b"{?", b"longer"])
def test_one_conflict_refuses_the_entire_plan(knows_sha256: bool, other: bytes) -> None:
    """Whether the store knows digests or not, whether the size differs or not."""
    store = MemoryStore({"releases/release.json": other}, knows_sha256=knows_sha256)
    with pytest.raises(ConflictError, match="nothing was published") as caught:
        publish(store, uploads(CONTENT))
    assert f"releases/release.json: expected 2 bytes, {sha(b'{}')}; found {len(other)} bytes" in str(
        caught.value
    )
    assert caught.value.hint is not None
    assert store.writes == 0


@pytest.mark.parametrize("fault", ["fail_before", "fail_after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_publish_that_broke_off_is_completed_by_the_same_call(fault: str, number: int) -> None:
    store = MemoryStore()
    getattr(store.faults, fault).add(number)
    with pytest.raises(UnavailableError):
        publish(store, uploads(CONTENT))
    report = publish(store, uploads(CONTENT))
    assert store.objects == CONTENT
    assert len(report.kept) == (number if fault == "fail_after" else number - 1)


@pytest.mark.parametrize("fault", ["truncate", "lie"])
def test_a_store_that_gives_back_other_bytes_is_caught(fault: str) -> None:
    store = MemoryStore()
    getattr(store.faults, fault).update({"alpha/a", "update/z"})
    with pytest.raises(NotVerifiedError) as caught:
        publish(store, uploads(CONTENT))
    for key in ("alpha/a", "update/z"):
        assert f"{key}: expected {len(CONTENT[key])} bytes, {sha(CONTENT[key])}; found" in str(caught.value)
    assert "release.json" not in str(caught.value)


def test_verifying_names_all_that_is_missing_or_wrong() -> None:
    store = MemoryStore({"update/z": b"payload", "alpha/a": b"other"})
    with pytest.raises(NotVerifiedError) as caught:
        verify_objects(store, wanted(CONTENT))
    assert "releases/release.json: is missing" in str(caught.value)
    assert "alpha/a: expected 500 bytes" in str(caught.value)
    assert "update/z" not in str(caught.value)
    store.faults.down = True
    with pytest.raises(UnavailableError):
        verify_objects(store, wanted(CONTENT))


def test_sources_are_looked_at_before_anything_is_written(tmp_path: Path) -> None:
    store = MemoryStore()
    files = uploads(CONTENT)
    missing = Upload(key="x", source=tmp_path / "absent", size=1, sha256=sha(b"x"))
    with pytest.raises(InputError, match="absent"):
        publish(store, [*files, missing])
    (tmp_path / "short").write_bytes(b"x")
    short = Upload(key="x", source=tmp_path / "short", size=2, sha256=sha(b"xx"))
    with pytest.raises(InputError, match="short, to be stored as x: expected 2 bytes, found 1"):
        publish(store, [*files, short])
    given = Upload(key="x", source=b"x", size=2, sha256=sha(b"xx"))
    with pytest.raises(InputError, match="bytes given, to be stored as x: expected 2 bytes, found 1"):
        publish(store, [given])
    assert store.writes == 0


def test_a_key_wanted_twice_and_an_odd_key_are_refused() -> None:
    with pytest.raises(InputError, match="'a': is to be published twice"):
        make_plan([*wanted({"a": b"x"}), *wanted({"a": b"x"})], {"a": None})
    with pytest.raises(InputError, match=r"key '\.\./a'"):
        make_plan(wanted({"../a": b"x"}), {"../a": None})


def test_unknown_content_is_a_conflict() -> None:
    plan = make_plan(wanted({"a": b"x"}), {"a": ObjectStat(size=1)})
    assert [str(conflict) for conflict in plan.conflict] == [
        f"a: expected 1 bytes, {sha(b'x')}; found 1 bytes, unknown content"
    ]


_CONTENTS = st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=2), max_size=6)


@settings(derandomize=True, deadline=None)
@given(old=_CONTENTS, new=_CONTENTS)
def test_every_wanted_object_is_in_exactly_one_part_of_the_plan(
    old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    """Absent: upload; the same: keep; other bytes: conflict."""
    store = MemoryStore(old)
    plan = make_plan(wanted(new), {key: store.stat(key) for key in new})
    assert [one.key for one in plan.upload] == [key for key in new if key not in old]
    assert [one.key for one in plan.keep] == [key for key in new if old.get(key) == new[key]]
    assert [one.wanted.key for one in plan.conflict] == [
        key for key in new if old.get(key, new[key]) != new[key]
    ]


def test_a_directory_is_published_to_the_same_way(tmp_path: Path) -> None:
    """With files as sources."""
    files = []
    for number, (key, data) in enumerate(CONTENT.items()):
        source = tmp_path / str(number)
        source.write_bytes(data)
        files.append(Upload(key=key, source=source, size=len(data), sha256=sha(data), content_type="text/x"))
    store = DirectoryStore(tmp_path / "mirror")
    assert publish(store, files).uploaded == tuple(CONTENT)
    assert publish(store, files).kept == tuple(CONTENT)
    (tmp_path / "mirror/alpha/a").write_bytes(b"tampered" * 62 + b"....")
    with pytest.raises(ConflictError, match="alpha/a"):
        publish(store, files)
