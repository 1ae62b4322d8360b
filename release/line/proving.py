"""Proving: a payload is applied as a client would, and what comes out is compared with the image."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from release.catalog.version import Version
from release.digests import Digest, hash_file
from release.errors import NotVerifiedError, storage_errors
from release.line.workspace import BoardSpace, read_record, write_record
from release.line.yard import PayloadTools
from release.payload.apply import apply_payload
from release.payload.check import check_payload
from release.payload.operations import Info, ProcedureType
from release.payload.profile import Profile
from release.payload.reader import open_payload
from release.signing.payload_signature import verify_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a payload must make of a machine: SHA-256 of the raw partition, and of the kernel."""

    image: Digest
    kernel: Digest | None

    def check(self, image: Digest | None, kernel: Digest | None, where: str) -> None:
        """Compare. Raises NotVerifiedError, naming ``where``."""
        for what, expected, found in (("image", self.image, image), ("kernel", self.kernel, kernel)):
            if found != expected:
                raise NotVerifiedError(f"{where}: expected {what} {expected}, found {found}")


def verify(payload: Path, tools: PayloadTools, target: Target) -> None:
    """Check a signed payload with public keys only.

    1. Every configured key verifies a signature, and the one clients look at is among them.
    2. The rules of the format and of the client profile hold.
    3. It says that it makes the image and the kernel that were verified.

    Raises NotVerifiedError or InputError that says which does not hold.
    """
    slots = verify_payload(payload, tools.keys, tools.profile)  # (1)
    verified = {slot.key.fingerprint for slot in slots if slot.key is not None}
    missing = [str(key) for key in tools.keys if key.fingerprint not in verified]
    if missing:
        raise NotVerifiedError(f"{payload}: no signature by {', '.join(missing)}")
    check_payload(payload, tools.profile)  # (2)
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


def prove(space: BoardSpace, name: str, source: Version | None, profile: Profile, target: Target) -> str:
    """Apply a payload, a full one onto nothing, a delta onto the old image, and compare.

    The proof is remembered for exactly these bytes of the payload.

    Raises:
        NotVerifiedError: something else came out.
    """
    payload = space.payload(name)
    digest = hash_file(payload).sha256
    if is_proven(space, name, digest):
        return "proven before, for the same bytes"
    old_image = None if source is None else space.source_image(source)
    old_kernel = None if source is None else space.source_kernel(source)
    with (
        storage_errors(space.root),
        tempfile.TemporaryDirectory(dir=space.root, prefix=".prove-") as folder,
    ):
        out, kernel_out = Path(folder, "image"), Path(folder, "kernel")
        apply_payload(
            payload, out, source=old_image, old_kernel=old_kernel, kernel_out=kernel_out, profile=profile
        )
        target.check(hash_file(out).sha256, hash_file(kernel_out).sha256, f"{payload}: applied")
    write_record(
        space.proof(name),
        {"payload": str(digest), "image": str(target.image), "kernel": str(target.kernel)},
    )
    return f"applied onto {'nothing' if source is None else source}: right, bit for bit"


def is_proven(space: BoardSpace, name: str, payload: Digest) -> bool:
    """Whether exactly these bytes were applied and found right."""
    record = read_record(space.proof(name))
    return record is not None and record.get("payload") == str(payload)
