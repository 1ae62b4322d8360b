"""A release team whose policy uses everything, and what people do besides asking and signing off."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from release.digests import Digest
from release.ledger.chain import LedgerWriter
from release.ledger.kinds import EvidenceFound, StopOrdered, WaiverGiven
from release.ledger.state import State
from release.ledger.statements import StopAction
from release.promotion import proposals, proposals_people
from release.promotion.case import Case, UnreadableCase, open_case
from release.promotion.governance import new_policy_request, new_resume_request
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.promotion.stop import StopOrder
from release.promotion.waiver import Waiver
from tests.unit.ledger.fakes import HOUR, FakeKey, digest_of
from tests.unit.promotion.scene import ALICE, BOB, CAROL, DORA, ERIN, POLICY_TEXT, Scene

DAY = timedelta(days=1)
SECURITY = "security"
PAUSE, FREEZE, WITHDRAW = StopAction.PAUSE, StopAction.FREEZE, StopAction.WITHDRAW

PEOPLE = POLICY_TEXT[: POLICY_TEXT.index("[[channels]]")]
GOVERNANCE = """
[governance]
quorum = [{ role = "maintainer", count = 2 }, { role = "security", count = 1 }]
"""
BETA = """
[[channels]]
name = "beta"
feeds_from = ["alpha"]
quorum = [{ role = "maintainer", count = 2 }]
overrule = [{ role = "security", count = 2 }]
hurry = [{ role = "maintainer", count = 3 }]
soak = 48
"""
RULES = f"""\
{PEOPLE}
[[channels]]
name = "alpha"
open = true
{BETA}
[[channels]]
name = "stable"
feeds_from = ["beta"]
quorum = [{{ role = "maintainer", count = 2 }}]

[[channels]]
name = "lts"
feeds_from = ["stable"]
quorum = [{{ role = "maintainer", count = 2 }}]
streams = {{ support_months = 18, overlap_months = 6 }}

[emergency]
stop = ["security"]
quorum = [{{ role = "maintainer", count = 2 }}]

[waivers]
roles = ["security"]
{GOVERNANCE}"""


class RuledScene(Scene):
    """As ``Scene``, under ``RULES``."""

    def __init__(self, policy_text: str = RULES) -> None:
        self.proposed: dict[Digest, Policy] = {}
        super().__init__(policy_text)

    def open_case(self, request: Digest, now: datetime | None = None) -> Case | UnreadableCase:
        return open_case(self.state, request, self.policy, now or self.now, self.proposed)

    def move(self, request: Digest) -> State:
        proposal = proposals.carry_out(request, policy=self.policy, now=self.tick(), proposed=self.proposed)
        return self.ledger.append(proposal, now=self.now)

    def agree(self, request: Digest, *keys: FakeKey, role: str = "maintainer") -> Digest:
        """Everybody named says go."""
        for key in keys:
            self.sign_off(request, key, role=role)
        return request

    def promote(self, version: str, channel: str) -> State:
        """With everybody's go."""
        return self.move(self.agree(self.request(version, channel), ALICE, BOB, CAROL))

    def enter(self, version: str) -> State:
        """A new release comes into alpha, with nothing but proof."""
        self.register(version)
        self.prove(version)
        return self.promote(version, "alpha")

    def found(self, version: str, name: str, **more: object) -> None:
        """Evidence with facts, failures, a baseline."""
        fields: dict[str, object] = {"release": digest_of(version), "name": name, "passed": True, **more}
        content = EvidenceFound(**fields)  # type: ignore[arg-type]  # tests change single fields by name
        self.ledger.append(proposals.evidence(content), now=self.tick())

    # --- stops -----------------------------------------------------------------------------------

    def order(
        self, action: StopAction, channel: str | None = None, version: str | None = None, **changes: object
    ) -> StopOrder:
        release = None if version is None else digest_of(version)
        known = [one for one in self.state.releases.values() if one.release == release]
        made = StopOrder(
            product="demo",
            action=action,
            channel=channel,
            version=known[0].version if known else None,
            release=release,
            role=SECURITY,
            by=ERIN.fingerprint,
            at=self.tick(),
            reason="it burns",
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # tests change single fields by name

    def stop(self, order: StopOrder, key: FakeKey = ERIN) -> Digest:
        """Recorded as the pipeline takes it."""
        text = order.statement()
        proposal = proposals_people.stop(
            text, key.sign(text.encode()), verifier=self.keys, policy=self.policy, now=self.now
        )
        self.ledger.append(proposal, now=self.now)
        return order.digest

    def stop_alone(self, order: StopOrder, key: FakeKey, at: datetime) -> Digest:
        """Recorded by a person on their own machine, whose clock says ``at``."""
        text = order.statement()
        content = StopOrdered(statement=text, statement_signature=key.sign(text.encode()))
        alone = LedgerWriter(self.store, self.keys, self.trust, key)
        alone.append(lambda _state: content, now=at)
        return order.digest

    def ask_to_resume(self, stop: Digest, key: FakeKey = DORA) -> Digest:
        asked = new_resume_request(
            self.state, self.policy, stop, requested_by=key.fingerprint, now=self.tick()
        )
        self.record_request(asked.statement(), key)
        return asked.digest

    def resume(self, stop: Digest) -> State:
        """Lifted by two maintainers."""
        return self.move(self.agree(self.ask_to_resume(stop), BOB, CAROL))

    # --- waivers ---------------------------------------------------------------------------------

    def waiver(self, version: str, evidence: str, *items: str, **changes: object) -> Waiver:
        made = Waiver(
            product="demo",
            release=digest_of(version),
            evidence=evidence,
            items=items,
            role=SECURITY,
            by=ERIN.fingerprint,
            at=self.tick(),
            expires_at=self.now + 100 * HOUR,
            reason="known",
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # tests change single fields by name

    def waive(self, waiver: Waiver, key: FakeKey = ERIN) -> Digest:
        text = waiver.statement()
        proposal = proposals_people.waiver(
            text, key.sign(text.encode()), verifier=self.keys, policy=self.policy, now=self.now
        )
        self.ledger.append(proposal, now=self.now)
        return waiver.digest

    def slip_waiver(self, text: str, key: FakeKey) -> None:
        """Recorded past all our proposals."""
        self.write(WaiverGiven(statement=text, statement_signature=key.sign(text.encode())))

    # --- policies --------------------------------------------------------------------------------

    def ask_for_policy(self, text: str, key: FakeKey = DORA) -> Digest:
        wanted = read_policy(text.encode())
        asked = new_policy_request(
            self.state, self.policy, wanted, requested_by=key.fingerprint, now=self.tick()
        )
        self.proposed[wanted.digest] = wanted
        self.record_request(asked.statement(), key)
        return asked.digest

    def agree_to_policy(self, request: Digest) -> Digest:
        """By the governance quorum of ``RULES``."""
        self.agree(request, BOB, CAROL)
        return self.agree(request, ERIN, role=SECURITY)

    def adopt(self, text: str) -> State:
        """A new policy in force, known to everybody."""
        state = self.move(self.agree_to_policy(self.ask_for_policy(text)))
        self.policy = self.proposed[state.policy]
        return state
