"""Whether the machines of a channel can verify what it is to offer next: payload keys over releases.

Asked before a release is published and again before a channel moves to it. What machines hold is
inferred from what the channel offered them, and from the change of key that is declared.
"""

from __future__ import annotations

from collections.abc import Iterator

from release.bundle.release import Release
from release.catalog.version import Version
from release.ledger.state import State, base_of
from release.line.sources import registered_release
from release.line.yard import Yard
from release.payload.profile import get_profile
from release.signing.rotation import SignedPayload, SignedRelease, check_keys


def check_succession(yard: Yard, release: Release, channel: str) -> None:
    """Refuse a release whose payloads the machines of ``channel`` could not verify.

    Machines that follow a stream (``lts``) are looked at when the stream that they follow, or a new one,
    gets the release.

    Raises:
        RefusedError: says which payload, which machines, and which key they hold.
        NotVerifiedError: a release on the mirror is not the one that is registered.
    """
    state = yard.ledger.state()
    for name in (channel, *_followers(state, channel)):
        head = state.heads.get(name)
        if head is None or head.version >= release.version:
            continue  # nobody to strand, or not to be offered: machines go up only
        rotation = yard.payload_for(name).rotation
        check_keys(
            signed_release(release),
            _registered(yard, state, head.version),
            rotation,
            None if rotation is None else _offered(yard, state, name, rotation.floor),
        )


def signed_release(release: Release) -> SignedRelease:
    """A release as far as changing keys looks at it."""
    return SignedRelease(version=release.version, payloads=tuple(_payloads(release)))


def _payloads(release: Release) -> Iterator[SignedPayload]:
    for board in release.boards:
        for record in board.payloads:
            yield SignedPayload(
                what=f"{board.board} {record.artifact.name}",
                rule=get_profile(record.profile).signature_rule,
                slots=record.signatures,
                partition=record.extension is None,
            )


def _registered(yard: Yard, state: State, version: Version) -> SignedRelease:
    return signed_release(registered_release(yard.store, state, version)[0])


def _offered(yard: Yard, state: State, channel: str, version: Version) -> SignedRelease | None:
    """A release if the channel ever pointed to it, and it was not withdrawn since."""
    offered = any(head.version == version for head in state.history if head.channel == channel)
    if not offered or state.withdrawal(version) is not None:
        return None
    return _registered(yard, state, version)


def _followers(state: State, channel: str) -> tuple[str, ...]:
    """Channels whose machines get what ``channel`` gets: those that follow its newest stream."""
    base = base_of(channel, state.streams)
    if base is None:
        return ()
    newest = state.newest_stream(base)
    return (base,) if newest == channel or channel not in state.heads else ()
