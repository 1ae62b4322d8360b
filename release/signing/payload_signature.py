"""Payload signatures: made by signers, believed only when a trusted public key says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.payload.profile import Profile, SignatureRule
from release.payload.reader import Payload, open_payload
from release.payload.signature_blob import CLIENT_VERSION, MOST_SIGNATURES, SignatureEntry, attach
from release.signing.signer import DigestSigner
from release.signing.trusted_keys import PayloadKey


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSlot:
    """One entry of a payload's Signatures message.

    ``key`` is the trusted key that verifies it, None when none does; ``counts`` tells whether a client
    of the profile looks at this entry.
    """

    version: int | None
    key: PayloadKey | None
    counts: bool


def sign_payload(path: Path, signers: Sequence[DigestSigner], trusted: Sequence[PayloadKey]) -> None:
    """Fill the signing hole of the payload at ``path`` and verify the result.

    Every answer is checked with the *trusted* public key before it is attached. The last signer is the
    one today's clients look at. Repeating it writes the same bytes, PKCS#1 v1.5 being deterministic.

    Args:
        path: a payload built with a hole for keys of these sizes, in this order.
        signers: who signs; the versions of the slots follow from their number and order.
        trusted: public keys; each signer's must be among them.

    Raises:
        RefusedError: a signer's key is not trusted.
        NotVerifiedError: a signer's answer, or the finished payload, does not verify.
        InputError: no signers; no hole, or one of another size.
    """
    if not signers:
        raise InputError(f"{path}: expected at least one signer, found none")
    chosen = [_trusted_half(signer, trusted) for signer in signers]
    with open_payload(path) as payload:
        digest = payload.signed_digest()
    if digest is None:
        raise InputError(
            f"{path}: the payload was built unsigned, there is no place for a signature",
            hint="build it again, for the keys that will sign it",
        )
    attach(path, [_ask(signer, key, digest) for signer, key in zip(signers, chosen, strict=True)])
    slots = verify_payload(path, chosen)
    if [slot.key for slot in slots] != chosen:
        raise NotVerifiedError(f"{path}: the signatures read back are not those that were attached")


def verify_payload(
    payload: Path | Payload, keys: Sequence[PayloadKey], profile: Profile | None = None, *, needed: int = 1
) -> tuple[VerifiedSlot, ...]:
    """Check a payload's signature the way a client does, and that enough different keys signed.

    update_engine looks at the first entry with version 2 and at no other; ue-rs tries all. Either is
    content with one signature, whatever ``needed`` is: that several people signed is checked here and
    by whoever else uses this, never by machines. Checks the signed bytes only, not that operations make
    sense: applying it shows that.

    Args:
        payload: where it is; or opened already, to use the very bytes that were verified.
        keys: the public keys to believe, any of which may have signed.
        profile: whose rule holds; update_engine's when None.
        needed: how many different keys must have signed, in any slot.

    Returns:
        Every slot, in the order of the message.

    Raises:
        NotVerifiedError: not signed, no slot that counts, it verifies with none of ``keys``, or too few
            keys signed.
        RefusedError: no keys were given, or fewer than ``needed``.
        InputError: the file is not a well-formed payload.
    """
    path = payload if isinstance(payload, Path) else payload.path
    check_needed(keys, needed, str(path))
    with open_payload(payload) as opened:
        entries = opened.signatures
        digest = opened.signed_digest()
    if digest is None or not entries:
        raise NotVerifiedError(f"{path}: the payload is not signed")
    rule = SignatureRule.FIRST_VERSION_2 if profile is None else profile.signature_rule
    counting = _counting(entries, rule)
    slots = tuple(
        VerifiedSlot(
            version=entry.version,
            key=next((key for key in keys if key.verifies(digest, entry.data)), None),
            counts=index in counting,
        )
        for index, entry in enumerate(entries)
    )
    if not any(slot.counts and slot.key for slot in slots):
        raise NotVerifiedError(f"{path}: {_why_not(slots, rule, keys)}")
    signers = distinct_signers(slots)
    if len(signers) < needed:
        names = ", ".join(map(str, signers))
        raise NotVerifiedError(f"{path}: expected signatures by {needed} different keys, found {names}")
    return slots


def distinct_signers(slots: Sequence[VerifiedSlot]) -> tuple[PayloadKey, ...]:
    """The different trusted keys that verify a signature, in slot order. One key twice is one key."""
    found = {slot.key.fingerprint: slot.key for slot in slots if slot.key is not None}
    return tuple(found.values())


def check_needed(keys: Sequence[PayloadKey], needed: int, where: str) -> None:
    """Whether ``needed`` signatures by different ones of ``keys`` are possible at all.

    Raises:
        RefusedError: there are fewer keys, or none.
        InputError: ``needed`` is no number of signatures that a payload can have.
    """
    if not 1 <= needed <= MOST_SIGNATURES:
        raise InputError(
            f"{where}: a payload has 1 to {MOST_SIGNATURES} signatures, {needed} cannot be asked for"
        )
    if not keys:
        raise RefusedError(f"{where}: no public keys were given, so nothing can be verified")
    known = len({key.fingerprint for key in keys})
    if known < needed:
        raise RefusedError(
            f"{where}: signatures by {needed} different keys are asked for, but only {known} are known",
            hint="give the public keys of everybody who may have signed",
        )


def _trusted_half(signer: DigestSigner, trusted: Sequence[PayloadKey]) -> PayloadKey:
    for key in trusted:
        if key.fingerprint == signer.key.fingerprint:
            return key
    raise RefusedError(
        f"{signer.uri}: its public key {signer.key} is not among the {len(trusted)} trusted payload keys",
        hint="add the public half to the trusted keys, or sign with another key",
    )


def _ask(signer: DigestSigner, key: PayloadKey, digest: Digest) -> bytes:
    signature = signer.sign_digest(digest)
    if not key.verifies(digest, signature):
        raise NotVerifiedError(f"{signer.uri}: its answer does not verify with the trusted key {key}")
    return signature


def _counting(entries: Sequence[SignatureEntry], rule: SignatureRule) -> range:
    if rule is SignatureRule.ANY_SLOT:
        return range(len(entries))
    for index, entry in enumerate(entries):
        if entry.version == CLIENT_VERSION:
            return range(index, index + 1)
    return range(0)


def _why_not(slots: Sequence[VerifiedSlot], rule: SignatureRule, keys: Sequence[PayloadKey]) -> str:
    names = ", ".join(str(key) for key in keys)
    if rule is SignatureRule.ANY_SLOT:
        return f"none of its {len(slots)} signatures verifies with {names}"
    if not any(slot.counts for slot in slots):
        return f"no signature has version {CLIENT_VERSION}, the only one clients look at"
    other = next((slot for slot in slots if slot.key), None)
    note = f"; one that clients do not look at does (version {other.version})" if other else ""
    return f"the first signature with version {CLIENT_VERSION} does not verify with {names}{note}"
