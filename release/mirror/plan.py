"""What has to be uploaded, decided before anything is. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from release.digests import Digest
from release.errors import InputError
from release.mirror.keys import check_key
from release.mirror.store import ConflictError, ObjectStat


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object as it shall be. ``size`` is in bytes."""

    key: str
    size: int
    sha256: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A key that is taken by something else."""

    wanted: Wanted
    found: ObjectStat

    def __str__(self) -> str:
        return (
            f"{self.wanted.key}: expected {self.wanted.size} bytes, {self.wanted.sha256};"
            f" found {self.found.size} bytes, {self.found.sha256 or 'unknown content'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The wanted objects, each in one of three, in the order they were asked for."""

    upload: tuple[Wanted, ...]
    keep: tuple[Wanted, ...]
    conflict: tuple[Conflict, ...]

    def check(self) -> None:
        """Raises ConflictError, naming every conflict, if there is one."""
        if self.conflict:
            raise ConflictError(
                "nothing was published; these keys hold other bytes already:\n"
                + "\n".join(f"  {conflict}" for conflict in self.conflict),
                hint="published bytes are never changed: give the changed build a new version",
            )


def make_plan(wanted: Sequence[Wanted], present: Mapping[str, ObjectStat | None]) -> Plan:
    """Compare what shall be with what is.

    ``present`` has an entry for every wanted key (KeyError otherwise). A present object of unknown
    SHA-256 is a conflict: find it out first. Raises InputError when a key is wanted twice or is no key.
    """
    seen: set[str] = set()
    upload: list[Wanted] = []
    keep: list[Wanted] = []
    conflict: list[Conflict] = []
    for one in wanted:
        if check_key(one.key) in seen:
            raise InputError(f"key {one.key!r}: is to be published twice")
        seen.add(one.key)
        found = present[one.key]
        if found is None:
            upload.append(one)
        elif (found.size, found.sha256) == (one.size, one.sha256):
            keep.append(one)
        else:
            conflict.append(Conflict(wanted=one, found=found))
    return Plan(upload=tuple(upload), keep=tuple(keep), conflict=tuple(conflict))
