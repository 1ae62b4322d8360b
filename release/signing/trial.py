"""Trying a key before anybody relies on it."""

from __future__ import annotations

from release.digests import Digest
from release.errors import NotVerifiedError
from release.signing.signer import DigestSigner
from release.signing.trusted_keys import PayloadKey

TRIAL = Digest.sha256(b"humpyard: a trial of a key, no payload\n")
"""What is signed to see whether a key signs. Nobody makes a payload of it."""


def try_key(signer: DigestSigner) -> PayloadKey:
    """Have ``signer`` sign ``TRIAL``; gives the public half, with which that verifies.

    Raises as the signer, and NotVerifiedError when the two halves do not belong together.
    """
    if not signer.key.verifies(TRIAL, signer.sign_digest(TRIAL)):
        raise NotVerifiedError(f"{signer.uri}: what it signs does not verify with the public half it tells")
    return signer.key
