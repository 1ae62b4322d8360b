"""What the pipeline recorded of delivery, judged by the policy of its time."""

from __future__ import annotations

import pytest

from release.audit.finding import Code, Severity
from release.bundle.layout import document_key
from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.ledger.kinds import Content, MirrorVerified, ReleaseCollected, RolloutHalted
from tests.unit.audit.mirrors import Mirror
from tests.unit.promotion.ruled_scene import DAY, RULES
from tests.unit.promotion.scene import ALICE, BOB

DELIVERY = """
[retention]
channel_releases = 1
stream_releases = 1
grace = 0

[[mirrors]]
name = "eu"
url = "https://eu.example.org/"

[[mirrors]]
name = "us"
url = "https://us.example.org/"
channels = ["stable"]
"""
ALPHA = '[[channels]]\nname = "alpha"\nopen = true\n'
HALTING = ALPHA + 'rollout = { kind = "linear", hours = 2, halt = { error_percent = 5 } }\n'


@pytest.fixture
def mirror() -> Mirror:
    return _mirror(RULES + DELIVERY)


def _mirror(policy: str) -> Mirror:
    found = Mirror(policy)
    found.tick(3 * DAY)
    return found


def record(mirror: Mirror, content: Content) -> str:
    """Write it as the pipeline could, and publish; returns where it is."""
    mirror.write(content)
    mirror.publish()
    return ledger_key(mirror.state.sequence)


def verified(mirror: Mirror, name: str, channel: str = "beta", *, passed: bool = True) -> MirrorVerified:
    return MirrorVerified(
        mirror=name,
        channel=channel,
        version=Version(2, 0, 0),
        release=mirror.digest("2.0.0"),
        passed=passed,
    )


def collected(mirror: Mirror, version: str) -> ReleaseCollected:
    return ReleaseCollected(
        version=Version.parse(version), release=mirror.digest(version), reason="nobody needs it"
    )


def older(mirror: Mirror) -> Mirror:
    """Alpha goes on to 5.0.0, so that it needs 2.0.0 no more."""
    for version in ("3.0.0", "4.0.0", "5.0.0"):
        mirror.register(version)
        mirror.prove(version)
        mirror.ask_and_move(version, "alpha")
    mirror.tick(9 * DAY)
    return mirror


def test_a_mirror_of_the_policy_is_nothing_to_talk_about(mirror: Mirror) -> None:
    record(mirror, verified(mirror, "eu"))
    assert mirror.codes() == []


@pytest.mark.parametrize(("name", "named"), [("mars", "eu"), ("us", "eu")])
def test_a_mirror_that_the_policy_does_not_name_for_the_channel_is_told(
    mirror: Mirror, name: str, named: str
) -> None:
    where = record(mirror, verified(mirror, name))
    finding = mirror.only(Code.MIRROR_UNKNOWN)
    assert (finding.where, finding.severity) == (where, Severity.WARNING)
    assert finding.expected == f"one of the mirrors of beta: {named}"


def test_that_a_mirror_has_lost_a_release_may_be_said_of_one_that_is_named_no_more(mirror: Mirror) -> None:
    record(mirror, verified(mirror, "mars", passed=False))
    assert mirror.codes() == []


def test_a_move_below_the_quorum_of_mirrors_was_not_allowed() -> None:
    policy = RULES.replace('name = "beta"', 'name = "beta"\nmirrors = 1').replace("soak = 48", "") + DELIVERY
    mirror = _mirror(policy)
    mirror.move_anyway(mirror.agree(mirror.request("2.0.0", "beta"), ALICE, BOB))
    mirror.publish()
    assert "mirrors: 0 of 1 have it verified, 1 must" in mirror.only(Code.DECISION_NOT_ALLOWED).found


def test_a_halt_without_rules_is_told_and_one_with_rules_is_not(mirror: Mirror) -> None:
    def halt(one: Mirror) -> None:
        content = RolloutHalted(
            channel="alpha", version=Version(2, 0, 0), release=one.digest("2.0.0"), reason="9 of 10 failed"
        )
        record(one, content)

    halt(mirror)
    finding = mirror.one(Code.HALT_WITHOUT_RULES)
    assert finding.severity is Severity.WARNING
    assert "2.0.0 was halted: 9 of 10 failed" in finding.found
    ruled = _mirror(RULES.replace(ALPHA, HALTING) + DELIVERY)
    halt(ruled)
    assert [code for code, _ in ruled.codes()] == [Code.STOP_STANDS]


def test_what_nobody_needs_may_be_collected(mirror: Mirror) -> None:
    record(older(mirror), collected(mirror, "2.0.0"))
    assert mirror.codes() == []


def test_what_a_rule_keeps_was_collected_too_early(mirror: Mirror) -> None:
    where = record(older(mirror), collected(mirror, "3.0.0"))
    finding = mirror.only(Code.COLLECTED_TOO_EARLY)
    assert (finding.where, finding.severity) == (where, Severity.BREAK)
    assert "machines of alpha that may not have newer ones are offered it" in finding.expected


def test_what_was_held_was_collected_too_early() -> None:
    mirror = older(_mirror(RULES + DELIVERY + '[[holds]]\nversion = "2.0.0"\nreason = "court"\n'))
    record(mirror, collected(mirror, "2.0.0"))
    assert "2.0.0 kept: held: court" in mirror.only(Code.COLLECTED_TOO_EARLY).expected


def test_without_a_policy_of_retention_nothing_may_be_collected() -> None:
    mirror = older(_mirror(RULES))
    record(mirror, collected(mirror, "2.0.0"))
    assert "no [retention]" in mirror.only(Code.COLLECTED_TOO_EARLY).expected


def test_what_a_collection_must_be_judged_by_is_missed(mirror: Mirror) -> None:
    record(older(mirror), collected(mirror, "2.0.0"))
    del mirror.store.objects[document_key(Version(4, 0, 0))]
    finding = mirror.one(Code.DECISION_UNCHECKED)
    assert "4.0.0: their documents are missing" in finding.found
    assert mirror.one(Code.RELEASE_MISSING).where == document_key(Version(4, 0, 0))


def test_collecting_what_a_channel_is_at_cannot_be(mirror: Mirror) -> None:
    where = mirror.pretend(collected(mirror, "2.0.0"))
    finding = mirror.one(Code.ENTRY_CONTRADICTS)
    assert finding.where == where
    assert "release 2.0.0 is what alpha offers" in finding.found
