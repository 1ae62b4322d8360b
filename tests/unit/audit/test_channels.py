"""Channel documents are derived anew: one that offers other things than the ledger says is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from release.audit.channels import ChannelAudit, channel_findings, channel_places
from release.audit.documents import Had, JudgedRelease
from release.audit.finding import Code, Finding
from release.catalog.version import Version
from release.ledger.statements import StopAction
from release.trust.channel_document import ChannelDocument, seal_channel, write_channel_document
from release.trust.head import ChannelStatus
from tests.unit.ledger.fakes import BOARD, HOUR, PIPELINE, FakeKey
from tests.unit.promotion.scene import MALLORY
from tests.unit.trust.test_channel_making import Scene, release

PLACE = ("alpha", BOARD)
Change = Callable[[ChannelDocument], ChannelDocument]


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.verified("eu", "2.0.0")
    return scene


def judged(scene: Scene, data: bytes | None) -> list[Finding]:
    by = ChannelAudit(
        state=scene.state,
        policy=scene.policy,
        releases={version: JudgedRelease(release=release(version)) for version in scene.state.releases},
        verifier=scene.keys,
        now=scene.now,
    )
    return [*channel_findings({PLACE: Had(data=data, absent=data is None)}, by)]


def signed(scene: Scene, change: Change = lambda one: one, key: FakeKey = PIPELINE) -> bytes:
    body = write_channel_document(change(scene.documents()["alpha"]))
    return seal_channel(body, key.sign(body.encode()))


def codes(scene: Scene, data: bytes | None) -> list[Code]:
    return [one.code for one in judged(scene, data)]


def test_there_is_to_be_one_for_every_channel_and_board(scene: Scene) -> None:
    assert channel_places(scene.state) == (("alpha", BOARD), ("beta", BOARD))


def test_one_that_says_what_the_ledger_says_is_in_order(scene: Scene) -> None:
    assert codes(scene, signed(scene)) == []
    assert codes(scene, None) == [], "a missing one offers nothing"


def test_one_of_a_moment_ago_is_in_order_while_nothing_changed_for_machines(scene: Scene) -> None:
    data = signed(scene)
    scene.register("8.0.0")
    assert codes(scene, data) == []


def test_one_that_has_not_heard_of_a_stop_yet_lags(scene: Scene) -> None:
    data = signed(scene)
    scene.stop(StopAction.PAUSE, channel="alpha", version="2.0.0")
    (found,) = judged(scene, data)
    assert found.code is Code.CHANNEL_LAGGING
    assert "2.0.0 (paused; mirrors: eu)" in found.expected
    assert "2.0.0 (offered; mirrors: eu)" in found.found


def _faster(document: ChannelDocument) -> ChannelDocument:
    first, *others = document.offers
    rollout = replace(first.rollout, active=10**6)
    return replace(document, offers=(replace(first, rollout=rollout), *others))


def _elsewhere(document: ChannelDocument) -> ChannelDocument:
    return replace(document, mirrors={**document.mirrors, "eu": "https://evil.example.org/"})


def _other_bytes(document: ChannelDocument) -> ChannelDocument:
    first, *others = document.offers
    payloads = tuple(replace(one, size=one.size + 1) for one in first.release.payloads)
    return replace(
        document, offers=(replace(first, release=replace(first.release, payloads=payloads)), *others)
    )


def _withdrawn(document: ChannelDocument) -> ChannelDocument:
    first, *others = document.offers
    return replace(document, offers=(replace(first, status=ChannelStatus.WITHDRAWN), *others))


def _for_ever(document: ChannelDocument) -> ChannelDocument:
    return replace(document, expires=document.expires + timedelta(days=365))


@pytest.mark.parametrize("change", [_faster, _elsewhere, _other_bytes, _withdrawn, _for_ever])
def test_whatever_the_pipelines_key_alone_made_of_it_is_found(scene: Scene, change: Change) -> None:
    assert codes(scene, signed(scene, change)) == [Code.CHANNEL_DIFFERS]


def test_one_of_a_stranger_of_another_place_or_of_no_form_is_forged(scene: Scene) -> None:
    beta = scene.documents()["beta"]
    assert codes(scene, signed(scene, key=MALLORY)) == [Code.CHANNEL_FORGED]
    assert codes(scene, signed(scene, lambda _: beta)) == [Code.CHANNEL_FORGED]
    assert codes(scene, b"{}") == [Code.CHANNEL_FORGED]


def test_one_that_expired_is_told(scene: Scene) -> None:
    data = signed(scene)
    scene.tick(30 * HOUR)
    assert codes(scene, data) == [Code.CHANNEL_EXPIRED]


def test_a_floor_that_a_change_of_the_key_makes_is_none_of_the_policys(scene: Scene) -> None:
    document = scene.documents({"alpha": Version(1, 0, 0)})["alpha"]
    body = write_channel_document(document)
    assert codes(scene, seal_channel(body, PIPELINE.sign(body.encode()))) == []
