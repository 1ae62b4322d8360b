"""Keys that sign with HMAC: they keep the promises of the signer and verifier protocols, quickly."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from release.catalog.board import Board
from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.chain import Ledger, LedgerWriter
from release.ledger.entries import Entry, write_body, write_sealed
from release.ledger.fold import Trust
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    Genesis,
    PointerMoved,
    ReleaseRegistered,
    RequestMade,
    SignOffGiven,
    kind_of,
    write_content,
)
from release.ledger.sealed import Sealed
from release.ledger.state import State
from release.ledger.statements import (
    REQUEST,
    SIGN_OFF,
    PromotionSubject,
    request_subject,
    statement_digest,
    write_statement,
)
from tests.memory_store import MemoryStore

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOARD = Board("amd64")


@dataclass(frozen=True, slots=True)
class FakeKey:
    name: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha1(self.name.encode(), usedforsecurity=False).hexdigest().upper()

    def sign(self, data: bytes) -> str:
        return f"{self.fingerprint}:{hmac.digest(self.name.encode(), data, 'sha256').hex()}"


@dataclass(slots=True)
class FakeKeyring:
    keys: tuple[FakeKey, ...]
    asked: list[bytes] = field(default_factory=list)
    expiry: dict[FakeKey, datetime] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)

    def verify(self, data: bytes, signature: str, *, at: datetime) -> str:
        self.asked.append(data)
        self.times.append(at)
        for key in self.keys:
            if key in self.expiry and at >= self.expiry[key]:
                continue
            if hmac.compare_digest(key.sign(data).encode(), signature.encode()):
                return key.fingerprint
        raise NotVerifiedError("signature: expected one by a key of the keyring, found none that holds")


PIPELINE = FakeKey("pipeline")
ALICE = FakeKey("alice")
MALLORY = FakeKey("mallory")
"""In the keyring, in no role, trusted with nothing."""


def digest_of(text: str) -> Digest:
    return Digest.sha256(text.encode())


def genesis(**changes: object) -> Genesis:
    fields: dict[str, object] = {
        "product": "demo",
        "pipeline_keys": (PIPELINE.fingerprint,),
        "policy": digest_of("policy"),
        "channels": ("alpha", "beta"),
        **changes,
    }
    return Genesis(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def released(version: str, built_for: str = "alpha", **changes: object) -> ReleaseRegistered:
    fields: dict[str, object] = {
        "version": Version.parse(version),
        "release": digest_of(version),
        "boards": (BOARD,),
        "built_for": built_for,
        **changes,
    }
    return ReleaseRegistered(**fields)  # type: ignore[arg-type]  # tests change single fields by name


TRUST = Trust(pipeline=frozenset({PIPELINE.fingerprint}), people=frozenset({ALICE.fingerprint}))


def keyring() -> FakeKeyring:
    return FakeKeyring((PIPELINE, ALICE, MALLORY))


def writer(store: MemoryStore, key: FakeKey = PIPELINE, trust: Trust = TRUST) -> LedgerWriter:
    return LedgerWriter(store, keyring(), trust, key)


def reader(store: MemoryStore, trust: Trust = TRUST) -> Ledger:
    return Ledger(store, keyring(), trust)


def _begun() -> Digest:
    """What names the first entry of every ledger that `started` makes."""
    return writer(MemoryStore()).start(genesis(), now=NOW).digest


def request_text(version: str = "2.0.0", channel: str = "alpha", generation: int = 0, **more: str) -> str:
    """As much of a request as the ledger looks at."""
    return write_statement(
        REQUEST,
        {
            "channel": channel,
            "version": version,
            "release": str(digest_of(version)),
            "policy": str(digest_of("policy")),
            "policy_entry": str(_begun()),
            "generation": generation,
            **more,
        },
    )


def made(text: str, key: FakeKey = ALICE) -> RequestMade:
    return RequestMade(statement=text, statement_signature=key.sign(text.encode()))


def sign_off_text(request: str, **more: str) -> str:
    return write_statement(SIGN_OFF, {"request": str(statement_digest(request)), **more})


def given(text: str, key: FakeKey = ALICE) -> SignOffGiven:
    return SignOffGiven(statement=text, statement_signature=key.sign(text.encode()))


def moved(text: str, generation: int = 1, from_version: str | None = None, **changes: object) -> PointerMoved:
    subject = request_subject(text, "test")
    assert isinstance(subject, PromotionSubject)
    fields: dict[str, object] = {
        "channel": subject.channel,
        "version": subject.version,
        "release": subject.release,
        "request": statement_digest(text),
        "generation": generation,
        "decided_at": NOW,
        "from_version": None if from_version is None else Version.parse(from_version),
        **changes,
    }
    return PointerMoved(**fields)  # type: ignore[arg-type]  # tests change single fields by name


ASKED = request_text()
STORY: tuple[Content, ...] = (
    released("1.0.0", offered_in=("beta",)),
    released("2.0.0"),
    EvidenceFound(release=digest_of("2.0.0"), name="payload-proven", passed=True),
    made(ASKED),
    given(sign_off_text(ASKED, verdict="no-go")),
    moved(ASKED),
)
"""What `started` may be given: each kind of entry once, and one release more."""


def started(store: MemoryStore, *contents: Content) -> State:
    """A ledger with these entries after the first."""
    ledger = writer(store)
    state = ledger.start(genesis(), now=NOW)
    for content in contents:
        state = ledger.append(lambda _state, content=content: content, now=NOW)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return state


def forged(store: MemoryStore, content: Content | None, key: FakeKey = PIPELINE, **changes: object) -> None:
    """Write the next entry past all checks, signed by ``key``, with fields of the body changed."""
    sequence = len(store.objects)
    last = store.objects.get(ledger_key(sequence - 1))
    fields: dict[str, object] = {
        "sequence": sequence,
        "previous": None if last is None else Digest.sha256(last),
        "time": NOW,
        "kind": "genesis" if content is None else kind_of(content),
        "data": {} if content is None else write_content(content),
        **changes,
    }
    body = write_body(Entry(**fields))  # type: ignore[arg-type]  # tests change single fields by name
    sealed = Sealed(body=body, signature=key.sign(body.encode()))
    store.objects[ledger_key(sequence)] = write_sealed(sealed)
