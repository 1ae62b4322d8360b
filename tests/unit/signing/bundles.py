"""Signing bundles for tests, as an export would make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.signing import open_signer
from release.signing.ceremony import SigningOrder, hold_ceremony
from release.signing.ceremony_bundle import (
    KeySlot,
    SignablePayload,
    SigningBundle,
    SigningCandidate,
    bundle_code,
    encode_bundle,
)
from release.signing.signer import DigestSigner
from release.signing.trusted_keys import PayloadKey
from tests.unit.signing.rsa_keys import private_key, write_private

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSION = Version(4600, 0, 0)
BOARDS = (Board("amd64"), Board("arm64"))


def digest(text: str) -> Digest:
    """Stands for the digest of something called ``text``."""
    return Digest.sha256(text.encode())


def public(name: str) -> PayloadKey:
    """The public half of the test key called ``name``."""
    return PayloadKey.of(private_key(name).public_key(), name)


def candidate(version: Version = VERSION, salt: str = "") -> SigningCandidate:
    """Two boards, each with a full payload, a delta and an extension. ``salt`` makes other bytes."""
    payloads: list[SignablePayload] = []
    for board in BOARDS:
        oem = SignablePayload(
            board=board,
            name="oem-azure.gz",
            size=5000,
            digest=digest(f"{board} oem{salt}"),
            image=digest(f"{board} oem image{salt}"),
            extension="oem-azure.raw",
        )
        full = SignablePayload(
            board=board,
            name="update.gz",
            size=1_000_000,
            digest=digest(f"{board} full{salt}"),
            image=digest(f"{board} image{salt}"),
            kernel=digest(f"{board} kernel{salt}"),
        )
        delta = replace(
            full,
            name="update-from-4593.0.0.gz",
            digest=digest(f"{board} delta{salt}"),
            source=Version(4593, 0, 0),
        )
        payloads += [oem, delta, full]
    return SigningCandidate(product="Small OS", version=version, channel="alpha", payloads=tuple(payloads))


def bundle(
    *names: str, made: SigningCandidate | None = None, nonce: bytes = b"n" * 16, created: datetime = NOW
) -> SigningBundle:
    """A bundle that asks the keys of these names, valid for seven days."""
    first = 3 - len(names)
    keys = tuple(
        KeySlot(slot=first + index, name=name, fingerprint=public(name).fingerprint, bits=2048, offline=True)
        for index, name in enumerate(names)
    )
    return SigningBundle(
        candidate=made or candidate(),
        keys=keys,
        nonce=nonce,
        created=created,
        expires=created + timedelta(days=7),
    )


@dataclass
class Person:
    """Sits at a signing machine: types a code, keeps what was shown."""

    typed: str
    shown: list[str]

    def show(self, lines: Sequence[str]) -> None:
        self.shown += lines

    def code(self) -> str:
        return self.typed


@dataclass
class Machine:
    """A directory that stands for a machine without a network, and the key of ``name`` in it."""

    folder: Path
    name: str

    def signer(self) -> DigestSigner:
        return open_signer(write_private(self.folder / f"{self.name}.pem", private_key(self.name)))

    def receive(self, made: SigningBundle, name: str = "bundle") -> Path:
        path = self.folder / name
        path.write_bytes(encode_bundle(made))
        return path

    def sign(
        self,
        path: Path,
        *,
        code: str | None = None,
        now: datetime = NOW,
        again: bool = False,
        out: Path | None = None,
        journal: Path | None = None,
        product: str | None = None,
        person: Person | None = None,
        signer: DigestSigner | None = None,
    ) -> Path:
        """Hold the ceremony; the right code is typed unless ``code`` says otherwise."""
        typed = bundle_code(path.read_bytes()) if code is None else code
        order = SigningOrder(bundle=path, out=out, journal=journal, again=again, product=product)
        someone = person or Person(typed, [])
        return hold_ceremony(order, lambda: signer or self.signer(), someone, now)
