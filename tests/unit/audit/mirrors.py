"""A whole mirror in memory, in order: ledger, policy, releases, evidence, pointers, head. And its auditor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from release.audit.finding import Code, Finding
from release.audit.report import AuditReport
from release.bundle.document import encode
from release.bundle.layout import document_key
from release.bundle.release import BoardRelease, Measured, Release
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.lineage import Lineage
from release.catalog.naming import HEAD_FILE, ledger_key
from release.catalog.version import Version
from release.digests import Digest, Hasher
from release.ledger.entries import Entry, read_body, read_sealed, write_body, write_sealed
from release.ledger.kinds import (
    Content,
    EvidenceFound,
    PointerMoved,
    ReleaseRegistered,
    RequestMade,
    SignOffGiven,
    StopOrdered,
    kind_of,
    write_content,
)
from release.ledger.sealed import Sealed
from release.ledger.state import State
from release.ledger.statements import PromotionSubject, StopAction
from release.line.auditing import Auditor, audit
from release.mirror.pointers import pointer_key
from release.promotion import proposals
from release.promotion.sign_off import SignOff
from release.promotion.stop import StopOrder
from release.signing.key_health import Certificate, ComponentKey
from release.trust.head import MirrorHead, seal, write_head
from release.trust.making import head_of
from tests.unit.ledger.fakes import BOARD, NOW, PIPELINE, FakeKey, released
from tests.unit.promotion.ruled_scene import SECURITY, RuledScene
from tests.unit.promotion.scene import ERIN, POLICY_TEXT

Change = Callable[[MirrorHead], MirrorHead]


def version_file(version: str) -> bytes:
    return f"FLATCAR_VERSION={version}\n".encode()


def document(version: str, built_for: str = "alpha", **changes: object) -> Release:
    text = version_file(version)
    hasher = Hasher(ARTIFACT_ALGORITHMS)
    hasher.update(text)
    origin = changes.get("derives_from")
    fields: dict[str, object] = {
        "product": "demo",
        "version": Version.parse(version),
        "channel": built_for,
        "created": NOW,
        "lineage": Lineage.from_origin(origin if isinstance(origin, Version) else None),
        "boards": (
            BoardRelease(
                board=BOARD,
                image=Measured(size=1, sha256=Digest.sha256(b"image")),
                files=(Artifact.from_digests("version.txt", hasher.result()),),
                payloads=(),
            ),
        ),
        "notes": "",
        "software": (),
    }
    return Release(**fields)  # type: ignore[arg-type]  # a record of what is above


class Mirror(RuledScene):
    """Release 2.0.0 is in alpha, 1.0.0 in beta. Everything is as it should be until a test changes it."""

    def __init__(self, policy_text: str = POLICY_TEXT) -> None:
        super().__init__(policy_text)
        self.keep_policy(policy_text)
        self.publish()

    def keep_policy(self, text: str) -> Digest:
        digest = Digest.sha256(text.encode())
        self.store.objects[f"policy/{digest.hex}.toml"] = text.encode()
        return digest

    def digest(self, version: str) -> Digest:
        return self.state.releases[Version.parse(version)].release

    def register(self, version: str, built_for: str = "alpha", **changes: object) -> ReleaseRegistered:
        return self.enroll(document(version, built_for, **changes), version, built_for=built_for, **changes)

    def enroll(self, made: Release, version: str, **changes: object) -> ReleaseRegistered:
        """Put a document where that of ``version`` belongs, and register it."""
        data = encode(made)
        self.store.objects[document_key(Version.parse(version))] = data
        entry = released(version, **{"release": Digest.sha256(data), **changes})  # type: ignore[arg-type]  # by name
        self.ledger.append(proposals.registration(entry), now=self.tick())
        return entry

    def prove(self, version: str, name: str = "payload-proven", *, passed: bool = True) -> None:
        found = EvidenceFound(
            release=self.digest(version), name=name, passed=passed, document=self.keep(f"{name} {version}")
        )
        self.ledger.append(proposals.evidence(found), now=self.tick())

    def keep(self, text: str) -> Digest:
        """A document of evidence, in the store."""
        digest = Digest.sha256(text.encode())
        self.store.objects[f"evidence/{digest.hex}"] = text.encode()
        return digest

    def publish(self) -> None:
        """Pointers and head, as the pipeline leaves them."""
        for head in self.state.heads.values():
            self.store.objects[pointer_key(head.channel, BOARD)] = version_file(str(head.version))
        self.sign()

    def sign(self, change: Change = lambda head: head, key: FakeKey = PIPELINE) -> None:
        """The head as of now, changed before it is signed."""
        body = write_head(change(head_of(self.state, self.policy, self.now)))
        self.store.objects[HEAD_FILE] = seal(body, key.sign(body.encode()))

    def order(
        self, action: StopAction, channel: str | None = None, version: str | None = None, **changes: object
    ) -> StopOrder:
        fields: dict[str, object] = {
            "product": "demo",
            "action": action,
            "channel": channel,
            "version": None if version is None else Version.parse(version),
            "release": None if version is None else self.digest(version),
            "role": SECURITY,
            "by": ERIN.fingerprint,
            "at": self.tick(),
            "reason": "it burns",
            **changes,
        }
        return StopOrder(**fields)  # type: ignore[arg-type]  # tests change single fields by name

    def ask_and_move(self, version: str, channel: str, *keys: FakeKey) -> State:
        """A whole promotion."""
        request = self.request(version, channel)
        for key in keys:
            self.sign_off(request, key)
        return self.move(request)

    def write_request(self, text: str, key: FakeKey) -> None:
        self.write(RequestMade(statement=text, statement_signature=key.sign(text.encode())))

    def write_sign_off(self, given: SignOff, key: FakeKey) -> None:
        text = given.statement()
        self.write(SignOffGiven(statement=text, statement_signature=key.sign(text.encode())))

    def write_stop(self, order: StopOrder, key: FakeKey) -> None:
        text = order.statement()
        self.write(StopOrdered(statement=text, statement_signature=key.sign(text.encode())))

    def move_anyway(self, request: Digest) -> str:
        """Record a move as the pipeline could, without asking the gate; returns its key in the store."""
        subject = self.state.requests[request].subject
        assert isinstance(subject, PromotionSubject)
        head = self.state.heads.get(subject.channel)
        now = self.tick()
        moved = PointerMoved(
            channel=subject.channel,
            version=subject.version,
            release=subject.release,
            request=request,
            generation=subject.generation + 1,
            from_version=None if head is None else head.version,
            decided_at=now,
        )
        return ledger_key(self.ledger.append(lambda _state: moved, now=now).sequence)

    def pretend(self, content: Content, key: FakeKey = PIPELINE, **changes: object) -> str:
        """Write the next entry past all checks, signed by ``key``; returns its key in the store."""
        numbers = [name for name in self.store.objects if name.startswith("ledger/")]
        last = self.store.objects[max(numbers)]
        fields: dict[str, object] = {
            "sequence": len(numbers),
            "previous": Digest.sha256(last),
            "time": self.tick(),
            "kind": kind_of(content),
            "data": write_content(content),
            **changes,
        }
        return self.put(Entry(**fields), key)  # type: ignore[arg-type]  # tests change single fields by name

    def put(self, entry: Entry, key: FakeKey = PIPELINE, where: str | None = None) -> str:
        body = write_body(entry)
        name = where or ledger_key(entry.sequence)
        self.store.objects[name] = write_sealed(Sealed(body=body, signature=key.sign(body.encode())))
        return name

    def entry(self, number: int) -> Entry:
        """As it is stored."""
        name = ledger_key(number)
        return read_body(read_sealed(self.store.objects[name], name).body, name)

    def auditor(self, now: datetime | None = None, **changes: object) -> Auditor:
        now = now or self.now
        fields: dict[str, object] = {
            "product": "demo",
            "trust": self.trust,
            "verifier": self.keys,
            "certificates": tuple(certificate(key) for key in self.keys.keys),
            "clock": lambda: now,
            "workers": 1,
            **changes,
        }
        return Auditor(**fields)  # type: ignore[arg-type]  # tests change single fields by name

    def audit(self, now: datetime | None = None, **changes: object) -> AuditReport:
        return audit(self.store, self.auditor(now, **changes))

    def codes(self, now: datetime | None = None, **changes: object) -> list[tuple[Code, str]]:
        """Code and place of every finding."""
        return [(one.code, one.where) for one in self.audit(now, **changes).findings]

    def only(self, code: Code, now: datetime | None = None, **changes: object) -> Finding:
        """The one finding there is, which must have this code."""
        findings = self.audit(now, **changes).findings
        assert [one.code for one in findings] == [code], findings
        return findings[0]

    def one(self, code: Code, now: datetime | None = None, **changes: object) -> Finding:
        """The one finding of this code; there may be others."""
        (found,) = (one for one in self.audit(now, **changes).findings if one.code is code)
        return found


def certificate(
    key: FakeKey, *, ends: datetime | None = None, revoked: bool = False, begins: datetime = NOW
) -> Certificate:
    component = ComponentKey(
        fingerprint=key.fingerprint,
        created=begins - timedelta(days=400),
        expires=ends,
        revoked=revoked,
        signs=True,
    )
    return Certificate(primary=component, user_id=key.name)


def changed(entry: Entry, **changes: object) -> Entry:
    return replace(entry, **changes)  # type: ignore[arg-type]  # tests change single fields by name
