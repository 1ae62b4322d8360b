"""Collecting releases that nobody needs: decided on the very state that the ledger's entry follows.

The ledger is the lock. An entry says that the bytes of a release may go, and it follows a state in which no
rule keeps them; from then on no channel can move to it, and whoever moved a channel to it before had an entry
before. Only then bytes are deleted, see ``garbage_deleting``. A run that is killed leaves bytes that may go;
the next one looks for all of them, whoever collected their release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from release.bundle.layout import shipped
from release.bundle.release import Release
from release.catalog.version import Version
from release.errors import RefusedError
from release.ledger.chain import Proposal
from release.ledger.kinds import ReleaseCollected
from release.ledger.state import State
from release.line.channel_documents import key_floors
from release.line.policies import policy_in_force, proposed_policies
from release.line.sources import registered_release
from release.line.yard import Yard
from release.promotion.retention import Holdings, collectable, keep, why_collectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release that may be collected. ``files`` and ``size`` (bytes) are as ``release.json`` counts them."""

    version: Version
    why: str
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A release that stays, and why."""

    version: Version
    reasons: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be collected now, what stays, and what was collected before, since when."""

    going: tuple[Candidate, ...]
    kept: tuple[Kept, ...]
    collected: Mapping[Version, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a run recorded, and what it left alone since it is needed after all: why, by version."""

    collected: tuple[Candidate, ...] = ()
    refused: Mapping[Version, str]


class StillNeededError(RefusedError):
    """A rule keeps the release."""


def plan_garbage(yard: Yard) -> Plan:
    """Look, and change nothing.

    Raises:
        InputError: the document of a release is missing.
        NotVerifiedError: what the store holds is not what the ledger names.
        UnavailableError: the store does not answer.
    """
    known = holdings_now(yard)(yard.ledger.state())
    kept = keep(known)
    return Plan(
        going=tuple(_candidate(known, version) for version in collectable(known)),
        kept=tuple(
            Kept(version=version, reasons=reasons, size=_measured(known.releases[version])[1])
            for version, reasons in kept.items()
        ),
        collected=known.state.collected,
    )


def record_garbage(yard: Yard) -> Recorded:
    """Record every release that may be collected; each is decided on anew, on the state its entry follows.

    Raises as ``plan_garbage``, and as ``LedgerWriter.append``.
    """
    holdings = holdings_now(yard)
    known = holdings(yard.ledger.state())
    collected: list[Candidate] = []
    refused: dict[Version, str] = {}
    for version in collectable(known):
        try:
            yard.ledger.append(collection(version, holdings), now=yard.clock())
        except StillNeededError as error:
            refused[version] = error.message
        else:
            collected.append(_candidate(known, version))
    return Recorded(collected=tuple(collected), refused=refused)


def collection(version: Version, holdings: Callable[[State], Holdings]) -> Proposal:
    """Let the bytes of a release go, if no rule keeps them in the state that the entry follows.

    ``holdings`` gives what the rules look at, for a state. The proposal raises StillNeededError where one
    keeps them, InputError where the release is not registered.
    """

    def propose(state: State) -> ReleaseCollected | None:
        if version in state.collected:
            return None
        known = holdings(state)
        reasons = keep(known).get(version)
        if reasons is not None:
            raise StillNeededError(f"release {version} is not collected: {'; '.join(reasons)}")
        one = _candidate(known, version)
        return ReleaseCollected(
            version=version,
            release=state.releases[version].release,
            reason=one.why,
            files=one.files,
            size=one.size,
        )

    return propose


def holdings_now(yard: Yard) -> Callable[[State], Holdings]:
    """What gives the rules all they look at, for any state; documents are read once."""
    documents: dict[Version, Release] = {}

    def holdings(state: State) -> Holdings:
        for version in state.releases:
            if version not in documents and version not in state.collected:
                documents[version] = registered_release(yard.store, state, version)[0]
        return Holdings(
            state=state,
            policy=policy_in_force(yard.store, state),
            releases={version: one for version, one in documents.items() if version in state.releases},
            now=yard.clock(),
            proposed=proposed_policies(yard.store, state),
            floors=frozenset(key_floors(yard, state).values()),
        )

    return holdings


def _candidate(known: Holdings, version: Version) -> Candidate:
    files, size = _measured(known.releases[version])
    return Candidate(version=version, why=why_collectable(known, version), files=files, size=size)


def _measured(release: Release) -> tuple[int, int]:
    sizes = [item.artifact.size for item in shipped(release)]
    return len(sizes), sum(sizes)
