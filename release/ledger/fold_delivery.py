"""Steps of the fold for delivery: mirrors, halted rollouts, collected releases. Pure."""

from __future__ import annotations

from dataclasses import replace

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.fold_contradiction import need
from release.ledger.fold_offers import end_stopped
from release.ledger.kinds import MirrorVerified, ReleaseCollected, RolloutHalted
from release.ledger.state import State, StopRecord, frozen
from release.ledger.statements import StopAction, StopSubject
from release.ledger.verified import VerifiedEntry


def mirror(content: MirrorVerified, state: State, _verified: VerifiedEntry) -> State:
    """A mirror has a release of a channel, or has it no more."""
    _check_registered(state, content.version, content.release)
    need(state.knows(content.channel), f"channel {content.channel!r} is unknown")
    known = state.mirrors_with(content.channel, content.version)
    now = known | {content.mirror} if content.passed else known - {content.mirror}
    return replace(state, mirrors=frozen({**state.mirrors, (content.channel, content.version): now}))


def halt(content: RolloutHalted, state: State, verified: VerifiedEntry) -> State:
    """A rollout stops by itself, until people let it go on."""
    _check_registered(state, content.version, content.release)
    head = state.heads.get(content.channel)
    at = None if head is None else head.version
    need(at == content.version, f"{content.channel} is at {at}, there is no rollout of {content.version}")
    need(
        state.pause_of(content.channel, content.version) is None,
        f"the rollout of {content.version} in {content.channel} is stopped already",
    )
    record = StopRecord(
        digest=verified.digest,
        statement="",
        subject=StopSubject(
            action=StopAction.PAUSE,
            channel=content.channel,
            version=content.version,
            release=content.release,
            reason=content.reason,
        ),
        signer=verified.signer,
        recorded=verified.entry.time,
        told=verified.entry.time,
    )
    after = replace(state, stops=frozen({**state.stops, record.digest: record}))
    return end_stopped(after, verified.entry.time)


def collect(content: ReleaseCollected, state: State, verified: VerifiedEntry) -> State:
    """The bytes of a release may go; what channels are at may not."""
    _check_registered(state, content.version, content.release)
    need(content.version not in state.collected, f"release {content.version} is collected already")
    at = [head.channel for head in state.heads.values() if head.version == content.version]
    need(not at, f"release {content.version} is what {', '.join(at)} offers")
    return replace(state, collected=frozen({**state.collected, content.version: verified.entry.time}))


def _check_registered(state: State, version: Version, release: Digest) -> None:
    known = state.releases.get(version)
    need(known is not None and known.release == release, f"release {version} ({release}) is not registered")
