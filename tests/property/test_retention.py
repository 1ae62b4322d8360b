"""Laws of retention, over any history: what is needed stays, holding more collects less, once is enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from release.bundle.release import Release
from release.catalog.version import Version
from release.digests import Digest
from release.ledger.state import Head, PolicyPeriod, State, StopRecord
from release.ledger.statements import StopAction, StopSubject
from release.promotion.delivery import Floor, Hold, Retention
from release.promotion.policy_file import read_policy
from release.promotion.retention import Holdings, collectable, keep
from tests.unit.ledger.fakes import NOW, PIPELINE, digest_of, released
from tests.unit.pages.samples import AMD64, board, payload, release

CHANNELS = ("alpha", "beta", "lts-2023", "lts-2024")
POLICY = read_policy(
    b'product = "demo"\n[[people]]\nname = "Ada"\nfingerprints = ["'
    + b"A" * 40
    + b'"]\nroles = ["maintainer"]\n'
    b'[[channels]]\nname = "alpha"\nopen = true\n'
    b'[[channels]]\nname = "beta"\nfeeds_from = ["alpha"]\nopen = true\n'
)
VERSIONS = tuple(Version(number, 0, 0) for number in range(1, 13))
DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    known: Holdings

    @property
    def gone(self) -> set[Version]:
        return set(collectable(self.known))

    def with_holds(self, *versions: Version) -> World:
        holds = (*self.known.policy.holds, *(Hold(version=one, reason="a court") for one in versions))
        return World(replace(self.known, policy=replace(self.known.policy, holds=holds)))

    def collected(self) -> World:
        state = self.known.state
        gone = {**state.collected, **dict.fromkeys(self.gone, NOW)}
        return World(replace(self.known, state=replace(state, collected=gone)))


def _stop(action: StopAction, version: Version, channel: str | None, at: datetime) -> StopRecord:
    subject = StopSubject(
        action=action,
        channel=channel,
        version=version,
        release=digest_of(str(version)),
        reason="why",
    )
    name = digest_of(f"{subject}")
    return StopRecord(digest=name, statement="", subject=subject, signer="A" * 40, recorded=at, told=at)


@st.composite
def _document(draw: st.DrawFn, version: Version) -> Release:
    older = [one for one in VERSIONS if one < version]
    sources = draw(st.sets(st.sampled_from(older), max_size=2)) if older else set()
    parent = draw(st.none() | st.sampled_from(older)) if older else None
    return _made(version, tuple(sorted(sources)), parent)


@cache
def _made(version: Version, sources: tuple[Version, ...], parent: Version | None) -> Release:
    payloads = [payload(90_000), *(payload(20_000, str(one)) for one in sources)]
    return release(
        str(version),
        board(AMD64, *payloads),
        created=NOW,
        derives_from=None if parent is None else str(parent),
    )


@st.composite
def _history(draw: st.DrawFn) -> tuple[Head, ...]:
    found = []
    for channel in CHANNELS:
        versions = sorted(draw(st.sets(st.sampled_from(VERSIONS), max_size=6)))
        for generation, version in enumerate(versions, start=1):
            since = NOW + DAY * 10 * version.major
            found.append(
                Head(
                    channel=channel,
                    version=version,
                    release=digest_of(str(version)),
                    generation=generation,
                    since=since,
                    request=None,
                )
            )
    return tuple(sorted(found, key=lambda head: (head.since, head.channel)))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    history = draw(_history())
    some = st.sets(st.sampled_from(VERSIONS), max_size=2)
    paused, withdrawn, floors, holds = (draw(some) for _ in range(4))
    stops = [_stop(StopAction.PAUSE, one, "alpha", NOW) for one in sorted(paused)]
    stops += [_stop(StopAction.WITHDRAW, one, None, NOW + DAY * one.major) for one in sorted(withdrawn)]
    names = draw(st.lists(st.sampled_from(CHANNELS), min_size=len(VERSIONS), max_size=len(VERSIONS)))
    built = dict(zip(VERSIONS, names, strict=True))
    digest = Digest.sha256(b"ledger")
    state = State(
        sequence=1,
        digest=digest,
        latest=NOW,
        product="demo",
        pipeline_keys=frozenset({PIPELINE.fingerprint}),
        policy=POLICY.digest,
        channels=("alpha", "beta", "lts"),
        streams=("lts",),
        policies=(PolicyPeriod(entry=digest, policy=POLICY.digest, since=NOW, request=None),),
        releases={one: released(str(one), built[one]) for one in VERSIONS},
        registered={one: NOW + DAY * one.major for one in VERSIONS},
        stops={one.digest: one for one in stops},
        heads={head.channel: head for head in history},
        history=history,
    )
    rules = Retention(
        channel_releases=draw(st.integers(1, 4)),
        stream_releases=draw(st.integers(1, 3)),
        grace=DAY * draw(st.integers(0, 60)),
    )
    policy = replace(
        POLICY,
        retention=rules,
        floors=tuple(Floor(channel="alpha", version=one, reason="f") for one in sorted(floors)),
        holds=tuple(Hold(version=one, reason="h") for one in sorted(holds)),
    )
    documents = {version: draw(_document(version)) for version in VERSIONS}
    now = NOW + DAY * draw(st.integers(100, 300))
    return World(Holdings(state=state, policy=policy, releases=documents, now=now))


@given(worlds())
def test_what_anybody_is_led_to_is_never_collected(world: World) -> None:
    """Heads, what channels fall back on, floors, holds, stopped rollouts."""
    state, policy = world.known.state, world.known.policy
    needed = {head.version for head in state.heads.values()}
    for channel in state.heads:
        needed |= {one.version for one in [head for head in state.history if head.channel == channel][-2:]}
    needed |= {floor.version for floor in policy.floors} | {hold.version for hold in policy.holds}
    needed |= {
        one.subject.version
        for one in state.stops.values()
        if one.subject.action is StopAction.PAUSE and one.subject.version is not None
    }
    assert not needed & world.gone


@given(worlds())
def test_what_a_kept_release_was_made_from_for_its_own_sake_stays(world: World) -> None:
    """Sources of the deltas of every release that is kept for more than being a source."""
    kept = keep(world.known)
    for version, reasons in kept.items():
        own = [one for one in reasons if "starts from it" not in one and "derives from it" not in one]
        sources = {
            one.source
            for one in world.known.releases[version].board(AMD64).payloads
            if one.source is not None
        }
        assert not own or sources <= set(kept)


@given(worlds(), st.sets(st.sampled_from(VERSIONS)))
def test_who_holds_more_collects_less(world: World, more: set[Version]) -> None:
    held = world.with_holds(*more)
    assert held.gone <= world.gone
    assert not held.gone & more


@given(worlds())
def test_collecting_once_is_enough(world: World) -> None:
    assert not world.collected().gone


@given(worlds())
def test_every_release_is_kept_with_a_reason_or_collectable(world: World) -> None:
    kept = keep(world.known)
    assert set(kept) | world.gone == set(VERSIONS)
    assert not set(kept) & world.gone
    assert all(kept.values())


@given(worlds())
def test_collecting_one_by_one_collects_the_same(world: World) -> None:
    """Whoever is killed after any of them goes on with the rest."""
    gone = world.gone
    for version in sorted(gone):
        state = world.known.state
        some = {**state.collected, version: NOW}
        world = World(replace(world.known, state=replace(state, collected=some)))
    assert not world.gone


@given(worlds())
def test_no_rules_collect_nothing(world: World) -> None:
    lenient = replace(world.known, policy=replace(world.known.policy, retention=None))
    assert collectable(lenient) == ()


@given(worlds())
def test_the_law_is_about_something(world: World) -> None:
    """Of many histories some have something to collect: else nothing above was tested."""
    rules = Retention(channel_releases=1, stream_releases=1, grace=timedelta())
    eager = replace(world.known, policy=replace(world.known.policy, retention=rules, floors=(), holds=()))
    eager = replace(eager, state=replace(eager.state, stops={}))
    newest = max(VERSIONS)
    assert newest not in collectable(eager)
    old = {one for one in VERSIONS if one not in keep(eager)}
    assert old == set(collectable(eager))
