"""Asking store and mirrors what they can really do, before anything depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakSet

from release.errors import HumpyardError
from release.line.mirrors import Mirror, mirrors_of
from release.line.yard import Yard
from release.mirror.abilities import ORIGIN_NEEDS, REPLICA_NEEDS, Abilities, check_abilities
from release.mirror.probe import Triable, probe

_ORIGIN = "the origin, which holds the ledger"
_REPLICA = "a mirror"
_enough: set[str] = set()
"""Mirrors, by where they are written to, that were found good enough in this process: trials are not free."""
_enough_stores: WeakSet[Triable] = WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What was found out about a store. Neither of both: there was nothing to try."""

    name: str
    abilities: Abilities | None = None
    error: HumpyardError | None = None


def check_origin(yard: Yard) -> None:
    """Refuse a store that only pretends to keep what the ledger depends on; once for a process.

    Raises RefusedError. Directories are not tried: the kernel answers for them.
    """
    if isinstance(yard.store, Triable) and yard.store not in _enough_stores:
        check_abilities(probe(yard.store, "the store"), ORIGIN_NEEDS, _ORIGIN)
        _enough_stores.add(yard.store)


def check_replica(mirror: Mirror) -> None:
    """Refuse a mirror that cannot be filled; once for a process. Raises RefusedError, or as ``probe``."""
    access = mirror.reach()
    if access.store is None or access.url in _enough:
        return
    store = access.store()
    if isinstance(store, Triable):
        check_abilities(probe(store, f"mirror {mirror.name}, {access.url}"), REPLICA_NEEDS, _REPLICA)
        _enough.add(access.url)


def probe_all(yard: Yard) -> Iterator[Probed]:
    """The store, then each mirror of the policy. What cannot be reached or is not enough is told of."""
    try:
        abilities = probe(yard.store, "the store")
    except HumpyardError as error:
        yield Probed(name="origin", error=error)
    else:
        yield _judged("origin", abilities, _ORIGIN)
    for mirror in mirrors_of(yard, yard.policy()):
        try:
            access = mirror.reach()
            if access.store is None:
                yield Probed(name=mirror.name)
                continue
            abilities = probe(access.store(), access.url)
        except HumpyardError as error:
            yield Probed(name=mirror.name, error=error)
        else:
            yield _judged(mirror.name, abilities, _REPLICA)


def _judged(name: str, abilities: Abilities, purpose: str) -> Probed:
    try:
        check_abilities(abilities, ORIGIN_NEEDS if purpose is _ORIGIN else REPLICA_NEEDS, purpose)
    except HumpyardError as error:
        return Probed(name=name, abilities=abilities, error=error)
    return Probed(name=name, abilities=abilities)
