"""What channel documents say, and when they are signed anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release.bundle.release import BoardRelease, Measured, PayloadRecord, Release
from release.catalog.artifact import Artifact
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError, RefusedError
from release.ledger.kinds import MirrorVerified, ReleaseCollected, RolloutHalted
from release.ledger.statements import StopAction
from release.promotion.delivery import AT_ONCE
from release.trust.channel_document import (
    ChannelDocument,
    ChannelDocumentError,
    read_channel_document,
    seal_channel,
    unseal_channel,
    write_channel_document,
)
from release.trust.channel_making import Known, document_of, next_document, places_of
from release.trust.head import ChannelStatus
from tests.unit.ledger.fakes import BOARD, HOUR, PIPELINE, digest_of
from tests.unit.promotion.scene import POLICY_TEXT
from tests.unit.trust.mirrors import SignedScene

POLICY = POLICY_TEXT.replace(
    'name = "alpha"\nopen = true', 'name = "alpha"\nopen = true\nrollout = { kind = "linear", hours = 100 }'
) + "".join(f'[[mirrors]]\nname = "{name}"\nurl = "https://{name}.example.org/"\n' for name in ("eu", "us"))


def artifact(name: str) -> Artifact:
    data = name.encode()
    values = {
        word: Digest(word, hashlib.new(word, data).digest()) for word in ("sha256", "sha512", "sha1", "md5")
    }
    return Artifact(name=name, size=1000, **values)


def payload(name: str, source: Version | None = None, extension: str | None = None) -> PayloadRecord:
    return PayloadRecord(
        artifact=artifact(name),
        extension=extension,
        source=source,
        source_image=None if source is None else Digest.sha256(b"image"),
        profile="replace-only" if extension else "flatcar",
        metadata_size=10,
        operations={"REPLACE": 1},
        signatures=(),
        proven=True,
    )


def release(version: Version, board: Board = BOARD) -> Release:
    """One with everything: full, delta, extension."""
    older = Version(version.major - 1, 0, 0)
    deltas = (payload("delta.gz", source=older),) if version.major > 1 else ()
    return Release(
        product="demo",
        version=version,
        channel="alpha",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        boards=(
            BoardRelease(
                board=board,
                image=Measured(size=4096, sha256=Digest.sha256(b"image")),
                files=(artifact("oem-x.raw"),),
                payloads=(payload("full.gz"), *deltas, payload("oem-x.gz", extension="oem-x.raw")),
            ),
        ),
        notes="",
    )


class Scene(SignedScene):
    """A signed scene whose releases have payloads."""

    def __init__(self, policy_text: str = POLICY) -> None:
        super().__init__(policy_text)

    def documents(self, floors: Mapping[str, Version] | None = None) -> dict[str, ChannelDocument]:
        known = Known(
            state=self.state, policy=self.policy, release=release, floors=floors or {}, issued=self.now
        )
        return {channel: document_of(known, channel, board) for channel, board in places_of(self.state)}

    def verified(self, mirror: str, version: str, channel: str = "alpha") -> None:
        self.write(
            MirrorVerified(
                mirror=mirror,
                channel=channel,
                version=Version.parse(version),
                release=digest_of(version),
                passed=True,
            )
        )

    def enter(self, version: str) -> None:
        self.register(version)
        self.prove(version)
        self.move(self.request(version, "alpha", PIPELINE))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def versions(document: ChannelDocument) -> list[str]:
    return [str(offer.release.version) for offer in document.offers]


def test_it_offers_what_the_channel_is_at_and_then_what_it_was_at(scene: Scene) -> None:
    documents = scene.documents()
    assert versions(documents["alpha"]) == ["2.0.0", "1.0.0"]
    assert versions(documents["beta"]) == ["1.0.0"]
    newest = documents["alpha"].offers[0].release
    assert [(one.name, one.source, one.extension) for one in newest.payloads] == [
        ("full.gz", None, False),
        ("delta.gz", Version(1, 0, 0), False),
        ("oem-x.gz", None, True),
    ]
    assert newest.full.name == "full.gz"
    assert newest.release == digest_of("2.0.0")


def test_it_names_at_most_three_and_skips_what_is_stopped_or_gone(scene: Scene) -> None:
    for version in ("3.0.0", "4.0.0", "5.0.0", "6.0.0"):
        scene.enter(version)
    scene.stop(StopAction.WITHDRAW, version="5.0.0")
    scene.write(ReleaseCollected(version=Version(4, 0, 0), release=digest_of("4.0.0"), reason="retention"))
    assert versions(scene.documents()["alpha"]) == ["6.0.0", "3.0.0", "2.0.0"]


def test_what_it_is_at_is_named_with_what_became_of_it(scene: Scene) -> None:
    scene.write(
        RolloutHalted(
            channel="alpha", version=Version(2, 0, 0), release=digest_of("2.0.0"), reason="they fail"
        )
    )
    offers = scene.documents()["alpha"].offers
    assert [offer.status for offer in offers] == [ChannelStatus.PAUSED, ChannelStatus.OFFERED]
    scene.stop(StopAction.WITHDRAW, version="2.0.0")
    assert scene.documents()["alpha"].offers[0].status is ChannelStatus.WITHDRAWN


def test_time_in_which_a_rollout_was_stopped_does_not_count(scene: Scene) -> None:
    began = scene.state.heads["alpha"].since
    scene.tick(10 * HOUR)
    stop = scene.stop(StopAction.PAUSE, channel="alpha", version="2.0.0")
    paused = scene.state.stops[stop].recorded
    rollout = scene.documents()["alpha"].offers[0].rollout
    assert rollout.since is None
    assert rollout.active_at(paused + 1000 * HOUR) == timedelta(seconds=rollout.active)
    assert timedelta() <= (paused - began) - timedelta(seconds=rollout.active) <= timedelta(minutes=2)


def test_what_was_offered_before_the_ledger_began_is_everybodys(scene: Scene) -> None:
    documents = scene.documents()
    assert documents["beta"].offers[0].rollout.rules == AT_ONCE
    assert documents["alpha"].offers[0].rollout.rules.linear
    assert documents["alpha"].offers[1].rollout.since is None, "the channel has left it behind"


def test_only_mirrors_that_have_it_verified_are_named_in_the_order_of_the_policy(scene: Scene) -> None:
    assert scene.documents()["alpha"].offers[0].release.mirrors == ()
    scene.verified("us", "2.0.0")
    scene.verified("nobody", "2.0.0")
    assert scene.documents()["alpha"].offers[0].release.mirrors == ("us",)
    scene.verified("eu", "2.0.0")
    document = scene.documents()["alpha"]
    assert document.offers[0].release.mirrors == ("eu", "us")
    assert document.offers[1].release.mirrors == ()
    assert dict(document.mirrors) == {"eu": "https://eu.example.org/", "us": "https://us.example.org/"}


def test_floors_ascend_and_those_ahead_are_left_out() -> None:
    floors = "".join(
        f'[[floors]]\nchannel = "alpha"\nversion = "{version}"\nreason = "x"\n'
        for version in ("9.0.0", "2.0.0")
    )
    scene = Scene(POLICY + floors)
    document = scene.documents({"alpha": Version(1, 0, 0)})["alpha"]
    assert [str(one.release.version) for one in document.floors] == ["1.0.0", "2.0.0"]
    assert scene.documents()["beta"].floors == ()
    scene.stop(StopAction.WITHDRAW, version="1.0.0")
    document = scene.documents({"alpha": Version(1, 0, 0)})["alpha"]
    assert [one.withdrawn for one in document.floors] == [True, False]


def test_a_floor_that_nobody_can_pass_through_is_refused(scene: Scene) -> None:
    with pytest.raises(RefusedError, match=r"alpha: 1\.5\.0 is a floor, and there is no such release"):
        scene.documents({"alpha": Version(1, 5, 0)})


def test_it_is_read_back_as_it_was_written(scene: Scene) -> None:
    document = scene.documents({"alpha": Version(1, 0, 0)})["alpha"]
    body = write_channel_document(document)
    sealed = unseal_channel(seal_channel(body, PIPELINE.sign(body.encode())), "test")
    assert read_channel_document(sealed.body, "test") == document


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ("humpyard-channel-1", "humpyard-channel-2", "expected format"),
        ('"sha1:', '"sha256:', "expected 40|sha1"),
        ('"name":"full.gz"', '"name":"../full.gz"', "name"),
        ('"size":1000', '"size":0', "size"),
        ('"size":1000', '"size":"1000"', "size"),
        ('"share":"1"', '"share":"1.5"', "share"),
        ('"share":"1"', '"share":1', "share"),
        ("https://eu", "javascript:eu", "mirrors"),
        ('"generation":2', '"generation":0', "generation"),
        ('"generation":2', '"generation":2,"more":1', "more"),
        ('"extension":false,"name":"full.gz"', '"extension":true,"name":"full.gz"', "one full payload"),
    ],
)
def test_any_other_form_is_refused(scene: Scene, find: str, put: str, told: str) -> None:
    text = write_channel_document(scene.documents()["alpha"])
    assert find in text
    with pytest.raises(ChannelDocumentError, match=told):
        read_channel_document(text.replace(find, put), "test")


def test_entries_that_change_nothing_for_machines_sign_nothing_anew(scene: Scene) -> None:
    present = scene.documents()["alpha"]
    scene.register("8.0.0")
    wanted = scene.documents()["alpha"]
    assert wanted.ledger != present.ledger
    assert next_document(present, wanted, holds=True) == present
    assert next_document(present, wanted, holds=False) == wanted
    assert next_document(None, wanted, holds=False) == wanted


def test_it_is_signed_anew_when_half_of_its_life_is_over_or_something_changed(scene: Scene) -> None:
    present = scene.documents()["alpha"]
    scene.tick(13 * HOUR)
    anew = next_document(present, scene.documents()["alpha"], holds=True)
    assert anew.issued == scene.now
    scene.verified("eu", "2.0.0")
    assert next_document(anew, scene.documents()["alpha"], holds=True) != anew


def test_it_never_goes_back(scene: Scene) -> None:
    older = scene.documents()["alpha"]
    scene.register("8.0.0")
    newer = scene.documents()["alpha"]
    with pytest.raises(NotVerifiedError, match="the ledger ends at"):
        next_document(newer, older, holds=True)
    ahead = replace(newer, issued=newer.issued + HOUR / 60, expires=newer.expires + HOUR / 60)
    scene.verified("eu", "2.0.0")
    assert next_document(ahead, scene.documents()["alpha"], holds=True).issued >= ahead.issued
