"""The policy file's rules besides channels and people: what they mean, what is refused with its path."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from release.errors import InputError
from release.promotion.policy import Limits, Policy, Quorum, SigningRules, StreamRules
from release.promotion.policy_file import read_policy
from tests.unit.ledger.fakes import PIPELINE
from tests.unit.promotion.ruled_scene import GOVERNANCE, PEOPLE, RULES
from tests.unit.promotion.scene import BOB, POLICY_TEXT

FULL = (
    RULES.replace(
        "soak = 48",
        "soak = 48\n"
        "limits = { image_growth_percent = 5, boot_bytes = 62914560, delta_percent = 60, downgrades = 0 }",
    )
    + f"""
[signing]
payload_signatures = 2
release_lifetime_days = 30
head_valid_for = 12

[pipeline]
fingerprints = ["{PIPELINE.fingerprint}"]

[[freezes]]
name = "holidays"
zone = "Europe/Berlin"
begins = 2026-12-18T00:00:00
ends = 2027-01-04T08:00:00
every = "FREQ=YEARLY"
channels = ["stable", "lts", "lts-2024"]
"""
)


def read(text: str) -> Policy:
    return read_policy(text.encode(), "here")


def test_everything_is_read_as_it_is_written() -> None:
    policy = read(FULL)
    beta, lts = policy.get("beta"), policy.get("lts-2024")
    assert beta.soak == timedelta(hours=48)
    assert beta.hurry == (Quorum(role="maintainer", count=3),)
    assert beta.terms.overrule == (Quorum(role="security", count=2),)
    assert beta.limits == Limits(image_growth_percent=5, boot_bytes=62914560, delta_percent=60, downgrades=0)
    assert lts.streams == StreamRules(support_months=18, overlap_months=6)
    assert lts.channel.name == "lts-2024"
    assert policy.streams == ("lts",)
    assert policy.emergency.stop == ("security",)
    assert policy.emergency.resume.quorum == (Quorum(role="maintainer", count=2),)
    assert policy.governance.quorum == (
        Quorum(role="maintainer", count=2),
        Quorum(role="security", count=1),
    )
    assert policy.waiver_roles == ("security",)
    assert policy.signing == SigningRules(
        payload_signatures=2, release_lifetime=timedelta(days=30), head_valid_for=timedelta(hours=12)
    )
    assert policy.pipeline_keys == (PIPELINE.fingerprint,)
    (window,) = policy.freezes
    assert (window.zone, window.begins) == (ZoneInfo("Europe/Berlin"), datetime(2026, 12, 18))  # noqa: DTZ001  local
    assert (window.lasts, window.every) == (timedelta(days=17, hours=8), "FREQ=YEARLY")


def test_what_is_left_out_forbids_or_asks_for_nothing() -> None:
    policy = read(POLICY_TEXT)
    beta = policy.get("beta")
    assert (beta.soak, beta.hurry, beta.terms.overrule, beta.limits, beta.streams) == (
        timedelta(),
        (),
        (),
        Limits(),
        None,
    )
    assert (policy.freezes, policy.waiver_roles, policy.pipeline_keys) == ((), (), ())
    assert policy.signing == SigningRules()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("soak = 48", "soak = -1", "channels.1.soak"),
        ("soak = 48", "soak = 1.5", "channels.1.soak"),
        ("soak = 48", "soak = 99999", "channels.1.soak"),
        ("soak = 48", "hurry_up = true", "channels.1.hurry_up: Extra inputs"),
        ("count = 3 }]", "count = 2 }]", r"channels.1 \(beta\).hurry: expected a higher quorum"),
        ("count = 3 }]", "count = 9 }]", r"\(beta\).hurry.0.count: asks for 9 .* which only 4 have"),
        ("count = 3 }]", "share = 0.1 }]", r"\(beta\).hurry: expected a higher quorum"),
        ("count = 3 }]", 'count = 3 }, { role = "boss", count = 1 }]', r"\(beta\).hurry.1.role: nobody has"),
        (
            "count = 3 }]",
            'count = 4 }, { role = "security", count = 2 }]',
            r"\(beta\).hurry: nobody speaks in two roles",
        ),
        (
            'overrule = [{ role = "security", count = 2 }]',
            'overrule = [{ role = "security", count = 3 }]',
            r"\(beta\).overrule.0.count: asks for 3",
        ),
        ("boot_bytes = 62914560", "boot_bytes = -1", "channels.1.limits.boot_bytes"),
        ("delta_percent = 60", "delta_percent = 0", "channels.1.limits.delta_percent"),
        ("delta_percent = 60", "delta_percent = 101", "channels.1.limits.delta_percent"),
        ("image_growth_percent = 5", "image_growth_percent = 0.5", "channels.1.limits.image_growth_percent"),
        ("downgrades = 0", "upgrades = 0", "channels.1.limits.upgrades: Extra inputs"),
        ("support_months = 18", "support_months = 0", "channels.3.streams.support_months"),
        (", overlap_months = 6", "", "channels.3.streams.overlap_months: Field required"),
        ("overlap_months = 6", "overlap_months = 18", r"\(lts\).streams: expected an overlap shorter"),
        ("[emergency]", "[[channels]]\nname = 'lts-x'\nopen = true\n[emergency]", "'lts-x' is a stream"),
        ('stop = ["security"]', "stop = []", "emergency.stop: .*at least 1"),
        ('stop = ["security"]', 'stop = ["boss"]', "emergency.stop: nobody has the role 'boss'"),
        ('stop = ["security"]', 'stop = ["security"]\nresume = 1', "emergency.resume: Extra inputs"),
        (GOVERNANCE, "\n[governance]\n", "governance.quorum: Field required"),
        ('[waivers]\nroles = ["security"]', "[waivers]\nroles = []", "waivers.roles: .*at least 1"),
        ('[waivers]\nroles = ["security"]', '[waivers]\nroles = ["boss"]', "waivers.roles: nobody has"),
        ("payload_signatures = 2", "payload_signatures = 0", "signing.payload_signatures"),
        ("payload_signatures = 2", "payload_signatures = 17", "signing.payload_signatures"),
        ("release_lifetime_days = 30", "release_lifetime_days = 0", "signing.release_lifetime_days"),
        ("head_valid_for = 12", "head_valid_for = 0", "signing.head_valid_for"),
        ("head_valid_for = 12", "head_valid_for = 9999", "signing.head_valid_for"),
        (f'["{PIPELINE.fingerprint}"]', "[]", "pipeline.fingerprints: .*at least 1"),
        (f'["{PIPELINE.fingerprint}"]', '["ABCD"]', "pipeline.fingerprints.0: String should match"),
        (PIPELINE.fingerprint, BOB.fingerprint, "pipeline.fingerprints: .* is a person's key"),
        ('zone = "Europe/Berlin"', 'zone = "Europe/Atlantis"', "freezes: time zone 'Europe/Atlantis'"),
        ('zone = "Europe/Berlin"', 'zone = "../../etc/passwd"', "freezes: time zone .*: unknown"),
        ('zone = "Europe/Berlin"', 'zone = "Europe"', "freezes: time zone 'Europe': unknown"),
        ('zone = "Europe/Berlin"', "", "freezes.0.zone: Field required"),
        ("T00:00:00", "T00:00:00Z", "freezes: freeze 'holidays': expected local times, without an offset"),
        ("T08:00:00", "T08:00:00+01:00", "freezes: freeze 'holidays': expected local times"),
        ("ends = 2027", "ends = 2026", "freezes: freeze 'holidays': expected a length of up to a year"),
        ("2026-12-18T00", "0001-12-18T00", "freezes: freeze 'holidays': expected a year"),
        ("FREQ=YEARLY", "FREQ=MINUTELY", "freezes: freeze 'holidays': every .*: expected an RFC 5545 rule"),
        ("FREQ=YEARLY", "FREQ=WEEKLY;BYDAY=MO", "freezes: freeze 'holidays': every .*: expected it to begin"),
        ('"lts-2024"]', '"gamma"]', "freezes: 'holidays' names unknown channels: gamma"),
        ('"lts-2024"]', '"stable-2024"]', "freezes: 'holidays' names unknown channels: stable-2024"),
        ('every = "FREQ=YEARLY"', 'often = "FREQ=YEARLY"', "freezes.0.often: Extra inputs"),
    ],
)  # fmt: skip
def test_what_could_not_work_is_refused_with_its_path(old: str, new: str, message: str) -> None:
    assert old in FULL
    with pytest.raises(InputError, match=f"here: .*{message}"):
        read(FULL.replace(old, new, 1))


@pytest.mark.parametrize(
    "quorum",
    [
        '{ role = "maintainer", count = 3 }',
        '{ role = "maintainer", count = 2 }, { role = "security", count = 1 }',
        '{ role = "security", count = 1 }',
        '{ role = "maintainer", share = 0.5 }',
    ],
)
def test_a_hurry_quorum_is_higher_by_people_or_by_a_role(quorum: str) -> None:
    policy = read(FULL.replace('{ role = "maintainer", count = 3 }', quorum))
    assert len(policy.get("beta").hurry) == quorum.count("role")


# --- people who are to speak in several roles ----------------------------------------------------


def peopled(people: dict[str, str], beta: str) -> str:
    """A policy with these people, and roles by their first letters."""
    listed = [
        f'[[people]]\nname = "{name}"\nfingerprints = ["{number:040X}"]\n'
        f"roles = [{', '.join(chr(34) + role + chr(34) for role in roles)}]\n"
        for number, (name, roles) in enumerate(people.items(), start=1)
    ]
    quorum = ", ".join(f'{{ role = "{role}", count = {beta.count(role)} }}' for role in dict.fromkeys(beta))
    channels = f'[[channels]]\nname = "beta"\nquorum = [{quorum}]\n'
    governance = f'[governance]\nquorum = [{{ role = "{beta[0]}", count = 1 }}]\n'
    return "\n".join(['product = "demo"', *listed, channels, governance])


@pytest.mark.parametrize(
    ("people", "quorum", "enough"),
    [
        ({"ann": "m"}, "m", True),
        ({"ann": "ms"}, "ms", False),
        ({"ann": "ms", "ben": "m"}, "ms", True),
        ({"ann": "ms", "ben": "ms"}, "ms", True),
        ({"ann": "ms", "ben": "ms"}, "mms", False),
        ({"ann": "ms", "ben": "ms", "cat": "s"}, "mms", True),
        ({"ann": "m", "ben": "ms", "cat": "sr", "dan": "r"}, "msr", True),
        ({"ann": "mr", "ben": "ms", "cat": "s"}, "msr", True),
        ({"ann": "mr", "ben": "mr", "cat": "sr", "dan": "s"}, "mrsr", True),
        ({"ann": "msr", "ben": "msr", "cat": "m", "dan": "m"}, "srmm", True),
        ({"ann": "msr", "ben": "m", "cat": "m", "dan": "m"}, "srm", False),
    ],
)
def test_there_must_be_a_person_for_every_place(people: dict[str, str], quorum: str, enough: bool) -> None:
    text = peopled(people, quorum)
    if enough:
        assert len(read(text).people) == len(people)
    else:
        with pytest.raises(InputError, match="nobody speaks in two roles, and there are too few people"):
            read(text)


# --- shares --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", ["0.9999999999999", "1e-999999999", "0.33333333333333333333333333333"])
def test_a_share_that_nobody_means_is_refused(share: str) -> None:
    """One that is rounded up would ask for more people than there are."""
    with pytest.raises(InputError, match=r"channels\.1\.quorum\.0\.share"):
        read(
            FULL.replace(
                'quorum = [{ role = "maintainer", count = 2 }]',
                f'quorum = [{{ role = "maintainer", share = {share} }}]',
                1,
            )
        )


@pytest.mark.parametrize("holders", [1, 2, 3, 7, 100, 9999])
@pytest.mark.parametrize("share", ["0", "0.000000000001", "0.5", "0.666666666667", "0.999999999999"])
def test_a_share_never_asks_for_more_than_there_are(share: str, holders: int) -> None:
    needed = Quorum(role="r", share=Decimal(share)).needed(holders)
    assert 1 <= needed <= holders
    assert needed > Decimal(share) * holders >= needed - 1


# --- what governs when nothing is said -----------------------------------------------------------

UNGOVERNED = RULES.replace(GOVERNANCE, "")


def test_left_out_more_than_half_of_every_role_that_moves_a_channel_governs() -> None:
    assert read(UNGOVERNED).governance.quorum == (Quorum(role="maintainer", count=3),)
    stable = POLICY_TEXT[POLICY_TEXT.index('[[channels]]\nname = "beta"') :]
    assert "security" in stable
    assert read(POLICY_TEXT).governance.quorum == (
        Quorum(role="maintainer", count=3),
        Quorum(role="security", count=2),
    )


def test_left_out_it_never_takes_fewer_than_a_channel_does() -> None:
    """Else a channel's quorum could be got around by changing it."""
    text = UNGOVERNED.replace(
        'quorum = [{ role = "maintainer", count = 2 }]', 'quorum = [{ role = "maintainer", count = 4 }]', 1
    )
    text = text.replace('hurry = [{ role = "maintainer", count = 3 }]\n', "")
    assert read(text).governance.quorum == (Quorum(role="maintainer", count=4),)


def test_where_no_role_moves_a_channel_all_govern() -> None:
    policy = read(PEOPLE + '[[channels]]\nname = "alpha"\nopen = true\n')
    assert policy.governance.quorum == (
        Quorum(role="maintainer", count=3),
        Quorum(role="security", count=2),
    )
    assert policy.emergency.stop == ("maintainer", "security")


def test_where_nobody_is_nobody_governs_and_nobody_stops() -> None:
    policy = read('product = "demo"\n[[channels]]\nname = "alpha"\nopen = true\n')
    assert (policy.governance.quorum, policy.emergency.stop, policy.emergency.resume.quorum) == ((), (), ())


def test_left_out_it_must_be_possible_too() -> None:
    """One person who holds both roles cannot meet more than half of each."""
    governed = peopled({"ann": "ms"}, "m")
    stable = '[[channels]]\nname = "stable"\nquorum = [{ role = "s", count = 1 }]\n'
    text = governed[: governed.index("[governance]")] + stable
    with pytest.raises(InputError, match=r"governance\.quorum: nobody speaks in two roles") as caught:
        read(text)
    assert "write a governance that was left out" in str(caught.value.hint)


def test_the_streams_of_a_channel_have_its_rules() -> None:
    policy = read(RULES)
    assert policy.edge("lts") is None
    found = policy.get("lts-2030-long-name")
    assert (found.quorum, found.channel.feeds_from) == ((Quorum(role="maintainer", count=2),), ("stable",))
    assert policy.edge("beta-2024") is None
