"""What an audit finds wrong beside the ledger: policies, evidence, releases, the signed head, pointers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import BinaryIO

import pytest

from release.audit.finding import Code, Severity
from release.audit.pointers import GRACE, place_of
from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE, ledger_key
from release.catalog.version import Version
from release.errors import UnavailableError
from release.ledger.fold import Trust
from release.ledger.statements import StopAction
from release.line.auditing import audit
from release.trust.head import ChannelStatus, LedgerPosition, MirrorHead
from release.trust.seen import Seen
from tests.memory_store import MemoryStore
from tests.unit.audit.mirrors import Mirror, document, version_file
from tests.unit.ledger.fakes import HOUR, PIPELINE, digest_of
from tests.unit.promotion.ruled_scene import RULES
from tests.unit.promotion.scene import ALICE, BOB, MALLORY

ALPHA, BETA = ("alpha/amd64-usr/current/version.txt", "beta/amd64-usr/current/version.txt")


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


# --- what the ledger names by digest ---------------------------------------------------------------


def test_an_altered_policy_is_not_the_one_that_is_named(mirror: Mirror) -> None:
    key = f"policy/{mirror.policy.digest.hex}.toml"
    mirror.store.objects[key] += b"\n"
    finding = mirror.one(Code.POLICY_ALTERED)
    assert (finding.where, finding.expected) == (key, f"{mirror.policy.digest}, as {ledger_key(0)} names it")


def test_a_policy_that_this_program_cannot_read_is_a_break() -> None:
    mirror = Mirror(RULES)
    newer = RULES + "\n[magic]\nlevel = 3\n"
    digest = mirror.keep_policy(newer)
    genesis = mirror.entry(0)
    mirror.store.objects.clear()
    mirror.keep_policy(newer)
    mirror.put(replace(genesis, data={**genesis.data, "policy": str(digest)}))
    assert "magic" in mirror.one(Code.POLICY_UNREADABLE).found


def test_a_policy_that_was_only_asked_for_may_be_missing() -> None:
    mirror = Mirror(RULES)
    mirror.ask_for_policy(RULES.replace("soak = 48", "soak = 24"))
    mirror.publish()
    finding = mirror.only(Code.PROPOSAL_MISSING)
    assert (finding.severity, finding.expected) == (
        Severity.WARNING,
        f"the policy that {ledger_key(6)} asks for",
    )


def test_evidence_has_its_documents(mirror: Mirror) -> None:
    key = f"evidence/{mirror.keep('payload-proven 2.0.0').hex}"
    mirror.store.objects[key] += b"!"
    assert mirror.only(Code.EVIDENCE_ALTERED).where == key
    del mirror.store.objects[key]
    finding = mirror.only(Code.EVIDENCE_MISSING)
    assert (finding.expected, finding.found) == (f"the document that {ledger_key(3)} names", "none")


def test_a_release_is_the_one_that_was_registered(mirror: Mirror) -> None:
    key = "releases/2.0.0/release.json"
    mirror.store.objects[key] = mirror.store.objects[key].replace(b'"notes":""', b'"notes":"x"')
    assert mirror.only(Code.RELEASE_ALTERED).where == key
    del mirror.store.objects[key]
    assert mirror.only(Code.RELEASE_MISSING).where == key


@pytest.mark.parametrize(
    ("built", "registered", "expected", "found"),
    [
        ({"product": "other"}, {}, "product demo", "other"),
        ({}, {"built_for": "beta"}, "channel beta", "alpha"),
        ({"version": Version(3, 0, 1)}, {}, "version 3.0.0", "3.0.1"),
        ({}, {"boards": (Board("arm64"),)}, "boards arm64-usr", "amd64-usr"),
    ],
)
def test_what_was_registered_is_what_the_release_says(
    mirror: Mirror, built: dict[str, object], registered: dict[str, object], expected: str, found: str
) -> None:
    made = replace(document("3.0.0"), **built)  # type: ignore[arg-type]  # single fields by name
    mirror.enroll(made, "3.0.0", **registered)
    mirror.publish()
    finding = mirror.only(Code.RELEASE_DIFFERS)
    assert (finding.expected, finding.found) == (f"{expected} as registered", found)


# --- the signed head -------------------------------------------------------------------------------


def test_a_mirror_without_a_head_is_a_break(mirror: Mirror) -> None:
    del mirror.store.objects[HEAD_FILE]
    assert mirror.only(Code.HEAD_MISSING).severity is Severity.BREAK


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 100_000])
def test_what_is_no_head_is_forged(mirror: Mirror, data: bytes) -> None:
    mirror.store.objects[HEAD_FILE] = data
    assert mirror.only(Code.HEAD_FORGED).where == HEAD_FILE


def test_a_head_that_the_pipeline_did_not_sign_is_forged(mirror: Mirror) -> None:
    mirror.sign(key=ALICE)
    assert ALICE.fingerprint in mirror.only(Code.HEAD_FORGED).found
    mirror.sign()
    mirror.store.objects[HEAD_FILE] = mirror.store.objects[HEAD_FILE].replace(b"2.0.0", b"2.0.1")
    assert "none that holds" in mirror.only(Code.HEAD_FORGED).found


def test_a_head_by_a_key_that_is_not_the_pipelines_in_this_ledger_is_forged(mirror: Mirror) -> None:
    mirror.sign(key=MALLORY)
    trust = Trust(pipeline=frozenset({PIPELINE.fingerprint, MALLORY.fingerprint}), people=mirror.trust.people)
    assert "no key of the pipeline at entry 5" in mirror.only(Code.HEAD_FORGED, trust=trust).found


def test_an_expired_head_is_a_break(mirror: Mirror) -> None:
    assert mirror.only(Code.HEAD_EXPIRED, now=mirror.now + 24 * HOUR).where == HEAD_FILE


def test_a_head_by_a_key_that_has_expired_since_is_as_good_as_expired(mirror: Mirror) -> None:
    mirror.keys.expiry[PIPELINE] = mirror.now + HOUR
    assert not mirror.codes()
    assert mirror.only(Code.HEAD_EXPIRED, now=mirror.now + 2 * HOUR).expected == "a key that is good now"


def test_a_head_from_the_future_is_a_break(mirror: Mirror) -> None:
    mirror.sign(lambda head: replace(head, issued=head.issued + HOUR, expires=head.expires + HOUR))
    assert mirror.only(Code.HEAD_POSTDATED).where == HEAD_FILE


def test_entries_after_the_head_are_told_and_no_break(mirror: Mirror) -> None:
    mirror.request("2.0.0", "beta")
    finding = mirror.only(Code.HEAD_BEHIND)
    assert (finding.severity, finding.found) == (
        Severity.WARNING,
        "entry 5; 1 later ones are not covered by it",
    )


def test_entries_that_only_the_head_knows_are_a_break(mirror: Mirror) -> None:
    mirror.request("2.0.0", "beta")
    mirror.publish()
    del mirror.store.objects[ledger_key(6)]
    assert mirror.only(Code.HEAD_AHEAD).found == f"{ledger_key(5)} as the last one"


def test_a_head_of_another_ledger_is_a_fork(mirror: Mirror) -> None:
    mirror.sign(lambda head: replace(head, ledger=LedgerPosition(sequence=5, digest=digest_of("x"))))
    assert mirror.only(Code.LEDGER_FORKED).where == ledger_key(5)


def status(head: MirrorHead) -> MirrorHead:
    return replace(
        head,
        channels={**head.channels, "alpha": replace(head.channels["alpha"], status=ChannelStatus.PAUSED)},
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (status, "alpha is at 2.0.0 (paused"),
        (lambda head: replace(head, product="other"), "product is other"),
        (lambda head: replace(head, policy=digest_of("x")), "policy is"),
        (lambda head: replace(head, channels={}), "beta is at nothing"),
        (lambda head: replace(head, expires=head.expires + HOUR), "expires is"),
    ],
)
def test_a_head_says_what_its_ledger_says(mirror: Mirror, change: object, found: str) -> None:
    mirror.sign(change)  # type: ignore[arg-type]  # a change, told by pytest as an object
    assert any(found in one.found for one in mirror.audit().findings)
    assert {code for code, _ in mirror.codes()} == {Code.HEAD_DIFFERS}


def test_a_head_is_compared_with_the_entry_that_it_names_and_not_with_later_ones(mirror: Mirror) -> None:
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    found = {code for code, _ in mirror.codes()}
    assert found == {Code.HEAD_BEHIND, Code.POINTER_LAGGING}


# --- where the mirror was before -------------------------------------------------------------------


def test_a_mirror_that_was_further_on_is_told(mirror: Mirror) -> None:
    before = dict(mirror.store.objects)
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    mirror.publish()
    seen = mirror.audit().seen
    assert seen is not None
    assert mirror.audit(seen=seen).findings == ()
    mirror.store.objects = before
    report = mirror.audit(seen=seen)
    assert [one.code for one in report.findings] == [Code.ROLLED_BACK, Code.ROLLED_BACK]
    assert [one.where for one in report.findings] == [ledger_key(seen.ledger.sequence), HEAD_FILE]
    assert report.seen is None, "what was taken back in time is not remembered"


def test_nothing_is_remembered_of_a_head_that_is_not_to_be_believed(mirror: Mirror) -> None:
    mirror.sign(lambda head: replace(head, ledger=LedgerPosition(sequence=5, digest=digest_of("x"))))
    assert mirror.audit().seen is None
    del mirror.store.objects[HEAD_FILE]
    assert mirror.audit().seen is None


def test_history_that_was_rewritten_is_told(mirror: Mirror) -> None:
    seen = Seen(
        product="demo", ledger=LedgerPosition(sequence=3, digest=digest_of("other")), issued=mirror.now
    )
    assert mirror.only(Code.ROLLED_BACK, seen=seen).where == ledger_key(3)


# --- pointers --------------------------------------------------------------------------------------


def test_a_pointer_to_what_no_decision_backs_is_forged(mirror: Mirror) -> None:
    mirror.store.objects[BETA] = version_file("2.0.0")
    assert mirror.only(Code.POINTER_FORGED).found == "2.0.0, which no decision in the ledger backs"
    mirror.store.objects[BETA] = version_file("9.0.0")
    assert mirror.only(Code.POINTER_FORGED).found == "9.0.0, which is not even registered"
    for text in (b"", b"FLATCAR_VERSION=x\n", version_file("1.0.0") * 2, b" " * 100_000):
        mirror.store.objects[BETA] = text
        assert mirror.only(Code.POINTER_FORGED).where == BETA


def test_a_pointer_with_other_lines_is_altered_though_it_names_the_version(mirror: Mirror) -> None:
    mirror.store.objects[BETA] += b"EVIL=1\n"
    assert mirror.only(Code.POINTER_ALTERED).where == BETA


def test_a_pointer_that_lags_is_a_warning_at_first_and_a_break_in_the_end(mirror: Mirror) -> None:
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    mirror.sign()
    finding = mirror.only(Code.POINTER_LAGGING)
    assert (finding.severity, finding.found) == (Severity.WARNING, "1.0.0, where it was before")
    assert mirror.only(Code.POINTER_STALE, now=mirror.now + GRACE * 2).severity is Severity.BREAK
    del mirror.store.objects[BETA]
    assert mirror.only(Code.POINTER_LAGGING).found == "none"
    assert mirror.only(Code.POINTER_STALE, now=mirror.now + GRACE * 2).found == "none"


def test_nobody_holds_back_a_pointer_to_what_was_withdrawn(mirror: Mirror) -> None:
    mirror.ask_and_move("2.0.0", "beta", ALICE, BOB)
    mirror.stop(mirror.order(StopAction.WITHDRAW, version="2.0.0"))
    mirror.sign()
    late = mirror.one(Code.POINTER_LAGGING, now=mirror.now + GRACE * 2)
    assert (late.severity, late.where) == (Severity.WARNING, BETA)


def test_a_pointer_of_a_channel_that_never_moved_or_does_not_exist_is_told(mirror: Mirror) -> None:
    mirror.store.objects["stable/amd64-usr/current/version.txt"] = version_file("1.0.0")
    mirror.store.objects["nightly/amd64-usr/current/version.txt"] = version_file("1.0.0")
    mirror.store.objects["alpha/arm64-usr/current/version.txt"] = version_file("2.0.0")
    assert {(code, where.partition("/current")[0]) for code, where in mirror.codes()} == {
        (Code.POINTER_FORGED, "stable/amd64-usr"),
        (Code.POINTER_UNKNOWN, "nightly/amd64-usr"),
        (Code.POINTER_FORGED, "alpha/arm64-usr"),
    }


def test_only_keys_of_pointers_are_pointers() -> None:
    place = place_of(ALPHA)
    assert place is not None
    assert place.key == ALPHA
    for key in ("head.json", "alpha/amd64-usr/current/other.txt", "alpha/x/current/version.txt"):
        assert place_of(key) is None


# --- reading ---------------------------------------------------------------------------------------


def test_a_mirror_that_does_not_answer_is_unavailable_and_not_broken(mirror: Mirror) -> None:
    mirror.store.faults.down = True
    with pytest.raises(UnavailableError):
        mirror.audit()


class BusyStore(MemoryStore):
    """Somebody does ``something``, once, when ``key`` is about to be read."""

    key = ""
    something: Callable[[], object] | None = None

    def open(self, key: str) -> BinaryIO:
        something, self.something = (self.something, None) if key == self.key else (None, self.something)
        if something is not None:
            something()
        return super().open(key)


def test_a_ledger_that_goes_on_meanwhile_is_looked_at_again(mirror: Mirror) -> None:
    """A pointer that moved after we had read the ledger is not forged; nothing is verified twice."""
    request = mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB)
    mirror.publish()
    store = BusyStore(mirror.store.objects)
    mirror.store.objects = store.objects

    def promote() -> None:
        mirror.move(request)
        mirror.publish()
        mirror.keys.asked.clear()

    store.key, store.something = BETA, promote
    report = audit(store, mirror.auditor(now=mirror.now + timedelta(minutes=5)))
    assert not report.findings
    assert report.counts.decisions == 2
    assert len(mirror.keys.asked) == 3, "the new entry, and the new head twice: when issued, and now"
