"""What a mirror can really do, and whether that is enough for what it is to be. Pure: values in, values out.

Servers take conditions and checksums that they do not know, say that all went well, and ignore them. So what
counts is what a server was seen to do; see ``probe``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from release.errors import RefusedError


class Ability(StrEnum):
    """Something a mirror does, or does not."""

    READ_BACK = "gives back what was written"
    LISTING = "lists what was written"
    DELETE = "deletes"
    CREATE_ONCE = "refuses to write over an object"
    SWAP = "replaces an object only when it is still what it was"
    CHECKSUM = "refuses bytes that contradict their SHA-256"
    COPY = "copies"
    COPY_ONCE = "refuses to copy over an object"
    LARGE = "takes large objects in parts"
    LARGE_ONCE = "refuses to complete a large object over another one"
    LARGE_CHECKSUM = "refuses parts that contradict their SHA-256"
    LARGE_COPY = "copies large objects in parts"
    RESUME = "tells which parts of an unfinished upload it has"


class Verdict(StrEnum):
    """How a trial went."""

    KEPT = "yes"
    IGNORED = "no: silently ignored"
    REFUSED = "no: the request failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One trial: what was done (``tried``), and what came of it (``found``)."""

    ability: Ability
    verdict: Verdict
    tried: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """All that was found out about the mirror ``where``, in the order of the trials."""

    where: str
    findings: tuple[Finding, ...]

    def of(self, ability: Ability) -> Finding | None:
        """What was found about one ability; None when nobody tried."""
        return next((one for one in self.findings if one.ability is ability), None)

    def has(self, ability: Ability) -> bool:
        """Whether the mirror was seen to do it."""
        found = self.of(ability)
        return found is not None and found.verdict is Verdict.KEPT


ORIGIN_NEEDS = frozenset(
    {
        Ability.READ_BACK,
        Ability.LISTING,
        Ability.CREATE_ONCE,
        Ability.SWAP,
        Ability.COPY,
        Ability.LARGE,
    }
)
"""What holds the ledger and the pointers. Two writers of the ledger must not both believe that theirs is the
next entry. Large objects are looked for before they are written, and read back by hash afterwards."""

REPLICA_NEEDS = frozenset({Ability.READ_BACK, Ability.LISTING, Ability.LARGE})
"""What is filled from the origin by one writer at a time, who looks before he writes, and is read back."""

STRICT_REPLICA_NEEDS = REPLICA_NEEDS | {Ability.CREATE_ONCE, Ability.LARGE_ONCE, Ability.SWAP}
"""The same where several writers may be at work: the server itself refuses what would overwrite."""

_REMEDY = {
    Ability.CREATE_ONCE: "use a server that keeps If-None-Match on PutObject",
    Ability.SWAP: "use a server that keeps If-Match on PutObject",
    Ability.LARGE_ONCE: "use a server that keeps If-None-Match on CompleteMultipartUpload",
    Ability.COPY_ONCE: "use a server that keeps If-None-Match on CopyObject",
    Ability.CHECKSUM: "use a server that checks x-amz-checksum-sha256",
    Ability.LARGE_CHECKSUM: "use a server that checks x-amz-checksum-sha256 of parts",
}


def check_abilities(abilities: Abilities, needed: Collection[Ability], purpose: str) -> None:
    """Refuse a mirror that cannot do what it is needed for; ``purpose`` says what that is.

    Raises RefusedError that names every missing ability, what was tried and what came of it.
    """
    lines: list[str] = []
    remedies: list[str] = []
    for ability in Ability:
        if ability not in needed or abilities.has(ability):
            continue
        found = abilities.of(ability)
        lines.append(
            f"  {ability}: was not tried"
            if found is None
            else f"  {ability}: {found.verdict}. Tried: {found.tried}. Found: {found.found}"
        )
        remedies.append(_REMEDY.get(ability, f"use a server that {ability}"))
    if lines:
        raise RefusedError(
            f"{abilities.where}: cannot be {purpose}:\n" + "\n".join(lines),
            hint="; ".join(dict.fromkeys(remedies)),
        )
