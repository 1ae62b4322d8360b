"""What a release is compared with before a channel moves to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from release.catalog.version import Version
from release.ledger.kinds import ReleaseRegistered
from release.ledger.state import State, base_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """The releases to compare with; None where there is none.

    ``head`` is what the channel's machines have now; for a stream that is opened, what those have that
    follow the newest stream. ``origin`` is where the content comes from: the
    release that a rebuild derives from, else what the source channel offered before this release.
    """

    head: Version | None
    origin: Version | None

    @property
    def versions(self) -> tuple[Version, ...]:
        """Each once, the head first."""
        return tuple(dict.fromkeys(one for one in (self.head, self.origin) if one is not None))


def baselines(state: State, release: ReleaseRegistered, channel: str, source: str | None) -> Baselines:
    """What ``release`` is compared with before ``channel`` moves to it.

    Args:
        state: the ledger's. Once ``channel`` has moved, what was its head before this release counts.
        release: as registered.
        channel: where it shall go; need not have a head, nor exist yet.
        source: the channel it comes from, None when it comes straight from the build.
    """
    origin = release.derives_from
    if origin is None and source is not None:
        origin = _before(state, release.version, source)
    head = _before(state, release.version, channel)
    base = base_of(channel, state.streams)
    if head is None and base is not None:
        head = _before(state, release.version, base)
    return Baselines(head=head, origin=origin)


def _before(state: State, version: Version, channel: str) -> Version | None:
    """What the channel offered last that is below ``version``: channels only go upwards."""
    return next(
        (
            head.version
            for head in reversed(state.history)
            if head.channel == channel and head.version < version
        ),
        None,
    )
