"""Channel documents, machines and limits of every kind that there can be, over few versions."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from release.catalog.version import Version
from release.promotion.delivery import OfferWindow, RolloutRules, RolloutStep
from release.trust.channel_document import ChannelDocument, FloorRelease, Offer, OfferedRelease
from release.trust.head import ChannelStatus
from release.updates.clients import CLIENTS
from release.updates.machine import Machine
from release.updates.offer import Limits
from tests.unit.updates.omaha.scene import NOW, delta, document, machine, offer, payload, release

VERSIONS = [Version(major, 2, 0) for major in range(3000, 3008)]
EXTENSION = payload("oem-azure.gz", extension=True)

windows = st.builds(
    OfferWindow,
    zone=st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")]),
    days=st.frozensets(st.integers(0, 6)),
    begins=st.times().map(lambda at: at.replace(microsecond=0)),
    ends=st.just(time(12)),
)


@st.composite
def rules(draw: st.DrawFn, *, with_windows: bool = True) -> RolloutRules:
    """Steps that ascend and end with everybody."""
    hours = sorted(draw(st.sets(st.integers(0, 200), min_size=1, max_size=4)))
    shares = sorted(draw(st.lists(st.integers(0, 99), min_size=len(hours) - 1, max_size=len(hours) - 1)))
    return RolloutRules(
        steps=tuple(
            RolloutStep(after=timedelta(hours=hour), share=Decimal(share) / 100)
            for hour, share in zip(hours, [*shares, 100], strict=True)
        ),
        linear=draw(st.booleans()),
        windows=_some(draw) if with_windows else (),
    )


def _some(draw: st.DrawFn) -> tuple[OfferWindow, ...]:
    """Mostly none."""
    return tuple(draw(st.one_of(st.just([]), st.just([]), st.lists(windows, max_size=2))))


@st.composite
def _releases(draw: st.DrawFn, version: Version) -> OfferedRelease:
    sources = draw(st.sets(st.sampled_from(VERSIONS), max_size=3))
    profiles = st.sampled_from(["flatcar", "positional-bspatch"])
    deltas = [delta(source, draw(profiles)) for source in sorted(sources) if source < version]
    mirrors = draw(st.sampled_from([("near", "far"), ("far",), ("near",), ("near",), ()]))
    return release(version, *deltas, EXTENSION, mirrors=mirrors)


@st.composite
def _offers(draw: st.DrawFn, version: Version, *, with_windows: bool) -> Offer:
    begun = st.one_of(st.none(), st.integers(-300, 10).map(lambda hours: NOW + timedelta(hours=hours)))
    return offer(
        draw(_releases(version)),
        status=draw(st.sampled_from([ChannelStatus.OFFERED, ChannelStatus.OFFERED, *ChannelStatus])),
        rules=draw(rules(with_windows=with_windows)),
        since=draw(begun),
        active=draw(st.integers(0, 200 * 3600)),
    )


@st.composite
def documents(draw: st.DrawFn, *, with_windows: bool = True) -> ChannelDocument:
    """One to four offers and up to three floors."""
    offered = draw(st.sets(st.sampled_from(VERSIONS), min_size=1, max_size=4))
    floors = draw(st.sets(st.sampled_from(VERSIONS), max_size=3))
    offers = [draw(_offers(version, with_windows=with_windows)) for version in sorted(offered, reverse=True)]
    whole = {one.release.version: one.release for one in offers}
    return document(
        *offers,
        floors=[
            FloorRelease(
                release=whole.get(version) or draw(_releases(version)),
                withdrawn=draw(st.sampled_from([False, False, True])),
            )
            for version in sorted(floors)
        ],
    )


machines: st.SearchStrategy[Machine] = st.builds(
    machine,
    st.sampled_from([Version(0, 0, 0), *VERSIONS[:6]]),
    id_=st.integers(0, 10_000).map(str),
    released=st.booleans(),
    client=st.sampled_from(CLIENTS),
    failed=st.lists(st.sampled_from(VERSIONS), max_size=2),
)


@st.composite
def limits(draw: st.DrawFn, *, with_windows: bool = True) -> Limits:
    """A group's, and what this server halted."""
    halted = draw(st.sets(st.sampled_from(VERSIONS), max_size=1))
    return Limits(
        share=Decimal(draw(st.sampled_from([100, 100, 60, 30, 0]))) / 100,
        delay=timedelta(hours=draw(st.sampled_from([0, 0, 1, 24, 100]))),
        windows=_some(draw) if with_windows else (),
        halted={release(version).release for version in halted},
        deltas=draw(st.sampled_from([("flatcar",), ()])),
    )


moments: st.SearchStrategy[datetime] = st.integers(-100 * 60, 47 * 60).map(
    lambda minutes: NOW + timedelta(minutes=minutes)
)
"""Before the document expires."""
