"""A machine that asks for updates, as far as a decision needs to know it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from release.catalog.version import Version
from release.updates.clients import CLIENTS, ClientProfile, client_of
from release.updates.omaha_request import AppRequest, UpdateRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine. All of it is what it says of itself, but for ``failed_deltas``.

    ``released`` says that it runs the very bits of a release, ``version``. ``failed_deltas`` has the
    versions to which a delta failed on it, as events told (``release.updates.outcome``).
    """

    id: str
    board: str
    version: Version
    released: bool
    client: ClientProfile
    failed_deltas: Container[Version] = frozenset()


def machine_of(
    request: UpdateRequest,
    app: AppRequest,
    failed_deltas: Container[Version] = frozenset(),
    clients: Sequence[ClientProfile] = CLIENTS,
) -> Machine:
    """The machine behind one app of a request. ``failed_deltas`` is looked into only when a delta fits."""
    return Machine(
        id=app.machine,
        board=app.board,
        version=app.version,
        released=app.released,
        client=client_of(request.updater, app.version, clients),
        failed_deltas=failed_deltas,
    )
