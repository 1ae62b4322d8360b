"""Signing a bundle where the key is: the part of the ceremony that runs on a machine without a network.

It needs the bundle, the key and this package's signing part, nothing else. Everything that can be
refused is refused before the key is opened, so nobody types a PIN in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from release.atomic import check_place, replacing
from release.digests import Digest
from release.errors import NotVerifiedError, RefusedError
from release.signing.ceremony_answer import PayloadSignature, SigningAnswer, answer_body, encode_answer
from release.signing.ceremony_bundle import (
    BUNDLE_LIMIT,
    SigningBundle,
    bundle_code,
    decode_bundle,
    fitting_groups,
    summary,
)
from release.signing.ceremony_fields import format_time, read_bounded
from release.signing.ceremony_journal import (
    JOURNAL_NAME,
    JournalEntry,
    add_entry,
    check_journal,
    read_journal,
    signed_before,
)
from release.signing.signer import DigestSigner

CLOCK_SLACK = timedelta(minutes=10)
"""A clock without a network may be this far behind that of whoever exported."""


class People(Protocol):
    """Whoever sits at the signing machine."""

    def show(self, lines: Sequence[str]) -> None:
        """Let them read ``lines``."""
        ...

    def code(self) -> str:
        """The code, told on another way than the bundle came. Raises InputError if nobody is there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOrder:
    """What to sign, and how.

    Attributes:
        bundle: the bundle file.
        out: where the answer goes; None for a name beside the bundle.
        journal: None for a file beside the answer.
        again: sign although the journal knows another bundle for the same version.
        product: refuse bundles of other products; None for any.
    """

    bundle: Path
    out: Path | None = None
    journal: Path | None = None
    again: bool = False
    product: str | None = None


@dataclass(frozen=True, slots=True)
class OpenBundle:
    """A bundle as read: its bytes are what is named and compared."""

    path: Path
    data: bytes
    bundle: SigningBundle

    @property
    def digest(self) -> Digest:
        """What answers name."""
        return Digest.sha256(self.data)

    @property
    def code(self) -> str:
        """What people compare."""
        return bundle_code(self.data)


def open_bundle(path: Path) -> OpenBundle:
    """Read a bundle file. Raises InputError when it cannot be read or is none."""
    data = read_bounded(path, BUNDLE_LIMIT)
    return OpenBundle(path, data, decode_bundle(data, str(path)))


def hold_ceremony(
    order: SigningOrder, open_key: Callable[[], DigestSigner], people: People, now: datetime
) -> Path:
    """Sign everything that a bundle asks; returns where the answer is.

    1. People read what they are asked to sign, and tell the code that they were told.
    2. The bundle is for now, and the journal knows no other one for the version.
    3. The key is opened; it is one that the bundle asks.
    4. Every answer of the key is verified; then the journal is written; then the answer, atomically.

    A bundle that this key signed before is signed again, and people are told. ``now`` is aware, UTC.

    Raises:
        InputError: no bundle, no journal, no place for the answer; or from ``open_key``.
        RefusedError: another code, too late or too early, asks other keys, another bundle was signed.
        NotVerifiedError: the key answers something that is no signature of it.
    """
    opened = open_bundle(order.bundle)
    people.show([*summary(opened.bundle)])
    check_code(opened, people.code())
    check_time(opened.bundle, now)
    check_product(opened.bundle, order.product)
    candidate = opened.bundle.candidate
    if order.out is not None:
        check_place(order.out)
    journal = order.journal or (order.out or order.bundle).with_name(JOURNAL_NAME)
    entries = read_journal(journal)
    if not order.again:
        check_journal(entries, opened.digest, candidate.product, candidate.version, candidate.digest)
    signer = open_key()
    check_asked(opened.bundle, signer)
    before = signed_before(entries, opened.digest, signer.key.fingerprint)
    if before is not None:
        people.show([f"this key signed this very bundle before, on {format_time(before.signed)}: once more"])
    data = sign_bundle(opened, signer, now)
    add_entry(journal, _entry(opened, signer, now))
    out = order.out or order.bundle.with_name(answer_name(opened.bundle, signer.key.fingerprint))
    with replacing(out) as target:
        target.write(data)
    return out


def answer_name(bundle: SigningBundle, fingerprint: str) -> str:
    """What an answer is called when nobody says."""
    return f"{bundle.candidate.version}-{fingerprint[:8]}.answer"


def check_code(opened: OpenBundle, typed: str) -> None:
    """Whether people know the code of this bundle. Raises RefusedError."""
    right, groups = fitting_groups(typed, opened.code)
    if right == groups:
        return
    raise RefusedError(
        f"{opened.path}: the code that was given is not this bundle's: {right} of its {groups} groups fit",
        hint="if you did not mistype, this is not the bundle that was exported: do not sign it, get it again",
    )


def check_time(bundle: SigningBundle, now: datetime) -> None:
    """Whether ``now`` is within the bundle's time. Raises RefusedError."""
    if now >= bundle.expires:
        raise RefusedError(
            f"signing bundle: expired {format_time(bundle.expires)}, it is {format_time(now)}",
            hint="export again: humpyard signing export; if this machine's clock is wrong, set it",
        )
    if now < bundle.created - CLOCK_SLACK:
        raise RefusedError(
            f"signing bundle: exported {format_time(bundle.created)}, but here it is {format_time(now)}",
            hint="this machine's clock is wrong: set it, then sign",
        )


def check_product(bundle: SigningBundle, product: str | None) -> None:
    """Whether it is a bundle of ``product``, if that is not None. Raises RefusedError."""
    if product not in {None, bundle.candidate.product}:
        raise RefusedError(f"signing bundle: expected {product}, found one for {bundle.candidate.product}")


def check_asked(bundle: SigningBundle, signer: DigestSigner) -> None:
    """Whether the bundle asks this key. Raises RefusedError."""
    if bundle.key(signer.key.fingerprint) is not None:
        return
    asked = ", ".join(f"{key.name} ({key.fingerprint})" for key in bundle.keys if key.offline)
    raise RefusedError(
        f"{signer.uri}: the bundle does not ask {signer.key.fingerprint} to sign, it asks {asked}",
        hint="sign with one of these keys; else the bundle is for somebody else",
    )


def sign_bundle(opened: OpenBundle, signer: DigestSigner, now: datetime) -> bytes:
    """The answer file: a signature of every digest, and the seal over all of it.

    Raises NotVerifiedError when the key answers something else than its own signature.
    """
    candidate = opened.bundle.candidate
    body = answer_body(
        SigningAnswer(
            bundle=opened.digest,
            product=candidate.product,
            version=candidate.version,
            candidate=candidate.digest,
            fingerprint=signer.key.fingerprint,
            signed=now,
            signatures=tuple(
                PayloadSignature(
                    board=one.board,
                    name=one.name,
                    digest=one.digest,
                    signature=_ask(signer, one.digest, f"{one.board} {one.name}"),
                )
                for one in candidate.payloads
            ),
        )
    )
    return encode_answer(body, _ask(signer, Digest.sha256(body), "the answer"))


def _ask(signer: DigestSigner, digest: Digest, what: str) -> bytes:
    signature = signer.sign_digest(digest)
    if not signer.key.verifies(digest, signature):
        raise NotVerifiedError(f"{signer.uri}: what it gave for {what} is no signature of {signer.key}")
    return signature


def _entry(opened: OpenBundle, signer: DigestSigner, now: datetime) -> JournalEntry:
    candidate = opened.bundle.candidate
    return JournalEntry(
        bundle=opened.digest,
        code=opened.code,
        product=candidate.product,
        version=candidate.version,
        candidate=candidate.digest,
        fingerprint=signer.key.fingerprint,
        signed=now,
    )
