"""Client profiles: which operations and fields a family of clients can apply. Data, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from release.errors import InputError
from release.payload.operations import OperationType


class SignatureRule(Enum):
    """Which entry of the Signatures message a client checks against its key."""

    FIRST_VERSION_2 = "first-version-2"
    """Only the first entry whose version is 2 (update_engine)."""
    ANY_SLOT = "any-slot"
    """Any entry, whatever its version (ue-rs)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One family of clients. Sizes are bytes.

    Attributes:
        name: what payloads, settings and people call it.
        description: one line on who these clients are.
        operations: the operation types the client applies rightly.
        signature_rule: which signature counts.
        single_extent: every operation has exactly one destination extent.
        self_contained: every block is written by the payload, in whole blocks, and none is read.
        procedures: the client may be sent procedures (kernel, PCR policy).
        old_partition_info: the field may be present. update_engine compares it with the hash of its
            whole block device, which for Flatcar is larger than the image, so there it never matches.
        bsdiff_source_limit: the most source bytes of one BSDIFF.
        bsdiff_extent_limit: the most extents on either side of one BSDIFF; the client hands them to
            bspatch as one argument, which Linux limits to 128 KiB.
        operation_memory_limit: the most bytes a client may have to hold for one operation: its data, what
            a MOVE reads, what a BSDIFF reads and makes. Ours, so that small machines can update; the
            client itself knows no limit, and measured 540 MB for a REPLACE of 256 MiB.
    """

    name: str
    description: str
    operations: frozenset[OperationType]
    signature_rule: SignatureRule
    single_extent: bool = False
    self_contained: bool = False
    procedures: bool = True
    old_partition_info: bool = False
    bsdiff_source_limit: int = 0
    bsdiff_extent_limit: int = 0
    operation_memory_limit: int = 64 << 20

    @property
    def deltas(self) -> bool:
        """Whether a delta can be expressed at all."""
        return not self.self_contained


_REPLACES = frozenset({OperationType.REPLACE, OperationType.REPLACE_BZ})

FLATCAR = Profile(
    name="flatcar",
    description="update_engine as Flatcar ships it since 2723.0.0: its bspatch applies no BSDIFF",
    operations=_REPLACES | {OperationType.MOVE},
    signature_rule=SignatureRule.FIRST_VERSION_2,
)

POSITIONAL_BSPATCH = Profile(
    name="positional-bspatch",
    description="update_engine with a bspatch that takes positions",
    operations=_REPLACES | {OperationType.MOVE, OperationType.BSDIFF},
    signature_rule=SignatureRule.FIRST_VERSION_2,
    old_partition_info=True,
    bsdiff_source_limit=1 << 30,
    bsdiff_extent_limit=5000,
)

REPLACE_ONLY = Profile(
    name="replace-only",
    description="ue-rs, which unpacks system extensions: whole images, written front to back",
    operations=_REPLACES,
    signature_rule=SignatureRule.ANY_SLOT,
    single_extent=True,
    self_contained=True,
    procedures=False,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY)}
)


def get_profile(name: str) -> Profile:
    """The profile called ``name``. Raises InputError that lists the known ones."""
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise InputError(f"client profile {name!r}: not known; expected one of {known}") from None
