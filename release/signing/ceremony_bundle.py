"""The signing bundle: what people with offline keys are asked to sign, in one small file.

It holds digests, no payloads. It cannot name the release digest, as ``release.json`` records the
SHA-256 of the *signed* payloads and so does not exist yet. It names a candidate digest instead, which
covers everything that is signed and everything that the signed payloads make.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from release import canonical
from release.canonical import Json
from release.catalog.artifact import check_file_name
from release.catalog.board import Board
from release.catalog.channel import Channel
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.signing.ceremony_fields import Fields, format_time, read_canonical

BUNDLE_FORMAT = "humpyard-signing-bundle-1"
CANDIDATE_FORMAT = "humpyard-candidate-1"
BUNDLE_LIMIT = 1 << 20
"""Bytes. A release with two boards and sixty payloads takes some 30,000."""

NONCE_BYTES = 16
_MOST_PAYLOADS = 2000
_MOST_KEYS = 3
_LARGEST = 1 << 40
_CODE_LETTERS = 16
_GROUP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SignablePayload:
    """One payload to sign.

    Attributes:
        board: for which board.
        name: its file name.
        size: bytes of the finished file, signatures included.
        digest: SHA-256 of everything in front of the signatures, which is what is signed.
        image: SHA-256 of the partition or extension image that it makes.
        kernel: SHA-256 of the kernel that it installs; None when it installs none.
        source: the version that must be on the machine, of a delta; else None.
        extension: the system extension image that it makes, by name; else None.
    """

    board: Board
    name: str
    size: int
    digest: Digest
    image: Digest
    kernel: Digest | None = None
    source: Version | None = None
    extension: str | None = None

    @property
    def kind(self) -> str:
        """What it is, for people."""
        if self.extension is not None:
            return f"extension {self.extension}"
        return "full" if self.source is None else f"delta from {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCandidate:
    """What a release is before its payloads are signed. Payloads are sorted by board and name."""

    product: str
    version: Version
    channel: str
    payloads: tuple[SignablePayload, ...]

    def __post_init__(self) -> None:
        if not self.payloads:
            raise InputError("payloads: expected at least one, found none")
        places = [(one.board, one.name) for one in self.payloads]
        if places != sorted(set(places)):
            raise InputError("payloads: out of order, or one is there twice")

    @property
    def digest(self) -> Digest:
        """The candidate digest: equal for two exports of the same bytes, and for nothing else."""
        return Digest.sha256(canonical.dump({"format": CANDIDATE_FORMAT, **_candidate_fields(self)}))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """A key that signs the candidate.

    ``slot`` is the version that its signature has in the payload; ``name`` what the settings call the
    key, ``fingerprint`` that of ``PayloadKey``, ``bits`` its length. ``offline`` keys are asked by the
    bundle; the others sign where the candidate is built, and are told to make the picture whole.
    """

    slot: int
    name: str
    fingerprint: str
    bits: int
    offline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningBundle:
    """One export. ``nonce`` tells it from every other export of the same candidate."""

    candidate: SigningCandidate
    keys: tuple[KeySlot, ...]
    nonce: bytes
    created: datetime
    expires: datetime

    def __post_init__(self) -> None:
        prints = [key.fingerprint for key in self.keys]
        if len(set(prints)) != len(prints) or not any(key.offline for key in self.keys):
            raise InputError("keys: expected different keys, at least one of them offline")
        if not self.created < self.expires:
            raise InputError("expires: expected a time after created")

    def key(self, fingerprint: str) -> KeySlot | None:
        """The slot of an offline key that is asked to sign; None for any other key."""
        return next((key for key in self.keys if key.offline and key.fingerprint == fingerprint), None)


def encode_bundle(bundle: SigningBundle) -> bytes:
    """The bytes of a bundle file, which its code and its digest are over."""
    keys: list[Json] = [
        {
            "slot": key.slot,
            "name": key.name,
            "fingerprint": key.fingerprint,
            "bits": key.bits,
            "offline": key.offline,
        }
        for key in bundle.keys
    ]
    return canonical.dump(
        {
            "format": BUNDLE_FORMAT,
            "candidate": _candidate_fields(bundle.candidate),
            "candidate_digest": str(bundle.candidate.digest),
            "keys": keys,
            "nonce": bundle.nonce.hex(),
            "created": format_time(bundle.created),
            "expires": format_time(bundle.expires),
        }
    )


def decode_bundle(data: bytes, where: str) -> SigningBundle:
    """Read a bundle file.

    Raises:
        InputError: not one, another version of the format, not canonical to the byte, too long, or
            with a candidate digest that is not that of its candidate.
    """
    fields = read_canonical(data, BUNDLE_FORMAT, "signing bundle", where, BUNDLE_LIMIT)
    candidate = _read_candidate(fields.object("candidate"))
    stated = fields.sha256("candidate_digest")
    keys = tuple(_read_key(one) for one in fields.objects("keys", _MOST_KEYS))
    nonce, created, expires = (
        fields.octets("nonce", NONCE_BYTES),
        fields.time("created"),
        fields.time("expires"),
    )
    fields.end()
    if stated != candidate.digest:
        raise InputError(f"{where}: candidate_digest: expected {candidate.digest}, found {stated}")
    try:
        return SigningBundle(candidate=candidate, keys=keys, nonce=nonce, created=created, expires=expires)
    except InputError as error:
        raise InputError(f"{where}: {error.message}") from error


def bundle_code(data: bytes) -> str:
    """Sixteen letters and digits in groups of four, to compare by eye and voice: 80 bits of SHA-256.

    Enough against somebody who alters a bundle on the way, who would have to meet a given code. Not
    meant against whoever makes the bundle, who could say anything in it.
    """
    letters = base64.b32encode(Digest.sha256(data).value).decode("ascii")[:_CODE_LETTERS]
    return "-".join(letters[at : at + _GROUP] for at in range(0, _CODE_LETTERS, _GROUP))


def fitting_groups(typed: str, code: str) -> tuple[int, int]:
    """How many groups of ``code`` somebody typed, and how many there are. All of them: it is the code.

    Case, blanks and hyphens do not matter. One group that does not fit is a slip; none is another bundle.
    """
    letters = "".join(typed.split()).replace("-", "").upper()
    groups = code.split("-")
    found = [letters[at : at + _GROUP] for at in range(0, max(len(letters), _CODE_LETTERS), _GROUP)]
    right = sum(one == other for one, other in zip(found, groups, strict=False))
    return (right if len(letters) <= _CODE_LETTERS else 0), len(groups)


def summary(bundle: SigningBundle) -> Iterator[str]:
    """What is asked, in lines for people. Made from what is signed, never read from a file."""
    candidate = bundle.candidate
    boards = sorted({one.board for one in candidate.payloads})
    total = sum(one.size for one in candidate.payloads)
    yield f"{candidate.product} {candidate.version} for channel {candidate.channel}"
    yield f"  {len(candidate.payloads)} payloads on {len(boards)} boards, {total:,} bytes"
    for board in boards:
        yield f"  {board}"
        for one in candidate.payloads:
            if one.board == board:
                yield f"    {one.name}  {one.kind}, {one.size:,} bytes, to sign {one.digest.hex}"
        for what, made in _made(candidate, board):
            yield f"    makes {what} {made.hex}"
    yield f"  candidate {candidate.digest.hex}"
    for key in bundle.keys:
        how = "asked to sign" if key.offline else "signs where the candidate is built"
        yield f"  slot {key.slot}: {key.name}, RSA-{key.bits}, {key.fingerprint}, {how}"
    yield f"  exported {format_time(bundle.created)}, to be signed before {format_time(bundle.expires)}"


def _made(candidate: SigningCandidate, board: Board) -> Iterator[tuple[str, Digest]]:
    """What a board's payloads make of a machine's partition: one image and one kernel, if all agree."""
    payloads = [one for one in candidate.payloads if one.board == board and one.extension is None]
    for what in ("image", "kernel"):
        digests = {getattr(one, what) for one in payloads} - {None}
        for digest in sorted(digests):
            yield what, digest


def _candidate_fields(candidate: SigningCandidate) -> dict[str, Json]:
    payloads: list[Json] = [
        {
            "board": str(one.board),
            "name": one.name,
            "size": one.size,
            "digest": str(one.digest),
            "image": str(one.image),
            "kernel": None if one.kernel is None else str(one.kernel),
            "source": None if one.source is None else str(one.source),
            "extension": one.extension,
        }
        for one in candidate.payloads
    ]
    return {
        "product": candidate.product,
        "version": str(candidate.version),
        "channel": candidate.channel,
        "payloads": payloads,
    }


def _read_candidate(fields: Fields) -> SigningCandidate:
    payloads = tuple(_read_payload(one) for one in fields.objects("payloads", _MOST_PAYLOADS))
    product, version = fields.text("product"), fields.parsed("version", Version.parse)
    channel = fields.parsed("channel", lambda text: Channel(text).name)
    fields.end()
    try:
        return SigningCandidate(product=product, version=version, channel=channel, payloads=payloads)
    except InputError as error:
        raise InputError(f"{fields.where}: {error.message}") from error


def _read_payload(fields: Fields) -> SignablePayload:
    payload = SignablePayload(
        board=fields.parsed("board", Board.parse),
        name=fields.parsed("name", check_file_name),
        size=fields.number("size", _LARGEST),
        digest=fields.sha256("digest"),
        image=fields.sha256("image"),
        kernel=fields.optional("kernel", fields.sha256),
        source=fields.optional("source", lambda name: fields.parsed(name, Version.parse)),
        extension=fields.optional("extension", lambda name: fields.parsed(name, check_file_name)),
    )
    fields.end()
    return payload


def _read_key(fields: Fields) -> KeySlot:
    key = KeySlot(
        slot=fields.number("slot", 2),
        name=fields.text("name", 100),
        fingerprint=fields.octets("fingerprint", 32).hex(),
        bits=fields.number("bits", 1 << 16),
        offline=fields.truth("offline"),
    )
    fields.end()
    return key
