"""Where a request stands, in words and as JSON."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from release import canonical
from release.promotion.status import Phase
from tests.unit.promotion.scene import ALICE, BOB, ERIN, NO_GO, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_request_waits_then_is_ready_then_moved(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    assert scene.status(asked).phase is Phase.WAITING
    scene.sign_off(asked, ALICE)
    scene.sign_off(asked, BOB)
    assert scene.status(asked).phase is Phase.READY
    assert scene.status(asked).summary == "beta to 2.0.0: ready"
    scene.move(asked)
    assert scene.status(asked).phase is Phase.CARRIED_OUT
    assert scene.status(asked).summary == "beta to 2.0.0: carried-out"


def test_what_expired_is_void(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    assert scene.status(asked, scene.now + timedelta(days=15)).phase is Phase.VOID


def test_what_was_overtaken_is_void(scene: Scene) -> None:
    asked, other = scene.request("2.0.0", "beta"), scene.request("2.0.0", "beta", ERIN)
    scene.sign_off(other, ALICE)
    scene.sign_off(other, BOB)
    scene.move(other)
    assert scene.status(asked).phase is Phase.VOID


def test_a_veto_is_no_end(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE, NO_GO, reason="wait for the kernel")
    found = scene.status(asked)
    assert found.phase is Phase.WAITING
    assert "no-veto: missing no-go withdrawn by its author (Alice: wait for the kernel)" in found.summary
    assert "(can be given by Alice)" in found.summary


def test_scripts_get_every_rule(scene: Scene) -> None:
    asked = scene.request("2.0.0", "beta")
    scene.sign_off(asked, ALICE)
    shown = json.loads(canonical.dump(scene.status(asked).as_json()))
    assert (shown["request"], shown["channel"], shown["version"]) == (str(asked), "beta", "2.0.0")
    assert (shown["phase"], shown["allowed"]) == ("waiting", False)
    assert shown["rules"][-1] == {
        "name": "quorum maintainer",
        "met": False,
        "detail": "1 of 2 (Alice)",
        "missing": "1 more go of role maintainer",
        "who": ["Bob", "Carol"],
    }
    assert [rule["name"] for rule in shown["rules"] if not rule["met"]] == ["quorum maintainer"]


def test_what_cannot_be_read_is_void_and_says_why(scene: Scene) -> None:
    asked = scene.unreadable_request("beta")
    found = scene.status(asked)
    assert found.phase is Phase.VOID
    assert "Unexpected keyword argument" in found.summary
    shown = json.loads(canonical.dump(found.as_json()))
    assert (shown["channel"], shown["version"], shown["phase"], shown["allowed"]) == (
        "beta",
        "2.0.0",
        "void",
        False,
    )
    assert (shown["requested_by"], shown["expires_at"]) == (None, None)
