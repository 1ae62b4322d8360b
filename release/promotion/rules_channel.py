"""Rules for moving a channel: what moves, from where, since when, and when it may. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from release.catalog.channel import PromotionKind
from release.catalog.version import Version
from release.ledger.fields import format_time
from release.ledger.state import State, base_of
from release.promotion.case import PromotionCase
from release.promotion.policy import Edge
from release.promotion.request import Skippable
from release.promotion.rule import NEW_REQUEST, RuleResult, result
from release.promotion.rules_people import quorum_of
from release.promotion.support import support


def unmoved(case: PromotionCase, _edge: Edge) -> Iterator[RuleResult]:
    """The channel is where it was when the request was made."""
    generation = case.state.generation(case.request.channel)
    yield result(
        "unmoved",
        not case.carried_out and generation == case.request.generation,
        f"{case.request.channel} is at generation {generation}, asked at {case.request.generation}"
        + (", carried out" if case.carried_out else ""),
        f"{NEW_REQUEST}: {case.request.channel} has moved since this one",
        final=True,
    )


def release(case: PromotionCase, _edge: Edge) -> Iterator[RuleResult]:
    """The release is registered, with this digest and these boards, not withdrawn, and still there."""
    found = case.release
    boards = None if found is None else found.boards
    yield result(
        "release",
        found is not None and set(found.boards) == set(case.request.boards),
        f"{case.request.version} ({case.request.release}) "
        + (f"for {', '.join(map(str, boards))}" if boards else "is not registered"),
        f"release {case.request.version} registered with this digest and these boards",
    )
    stop = case.state.withdrawal(case.request.version)
    yield result(
        "not-withdrawn",
        stop is None,
        "withdrawn by nobody" if stop is None else f"withdrawn: {stop.subject.reason}",
        "another release; this one is withdrawn" + ("" if stop is None else f" ({stop.subject.reason})"),
    )
    collected = case.state.collected.get(case.request.version)
    yield result(
        "not-collected",
        collected is None,
        "its bytes are kept" if collected is None else f"collected {format_time(collected)}",
        f"{NEW_REQUEST} for another release; the bytes of this one are gone",
        final=True,
    )


def not_frozen(case: PromotionCase, _edge: Edge) -> Iterator[RuleResult]:
    """Nobody has frozen the channel."""
    stop = case.state.freeze(case.request.channel)
    yield result(
        "not-frozen",
        stop is None,
        "frozen by nobody" if stop is None else f"frozen: {stop.subject.reason}",
        "the freeze lifted by the resume quorum" + ("" if stop is None else f" ({stop.subject.reason})"),
    )


def not_paused(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """What somebody paused where it comes from goes no further; a rebuild of it may, it may mend it."""
    channel = case.request.from_channel
    if channel is None or edge.channel.kind is PromotionKind.REBUILD:
        yield result("not-paused", True, "comes from no channel's rollout", "")
        return
    stop = case.state.pause_of(channel, case.request.version)
    yield result(
        "not-paused",
        stop is None,
        f"paused by nobody in {channel}" if stop is None else f"paused in {channel}: {stop.subject.reason}",
        "the pause lifted by the resume quorum" + ("" if stop is None else f" ({stop.subject.reason})"),
    )


def upwards(case: PromotionCase, _edge: Edge) -> Iterator[RuleResult]:
    """Machines do not go back, those of the channel that follows this stream included."""
    channel, version = case.request.channel, case.request.version
    yield _upwards(case.state, channel, version)
    base = base_of(channel, case.state.streams)
    if base is not None and _newest(case.state, base, channel):
        yield _upwards(case.state, base, version)


def _newest(state: State, base: str, channel: str) -> bool:
    """Whether the stream is the newest, or is opened by this."""
    return channel not in state.heads or state.newest_stream(base) == channel


def _upwards(state: State, channel: str, version: Version) -> RuleResult:
    head = state.heads.get(channel)
    before = "nothing" if head is None else str(head.version)
    return result(
        "upwards",
        head is None or version > head.version,
        f"{channel} goes from {before} to {version}",
        f"a version above {before}; machines do not go back",
        final=True,
    )


def source(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """The release comes from where the policy lets it."""
    found = case.release
    if found is None:
        yield result("source", False, "release unknown", "a registered release")
        return
    rebuild = edge.channel.kind is PromotionKind.REBUILD
    if case.opened:
        yield from _stream_source(case)
    elif not edge.channel.feeds_from:
        yield _built_for(case, (edge.channel.name,), derived=rebuild)
        at_build = case.request.from_channel is None
        yield result("source", at_build, "straight from the build", f"{NEW_REQUEST} without a source")
    else:
        if rebuild:
            yield _built_for(case, (edge.channel.name,), derived=True)
        yield _offered(case, edge)


def _built_for(case: PromotionCase, channels: tuple[str, ...], *, derived: bool) -> RuleResult:
    found = case.release
    built_for = None if found is None else found.built_for
    lineage = None if found is None else found.lineage
    return result(
        "built-for",
        built_for in channels and (not derived or lineage is PromotionKind.REBUILD),
        f"built for {built_for} as {lineage}",
        f"a release built for {' or '.join(channels)}"
        + (" that derives from an older one" if derived else ""),
    )


def _stream_source(case: PromotionCase) -> Iterator[RuleResult]:
    """A stream that was opened goes on with builds of its own that derive from what it had."""
    channel = case.request.channel
    yield _built_for(case, (channel,), derived=True)
    origin = None if case.release is None else case.release.derives_from
    had = any(head.channel == channel and head.version == origin for head in case.state.history)
    yield result(
        "source",
        had and case.request.from_channel is None,
        f"derives from {origin}",
        f"a release that derives from one of {channel}",
    )


def _origin(case: PromotionCase, edge: Edge) -> Version | None:
    """The version that the source channel must have offered."""
    if edge.channel.kind is PromotionKind.REBUILD:
        return None if case.release is None else case.release.derives_from
    return case.request.version


def _offered(case: PromotionCase, edge: Edge) -> RuleResult:
    origin, rebuild = _origin(case, edge), edge.channel.kind is PromotionKind.REBUILD
    offered = any(
        head.channel == case.request.from_channel
        and head.version == origin
        and (rebuild or head.release == case.request.release)
        for head in case.state.history
    )
    feeds = edge.channel.feeds_from
    return result(
        "source",
        case.request.from_channel in feeds and offered,
        f"{origin} from {case.request.from_channel}",
        f"{origin} offered in {' or '.join(feeds)} first",
    )


def soak(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """The channel before has offered it for long enough without a break; a break begins the count anew."""
    if not edge.soak or case.opened or not edge.channel.feeds_from:
        yield result("soak", True, "none asked for", "")
        return
    origin, channel = _origin(case, edge), case.request.from_channel
    longest = max(
        (
            min(offer.ends or case.now, case.now) - offer.begins
            for offer in case.state.offers
            if (offer.channel, offer.version) == (channel, origin)
        ),
        default=timedelta(),
    )
    had = max(longest, timedelta())
    detail = f"{_hours(had)} of {_hours(edge.soak)} in {channel}"
    if Skippable.SOAK in case.request.hurry:
        yield result("soak", True, f"skipped in a hurry, at {detail}", "")
        return
    yield result("soak", had >= edge.soak, detail, f"{_hours(edge.soak - had)} more in {channel}")


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def calendar(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """No freeze window of the calendar is open for the channel, or for what it is a stream of."""
    names = (edge.channel.name, base_of(edge.channel.name, case.policy.streams))
    open_now = [
        (window.name, until)
        for window in case.policy.freezes
        if window.concerns(names) and (until := window.until(case.now)) is not None
    ]
    if not open_now:
        yield result("calendar", True, "no freeze window is open", "")
        return
    detail = "; ".join(f"{name} until {format_time(until)}" for name, until in open_now)
    if Skippable.FREEZE in case.request.hurry:
        yield result("calendar", True, f"skipped in a hurry: {detail}", "")
        return
    yield result("calendar", False, detail, f"the end of: {detail}")


def supported(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """A stream that has ended gets nothing new."""
    if edge.streams is None:
        yield result("supported", True, "not a stream", "")
        return
    found = support(case.state, case.policy, case.request.channel)
    yield result(
        "supported",
        found is None or case.now < found.ends,
        "opens the stream" if found is None else f"supported until {format_time(found.ends)}",
        "a stream that is still supported",
    )


def hurry(case: PromotionCase, edge: Edge) -> Iterator[RuleResult]:
    """Skipping takes the hurry quorum besides the channel's own."""
    if not case.request.hurry:
        yield result("hurry", True, "nothing is skipped", "")
        return
    if not edge.hurry:
        yield result(
            "hurry", False, "the policy knows no hurry here", f"{NEW_REQUEST} without hurry", final=True
        )
    for quorum in edge.hurry:
        yield quorum_of(case, quorum, "hurry")
