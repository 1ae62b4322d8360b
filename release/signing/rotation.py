"""Changing the key of payloads without stranding machines. Pure.

A machine holds one public key: it is in the image that the machine runs. So what a machine can verify is
decided by what it runs, and a new key reaches it only with an image that it verified by the old one.

update_engine looks at the first signature of version 2 and at no other: **a payload can satisfy only one
key** of such clients, whatever other slots hold. That is why changing the key takes a floor: a release
signed with the old key whose image ships the new one, which every older machine passes through, and
after which the new key counts. ue-rs tries every slot: there both keys verify while both sign.

That the floor's image really ships the new key is not looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.payload.profile import SignatureRule

_HINT = "see docs/ceremony.md, Changing a payload key; humpyard signing rotation shows the plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A declared change of key. ``old`` and ``new`` are fingerprints as in ``PayloadKey``.

    ``floor`` is the release that ships the new key and is signed with the old one.
    """

    old: str
    new: str
    floor: Version

    def __post_init__(self) -> None:
        if self.old == self.new:
            raise InputError("payload rotation: expected two keys, found the same one as old and as new")

    def held_by(self, version: Version) -> str:
        """The key in the image of a release: what a machine that runs it holds."""
        return self.new if version >= self.floor else self.old

    def needed_by(self, version: Version) -> str:
        """The key that machines which are offered ``version`` hold.

        The floor itself is offered to machines with the old key, everything above it only to machines
        that have passed it.
        """
        return self.new if version > self.floor else self.old


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPayload:
    """A payload of a release: what it is, which signature its clients check, whose keys signed, by slot.

    The last of ``slots`` is the first with version 2. ``partition`` tells payloads for the partition
    from those for system extensions.
    """

    what: str
    rule: SignatureRule
    slots: tuple[str, ...]
    partition: bool = True

    def verifies_with(self, key: str) -> bool:
        """Whether a client of the rule that holds ``key`` accepts the payload."""
        return key in accepted_keys(self.slots, self.rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRelease:
    """A release as its payloads are signed."""

    version: Version
    payloads: tuple[SignedPayload, ...]

    def counting(self) -> frozenset[str]:
        """The keys in the slot that counts, of payloads for the partition."""
        return frozenset(one.slots[-1] for one in self.payloads if one.partition and one.slots)


def accepted_keys(slots: Sequence[str], rule: SignatureRule) -> frozenset[str]:
    """The keys with which a client of ``rule`` accepts a payload signed by ``slots`` in their order."""
    return frozenset(slots if rule is SignatureRule.ANY_SLOT else slots[-1:])


def check_keys(
    wanted: SignedRelease,
    previous: SignedRelease | None,
    rotation: Rotation | None,
    floor: SignedRelease | None,
) -> None:
    """Refuse a release that machines of a channel could not verify.

    Args:
        wanted: what the channel is to offer next.
        previous: what it offers now; None when it offers nothing, and so nobody can be stranded.
        rotation: the change of key that is declared for it.
        floor: the release of ``rotation.floor`` if the channel offered it, and it was not withdrawn.

    Raises:
        RefusedError: says who could not verify, and why. An undeclared change of key is refused, too.
    """
    if previous is None or not previous.counting():
        return
    if rotation is None:
        _check_same(wanted, previous)
        return
    _check_declared(previous, rotation)
    if wanted.version > rotation.floor:
        _check_floor(floor, rotation)
    key = rotation.needed_by(wanted.version)
    for payload in wanted.payloads:
        if not payload.verifies_with(key):
            side = "at or above" if key == rotation.new else "below"
            raise RefusedError(
                f"release {wanted.version}: {payload.what}: machines {side} the floor {rotation.floor} hold"
                f" key {key[:16]}; {_checked(payload)}",
                hint=_HINT,
            )


def _check_same(wanted: SignedRelease, previous: SignedRelease) -> None:
    """Without a declaration, machines hold the key that counted in what they were offered last."""
    held = previous.counting()
    for payload in wanted.payloads:
        for key in sorted(held):
            if not payload.verifies_with(key):
                raise RefusedError(
                    f"release {wanted.version}: {payload.what}: machines hold key {key[:16]}, with which"
                    f" {previous.version} was signed; {_checked(payload)}, and no change of key is declared",
                    hint=_HINT,
                )


def _check_declared(previous: SignedRelease, rotation: Rotation) -> None:
    """What is declared must fit what the channel offers."""
    expected = rotation.needed_by(previous.version)
    if previous.counting() != {expected}:
        found = ", ".join(sorted(key[:16] for key in previous.counting()))
        raise RefusedError(
            f"payload rotation: by what is declared, {previous.version} was to be signed with"
            f" {expected[:16]}; it was signed with {found}",
            hint="correct the declaration (old, new, floor); remove it when the change of key is long over",
        )


def _check_floor(floor: SignedRelease | None, rotation: Rotation) -> None:
    if floor is None:
        raise RefusedError(
            f"payload rotation: the floor {rotation.floor} was never offered in this channel, or was"
            " withdrawn: machines do not get the new key",
            hint=_HINT,
        )
    if floor.counting() != {rotation.old}:
        raise RefusedError(
            f"payload rotation: the floor {rotation.floor} is not signed with the old key"
            f" {rotation.old[:16]}: machines below it could not pass it",
            hint=_HINT,
        )


def _checked(payload: SignedPayload) -> str:
    keys = ", ".join(sorted(key[:16] for key in accepted_keys(payload.slots, payload.rule)))
    if payload.rule is SignatureRule.ANY_SLOT:
        return f"the payload is signed by {keys or 'nobody'}"
    return f"the payload satisfies {keys or 'nobody'} only (the first signature of version 2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whether some machines verify a payload. ``meant`` tells whether they are to be offered it."""

    machines: str
    rule: SignatureRule
    meant: bool
    verifies: bool

    @property
    def stranded(self) -> bool:
        """They are to take it and cannot."""
        return self.meant and not self.verifies


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of releases in a change of key: which, signed by whom in slot order, reaching whom."""

    releases: str
    slots: tuple[str, ...]
    reach: tuple[Reach, ...]


def stage(releases: str, version: Version, slots: Sequence[str], rotation: Rotation) -> Stage:
    """Who verifies a release ``version`` signed by ``slots``. ``releases`` describes it to people."""
    sides = ((f"below {rotation.floor}", rotation.old), (f"{rotation.floor} and above", rotation.new))
    needed = rotation.needed_by(version)
    reach = tuple(
        Reach(
            machines=machines,
            rule=rule,
            meant=key == needed,
            verifies=key in accepted_keys(slots, rule),
        )
        for machines, key in sides
        for rule in SignatureRule
    )
    return Stage(releases=releases, slots=tuple(slots), reach=reach)


def plan(rotation: Rotation) -> tuple[Stage, ...]:
    """The stages of a change of key, in order, each signed so that nobody is stranded."""
    old, new, floor = rotation.old, rotation.new, rotation.floor
    after = Version(floor.major, floor.branch, floor.patch + 1)
    before = Version(0, 0, 0)
    return (
        stage(f"below {floor}", before, (old,), rotation),
        stage(f"{floor}, the floor: its image ships the new key", floor, (new, old), rotation),
        stage(f"above {floor}", after, (old, new), rotation),
        stage("when no machine below the floor is left", after, (new,), rotation),
    )
