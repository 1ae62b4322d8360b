"""What status says of delivery: channel documents, mirrors that lag, floors that nobody can pass. Pure.

Only what the ledger says of mirrors is looked at. Whether they answer, and show what they should, is for
``humpyard mirrors status`` and ``humpyard mirrors audit``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from release.errors import NotVerifiedError
from release.ledger.fields import format_time
from release.ledger.state import State
from release.line.alert import Alert, Loudness
from release.promotion.policy import Policy
from release.promotion.rules_delivery import stranding
from release.trust.channel_document import ChannelDocument

Shown = Mapping[str, ChannelDocument | NotVerifiedError | None]
"""What machines are told, by key, as ``release.line.channel_documents.shown_documents`` finds it."""


def documents_unfit(shown: Shown, now: datetime) -> Iterator[Alert]:
    """Channel documents that update servers refuse, or soon will."""
    for key, document in shown.items():
        if document is None:
            text = "is missing: machines are offered nothing (humpyard head refresh)"
        elif isinstance(document, NotVerifiedError):
            text = f"is refused by update servers: {' '.join(document.message.split())}"
        elif now >= document.expires:
            text = f"expired {format_time(document.expires)}: machines are offered nothing"
        elif document.expires - now < (document.expires - document.issued) / 4:
            text = f"expires {format_time(document.expires)}, and was not signed anew in time"
            yield Alert(loudness=Loudness.WARNING, about="document", text=f"{key} {text}")
            continue
        else:
            continue
        yield Alert(loudness=Loudness.ALARM, about="document", text=f"{key} {text}")


def mirrors_behind(state: State, policy: Policy) -> Iterator[Alert]:
    """Channels whose present release is not verified on each of their mirrors.

    An alarm where fewer have it than the policy asks for, or none at all: machines have nowhere to go. What
    was withdrawn is on no mirror on purpose.
    """
    for name, head in sorted(state.heads.items()):
        if state.withdrawal(head.version) is not None:
            continue
        verified = state.mirrors_with(name, head.version)
        sites = [site.name for site in policy.mirrors_of(name)]
        behind = [one for one in sites if one not in verified]
        if not behind:
            continue
        edge = policy.edge(name)
        needed = max(1, 0 if edge is None else edge.mirrors)
        have = len(sites) - len(behind)
        told = f"{have} of {len(sites)} mirrors have {head.version} of {name}, {needed} must"
        yield Alert(
            loudness=Loudness.ALARM if have < needed else Loudness.WARNING,
            about="mirror",
            text=f"{told}; behind: {', '.join(behind)} (humpyard mirrors status tells why)",
        )


def floors_missing(state: State, policy: Policy) -> Iterator[Alert]:
    """Floors up to what a channel is at that are not there: its channel documents are not signed anew."""
    for name, head in sorted(state.heads.items()):
        boards = state.releases[head.version].boards
        for fault in stranding(state, policy, name, head.version, boards):
            text = f"{name}: floor {fault}: no channel document of it is signed anew (correct the policy)"
            yield Alert(loudness=Loudness.ALARM, about="floor", text=text)
