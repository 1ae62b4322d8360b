from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from release.atomic import replacing
from release.catalog.naming import HEAD_FILE
from release.trust.channel_document import channel_document_key
from release.trust.head import ChannelStatus
from release.trust.seen import Seen
from release.updates.server.documents import Place, Wanted
from release.updates.server.memory import Memory, open_memory
from tests.unit.ledger.fakes import MALLORY
from tests.unit.updates.server.desk import Desk
from tests.update_mirror import (
    BOARD,
    DAY,
    NEW,
    OLD,
    UpdateMirror,
    document,
    head_of,
    offer,
    position,
    release,
)
from tests.update_server import request_body

STABLE = Place("stable", "amd64-usr")
HOUR = timedelta(hours=1)


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    for mirror in desk.mirrors.values():
        mirror.publish(document())
    return desk


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return open_memory(tmp_path / "state")


def at_next(desk: Desk, status: ChannelStatus = ChannelStatus.OFFERED) -> None:
    """Both mirrors come to the next ledger entry, an hour later."""
    desk.pass_time(HOUR)
    for mirror in desk.mirrors.values():
        mirror.publish(
            document(offer(NEW, status=status), sequence=11, generation=2, issued=desk.now), sequence=11
        )


def generation(desk: Desk) -> int:
    return desk.documents.held.served[STABLE].document.generation


def test_documents_that_the_head_names_are_held(desk: Desk) -> None:
    assert desk.documents.refresh()
    assert set(desk.documents.held.served) == {STABLE}
    assert desk.told("document")[0]["version"] == str(NEW)


def test_the_second_mirror_is_not_asked_where_the_first_has_everything(desk: Desk) -> None:
    desk.documents.refresh()
    assert desk.asked == ["one"]


def test_bytes_that_were_verified_are_not_verified_again(desk: Desk) -> None:
    desk.documents.refresh()
    first = len(desk.keyring.asked)
    desk.documents.refresh()
    assert len(desk.keyring.asked) == first + 1  # the head


def test_a_mirror_that_is_away_is_passed_over_and_told_of_once(desk: Desk) -> None:
    desk.away("one")
    assert desk.documents.refresh()
    desk.documents.refresh()
    assert len(desk.told("mirror-failed")) == 1
    assert desk.documents.mirrors_up == {"one": False, "two": True}
    desk.away()
    desk.documents.refresh()
    desk.documents.refresh()
    assert len(desk.told("mirror-good")) == 1
    assert desk.documents.mirrors_up == {"one": True, "two": True}


def test_the_last_good_document_is_held_while_all_mirrors_are_away_until_it_expires(desk: Desk) -> None:
    desk.documents.refresh()
    desk.away("one", "two")
    desk.pass_time(DAY - HOUR)
    assert not desk.documents.refresh()
    assert desk.documents.held.fresh(desk.now) == [STABLE]
    desk.pass_time(HOUR)
    desk.documents.refresh()
    desk.documents.refresh()
    assert desk.documents.held.fresh(desk.now) == []
    assert len(desk.told("expired")) == 1


def test_a_newer_document_takes_the_place_of_the_older(desk: Desk) -> None:
    desk.documents.refresh()
    at_next(desk)
    assert desk.documents.refresh()
    assert generation(desk) == 2


def test_an_older_document_is_refused_from_any_mirror(desk: Desk) -> None:
    at_next(desk)
    desk.documents.refresh()
    for store, old in zip(desk.stores.values(), (document(), document()), strict=True):
        desk.mirror.put_document(old)
        store.objects.update(desk.stores["one"].objects)
    assert not desk.documents.refresh()
    assert generation(desk) == 2
    assert {line["kind"] for line in desk.told("document-refused")} == {"RolledBackError"}


def test_an_older_head_is_refused(desk: Desk) -> None:
    old = desk.stores["one"].objects[HEAD_FILE]
    at_next(desk)
    desk.documents.refresh()
    for store in desk.stores.values():
        store.objects[HEAD_FILE] = old
    assert not desk.documents.refresh()
    assert desk.told("document-refused")[0]["kind"] == "RolledBackError"


def test_a_document_that_lags_behind_the_head_beside_it_is_refused(desk: Desk) -> None:
    held_back = desk.stores["one"].objects[channel_document_key("stable", BOARD)]
    at_next(desk, ChannelStatus.PAUSED)
    for store in desk.stores.values():
        store.objects[channel_document_key("stable", BOARD)] = held_back
    assert not desk.documents.refresh()
    assert not desk.documents.held.served
    assert desk.told("document-refused")[0]["kind"] == "MixedError"


def test_a_withdrawn_release_that_a_document_still_offers_is_refused(desk: Desk) -> None:
    both = document(offer(NEW), offer(OLD))
    for mirror in desk.mirrors.values():
        mirror.publish(both, withdrawn=[release(OLD)])
    assert not desk.documents.refresh()
    assert desk.documents.held.withdrawn == {release(OLD).release}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"issued": document().issued + DAY, "expires": document().expires + DAY}, "ChannelDocumentError"),
        ({"issued": document().issued - DAY, "expires": document().issued}, "FrozenError"),
        ({"product": "other"}, "ChannelDocumentError"),
        ({"channel": "beta"}, "ChannelDocumentError"),
    ],
)
def test_a_document_of_another_time_or_another_place_is_refused(change: dict[str, object], kind: str) -> None:
    desk = Desk(("one",))
    desk.mirror.publish(document())
    wrong = replace(document(), **change)  # type: ignore[arg-type]  # single fields by name
    desk.mirror.put_document(wrong, key=channel_document_key("stable", BOARD))
    assert not desk.documents.refresh()
    assert desk.told("document-refused")[0]["kind"] == kind
    assert not desk.documents.held.served


def test_a_document_by_a_key_in_the_keyring_that_is_not_the_pipelines_is_refused() -> None:
    desk = Desk(("one",))
    desk.mirror.publish(document())
    desk.mirror.put_document(document(), MALLORY.sign)
    assert not desk.documents.refresh()
    assert "no key of the pipeline" in desk.told("document-refused")[0]["error"]


def test_a_document_of_another_ledger_is_refused() -> None:
    desk = Desk(("one",))
    desk.mirror.publish(document())
    desk.documents.refresh()
    fork = replace(
        document(issued=desk.now + timedelta(seconds=1)),
        ledger=replace(position(10), digest=position(9).digest),
    )
    desk.mirror.put_document(fork)
    assert not desk.documents.refresh()


def test_only_what_is_wanted_is_held() -> None:
    desk = Desk(("one",), wanted=Wanted(channels=frozenset({"beta"})))
    desk.mirror.publish(document(), document(channel="beta"))
    desk.documents.refresh()
    assert set(desk.documents.held.served) == {Place("beta", "amd64-usr")}


def test_one_broken_document_does_not_take_the_others_away() -> None:
    desk = Desk(("one",))
    desk.mirror.publish(document(), document(channel="beta"))
    desk.mirror.write(channel_document_key("beta", BOARD), b"\x00\x1b[31m")
    assert not desk.documents.refresh()
    assert set(desk.documents.held.served) == {STABLE}


def test_a_server_that_starts_anew_remembers_and_is_not_taken_back(memory: Memory) -> None:
    desk = Desk(memory=memory)
    at_next(desk)
    desk.documents.refresh()
    for mirror in desk.mirrors.values():
        mirror.publish(document())
    desk.documents = desk.open()
    desk.documents.recall()
    assert generation(desk) == 2
    assert not desk.documents.refresh()
    assert generation(desk) == 2


def test_what_the_head_withdrew_or_paused_is_held_back_after_a_restart_while_mirrors_are_away(
    memory: Memory,
) -> None:
    """The document is older, and still good; also when the head has expired meanwhile."""
    desk = Desk(("one",), memory=memory)
    desk.mirror.publish(document(valid=3 * DAY), document(offer(OLD), channel="beta", valid=3 * DAY))
    desk.documents.refresh()
    desk.pass_time(HOUR)
    gone = document(offer(NEW, status=ChannelStatus.WITHDRAWN), sequence=11, issued=desk.now)
    paused = document(offer(OLD, status=ChannelStatus.PAUSED), channel="beta", issued=desk.now)
    desk.mirror.put_head(head_of(gone, paused, sequence=11, withdrawn=[release(NEW)]))
    desk.documents.refresh()
    desk.away("one")
    for _ in range(2):
        desk.documents = desk.open()
        desk.documents.recall()
        held = desk.documents.held
        assert {place.channel for place in held.fresh(desk.now)} == {"stable", "beta"}
        assert held.withdrawn == {release(NEW).release}
        assert held.pauses(held.served[Place("beta", "amd64-usr")].document, OLD)
        assert b'status="noupdate"' in desk.answering().answer(request_body()).body
        desk.pass_time(DAY + HOUR)
    desk.away()
    desk.mirror.put_head(head_of(document(issued=desk.now - DAY), sequence=10))
    assert not desk.documents.refresh()
    assert desk.documents.held.withdrawn == {release(NEW).release}, "an older head takes nothing back"


def test_a_remembered_head_of_somebody_else_is_not_believed(memory: Memory) -> None:
    desk = Desk(("one",), memory=memory)
    desk.mirror.publish(document())
    desk.documents.refresh()
    forged = UpdateMirror(desk.stores["one"].objects.__setitem__, MALLORY.sign)
    forged.put_head(head_of(document(), sequence=99, withdrawn=[release(NEW)]))
    for data in (desk.stores["one"].objects[HEAD_FILE], b"{}", b""):
        (memory.directory / "head.json").write_bytes(data)
        desk.documents = desk.open()
        desk.documents.recall()
        assert not desk.documents.held.withdrawn
        assert set(desk.documents.held.served) == {STABLE}
    assert {line["place"] for line in desk.told("memory-refused")} == {HEAD_FILE}


def test_processes_that_share_a_memory_keep_the_newest_head(memory: Memory) -> None:
    """One that lags does not take it back; a state without a head's bytes gets those there are."""
    desk = Desk(("one",), memory=memory)
    desk.mirror.publish(document())
    old = desk.stores["one"].objects[HEAD_FILE]
    lags = desk.open()
    lags.refresh()
    (memory.directory / "head.json").unlink()
    desk.documents.recall()
    desk.documents.refresh()
    assert memory.head() == old
    at_next(desk)
    desk.documents.refresh()
    new = desk.stores["one"].objects[HEAD_FILE]
    desk.stores["one"].objects[HEAD_FILE] = old
    late = Desk(("one",), memory=memory)
    late.stores["one"].objects.update(desk.stores["one"].objects)
    late.documents.refresh()
    assert memory.head() == new
    with replacing(memory.directory / "head.json"):
        assert not memory.keep_head(seen_by(memory), b"another process writes it")


def seen_by(memory: Memory) -> Seen:
    found = memory.seen()
    assert found is not None
    return found


def test_a_memory_that_cannot_be_written_holds_back_no_news(memory: Memory) -> None:
    desk = Desk(("one",), memory=memory)
    desk.mirror.publish(document())
    memory.directory.rmdir()
    memory.directory.write_bytes(b"no directory any more")
    assert desk.documents.refresh()
    assert set(desk.documents.held.served) == {STABLE}
    desk.mirror.publish(document(sequence=11), sequence=11, withdrawn=[release(OLD)])
    assert desk.documents.refresh()
    assert desk.documents.held.withdrawn == {release(OLD).release}
    assert len(desk.told("memory-failed")) == 1


def test_a_damaged_memory_is_not_believed(memory: Memory) -> None:
    desk = Desk(("one",), memory=memory)
    desk.mirror.publish(document())
    desk.documents.refresh()
    (memory.directory / "stable.amd64-usr.channel.json").write_bytes(b"{}")
    desk.documents = desk.open()
    desk.documents.recall()
    assert not desk.documents.held.served
    assert desk.told("memory-refused")
    assert desk.documents.refresh()


def test_a_place_that_no_head_names_any_more_is_let_go_when_its_document_ends(desk: Desk) -> None:
    desk = Desk(("one",))
    desk.mirror.publish(document(), document(channel="beta"))
    desk.documents.refresh()
    desk.pass_time(DAY)
    desk.mirror.publish(document(channel="beta", issued=desk.now, sequence=11), sequence=11)
    assert desk.documents.refresh()
    assert set(desk.documents.held.served) == {Place("beta", "amd64-usr")}


def test_a_head_of_nobody_is_no_head() -> None:
    desk = Desk(("one",))
    assert not desk.documents.refresh()
    desk.mirror.put_head(head_of(document()), MALLORY.sign)
    assert not desk.documents.refresh()
    assert not desk.documents.held.places


def test_a_head_without_anything_that_is_wanted_is_told_of_once() -> None:
    desk = Desk(("one",), wanted=Wanted(channels=frozenset({"beta"})))
    desk.mirror.publish(document())
    desk.documents.refresh()
    desk.documents.refresh()
    assert [line["channels_of_the_head"] for line in desk.told("nothing-to-serve")] == ["stable"]
