"""What a mirror says, compared with the ledger: what only a forger, or a lost store, can bring about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from release.audit.documents import Had
from release.audit.finding import Code, Finding
from release.audit.mirror_head import OpenedHead
from release.catalog.naming import HEAD_FILE, NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.line.mirror_audit_saying import (
    Origin,
    Said,
    channel_findings,
    head_findings,
    pointer_findings_of,
)
from release.promotion.delivery import AT_ONCE, MirrorSite
from release.trust.channel_document import (
    ChannelDocument,
    Offer,
    OfferedPayload,
    OfferedRelease,
    Rollout,
    channel_document_key,
    seal_channel,
    write_channel_document,
)
from release.trust.head import ChannelStatus, LedgerPosition
from tests.unit.audit.mirrors import Mirror
from tests.unit.ledger.fakes import BOARD, PIPELINE, FakeKey, digest_of
from tests.unit.promotion.ruled_scene import DAY, RULES
from tests.unit.promotion.scene import MALLORY

SITE = MirrorSite(name="eu", url="https://eu.example.org/", channels=("alpha",))
KEY = channel_document_key("alpha", BOARD)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror(RULES)


def origin(mirror: Mirror, **changes: object) -> Origin:
    chain = mirror.ledger.read()
    fields: dict[str, object] = {
        "chain": chain,
        "trust": mirror.trust,
        "keys": chain.state.pipeline_keys,
        "verifier": mirror.keys,
        "versions": {},
        "naming": NamingScheme(),
        "now": mirror.now,
        **changes,
    }
    return Origin(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def head_codes(mirror: Mirror, **changes: object) -> list[Code]:
    had = Had(data=mirror.store.objects[HEAD_FILE])
    return [one.code for one in head_findings(origin(mirror, **changes), had)[1]]


def document(mirror: Mirror, **changes: object) -> ChannelDocument:
    """What alpha's should say."""
    head = mirror.state.heads["alpha"]
    payload = OfferedPayload(
        name="update.gz", size=9, sha256=digest_of("p"), sha1=Digest("sha1", bytes(20)), profile="flatcar"
    )
    offered = OfferedRelease(version=head.version, release=head.release, payloads=(payload,), mirrors=())
    fields: dict[str, object] = {
        "product": "demo",
        "channel": "alpha",
        "board": BOARD,
        "issued": mirror.now,
        "expires": mirror.now + DAY,
        "ledger": LedgerPosition(sequence=mirror.state.sequence, digest=mirror.state.digest),
        "generation": head.generation,
        "offers": (
            Offer(
                release=offered,
                status=ChannelStatus.OFFERED,
                rollout=Rollout(active=0, since=mirror.now, rules=AT_ONCE),
            ),
        ),
        **changes,
    }
    return ChannelDocument(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def channel_found(mirror: Mirror, one: ChannelDocument, key: FakeKey = PIPELINE) -> list[Finding]:
    body = write_channel_document(one)
    said = Said(had={KEY: Had(data=seal_channel(body, key.sign(body.encode())))})
    opened, _ = head_findings(origin(mirror), Had(data=mirror.store.objects[HEAD_FILE]))
    return list(channel_findings(origin(mirror), SITE, said, opened))


def test_a_head_that_says_what_the_origin_says_is_no_matter(mirror: Mirror) -> None:
    assert head_codes(mirror) == []


def test_a_head_of_another_ledger_is_told(mirror: Mirror) -> None:
    mirror.sign(lambda head: replace(head, ledger=replace(head.ledger, digest=digest_of("another"))))
    assert head_codes(mirror) == [Code.LEDGER_FORKED]


def test_a_head_that_knows_more_than_the_origin_is_told(mirror: Mirror) -> None:
    mirror.sign(lambda head: replace(head, ledger=replace(head.ledger, sequence=99)))
    assert head_codes(mirror) == [Code.HEAD_AHEAD]


def test_a_head_from_the_future_is_told(mirror: Mirror) -> None:
    mirror.sign(lambda head: replace(head, issued=head.issued + DAY, expires=head.expires + DAY))
    assert head_codes(mirror) == [Code.HEAD_POSTDATED]


def test_a_document_as_the_ledger_says_is_no_matter(mirror: Mirror) -> None:
    assert channel_found(mirror, document(mirror)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, generation=one.generation + 1),
        lambda one: _offering(one, version=Version(9, 0, 0)),
        lambda one: _offering(one, release=digest_of("other")),
    ],
)
def test_a_document_that_says_what_the_ledger_does_not_is_told(
    mirror: Mirror, change: Callable[[ChannelDocument], ChannelDocument]
) -> None:
    found = channel_found(mirror, change(document(mirror)))
    assert found[0].code is Code.CHANNEL_DIFFERS
    assert {one.where for one in found} == {KEY}


def _offering(one: ChannelDocument, **changes: object) -> ChannelDocument:
    offer = one.offers[0]
    release = replace(offer.release, **changes)  # type: ignore[arg-type]  # by name
    return replace(one, offers=(replace(offer, release=release),))


@pytest.mark.parametrize("key", [MALLORY, FakeKey("nobody")])
def test_a_document_that_somebody_else_signed_is_told(mirror: Mirror, key: FakeKey) -> None:
    assert [one.code for one in channel_found(mirror, document(mirror), key)] == [Code.CHANNEL_FORGED]


def test_the_document_of_another_channel_is_told(mirror: Mirror) -> None:
    found = channel_found(mirror, document(mirror, channel="beta"))
    assert [one.code for one in found] == [Code.CHANNEL_FORGED]
    assert "is of beta/" in found[0].found


def test_what_is_too_long_or_no_document_is_told(mirror: Mirror) -> None:
    for had in (Had(problem="more than 9 bytes"), Had(data=b"<html>")):
        said = Said(had={KEY: had})
        found = channel_findings(origin(mirror), SITE, said, OpenedHead())
        assert [one.code for one in found] == [Code.CHANNEL_FORGED]


def test_a_mirror_is_not_asked_for_channels_that_it_does_not_serve(mirror: Mirror) -> None:
    elsewhere = replace(SITE, channels=("stable",))
    assert list(pointer_findings_of(origin(mirror), elsewhere, Said(had={}))) == []
    assert list(channel_findings(origin(mirror), elsewhere, Said(had={}), OpenedHead())) == []
