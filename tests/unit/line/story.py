"""A ledger in memory in which releases and channels are stopped, and streams opened."""

from __future__ import annotations

from datetime import datetime, timedelta

from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import LedgerWriter
from release.ledger.fold import Trust
from release.ledger.kinds import (
    Content,
    Genesis,
    PointerMoved,
    RequestMade,
    StopLifted,
    StopOrdered,
)
from release.ledger.state import State
from release.ledger.statements import RESUME_REQUEST, StopAction, statement_digest, write_statement
from release.line.site import Known, site_from
from release.line.yard import PagesOptions
from release.pages.site import Site
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.promotion.request import PromotionRequest
from release.promotion.stop import StopOrder
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import ALICE, BOARD, NOW, PIPELINE, FakeKeyring, digest_of
from tests.unit.pages.samples import AMD64, board, payload, release

POLICY = read_policy(
    f"""\
product = "demo"

[[people]]
name = "Alice"
fingerprints = ["{ALICE.fingerprint}"]
roles = ["maintainer"]

[[channels]]
name = "alpha"
open = true

[[channels]]
name = "lts"
feeds_from = ["alpha"]
open = true
streams = {{ support_months = 18, overlap_months = 6 }}
""".encode()
)
DAY = timedelta(days=1)


class Story:
    """A ledger in which a day passes from entry to entry."""

    def __init__(self) -> None:
        keys = FakeKeyring((PIPELINE, ALICE))
        trust = Trust(pipeline=frozenset({PIPELINE.fingerprint}), people=POLICY.fingerprints)
        self.store = MemoryStore()
        self.ledger = LedgerWriter(self.store, keys, trust, PIPELINE)
        self.now = NOW
        genesis = Genesis(
            product="demo",
            pipeline_keys=(PIPELINE.fingerprint,),
            policy=POLICY.digest,
            channels=("alpha", "lts"),
            streams=("lts",),
        )
        self.ledger.start(genesis, now=NOW)

    @property
    def state(self) -> State:
        return self.ledger.state()

    def tell(self, content: Content) -> datetime:
        """Record it now; returns when that was. Then a day passes."""
        told = self.now
        self.ledger.append(lambda _state: content, now=told)
        self.now += DAY
        return told

    def ask(self, text: str) -> Digest:
        self.tell(RequestMade(statement=text, statement_signature=ALICE.sign(text.encode())))
        return statement_digest(text)

    def move(self, version: str, channel: str, **changes: object) -> datetime:
        state = self.state
        before = state.heads.get(channel)
        fields: dict[str, object] = {
            "product": "demo",
            "release": digest_of(version),
            "version": Version.parse(version),
            "boards": (BOARD,),
            "channel": channel,
            "from_channel": None,
            "policy": POLICY.digest,
            "policy_entry": state.policy_entry,
            "generation": state.generation(channel),
            "requested_by": ALICE.fingerprint,
            "requested_at": self.now,
            "expires_at": self.now + 9 * DAY,
            **changes,
        }
        asked = PromotionRequest(**fields)  # type: ignore[arg-type]  # tests change single fields by name
        self.ask(asked.statement())
        return self.tell(
            PointerMoved(
                channel=channel,
                version=asked.version,
                release=asked.release,
                request=asked.digest,
                generation=state.generation(channel) + 1,
                from_version=None if before is None else before.version,
                decided_at=self.now,
            )
        )

    def stop(self, action: StopAction, channel: str | None = None, version: str | None = None) -> Digest:
        order = StopOrder(
            product="demo",
            action=action,
            channel=channel,
            version=None if version is None else Version.parse(version),
            release=None if version is None else digest_of(version),
            role="maintainer",
            by=ALICE.fingerprint,
            at=self.now,
            reason=f"why {action.value}",
            advice="wait",
        )
        text = order.statement()
        self.tell(StopOrdered(statement=text, statement_signature=ALICE.sign(text.encode())))
        return statement_digest(text)

    def lift(self, stop: Digest) -> datetime:
        named = {"policy": POLICY.digest, "policy_entry": self.state.policy_entry, "stop": stop}
        fields = {name: str(value) for name, value in named.items()}
        request = self.ask(write_statement(RESUME_REQUEST, {**fields}))
        return self.tell(StopLifted(stop=stop, request=request, decided_at=self.now))

    def site(self) -> Site:
        releases = {
            version: release(str(version), board(AMD64, payload(9000)), created=NOW)
            for version in self.state.releases
        }
        known = Known(releases=releases, policy_of=self.policy_of, read_notes=self.read_notes)
        return site_from("Demo OS", self.state, POLICY, PagesOptions(), known)

    def policy_of(self, digest: Digest) -> Policy:
        assert digest == POLICY.digest
        return POLICY

    def read_notes(self, version: Version, digest: Digest) -> str:
        raise AssertionError(f"{version} was not corrected, and {digest} is asked for")
