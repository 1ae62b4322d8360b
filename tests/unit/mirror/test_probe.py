"""Probing of stores by what every store promises; S3 servers have trials of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.digests import Digest
from release.errors import UnavailableError
from release.mirror.abilities import ORIGIN_NEEDS, STRICT_REPLICA_NEEDS, Ability, Verdict, check_abilities
from release.mirror.directory import DirectoryStore
from release.mirror.probe import probe
from release.mirror.store import Created, Pointer, Source, Store, WriteResult
from tests.memory_store import MemoryStore


class Careless(MemoryStore):
    """Writes over everything, whatever it was told to expect."""

    def create(
        self,
        key: str,
        source: Source,
        *,
        sha256: Digest,
        content_type: str | None = None,
        cache_control: str | None = None,
    ) -> WriteResult:
        self.objects.pop(key, None)
        return super().create(
            key, source, sha256=sha256, content_type=content_type, cache_control=cache_control
        )

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        del sha256
        self.objects[key] = self.objects[source_key]
        return Created(key)

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        del expected
        self.objects[key] = data
        return Pointer(data=data, tag=Digest.sha256(data).hex)

    def delete(self, key: str) -> None:
        """Says that it did."""


def verdicts(store: Store, verdict: Verdict) -> set[Ability]:
    return {one.ability for one in probe(store, "it").findings if one.verdict is verdict}


def test_a_directory_does_all_that_stores_promise_and_is_left_as_it_was(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "mirror")
    found = probe(store, "file:mirror")
    assert [one for one in found.findings if one.verdict is not Verdict.KEPT] == []
    check_abilities(found, ORIGIN_NEEDS | STRICT_REPLICA_NEEDS, "the origin")
    assert list(store.list("")) == []
    assert [one.name for one in (tmp_path / "mirror").iterdir()] == [".humpyard"]


def test_a_store_that_keeps_no_condition_is_found_out() -> None:
    assert verdicts(Careless(), Verdict.IGNORED) == {
        Ability.CREATE_ONCE,
        Ability.SWAP,
        Ability.COPY_ONCE,
        Ability.LARGE_ONCE,
        Ability.DELETE,
    }


def test_a_store_that_fails_at_something_is_told_of() -> None:
    """Its third write is the second creation of an object."""
    store = MemoryStore()
    store.faults.fail_before = {3}
    assert verdicts(store, Verdict.REFUSED) == {Ability.CREATE_ONCE}
    assert store.objects == {}


def test_a_store_that_takes_nothing_is_not_probed() -> None:
    store = MemoryStore()
    store.faults.down = True
    with pytest.raises(UnavailableError, match="down"):
        probe(store, "it")
