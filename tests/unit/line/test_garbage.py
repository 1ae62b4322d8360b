"""Collecting: recorded before anything goes, gone on with after a kill, and nothing that is led to goes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from release.bundle.layout import document_key, schema_key
from release.catalog.naming import image_prefix, update_prefix
from release.catalog.version import Version
from release.errors import RefusedError, UnavailableError
from release.ledger.chain import EntryRefusedError
from release.ledger.kinds import ReleaseCollected
from release.line.garbage import StillNeededError, collection, holdings_now, plan_garbage, record_garbage
from release.line.garbage_deleting import ORIGIN, leftovers, sweep
from release.line.garbage_job import garbage_job, rehearsal_job
from release.line.sources import CollectedError, check_kept
from release.line.steps import run_step
from release.line.yard import MirrorAccess
from release.mirror.store import ObjectReader
from release.promotion.proposals import registration
from release.trust.channel_document import channel_document_key
from tests.keeping_yard import DAY, MIRRORS, POLICY_TEXT, KeepingYard, long_story
from tests.memory_store import MemoryStore
from tests.unit.pages.samples import AMD64

TWO, THREE = Version(2, 0, 0), Version(3, 0, 0)


class Watcher:
    def started(self, step: object) -> None: ...
    def progressed(self, step: object, done: int, total: int) -> None: ...
    def finished(self, step: object, outcome: str) -> None: ...


def collect(told: KeepingYard) -> list[object]:
    """The whole job; what it told."""
    found: list[object] = []
    for step in garbage_job(told.yard, found.append):
        run_step(step, Watcher())
    return found


def keys_of(store: MemoryStore, version: Version) -> list[str]:
    """Keys of the bytes of a release."""
    tops = [image_prefix(channel, AMD64, version) for channel in ("alpha", "beta")]
    return [key for key in store.objects if key.startswith((*tops, update_prefix(AMD64, version)))]


def test_what_nobody_needs_is_recorded_and_its_bytes_are_gone_but_not_what_vouches_for_it() -> None:
    told = long_story()
    assert [str(one.version) for one in plan_garbage(told.yard).going] == ["2.0.0", "3.0.0"]
    before = dict(told.store.objects)
    collect(told)
    gone = set(before) - set(told.store.objects)
    assert gone == {key for key in before if "/2.0.0/" in key or "/3.0.0/" in key} - {
        key for key in before if key.startswith("releases/")
    }
    for version in (TWO, THREE):
        assert {document_key(version), document_key(version) + ".sig", schema_key(version)} <= set(
            told.store.objects
        )
    assert set(told.state.collected) == {TWO, THREE}


def test_the_plan_changes_nothing_and_says_what_goes_where() -> None:
    told = long_story()
    before = dict(told.store.objects)
    found = plan_garbage(told.yard)
    swept = sweep(told.yard, rehearsed=[one.version for one in found.going])
    assert told.store.objects == before
    assert {(one.place, one.version) for one in swept.deleted} == {(ORIGIN, TWO), (ORIGIN, THREE)}
    assert {one.version for one in found.kept} == {Version(number, 0, 0) for number in (1, 4, 5, 6)}
    assert all(one.size > 0 and one.reasons for one in found.kept)


def test_a_plan_that_collects_nothing_deletes_nothing_of_what_was_collected_before_either() -> None:
    told = long_story()
    record_garbage(told.yard)
    before = dict(told.store.objects)
    assert plan_garbage(told.yard).going == ()
    swept = sweep(told.yard, rehearsed=())
    assert {one.version for one in swept.deleted} == {TWO, THREE}
    assert told.store.objects == before
    assert rehearsal_job(told.yard, lambda _: None)[0].run(lambda *_: None).startswith("would collect 0")
    assert told.store.objects == before


def test_a_second_run_has_nothing_to_do() -> None:
    told = long_story()
    collect(told)
    after = dict(told.store.objects)
    assert collect(told) == []
    assert told.store.objects == after


def test_whoever_is_killed_anywhere_is_made_up_for_by_the_next_run() -> None:
    whole = long_story()
    start = whole.store.writes
    collect(whole)
    writes = whole.store.writes - start
    expected = set(whole.store.objects)
    for number in range(1, writes + 1):
        for fails in ("fail_before", "fail_after"):
            told = long_story()
            getattr(told.store.faults, fails).add(told.store.writes + number)
            with pytest.raises(UnavailableError):
                collect(told)
            collect(told)
            assert set(told.store.objects) == expected, (number, fails)


def test_a_release_that_somebody_asks_for_meanwhile_is_not_collected() -> None:
    told = long_story()
    holdings = holdings_now(told.yard)
    told.ask("2.0.0", "beta")
    with pytest.raises(StillNeededError, match=r"2\.0\.0 is not collected: request .* asks for it in beta"):
        told.ledger.append(collection(TWO, holdings), now=told.now)
    assert [str(one.version) for one in record_garbage(told.yard).collected] == ["3.0.0"]


def test_what_was_collected_cannot_be_asked_for_published_again_or_built_from() -> None:
    told = long_story()
    request = told.ask("2.0.0", "beta")
    told.now += 30 * DAY  # it expires
    collect(told)
    with pytest.raises(RefusedError, match=r"release 3\.0\.0 was collected .*: its files are gone"):
        told.ask("3.0.0", "beta")
    with pytest.raises(RefusedError, match="not-collected"):
        told.carry_out(request)
    with pytest.raises(RefusedError, match="was collected"):
        registration(told.state.releases[TWO])(told.state)
    with pytest.raises(CollectedError, match="only its documents are kept"):
        check_kept(told.state, TWO)


def test_the_ledger_refuses_to_collect_what_a_channel_is_at() -> None:
    told = long_story()
    head = told.state.heads["alpha"]
    with pytest.raises(EntryRefusedError, match=r"6\.0\.0 is what alpha offers"):
        told.tell(ReleaseCollected(version=head.version, release=head.release, reason="a slip"))


@dataclass
class Mirror:
    """A mirror in memory: what its public sees may be older than what is stored."""

    store: MemoryStore
    public: ObjectReader

    def access(self) -> MirrorAccess:
        return MirrorAccess(url="memory:", replica=lambda: self, public=lambda _url: self.public)  # type: ignore[arg-type, return-value]  # as much of a replica as deleting needs

    def list(self, prefix: str) -> Iterator[str]:
        return self.store.list(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.store.delete(key)


class Silent(MemoryStore):
    """Answers nobody."""

    def open(self, key: str) -> io.BytesIO:
        raise UnavailableError(f"{key}: no answer")


@pytest.fixture
def mirrored() -> tuple[KeepingYard, dict[str, Mirror]]:
    """The long story with two mirrors that have everything."""
    told = long_story(POLICY_TEXT + MIRRORS)
    found = {}
    for name in ("near", "far"):
        store = MemoryStore(dict(told.store.objects))
        found[name] = Mirror(store, store)
    told.mirrors = {name: one.access() for name, one in found.items()}
    return told, found


def test_bytes_go_from_the_mirrors_first_and_then_from_the_origin(
    mirrored: tuple[KeepingYard, dict[str, Mirror]],
) -> None:
    told, mirrors = mirrored
    places = [one.place for one in collect(told)]  # type: ignore[attr-defined]  # all were deleted
    assert places == ["near", "near", "far", "far", ORIGIN, ORIGIN]
    for store in (told.store, *(one.store for one in mirrors.values())):
        assert not keys_of(store, TWO)
        assert keys_of(store, Version(4, 0, 0))


def test_what_a_lagging_mirror_leads_to_stays_there_and_at_the_origin(
    mirrored: tuple[KeepingYard, dict[str, Mirror]],
) -> None:
    """Its pointer was not moved on since alpha was at 2.0.0."""
    told, mirrors = mirrored
    far = mirrors["far"].store
    key = "alpha/amd64-usr/current/version.txt"
    now = far.objects[key]
    far.objects[key] = b"FLATCAR_VERSION=2.0.0\n"
    spared = [str(one) for one in collect(told) if hasattr(one, "why")]
    assert spared == [
        f"far: 2.0.0 stays for now: {key} leads to it",
        f"the origin: 2.0.0 stays for now: {key} of far leads to it",
    ]
    assert keys_of(far, TWO)
    assert keys_of(told.store, TWO)
    assert not keys_of(mirrors["near"].store, TWO)
    assert not keys_of(far, THREE)
    far.objects[key] = now
    collect(told)
    assert not keys_of(far, TWO)
    assert not keys_of(told.store, TWO)


def test_what_a_channel_document_sends_machines_for_stays_on_the_mirrors_that_it_names(
    mirrored: tuple[KeepingYard, dict[str, Mirror]],
) -> None:
    told, mirrors = mirrored
    far = mirrors["far"].store
    far.objects[channel_document_key("alpha", AMD64)] = _channel_document("2.0.0", "near")
    spared = [str(one) for one in collect(told) if hasattr(one, "why")]
    key = channel_document_key("alpha", AMD64)
    assert spared == [
        f"near: 2.0.0 stays for now: {key} of far sends machines here for it",
        f"far: 2.0.0 stays for now: {key} leads to it",
        f"the origin: 2.0.0 stays for now: {key} of far leads to it",
    ]


def _channel_document(version: str, mirror: str) -> bytes:
    from release.digests import Digest  # noqa: PLC0415
    from release.promotion.delivery import AT_ONCE  # noqa: PLC0415
    from release.trust.channel_document import (  # noqa: PLC0415
        ChannelDocument,
        Offer,
        OfferedPayload,
        OfferedRelease,
        Rollout,
        seal_channel,
        write_channel_document,
    )
    from release.trust.head import ChannelStatus, LedgerPosition  # noqa: PLC0415
    from tests.unit.ledger.fakes import NOW, digest_of  # noqa: PLC0415

    offered = OfferedRelease(
        version=Version.parse(version),
        release=digest_of(version),
        payloads=(
            OfferedPayload(
                name="update.gz",
                size=9,
                sha256=digest_of("p"),
                sha1=Digest("sha1", bytes(20)),
                profile="flatcar",
            ),
        ),
        mirrors=(mirror,),
    )
    document = ChannelDocument(
        product="demo",
        channel="alpha",
        board=AMD64,
        issued=NOW,
        expires=NOW + DAY,
        ledger=LedgerPosition(sequence=1, digest=digest_of("ledger")),
        generation=1,
        offers=(
            Offer(
                release=offered,
                status=ChannelStatus.OFFERED,
                rollout=Rollout(active=0, since=NOW, rules=AT_ONCE),
            ),
        ),
        mirrors={mirror: "http://near.invalid/"},
    )
    return seal_channel(write_channel_document(document), "-----BEGIN PGP SIGNATURE-----")


def test_a_mirror_that_is_silent_keeps_its_bytes_and_the_others_wait_until_its_documents_expired(
    mirrored: tuple[KeepingYard, dict[str, Mirror]],
) -> None:
    told, mirrors = mirrored
    mirrors["near"].public = Silent()
    with pytest.raises(UnavailableError, match="near: everything stays for now"):
        collect(told)
    assert keys_of(mirrors["far"].store, TWO)
    told.now += 2 * DAY
    with pytest.raises(UnavailableError, match="near: everything stays for now"):
        collect(told)
    assert keys_of(mirrors["near"].store, TWO)
    assert not keys_of(mirrors["far"].store, TWO)
    assert not keys_of(told.store, TWO)


def test_a_mirror_whose_pointer_cannot_be_understood_keeps_everything(
    mirrored: tuple[KeepingYard, dict[str, Mirror]],
) -> None:
    told, mirrors = mirrored
    mirrors["near"].store.objects["alpha/amd64-usr/current/version.txt"] = b"<html>welcome</html>"
    spared = [str(one) for one in collect(told) if hasattr(one, "why")]
    assert "near: everything stays for now: alpha/amd64-usr/current/version.txt" in spared[0]
    assert keys_of(mirrors["near"].store, TWO)


def test_a_mirror_that_the_settings_do_not_know_is_told_of(
    mirrored: tuple[KeepingYard, dict[str, Mirror]],
) -> None:
    told, mirrors = mirrored
    told.mirrors = {"near": mirrors["near"].access()}
    told.now += 0 * DAY
    spared = [str(one) for one in collect(told) if hasattr(one, "why")]
    assert spared[0].startswith("far: everything stays for now: mirror far: the policy names it")


def test_nothing_of_what_is_kept_is_among_the_leftovers() -> None:
    told = long_story()
    record_garbage(told.yard)
    found = leftovers(told.store.list, told.state)
    assert set(found) == {TWO, THREE}
    assert not [key for keys in found.values() for key in keys if key.startswith("releases/")]
