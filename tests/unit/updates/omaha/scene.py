"""Channel documents and machines, made of few words. Payloads are as large as their names are long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.promotion.delivery import AT_ONCE, RolloutRules
from release.trust.channel_document import (
    ChannelDocument,
    FloorRelease,
    Offer,
    OfferedPayload,
    OfferedRelease,
    Rollout,
)
from release.trust.head import ChannelStatus, LedgerPosition
from release.updates.clients import FLATCAR, ClientProfile
from release.updates.machine import Machine
from tests.unit.updates.omaha.requests import MACHINE

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OLDEST, OLD, NEW = Version(3975, 2, 0), Version(4081, 2, 0), Version(4593, 2, 0)
MIRRORS = {"far": "https://far.example/flatcar/", "near": "https://near.example/"}
BOARD = Board("amd64")


def payload(
    name: str = "flatcar_production_update.gz",
    *,
    source: Version | None = None,
    extension: bool = False,
    profile: str = "flatcar",
) -> OfferedPayload:
    """A payload that is told apart by its name."""
    return OfferedPayload(
        name=name,
        size=len(name),
        sha256=Digest.sha256(name.encode()),
        sha1=Digest("sha1", Digest.sha256(name.encode()).value[:20]),
        profile="replace-only" if extension else profile,
        source=source,
        extension=extension,
    )


def delta(source: Version, profile: str = "flatcar") -> OfferedPayload:
    """A delta from ``source``."""
    return payload(f"flatcar_production_update-from-{source}.gz", source=source, profile=profile)


def release(
    version: Version = NEW, *more: OfferedPayload, mirrors: Sequence[str] = ("near", "far")
) -> OfferedRelease:
    """A release with its full payload and more."""
    digest = Digest.sha256(f"release {version}".encode())
    return OfferedRelease(
        version=version, release=digest, payloads=(payload(), *more), mirrors=tuple(mirrors)
    )


def offer(
    offered: OfferedRelease | None = None,
    *,
    status: ChannelStatus = ChannelStatus.OFFERED,
    rules: RolloutRules = AT_ONCE,
    since: datetime | None = NOW - timedelta(days=1),
    active: int = 0,
) -> Offer:
    """A release on offer, for a day when nothing else is said."""
    return Offer(
        release=offered or release(),
        status=status,
        rollout=Rollout(active=active, since=since, rules=rules),
    )


def floor(version: Version, *, withdrawn: bool = False, mirrors: Sequence[str] = ("near",)) -> FloorRelease:
    """A release that machines pass through."""
    return FloorRelease(release=release(version, mirrors=mirrors), withdrawn=withdrawn)


def document(*offers: Offer, floors: Sequence[FloorRelease] = ()) -> ChannelDocument:
    """Stable for amd64, issued now, for two days."""
    return ChannelDocument(
        product="Flatcar",
        channel="stable",
        board=BOARD,
        issued=NOW,
        expires=NOW + timedelta(days=2),
        ledger=LedgerPosition(sequence=9, digest=Digest.sha256(b"entry")),
        generation=3,
        offers=offers or (offer(),),
        floors=tuple(floors),
        mirrors=MIRRORS,
    )


def machine(
    version: Version = OLD,
    *,
    id_: str = MACHINE,
    board: str = str(BOARD),
    released: bool = True,
    client: ClientProfile = FLATCAR,
    failed: Sequence[Version] = (),
) -> Machine:
    """A machine of Flatcar's."""
    return Machine(
        id=id_,
        board=board,
        version=version,
        released=released,
        client=client,
        failed_deltas=frozenset(failed),
    )
