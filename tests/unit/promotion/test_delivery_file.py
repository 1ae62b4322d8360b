"""What a policy file may say about delivery, and what it may not."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from release.catalog.version import Version
from release.errors import InputError
from release.promotion.delivery import AT_ONCE, Floor, HaltRules, Hold, OfferWindow, Retention, RolloutStep
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from tests.unit.promotion.scene import POLICY_TEXT

MIRRORS = """
[[mirrors]]
name = "eu"
url = "https://eu.example.org/os/"

[[mirrors]]
name = "us"
url = "https://us.example.org/"
channels = ["stable"]
"""


def policy(more: str = "", *, beta: str = "", top: str = "") -> Policy:
    text = POLICY_TEXT.replace('feeds_from = ["alpha"]', f'feeds_from = ["alpha"]\n{beta}', 1)
    return read_policy((top + text + more).encode())


def test_nothing_said_is_everybody_at_once_without_mirrors_and_nothing_collected() -> None:
    read = policy()
    assert (read.mirrors, read.floors, read.holds, read.retention) == ((), (), (), None)
    assert all(edge.rollout == AT_ONCE and edge.mirrors == 0 for edge in read.edges)


def test_mirrors_are_in_order_and_serve_what_they_say() -> None:
    read = policy(MIRRORS, beta="mirrors = 1")
    assert [mirror.name for mirror in read.mirrors_of("beta")] == ["eu"]
    assert [mirror.name for mirror in read.mirrors_of("stable")] == ["eu", "us"]
    assert [mirror.name for mirror in read.mirrors_of("stable-2026")] == ["eu", "us"], "streams, too"
    assert read.get("beta").mirrors == 1


def test_a_linear_rollout_grows_from_nobody_to_everybody() -> None:
    rules = policy(beta='rollout = { kind = "linear", hours = 192 }').get("beta").rollout
    assert rules.linear
    assert rules.steps == (
        RolloutStep(after=timedelta(), share=Decimal(0)),
        RolloutStep(after=timedelta(days=8), share=Decimal(1)),
    )


def test_steps_windows_and_halts_are_read() -> None:
    text = (
        'rollout = { kind = "stepped", steps = [{ after = 0, percent = 0.5 }, { after = 24, percent = 100 }],'
        ' windows = [{ zone = "Europe/Berlin", days = ["mon", "fri"], begins = 09:00:00, ends = 17:30:00 }],'
        " halt = { error_percent = 5, error_minimum = 10, silence_percent = 30, silence_after = 48 } }"
    )
    rules = policy(beta=text).get("beta").rollout
    assert [step.share for step in rules.steps] == [Decimal("0.005"), Decimal(1)]
    assert rules.windows == (
        OfferWindow(
            zone=ZoneInfo("Europe/Berlin"), days=frozenset({0, 4}), begins=time(9), ends=time(17, 30)
        ),
    )
    assert rules.halt == HaltRules(
        error_share=Decimal("0.05"),
        error_minimum=10,
        silence_share=Decimal("0.3"),
        silence_after=timedelta(hours=48),
        silence_minimum=20,
    )


def test_floors_holds_and_retention_are_read() -> None:
    read = policy(
        """
[[floors]]
channel = "stable"
version = "3000.2.0"
reason = "a larger boot partition"

[[holds]]
version = "2000.2.0"
reason = "a court asks for it"

[retention]
channel_releases = 10
stream_releases = 20
"""
    )
    assert read.floors == (
        Floor(channel="stable", version=Version(3000, 2, 0), reason="a larger boot partition"),
    )
    assert read.holds == (Hold(version=Version(2000, 2, 0), reason="a court asks for it"),)
    assert read.retention == Retention(channel_releases=10, stream_releases=20, grace=timedelta(days=30))


STEPPED = 'rollout = {{ kind = "stepped", steps = [{{ after = 0, percent = 50 }}, {{ {} }}] }}'
WINDOWED = (
    'rollout = {{ kind = "linear", hours = 8, windows = [{{ {}, begins = 01:00:00, ends = 02:00:00 }}] }}'
)


@pytest.mark.parametrize(
    ("beta", "more", "told"),
    [
        ("mirrors = 2", MIRRORS, "asks for 2, of which there are only 1"),
        ("", MIRRORS + MIRRORS, "'eu' appears twice"),
        ("", MIRRORS.replace('"us"', '"eu"'), "name 'eu' appears twice"),
        ("", MIRRORS.replace("us.example.org/", "eu.example.org/os/"), "url .* appears twice"),
        ("", MIRRORS.replace('["stable"]', '["nightly"]'), "unknown channels: nightly"),
        ("", MIRRORS.replace("https://us", "ftp://us"), "mirrors.1.url: expected https://HOST/PATH/"),
        ("", MIRRORS.replace("us.example.org/", "us.example.org"), "with its last slash"),
        ("", MIRRORS.replace("https://us", "https://me:secret@us"), "without user"),
        ('rollout = { kind = "linear" }', "", "hours for kind 'linear'"),
        ('rollout = { kind = "linear", hours = 0 }', "", "greater than or equal to 1"),
        ('rollout = { kind = "stepped", hours = 3 }', "", "steps for kind 'stepped'"),
        ('rollout = { kind = "stepped", steps = [{ after = 0, percent = 50 }] }', "", "never get it"),
        (STEPPED.format("after = 0, percent = 100"), "", "later ones after earlier"),
        (STEPPED.format("after = 1, percent = 9"), "", "never a smaller percent"),
        ('rollout = { kind = "linear", hours = 8, halt = {} }', "", "error_percent, silence_percent or both"),
        (WINDOWED.format('zone = "Europe/Bern"'), "", "time zone 'Europe/Bern': unknown"),
        (WINDOWED.format('zone = "UTC", days = ["monday"]'), "", "expected some of mon"),
        ("", '[[floors]]\nchannel = "nightly"\nversion = "1.0.0"\nreason = "x"', "unknown channel 'nightly'"),
        ("", '[[floors]]\nchannel = "beta"\nversion = "1.0.0"\nreason = "x"\n' * 2, "appears twice"),
        ("", "[retention]\nchannel_releases = 0\nstream_releases = 1", "retention.channel_releases"),
    ],
)
def test_what_could_not_work_is_refused_by_name(beta: str, more: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        policy(more, beta=beta)
