"""A small release team: a policy, a ledger in memory, and people who ask and sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import LedgerWriter, Proposal
from release.ledger.fold import Trust
from release.ledger.kinds import Content, EvidenceFound, Genesis, ReleaseRegistered, RequestMade, SignOffGiven
from release.ledger.state import State
from release.ledger.statements import REQUEST, SIGN_OFF, read_statement, statement_digest, write_statement
from release.promotion import proposals, proposals_people
from release.promotion.case import Case, PromotionCase, UnreadableCase, open_case
from release.promotion.decide import Decision, decide
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.promotion.request import PromotionRequest, new_request
from release.promotion.sign_off import SignOff, Verdict, new_sign_off
from release.promotion.status import RequestStatus, status
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import HOUR, NOW, PIPELINE, FakeKey, FakeKeyring, digest_of, released

ALICE, BOB, CAROL, DORA = (FakeKey(name) for name in ("alice", "bob", "carol", "dora"))
ALICE_SECOND = FakeKey("alice-second")
ERIN = FakeKey("erin")
"""In security, no maintainer."""
MALLORY = FakeKey("mallory")
"""In the keyring, not in the policy."""

GO, NO_GO = Verdict.GO, Verdict.NO_GO
MAINTAINER = "maintainer"
QUORUM = "quorum maintainer"
"""The rule of that name."""

POLICY_TEXT = f"""\
product = "demo"

[[people]]
name = "Alice"
fingerprints = ["{ALICE.fingerprint}", "{ALICE_SECOND.fingerprint}"]
roles = ["maintainer", "security"]

[[people]]
name = "Bob"
fingerprints = ["{BOB.fingerprint}"]
roles = ["maintainer"]

[[people]]
name = "Carol"
fingerprints = ["{CAROL.fingerprint}"]
roles = ["maintainer"]

[[people]]
name = "Dora"
fingerprints = ["{DORA.fingerprint}"]
roles = ["maintainer"]

[[people]]
name = "Erin"
fingerprints = ["{ERIN.fingerprint}"]
roles = ["security"]

[[channels]]
name = "alpha"
open = true

[[channels]]
name = "beta"
feeds_from = ["alpha"]
quorum = [{{ role = "maintainer", count = 2 }}]

[[channels]]
name = "stable"
feeds_from = ["beta"]
kind = "rebuild"
quorum = [{{ role = "maintainer", share = 0.5 }}, {{ role = "security", count = 1 }}]
evidence = ["payload-proven", "mirror-verified"]
"""


class Scene:
    """Release 2.0.0 is in alpha, proven, and in nothing else. Time goes on by one minute per act."""

    begins = NOW

    def __init__(self, policy_text: str = POLICY_TEXT) -> None:
        self.store = MemoryStore()
        self.now = self.begins
        self.policy: Policy = read_policy(policy_text.encode())
        self.keys = FakeKeyring((PIPELINE, ALICE, ALICE_SECOND, BOB, CAROL, DORA, ERIN, MALLORY))
        self.trust = Trust(pipeline=frozenset({PIPELINE.fingerprint}), people=self.policy.fingerprints)
        self.ledger = LedgerWriter(self.store, self.keys, self.trust, PIPELINE)
        self.ledger.start(
            Genesis(
                product=self.policy.product,
                pipeline_keys=(PIPELINE.fingerprint,),
                policy=self.policy.digest,
                channels=tuple(channel.name for channel in self.policy.channels),
                streams=self.policy.streams,
            ),
            now=self.now,
        )
        self.register("1.0.0", offered_in=("alpha", "beta"))
        self.register("2.0.0")
        self.prove("2.0.0")
        self.move(self.request("2.0.0", "alpha", PIPELINE))

    @property
    def state(self) -> State:
        return self.ledger.state()

    def tick(self, step: timedelta = timedelta(minutes=1)) -> datetime:
        self.now += step
        return self.now

    def register(self, version: str, built_for: str = "alpha", **changes: object) -> ReleaseRegistered:
        release = released(version, built_for, **changes)
        self.ledger.append(proposals.registration(release), now=self.tick())
        return release

    def prove(self, version: str, name: str = "payload-proven", *, passed: bool = True) -> None:
        found = EvidenceFound(release=digest_of(version), name=name, passed=passed)
        self.ledger.append(proposals.evidence(found), now=self.tick())

    def asked(self, version: str, channel: str, key: FakeKey = DORA, **changes: object) -> PromotionRequest:
        made = new_request(
            self.state,
            self.policy,
            version=Version.parse(version),
            channel=channel,
            requested_by=key.fingerprint,
            now=self.tick(),
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # tests change single fields by name

    def request(self, version: str, channel: str, key: FakeKey = DORA, **changes: object) -> Digest:
        """Made and recorded."""
        asked = self.asked(version, channel, key, **changes)
        self.record_request(asked.statement(), key)
        return asked.digest

    def record_request(self, text: str, key: FakeKey) -> None:
        proposal = proposals_people.request(
            text, key.sign(text.encode()), verifier=self.keys, policy=self.policy, now=self.now
        )
        self.ledger.append(proposal, now=self.now)

    def said(
        self,
        request: Digest,
        key: FakeKey,
        verdict: Verdict = GO,
        role: str = "maintainer",
        **changes: object,
    ) -> SignOff:
        made = new_sign_off(
            request, verdict, role=role, by=key.fingerprint, now=self.tick(), valid_for=100 * HOUR
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # tests change single fields by name

    def sign_off(
        self,
        request: Digest,
        key: FakeKey,
        verdict: Verdict = GO,
        role: str = "maintainer",
        **changes: object,
    ) -> SignOff:
        """Made and recorded."""
        given = self.said(request, key, verdict, role, **changes)
        self.record_sign_off(given.statement(), key)
        return given

    def record_sign_off(self, text: str, key: FakeKey) -> None:
        self.ledger.append(self.sign_off_proposal(text, key.sign(text.encode())), now=self.now)

    def sign_off_proposal(self, text: str, signature: str) -> Proposal:
        return proposals_people.sign_off(
            text, signature, verifier=self.keys, policy=self.policy, now=self.now
        )

    def move(self, request: Digest) -> State:
        return self.ledger.append(
            proposals.carry_out(request, policy=self.policy, now=self.tick()), now=self.now
        )

    def case(self, request: Digest, now: datetime | None = None) -> PromotionCase:
        case = self.open_case(request, now)
        assert isinstance(case, PromotionCase)
        return case

    def open_case(self, request: Digest, now: datetime | None = None) -> Case | UnreadableCase:
        return open_case(self.state, request, self.policy, now or self.now)

    def decide(self, request: Digest, now: datetime | None = None) -> Decision:
        return decide(self.open_case(request, now))

    def status(self, request: Digest, now: datetime | None = None) -> RequestStatus:
        return status(self.open_case(request, now))

    def write(self, content: Content) -> None:
        """Record what a program that is not ours recorded, past all our proposals."""
        self.ledger.append(lambda _state: content, now=self.tick())

    def unreadable_request(self, channel: str) -> Digest:
        """Made by a program that knows a field more, whose name would move a terminal's cursor."""
        fields = read_statement(self.asked("2.0.0", channel).statement(), REQUEST, "test")
        text = write_statement(REQUEST, {**fields, "more\x1b": 1})
        self.write(RequestMade(statement=text, statement_signature=DORA.sign(text.encode())))
        return statement_digest(text)

    def unreadable_sign_off(self, request: Digest, key: FakeKey, verdict: str = "go") -> None:
        fields = read_statement(self.said(request, key).statement(), SIGN_OFF, "test")
        text = write_statement(SIGN_OFF, {**fields, "verdict": verdict, "more": 1})
        self.write(SignOffGiven(statement=text, statement_signature=key.sign(text.encode())))

    def unmet(self, request: Digest, now: datetime | None = None) -> tuple[str, ...]:
        """The names of the rules that say no."""
        return tuple(rule.name for rule in self.decide(request, now).unmet)
