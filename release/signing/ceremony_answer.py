"""The answer to a signing bundle: one key's signatures, bound to the bundle they were made for.

A payload signature is over a payload's digest and says nothing of bundles: signatures of an older
export of the same bytes, wrapped anew, would verify. So the same key also seals the answer, bundle
digest and all. The seal is over JSON, which starts with ``{``; what payload signatures are over starts
with ``CrAU``. Neither can be taken for the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from release import canonical
from release.canonical import Json
from release.catalog.artifact import check_file_name
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError
from release.signing.ceremony_bundle import SigningBundle
from release.signing.ceremony_fields import Fields, format_time, read_canonical
from release.signing.trusted_keys import PayloadKey

ANSWER_FORMAT = "humpyard-signing-answer-1"
SEALED_FORMAT = "humpyard-sealed-answer-1"
ANSWER_LIMIT = 4 << 20
"""Bytes. Sixty payloads and RSA-4096 take some 80,000."""

_MOST_SIGNATURES = 2000
_LONGEST_SIGNATURE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadSignature:
    """One payload's signature: RSASSA-PKCS1-v1_5 over the SHA-256 ``digest``."""

    board: Board
    name: str
    digest: Digest
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningAnswer:
    """What one key answers to one bundle.

    ``bundle`` is the SHA-256 of the bundle file, ``candidate`` its candidate digest, ``fingerprint`` the
    key's, ``signed`` the time by the signing machine's clock, which nothing relies on.
    """

    bundle: Digest
    product: str
    version: Version
    candidate: Digest
    fingerprint: str
    signed: datetime
    signatures: tuple[PayloadSignature, ...]

    def by_digest(self) -> Mapping[Digest, bytes]:
        """The signatures by what they are over."""
        return {one.digest: one.signature for one in self.signatures}


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedAnswer:
    """An answer as it is in a file: the text that was sealed, and the seal. Not verified by itself."""

    where: str
    body: bytes
    seal: bytes
    answer: SigningAnswer


def answer_body(answer: SigningAnswer) -> bytes:
    """The bytes that the seal is over."""
    signatures: list[Json] = [
        {
            "board": str(one.board),
            "name": one.name,
            "digest": str(one.digest),
            "signature": one.signature.hex(),
        }
        for one in answer.signatures
    ]
    return canonical.dump(
        {
            "format": ANSWER_FORMAT,
            "bundle": str(answer.bundle),
            "product": answer.product,
            "version": str(answer.version),
            "candidate": str(answer.candidate),
            "fingerprint": answer.fingerprint,
            "signed": format_time(answer.signed),
            "signatures": signatures,
        }
    )


def encode_answer(body: bytes, seal: bytes) -> bytes:
    """The bytes of an answer file. ``seal`` signs the SHA-256 of ``body``."""
    return canonical.dump({"format": SEALED_FORMAT, "body": body.decode(), "seal": seal.hex()})


def decode_answer(data: bytes, where: str) -> SealedAnswer:
    """Read an answer file. Whether it is true, ``check_answer`` says.

    Raises InputError for anything that is not one, canonical to the byte, inside and outside.
    """
    fields = read_canonical(data, SEALED_FORMAT, "signing answer", where, ANSWER_LIMIT)
    body, seal = fields.document("body", ANSWER_LIMIT).encode(), fields.octets("seal", _LONGEST_SIGNATURE)
    fields.end()
    inside = read_canonical(body, ANSWER_FORMAT, "signing answer", where, ANSWER_LIMIT)
    answer = SigningAnswer(
        bundle=inside.sha256("bundle"),
        product=inside.text("product"),
        version=inside.parsed("version", Version.parse),
        candidate=inside.sha256("candidate"),
        fingerprint=inside.octets("fingerprint", 32).hex(),
        signed=inside.time("signed"),
        signatures=tuple(_read_signature(one) for one in inside.objects("signatures", _MOST_SIGNATURES)),
    )
    inside.end()
    return SealedAnswer(where=where, body=body, seal=seal, answer=answer)


def check_seal(sealed: SealedAnswer, key: PayloadKey) -> None:
    """Whether ``key`` sealed these bytes. Raises NotVerifiedError."""
    if not key.verifies(Digest.sha256(sealed.body), sealed.seal):
        raise NotVerifiedError(
            f"{sealed.where}: its seal does not verify with the trusted key {key}",
            hint="it was altered on the way, or by whoever sent it: get it from the signing machine again",
        )


def check_answer(sealed: SealedAnswer, bundle: SigningBundle, key: PayloadKey) -> None:
    """Whether an answer gives, for everything the bundle asks and nothing else, a good signature.

    Checks the seal, too. That ``bundle`` is the one that the answer names is the caller's to check.

    Raises:
        NotVerifiedError: says what is missing, too much, over another digest, or does not verify.
    """
    check_seal(sealed, key)
    answer, candidate = sealed.answer, bundle.candidate
    said = (answer.product, answer.version, answer.candidate)
    if said != (candidate.product, candidate.version, candidate.digest):
        raise NotVerifiedError(
            f"{sealed.where}: expected an answer for {candidate.product} {candidate.version}, candidate"
            f" {candidate.digest}, found {answer.product} {answer.version}, {answer.candidate}"
        )
    for problem in _differences(answer, bundle):
        raise NotVerifiedError(
            f"{sealed.where}: {problem}",
            hint="the signing machine answered something else than it was asked: do not use it before you"
            " know why",
        )
    for one in answer.signatures:
        if not key.verifies(one.digest, one.signature):
            raise NotVerifiedError(
                f"{sealed.where}: the signature of {one.board} {one.name} does not verify with {key}"
            )


def _differences(answer: SigningAnswer, bundle: SigningBundle) -> Iterator[str]:
    """What was answered that was not asked, and the other way round; the most telling first."""
    asked = {(one.board, one.name): one.digest for one in bundle.candidate.payloads}
    given = {(one.board, one.name): one.digest for one in answer.signatures}
    places = {digest: place for place, digest in asked.items()}
    for (board, name), digest in given.items():
        if (board, name) not in asked:
            yield f"signs {board} {name}, which was not asked for"
        elif asked[board, name] != digest:
            other = places.get(digest)
            whose = "no payload of this candidate" if other is None else f"{other[0]} {other[1]}"
            yield f"gives for {board} {name} the signature of {whose} ({digest})"
    missing = [f"{board} {name}" for board, name in asked if (board, name) not in given]
    if missing:
        yield f"there is no signature of {', '.join(missing)}"
    if len(given) != len(answer.signatures):
        yield "gives two signatures for one payload"


def _read_signature(fields: Fields) -> PayloadSignature:
    found = PayloadSignature(
        board=fields.parsed("board", Board.parse),
        name=fields.parsed("name", check_file_name),
        digest=fields.sha256("digest"),
        signature=fields.octets("signature", _LONGEST_SIGNATURE),
    )
    fields.end()
    return found
