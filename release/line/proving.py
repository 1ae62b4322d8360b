"""Proving: a payload is applied as a client would, and what comes out is compared with the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest, hash_file
from release.errors import NotVerifiedError
from release.line.workspace import BoardSpace, read_record, write_record
from release.payload.apply import prove_payload
from release.payload.check import check_manifest
from release.payload.making import Progress
from release.payload.operations import Info, ProcedureType
from release.payload.profile import Profile
from release.payload.reader import open_payload
from release.scratch import scratch_directory
from release.signing.payload_signature import verify_payload
from release.signing.trusted_keys import PayloadKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a payload must make: SHA-256 of the raw partition or extension image, and of the kernel."""

    image: Digest
    kernel: Digest | None

    def check(self, image: Digest | None, kernel: Digest | None, where: str) -> None:
        """Compare. Raises NotVerifiedError, naming ``where``."""
        for what, expected, found in (("image", self.image, image), ("kernel", self.kernel, kernel)):
            if found != expected:
                raise NotVerifiedError(f"{where}: expected {what} {expected}, found {found}")


def verify(payload: Path, keys: Sequence[PayloadKey], profile: Profile, target: Target) -> None:
    """Check a signed payload with public keys only.

    1. Every one of ``keys`` verifies a signature, and the one clients look at is among them.
    2. The rules of the format and of the client profile hold, as far as they need no blobs: ``prove``
       holds each blob to the rest when it unpacks it.
    3. It says that it makes the image and the kernel that were verified.

    Raises NotVerifiedError or InputError that says which does not hold.
    """
    slots = verify_payload(payload, keys, profile)  # (1)
    verified = {slot.key.fingerprint for slot in slots if slot.key is not None}
    missing = [str(key) for key in keys if key.fingerprint not in verified]
    if missing:
        raise NotVerifiedError(f"{payload}: no signature by {', '.join(missing)}")
    with open_payload(payload) as opened:
        check_manifest(opened, profile)  # (2)
    check_target(payload, target)  # (3)


def check_target(payload: Path, target: Target) -> None:
    """Compare what a payload says it makes with what it should make. Raises NotVerifiedError."""
    with open_payload(payload) as opened:
        manifest = opened.manifest
    kernel = manifest.procedure(ProcedureType.KERNEL)
    target.check(
        _stated(manifest.new_partition),
        None if kernel is None else _stated(kernel.new_info),
        f"{payload}: what it says it makes",
    )


def _stated(info: Info | None) -> Digest | None:
    return None if info is None or info.sha256 is None else Digest("sha256", info.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPayload:
    """A payload of a candidate: its name, what it makes, and for a delta what it starts from.

    ``origin`` is the image and the kernel of ``source`` as that release was registered. ``profile`` is
    that of the clients it is for. ``extension`` names the system extension image that it makes.
    """

    name: str
    target: Target
    profile: Profile
    source: Version | None = None
    origin: Target | None = None
    extension: str | None = None

    def proof(self, payload: Digest) -> dict[str, Json]:
        """What the record of a proof says: which bytes, from what, to what."""
        origin = self.origin
        return {
            "payload": str(payload),
            "image": str(self.target.image),
            "kernel": str(self.target.kernel),
            "source_image": str(origin.image) if origin else None,
            "source_kernel": str(origin.kernel) if origin else None,
        }


def prove(
    space: BoardSpace, plan: PlannedPayload, *, workers: int = 1, progress: Progress | None = None
) -> str:
    """Apply a payload, a full one onto nothing, a delta onto the released image, and compare.

    The proof is remembered for exactly these bytes, this origin and this target.

    Raises:
        InputError: the payload breaks a rule of the format or of the client profile.
        NotVerifiedError: something else came out, or the source is not the released one.
    """
    payload = space.payload(plan.name)
    digest = hash_file(payload).sha256
    if is_proven(space, plan, digest):
        return "proven before, for the same bytes"
    old_image, old_kernel = _sources(space, plan)
    with scratch_directory(space.root) as folder:
        applied = prove_payload(
            payload,
            folder,
            source=old_image,
            old_kernel=old_kernel,
            profile=plan.profile,
            workers=workers,
            progress=progress,
        )
    kernel = None if applied.kernel is None else applied.kernel.sha256
    plan.target.check(applied.image.sha256, kernel, f"{payload}: applied")
    write_record(space.proof(plan.name), plan.proof(digest))
    return f"applied onto {plan.source or 'nothing'}: right, bit for bit"


def _sources(space: BoardSpace, plan: PlannedPayload) -> tuple[Path | None, Path | None]:
    """The files a delta is applied to, after comparing them with the release they come from."""
    if plan.source is None or plan.origin is None:
        return None, None
    image, kernel = space.source_image(plan.source), space.source_kernel(plan.source)
    has_kernel = plan.origin.kernel is not None
    found = hash_file(kernel).sha256 if has_kernel else None
    plan.origin.check(hash_file(image).sha256, found, f"{image}: the source of the delta")
    return image, kernel if has_kernel else None


def is_proven(space: BoardSpace, plan: PlannedPayload, payload: Digest) -> bool:
    """Whether exactly these bytes were applied to the right source and made the right target."""
    return read_record(space.proof(plan.name)) == plan.proof(payload)
