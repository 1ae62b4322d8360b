"""The policy file: what it says is kept, what could not work is refused with its path."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from release.catalog.channel import DEFAULT_CHANNELS, Channel, Channels, PromotionKind
from release.digests import Digest
from release.errors import InputError
from release.promotion.policy import Person, Quorum
from release.promotion.policy_file import POLICY_LIMIT, read_policy
from release.promotion.policy_text import default_policy_text
from tests.unit.promotion.scene import ALICE, ALICE_SECOND, BOB, ERIN, MALLORY, POLICY_TEXT


def test_a_policy_is_read_as_it_is_written() -> None:
    policy = read_policy(POLICY_TEXT.encode())
    assert policy.product == "demo"
    assert policy.digest == Digest.sha256(POLICY_TEXT.encode())
    assert [person.name for person in policy.holders("security")] == ["Alice", "Erin"]
    assert policy.channels == Channels(
        (
            Channel("alpha"),
            Channel("beta", ("alpha",)),
            Channel("stable", ("beta",), PromotionKind.REBUILD),
        )
    )
    alpha, beta, stable = policy.edges
    assert alpha.quorum == ()
    assert beta.quorum == (Quorum(role="maintainer", count=2),)
    assert beta.evidence == ("payload-proven",)
    assert beta.terms.sign_off_valid_for == timedelta(days=7)
    assert beta.terms.request_valid_for == timedelta(days=14)
    assert stable.quorum[0] == Quorum(role="maintainer", share=Decimal("0.5"))


def test_a_person_is_found_by_any_of_their_keys() -> None:
    policy = read_policy(POLICY_TEXT.encode())
    assert policy.person(ALICE.fingerprint) is policy.person(ALICE_SECOND.fingerprint)
    assert policy.person(MALLORY.fingerprint) is None
    assert ERIN.fingerprint in policy.fingerprints


def test_fingerprints_may_be_written_as_gpg_shows_them() -> None:
    grouped = " ".join(ALICE.fingerprint[i : i + 4].lower() for i in range(0, 40, 4))
    policy = read_policy(POLICY_TEXT.replace(ALICE.fingerprint, grouped).encode())
    assert policy.people[0].fingerprints[0] == ALICE.fingerprint


@pytest.mark.parametrize(
    ("share", "holders", "needed"),
    [("0.5", 4, 3), ("0.5", 5, 3), ("0.5", 1, 1), ("0", 9, 1), ("0.6666666667", 3, 3), ("0.3", 10, 4)],
)
def test_a_share_means_more_than_it(share: str, holders: int, needed: int) -> None:
    assert Quorum(role="r", share=Decimal(share)).needed(holders) == needed


def test_a_quorum_is_never_nobody() -> None:
    assert Quorum(role="r").needed(0) == 1


def test_channels_that_are_not_there_have_no_rules() -> None:
    policy = read_policy(POLICY_TEXT.encode())
    assert policy.edge("lts") is None
    with pytest.raises(InputError, match="'lts' is not in the policy; there are: alpha, beta, stable"):
        policy.get("lts")


_BETA = 'quorum = [{ role = "maintainer", count = 2 }]'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('product = "demo"', "", "product: Field required"),
        ('product = "demo"', 'product = "demo"\nsoak = 1', "soak: Extra inputs"),
        ('product = "demo"', "product = ", "not TOML"),
        ('product = "demo"', 'product = "\udcff"', "not TOML"),
        ('name = "Bob"', 'name = "Alice"', "people: name 'Alice' appears twice"),
        (BOB.fingerprint, ALICE_SECOND.fingerprint, "people: fingerprint .* appears twice"),
        (BOB.fingerprint, BOB.fingerprint[:16], "people.1.fingerprints.0: String should match"),
        (BOB.fingerprint, "", "people.1.fingerprints.0"),
        ('roles = ["security"]', "roles = []", "people.4.roles: .*at least 1"),
        ('roles = ["security"]', 'roles = ["security"]\nadmin = true', "people.4.admin"),
        ("open = true", "", r"channels.0 \(alpha\): expected either a quorum or open = true, found neither"),
        ("open = true", "open = false", "expected either a quorum or open = true, found neither"),
        ("open = true", 'open = "yes"', "channels.0.open"),
        ("open = true", "quorum = []", "expected either a quorum or open = true, found neither"),
        (_BETA, _BETA + "\nopen = true", r"channels.1 \(beta\): expected .*found both"),
        (
            _BETA,
            'quorum = [{ role = "boss", count = 1 }]',
            r"\(beta\).quorum.0.role: nobody has the role 'boss'",
        ),
        (_BETA, _BETA.replace("2", "5"), r"\(beta\).quorum.0.count: asks for 5 .* which only 4 have"),
        (_BETA, _BETA.replace("2", "0"), "channels.1.quorum.0.count"),
        (_BETA, _BETA.replace("2", "1.5"), "channels.1.quorum.0.count"),
        (_BETA, _BETA.replace("count = 2", "share = 1.0"), "channels.1.quorum.0.share"),
        (_BETA, _BETA.replace("count = 2", "share = nan"), "channels.1.quorum.0.share"),
        (_BETA, _BETA.replace(", count = 2", ""), "quorum.0: expected either count or share"),
        (_BETA, _BETA.replace("2", "2, share = 0.5"), "quorum.0: expected either count or share"),
        (
            _BETA,
            'quorum = [{ role = "maintainer", count = 1 }, { role = "maintainer", count = 2 }]',
            "quorum: role 'maintainer' appears twice",
        ),
        ('feeds_from = ["alpha"]', 'feeds_from = ["gamma"]', "'beta' is fed from 'gamma'"),
        ('feeds_from = ["alpha"]', 'feeds_from = ["beta"]', "'beta' is fed from 'beta'"),
        ('name = "beta"', 'name = "alpha"', "channel 'alpha' is listed twice"),
        ('name = "beta"', 'name = "Beta"', "channels.1.name: channel 'Beta': expected lower-case"),
        ('kind = "rebuild"', 'kind = "copy"', "channels.2.kind"),
        (_BETA, _BETA + "\nsign_off_valid_for = 0", "channels.1.sign_off_valid_for"),
        (_BETA, _BETA + "\nrequest_valid_for = 99999", "channels.1.request_valid_for"),
        (_BETA, _BETA + '\nevidence = ["Not A Word"]', "channels.1.evidence.0"),
    ],
)
def test_what_could_not_work_is_refused_with_its_path(old: str, new: str, message: str) -> None:
    assert old in POLICY_TEXT
    with pytest.raises(InputError, match=f"here: .*{message}"):
        read_policy(POLICY_TEXT.replace(old, new).encode("utf-8", "surrogateescape"), "here")


def test_a_policy_without_channels_is_refused() -> None:
    with pytest.raises(InputError, match="channels: Field required"):
        read_policy(b'product = "demo"')


def test_an_endless_policy_is_refused() -> None:
    with pytest.raises(InputError, match=f"expected at most {POLICY_LIMIT} bytes"):
        read_policy(b"#" * (POLICY_LIMIT + 1))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="not TOML"):
        read_policy(b"a = " + b"[" * 100_000)


PEOPLE = (
    Person(name='Ada "the" \\ 1st', fingerprints=(ALICE.fingerprint,), roles=("maintainer",)),
    Person(name="Grå ß", fingerprints=(BOB.fingerprint, ERIN.fingerprint), roles=("maintainer", "security")),
)


def test_the_first_policy_file_says_what_was_asked_for() -> None:
    text = default_policy_text("demo", PEOPLE, open_channels=("alpha",))
    policy = read_policy(text.encode())
    assert policy.people == PEOPLE
    assert policy.channels == DEFAULT_CHANNELS
    assert [edge.quorum for edge in policy.edges] == [(), *[(Quorum(role="maintainer", count=2),)] * 3]
    assert "# " in text


def test_the_first_policy_file_keeps_the_promotion_kind() -> None:
    channels = Channels((Channel("alpha"), Channel("beta", ("alpha",), PromotionKind.REBUILD)))
    text = default_policy_text("demo", PEOPLE, channels, count=1)
    assert read_policy(text.encode()).channels == channels


def test_a_first_policy_that_nobody_could_meet_is_refused() -> None:
    with pytest.raises(InputError, match=r"new policy: .*asks for 3 of role 'maintainer', which only 2 have"):
        default_policy_text("demo", PEOPLE, count=3)
