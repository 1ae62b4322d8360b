"""Deleting what was collected: from every mirror, then from the origin; what is still led to stays.

What vouches for a release stays everywhere, for ever: ``release.json`` with its signature and schema, the
ledger, evidence, policies, pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from release.catalog.version import Version
from release.errors import HumpyardError, InputError, NotVerifiedError, UnavailableError
from release.ledger.state import State, frozen
from release.ledger.statements import PromotionSubject
from release.line.garbage_reach import Reached, reached
from release.line.mirrors import Mirror, mirrors_of
from release.line.policies import policy_in_force
from release.line.yard import Yard
from release.mirror.store import Store
from release.promotion.policy import Policy

ORIGIN = "the origin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Files of a collected release that are gone from one place."""

    place: str
    version: Version
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """What stays for now, and why. ``version`` None: all that is in the place."""

    place: str
    version: Version | None
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.version or 'everything'} stays for now: {self.why}"


@dataclass(slots=True, kw_only=True)
class Swept:
    """What became of it all. ``unknown``: a place did not answer, another run may do more."""

    deleted: list[Deleted] = field(default_factory=list)
    spared: list[Spared] = field(default_factory=list)
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Somewhere bytes are. ``look`` reads what its public sees, the others reach its storage."""

    name: str
    look: Callable[[], Reached]
    listed: Callable[[str], Iterator[str]]
    delete: Callable[[Sequence[str]], None]


def _nobody(_one: Deleted | Spared) -> None:
    """Tells nobody."""


def sweep(
    yard: Yard,
    tell: Callable[[Deleted | Spared], None] = _nobody,
    *,
    rehearsed: Iterable[Version] | None = None,
) -> Swept:
    """Delete what is left of collected releases, everywhere, and tell each thing when it is done.

    A mirror that does not answer, or answers what cannot be understood, keeps all that it has; the others
    go on. The origin keeps what any place that answered leads to. While a place is silent, everything stays
    everywhere that was collected so lately that a document it serves may still be believed.

    Args:
        yard: the yard.
        tell: is told of each thing.
        rehearsed: nothing is deleted: what would be, if these were collected, too. None deletes.

    Raises:
        UnavailableError: the origin does not answer.
    """
    state, swept, now = yard.ledger.state(), Swept(), yard.clock()
    state = replace(state, collected=frozen({**dict.fromkeys(rehearsed or (), now), **state.collected}))
    if not state.collected:
        return swept
    policy = policy_in_force(yard.store, state)
    places = _places(yard, policy, state)
    leading: dict[str, Reached] = {}
    for place in places:
        try:
            leading[place.name] = place.look()
        except HumpyardError as error:
            _leave(swept, tell, Spared(place=place.name, version=None, why=error.message), error)
    silent = len(leading) < len(places)
    known = _Known(
        state=state,
        leading=leading,
        young=now - policy.signing.head_valid_for if silent and rehearsed is None else None,
        rehearsal=rehearsed is not None,
    )
    for place in places:
        if place.name in leading:
            _sweep_place(place, known, swept, tell)
    return swept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What deleting goes by. What was collected after ``young`` stays; None for no such time."""

    state: State
    leading: Mapping[str, Reached]
    young: datetime | None
    rehearsal: bool

    def why_not(self, version: Version, place: str) -> str | None:
        """Why the bytes of a version stay in a place for now; None when they may go."""
        collected = self.state.collected[version]
        if self.young is not None and collected > self.young:
            return "a mirror does not answer, and may serve documents that lead to it until they expire"
        return _led_to(version, place, self.leading)


def _sweep_place(
    place: _Place, known: _Known, swept: Swept, tell: Callable[[Deleted | Spared], None]
) -> None:
    version: Version | None = None
    try:
        for version, keys in leftovers(place.listed, known.state).items():
            why = known.why_not(version, place.name)
            if why is not None:
                _leave(swept, tell, Spared(place=place.name, version=version, why=why))
                continue
            if not known.rehearsal:
                place.delete(keys)
            one = Deleted(place=place.name, version=version, files=len(keys))
            swept.deleted.append(one)
            tell(one)
    except HumpyardError as error:
        if place.name == ORIGIN:
            raise
        _leave(swept, tell, Spared(place=place.name, version=version, why=error.message), error)


def _leave(
    swept: Swept,
    tell: Callable[[Deleted | Spared], None],
    one: Spared,
    error: HumpyardError | None = None,
) -> None:
    swept.spared.append(one)
    swept.unknown = swept.unknown or isinstance(error, UnavailableError)
    tell(one)


def _led_to(version: Version, place: str, leading: Mapping[str, Reached]) -> str | None:
    """What leads to a version in a place, in words; None for nothing.

    A pointer leads to where it is. A channel document sends machines to the mirrors that it names, wherever
    it was read. What is led to anywhere stays at the origin, from which a mirror could be filled again.
    """
    for name, one in leading.items():
        key = one.here.get(version)
        if key is not None and name == place:
            return f"{key} leads to it"
        if place in one.elsewhere.get(version, ()):
            return f"{key} of {name} sends machines here for it"
        if key is not None and place == ORIGIN:
            return f"{key} of {name} leads to it"
    return None


def leftovers(listed: Callable[[str], Iterator[str]], state: State) -> dict[Version, tuple[str, ...]]:
    """Keys of collected releases that are there, by version, oldest first."""
    found: defaultdict[Version, list[str]] = defaultdict(list)
    for prefix in _prefixes(state):
        for key in listed(prefix):
            version = _version(key)
            if version is not None and version in state.collected:
                found[version].append(key)
    return {version: tuple(found[version]) for version in sorted(found)}


def _version(key: str) -> Version | None:
    """Of ``<channel>/<board>/<version>/...`` and ``update/<board>/<version>/...``."""
    parts = key.split("/")
    if len(parts) < 4:
        return None
    try:
        return Version.parse(parts[2])
    except InputError:
        return None


def _prefixes(state: State) -> tuple[str, ...]:
    """Where bytes of releases may be: under every channel that ever was, or was asked for."""
    asked = (one.subject for one in state.requests.values())
    channels = {
        *state.channels,
        *(head.channel for head in state.history),
        *(release.built_for for release in state.releases.values()),
        *(one.channel for one in asked if isinstance(one, PromotionSubject)),
    }
    boards = sorted({board for release in state.releases.values() for board in release.boards})
    return tuple(f"{top}/{board}/" for board in boards for top in (*sorted(channels), "update"))


def _places(yard: Yard, policy: Policy, state: State) -> list[_Place]:
    """The mirrors of the policy, then the origin."""
    origin = _Place(
        name=ORIGIN,
        look=lambda: reached(yard.store, state, yard.naming),
        listed=yard.store.list,
        delete=lambda keys: _delete(yard.store, keys),
    )
    return [*(_mirror(one, yard, state) for one in mirrors_of(yard, policy)), origin]


def _mirror(mirror: Mirror, yard: Yard, state: State) -> _Place:
    """Where its bytes are the origin's, nothing is deleted twice."""

    def look() -> Reached:
        return reached(mirror.reach().public(mirror.site.url), state, yard.naming)

    if mirror.access is None or mirror.access.replica is None:
        return _Place(name=mirror.name, look=look, listed=_nothing, delete=_never)
    replica = mirror.access.replica()
    return _Place(name=mirror.name, look=look, listed=replica.list, delete=replica.delete)


def _nothing(_prefix: str) -> Iterator[str]:
    return iter(())


def _never(keys: Sequence[str]) -> None:
    raise NotVerifiedError(f"{len(keys)} keys were to be deleted where nothing can be written")


def _delete(store: Store, keys: Sequence[str]) -> None:
    for key in keys:
        store.delete(key)
