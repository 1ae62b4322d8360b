"""What verifying a published release asks of the payload and signing stages. Public keys only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from release.bundle.release import BoardRelease, PayloadRecord
from release.bundle.verify import Checks
from release.errors import NotVerifiedError
from release.image.image_set import DetachedVerifier
from release.line.proving import Target, check_target
from release.payload.apply import prove_payload
from release.payload.check import check_payload
from release.payload.profile import REPLACE_ONLY, get_profile
from release.signing.payload_signature import VerifiedSlot, check_needed, verify_payload
from release.signing.trusted_keys import PayloadKey


def release_checks(
    signatures: DetachedVerifier,
    image_signatures: DetachedVerifier,
    keys: Sequence[PayloadKey],
    *,
    prove: bool,
    needed: int = 1,
) -> Checks:
    """The checks of ``release.bundle.verify`` with these keys.

    Args:
        signatures: accepts what the pipeline signed.
        image_signatures: accepts what the build system signed, which are files of image sets only.
        keys: public keys of payloads.
        prove: also apply every full payload, which takes the time of decompressing it.
        needed: how many different ones of ``keys`` must have signed every payload. Machines look at one
            signature, whatever this is.

    Raises:
        RefusedError, InputError: ``needed`` signatures are not possible with these keys.
    """
    check_needed(keys, needed, "payload keys")

    def payload(path: Path, record: PayloadRecord, board: BoardRelease) -> None:
        profile = get_profile(record.profile)
        if record.extension is not None and profile != REPLACE_ONLY:
            raise NotVerifiedError(
                f"{record.artifact.name}: system extensions are unpacked by {REPLACE_ONLY.name} clients,"
                f" found profile {profile.name}"
            )
        _check_recorded(verify_payload(path, keys, profile, needed=needed), record, keys)
        if not prove or record.source is not None:  # proving checks all of it once more
            check_payload(path, profile)
        check_target(path, _target(board, record))

    return Checks(
        signatures=signatures,
        image_signatures=image_signatures,
        payload=payload,
        prove=_prove if prove else None,
    )


def _check_recorded(slots: Sequence[VerifiedSlot], record: PayloadRecord, keys: Sequence[PayloadKey]) -> None:
    """Whether the record names, in their order, the keys that verify: changing keys is judged by it.

    It may name more, which these keys cannot tell; but none of ``keys``, and not after the one that
    clients look at.
    """
    known = {key.fingerprint for key in keys}
    found = [slot.key.fingerprint for slot in slots if slot.key is not None]
    last = slots[-1].key
    if [key for key in record.signatures if key in known] != found or (
        last is not None and record.signatures[-1] != last.fingerprint
    ):
        raise NotVerifiedError(
            f"{record.artifact.name}: recorded as signed by {', '.join(record.signatures) or 'nobody'},"
            f" found signatures by {', '.join(found)}"
        )


def _target(board: BoardRelease, record: PayloadRecord) -> Target:
    """What a payload of the board must make."""
    extension = board.extension(record)
    if extension is not None:
        return Target(image=extension.sha256, kernel=None)
    return Target(image=board.image.sha256, kernel=board.kernel.sha256 if board.kernel else None)


def _prove(path: Path, record: PayloadRecord, board: BoardRelease) -> None:
    applied = prove_payload(path, path.parent, profile=get_profile(record.profile))
    kernel = None if applied.kernel is None else applied.kernel.sha256
    _target(board, record).check(applied.image.sha256, kernel, f"{record.artifact.name}: applied")
