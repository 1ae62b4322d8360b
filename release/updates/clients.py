"""Client profiles: which families of machines ask for updates, and which payloads each can apply. Data.

A family is told by what it says of itself. That may be a lie, which costs the liar a failed update: every
client checks what it applied. What is not known here gets full payloads, which all of them apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from release.catalog.version import Version
from release.payload import profile as payloads


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProfile:
    """One family of clients.

    Attributes:
        name: what settings and metrics call it.
        description: one line on who these clients are.
        updater: what their ``updaterversion`` begins with; empty for anything.
        since: the OS version from which on this profile holds; None for any.
        applies: names of the payload profiles whose deltas they apply.
    """

    name: str
    description: str
    updater: str = ""
    since: Version | None = None
    applies: frozenset[str] = frozenset()


FLATCAR = ClientProfile(
    name="flatcar",
    description="update_engine of Flatcar 2723.0.0 and later, and of what derives from it",
    updater="update_engine-",
    since=Version(2723, 0, 0),
    applies=frozenset({payloads.FLATCAR.name}),
)
"""Sends ``delta_okay="false"`` always, hard-wired, and applies MOVE, REPLACE and REPLACE_BZ all the same.
Nothing in it compares ``IsDeltaPayload`` with the manifest."""

OLD_UPDATE_ENGINE = ClientProfile(
    name="old-update-engine",
    description="update_engine before that: nobody tests deltas with it any more",
    updater="update_engine-",
)

SYNCER = ClientProfile(
    name="syncer",
    description="Nebraska's syncer, which copies releases for machines of any version",
    updater="CoreOSUpdateEngine-0.1.0.0",
)
"""It has one package per version and architecture, so that a delta would reach machines it does not fit."""

UE_RS = ClientProfile(name="ue-rs", description="ue-rs, which applies whole images only", updater="ue-rs-")

OTHER = ClientProfile(name="other", description="anybody else")

CLIENTS: Sequence[ClientProfile] = (SYNCER, FLATCAR, OLD_UPDATE_ENGINE, UE_RS, OTHER)
"""The first that fits is it, so that the last fits everybody."""


def client_of(updater: str, version: Version, clients: Sequence[ClientProfile] = CLIENTS) -> ClientProfile:
    """The profile of a client that says it is ``updater`` on ``version``; ``OTHER`` when none fits."""
    for client in clients:
        if updater.startswith(client.updater) and (client.since is None or version >= client.since):
            return client
    return OTHER
