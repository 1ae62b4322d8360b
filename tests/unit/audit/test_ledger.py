"""What an audit finds wrong with the objects of a ledger, each by itself and several at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from release.audit.finding import Code, Severity
from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.ledger.entries import ENTRY_LIMIT
from release.ledger.fold import Trust
from release.ledger.kinds import (
    EvidenceFound,
    Genesis,
    PointerMoved,
    RequestMade,
    StopOrdered,
    read_content,
    write_content,
)
from release.ledger.statements import StopAction
from tests.unit.audit.mirrors import Mirror, changed, version_file
from tests.unit.ledger.fakes import PIPELINE, digest_of, made, released
from tests.unit.promotion.scene import ALICE, BOB, CAROL, MALLORY


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


def test_a_mirror_in_order_has_nothing_to_be_said_of(mirror: Mirror) -> None:
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    mirror.publish()
    report = mirror.audit()
    assert not report.findings
    assert not report.broken
    assert report.counts.entries == mirror.state.sequence + 1
    assert (report.counts.decisions, report.counts.pointers, report.counts.releases) == (2, 2, 2)
    assert report.last == mirror.state.digest


def test_an_entry_that_is_missing_is_named(mirror: Mirror) -> None:
    del mirror.store.objects[ledger_key(1)]
    assert (Code.ENTRY_MISSING, ledger_key(1)) in mirror.codes()
    assert mirror.one(Code.ENTRY_MISSING).expected == "entry 1"


def test_many_that_are_missing_are_one_finding_however_many(mirror: Mirror) -> None:
    mirror.store.objects["ledger/90000000.json"] = b"{}"
    finding = mirror.one(Code.ENTRY_MISSING)
    assert finding.expected == "entries 6 to 89999999"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"body": "{}", "signature": "x"}', b"x" * 9])
def test_an_object_that_is_no_entry_is_unreadable(mirror: Mirror, data: bytes) -> None:
    mirror.store.objects[ledger_key(3)] = data
    assert (Code.ENTRY_UNREADABLE, ledger_key(3)) in mirror.codes()
    assert (Code.ENTRY_ALTERED, ledger_key(3)) in mirror.codes()


def test_an_endless_entry_is_not_read_to_its_end(mirror: Mirror) -> None:
    mirror.store.objects[ledger_key(3)] = b" " * (ENTRY_LIMIT + 1)
    assert str(ENTRY_LIMIT) in mirror.one(Code.ENTRY_UNREADABLE).found


def test_an_object_with_another_name_is_a_stray(mirror: Mirror) -> None:
    mirror.store.objects["ledger/notes.txt"] = b"hello"
    assert mirror.only(Code.LEDGER_STRAY).where == "ledger/notes.txt"


def test_an_entry_of_a_kind_that_nobody_knows_is_a_break(mirror: Mirror) -> None:
    key = mirror.pretend(EvidenceFound(release=digest_of("x"), name="x", passed=True), kind="prophecy")
    mirror.store.objects.pop("head.json")
    found = mirror.one(Code.ENTRY_UNKNOWN)
    assert (found.where, found.found) == (key, "kind 'prophecy'")


def test_an_altered_entry_neither_has_its_signature_nor_the_digest_that_is_named(mirror: Mirror) -> None:
    data = bytearray(mirror.store.objects[ledger_key(3)])
    data[60] ^= 1
    mirror.store.objects[ledger_key(3)] = bytes(data)
    found = mirror.codes()
    assert (Code.ENTRY_FORGED, ledger_key(3)) in found
    assert (Code.ENTRY_ALTERED, ledger_key(3)) in found
    assert "ledger/00000004.json names it" in mirror.one(Code.ENTRY_ALTERED).expected


def test_the_last_entry_is_named_by_the_head(mirror: Mirror) -> None:
    last = mirror.state.sequence
    mirror.put(changed(mirror.entry(last), time=mirror.now + timedelta(seconds=1)))
    assert "as head.json names it" in mirror.one(Code.LEDGER_FORKED).expected
    mirror.put(changed(mirror.entry(last), time=mirror.now), MALLORY)
    mirror.keys.keys = tuple(key for key in mirror.keys.keys if key != MALLORY)
    assert "as head.json names it" in mirror.one(Code.ENTRY_ALTERED).expected


def test_two_that_are_swapped_are_misplaced_and_nothing_else(mirror: Mirror) -> None:
    objects = mirror.store.objects
    objects[ledger_key(1)], objects[ledger_key(3)] = objects[ledger_key(3)], objects[ledger_key(1)]
    assert sorted(mirror.codes()) == [
        (Code.ENTRY_MISPLACED, ledger_key(1)),
        (Code.ENTRY_MISPLACED, ledger_key(3)),
    ]


@pytest.mark.parametrize("place", [ledger_key(6), ledger_key(50), "ledger/00000002.bak"])
def test_an_entry_that_is_there_twice_is_named_where_it_should_not_be(mirror: Mirror, place: str) -> None:
    mirror.store.objects[place] = mirror.store.objects[ledger_key(2)]
    finding = mirror.only(Code.ENTRY_DOUBLED)
    assert (finding.where, finding.found) == (place, "a copy of entry 2, which is at ledger/00000002.json")


def test_a_copy_in_the_place_of_another_entry_is_that_one_missing(mirror: Mirror) -> None:
    mirror.store.objects[ledger_key(4)] = mirror.store.objects[ledger_key(2)]
    assert {(Code.ENTRY_DOUBLED, ledger_key(4)), (Code.ENTRY_MISSING, ledger_key(4))} <= {*mirror.codes()}


def test_a_copy_in_the_place_of_the_last_entry_is_a_head_that_is_ahead(mirror: Mirror) -> None:
    last = mirror.state.sequence
    mirror.store.objects[ledger_key(last)] = mirror.store.objects[ledger_key(2)]
    assert {Code.ENTRY_DOUBLED, Code.HEAD_AHEAD} <= {code for code, _ in mirror.codes()}


def test_two_signed_entries_of_one_number_are_a_fork(mirror: Mirror) -> None:
    kept = mirror.store.objects[ledger_key(3)]
    mirror.put(changed(mirror.entry(3), time=mirror.now))
    assert mirror.one(Code.LEDGER_FORKED).where == ledger_key(3)
    mirror.store.objects["ledger/other.json"] = mirror.store.objects[ledger_key(3)]
    mirror.store.objects[ledger_key(3)] = kept
    assert mirror.only(Code.LEDGER_FORKED).where == "ledger/other.json"


def test_who_may_not_write_an_entry_has_written_none(mirror: Mirror) -> None:
    for key in (MALLORY, ALICE):
        mirror.pretend(released("9.0.0"), key)
    findings = [one for one in mirror.audit().findings if one.code is Code.ENTRY_UNAUTHORISED]
    assert ["may only be written by the pipeline" in one.found for one in findings] == [True, True]
    assert mirror.audit().counts.releases == 2


def test_people_write_their_own_statements_and_nobody_elses(mirror: Mirror) -> None:
    own, other = (mirror.asked("2.0.0", "beta", BOB).statement() for _ in range(2))
    mirror.pretend(made(own, BOB), BOB)
    assert Code.ENTRY_UNAUTHORISED not in {code for code, _ in mirror.codes()}
    mirror.pretend(made(other, BOB), ALICE)
    assert "of their own" in mirror.one(Code.ENTRY_UNAUTHORISED).found


def test_time_does_not_go_back(mirror: Mirror) -> None:
    mirror.pretend(released("9.0.0"), time=mirror.now - timedelta(hours=1))
    mirror.pretend(released("9.1.0"), time=mirror.now)
    assert mirror.one(Code.ENTRY_BACKDATED).where == ledger_key(6)


def test_an_entry_of_tomorrow_is_told_today_and_not_tomorrow(mirror: Mirror) -> None:
    mirror.pretend(released("9.0.0"), time=mirror.now + timedelta(days=1))
    finding = mirror.one(Code.ENTRY_POSTDATED)
    assert (finding.where, finding.severity) == (ledger_key(6), Severity.BREAK)
    found = mirror.codes(now=mirror.now + timedelta(days=1))
    assert Code.ENTRY_POSTDATED not in {code for code, _ in found}


def test_a_persons_clock_that_is_ahead_is_theirs(mirror: Mirror) -> None:
    text = mirror.asked("2.0.0", "beta", BOB).statement()
    mirror.pretend(made(text, BOB), BOB, time=mirror.now + timedelta(hours=1))
    assert {code for code, _ in mirror.codes()} == {Code.HEAD_BEHIND}


def test_a_stop_by_a_clock_that_is_ahead_is_told(mirror: Mirror) -> None:
    text = mirror.order(StopAction.WITHDRAW, version="1.0.0", by=BOB.fingerprint).statement()
    order = StopOrdered(statement=text, statement_signature=BOB.sign(text.encode()))
    mirror.pretend(order, BOB, time=mirror.now + timedelta(days=90))
    finding = mirror.one(Code.STATEMENT_POSTDATED)
    assert (finding.where, finding.severity) == (ledger_key(6), Severity.WARNING)


def test_what_cannot_be_so_is_told_and_walked_past(mirror: Mirror) -> None:
    mirror.pretend(released("2.0.0"))
    assert "registered twice" in mirror.one(Code.ENTRY_CONTRADICTS).found
    assert mirror.one(Code.ENTRY_CONTRADICTS).hint is None


def test_what_only_follows_from_an_earlier_break_says_so(mirror: Mirror) -> None:
    mirror.store.objects[ledger_key(4)] = b"gone"  # the request
    finding = mirror.one(Code.ENTRY_CONTRADICTS)
    assert (finding.where, finding.hint) == (
        ledger_key(5),
        "may follow from the break at ledger/00000004.json",
    )


def test_a_statement_that_nobody_signed_is_forged_though_its_entry_is_not(mirror: Mirror) -> None:
    text = mirror.asked("2.0.0", "beta", ALICE).statement()
    other = text.replace('"beta"', '"stable"')
    mirror.pretend(RequestMade(statement=other, statement_signature=ALICE.sign(text.encode())))
    assert mirror.one(Code.STATEMENT_FORGED).where == ledger_key(6)


def test_another_product_and_keys_that_were_not_given_are_a_break(mirror: Mirror) -> None:
    assert mirror.one(Code.PRODUCT_DIFFERS, product="other").found == "that of 'demo'"
    finding = mirror.one(Code.PIPELINE_UNTRUSTED, trust=Trust(pipeline=frozenset({BOB.fingerprint})))
    assert PIPELINE.fingerprint in finding.found


def test_a_beginning_that_is_not_what_its_policy_says_is_a_break(mirror: Mirror) -> None:
    genesis = read_content("genesis", mirror.entry(0).data, "test")
    assert isinstance(genesis, Genesis)
    other = Genesis(
        **{**{name: getattr(genesis, name) for name in genesis.__slots__}, "channels": ("alpha", "x")}
    )
    mirror.put(changed(mirror.entry(0), data=write_content(other)))
    assert "alpha, beta, stable" in mirror.one(Code.GENESIS_DIFFERS).expected


def test_no_ledger_at_all_is_a_break(mirror: Mirror) -> None:
    mirror.store.objects.clear()
    report = mirror.audit()
    assert {one.code for one in report.findings} == {Code.LEDGER_EMPTY, Code.HEAD_MISSING}
    assert report.last is None


@pytest.mark.parametrize("gone", [True, False])
def test_a_beginning_that_is_lost_hides_no_decision_that_was_not_allowed(mirror: Mirror, gone: bool) -> None:
    request = mirror.request("2.0.0", "beta")
    moved = mirror.move_anyway(request)
    mirror.publish()
    if gone:
        del mirror.store.objects[ledger_key(0)]
    else:
        mirror.store.objects[ledger_key(0)] = b"{}"
    finding = mirror.one(Code.DECISION_NOT_ALLOWED)
    assert finding.where == moved
    assert "quorum maintainer" in finding.found


def test_one_break_hides_no_other(mirror: Mirror) -> None:
    first = mirror.move_anyway(mirror.request("2.0.0", "beta"))
    mirror.register("3.0.0")
    mirror.prove("3.0.0")
    stray = mirror.request("3.0.0", "alpha", CAROL)
    second = mirror.move(stray)
    third = mirror.move_anyway(mirror.request("3.0.0", "beta"))
    mirror.publish()
    mirror.store.objects[ledger_key(3)] = b"altered"  # the evidence of 2.0.0
    mirror.store.objects["ledger/x"] = b""
    assert second.sequence > 0
    found = mirror.codes()
    assert {
        (Code.ENTRY_UNREADABLE, ledger_key(3)),
        (Code.ENTRY_ALTERED, ledger_key(3)),
        (Code.LEDGER_STRAY, "ledger/x"),
        (Code.DECISION_NOT_ALLOWED, first),
        (Code.DECISION_NOT_ALLOWED, third),
    } <= {*found}


def test_with_beginning_and_policy_lost_the_rest_is_walked_all_the_same(mirror: Mirror) -> None:
    del mirror.store.objects[ledger_key(0)]
    del mirror.store.objects[f"policy/{mirror.policy.digest.hex}.toml"]
    report = mirror.audit()
    codes = {one.code for one in report.findings}
    assert codes == {Code.ENTRY_MISSING, Code.DECISION_UNCHECKED, Code.REQUEST_IGNORED}
    assert report.counts.releases == 2, "channels are those that entries name"


def test_a_ledger_of_which_only_the_end_is_left_is_walked(mirror: Mirror) -> None:
    for number in range(mirror.state.sequence):
        mirror.store.objects.pop(ledger_key(number), None)
    report = mirror.audit()
    assert report.counts.entries == 1
    assert {Code.ENTRY_MISSING, Code.ENTRY_CONTRADICTS} <= {one.code for one in report.findings}


def test_a_move_to_what_is_not_registered_moves_nothing(mirror: Mirror) -> None:
    request = mirror.request("2.0.0", "beta")
    moved = PointerMoved(
        channel="beta",
        version=Version(9, 0, 0),
        release=digest_of("9.0.0"),
        request=request,
        generation=2,
        from_version=Version(1, 0, 0),
        decided_at=mirror.now,
    )
    key = mirror.pretend(moved)
    found = mirror.codes()
    assert (Code.ENTRY_CONTRADICTS, key) in found
    assert Code.POINTER_STALE not in {code for code, _ in found}


def test_after_a_move_that_cannot_be_so_later_ones_are_judged_by_themselves(mirror: Mirror) -> None:
    """The pipeline says that beta is at 2.0.0; what comes next starts from there and is allowed, or not."""
    request = mirror.request("2.0.0", "beta")
    moved = PointerMoved(
        channel="beta",
        version=Version(2, 0, 0),
        release=mirror.digest("2.0.0"),
        request=request,
        generation=7,
        from_version=Version(1, 0, 0),
        decided_at=mirror.now,
    )
    wrong = mirror.pretend(moved)
    mirror.store.objects["beta/amd64-usr/current/version.txt"] = version_file("2.0.0")
    found = mirror.codes()
    assert (Code.ENTRY_CONTRADICTS, wrong) in found
    assert Code.POINTER_FORGED not in {code for code, _ in found}
