"""A mirror in memory with a signed head, and those who visit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from release.catalog.naming import HEAD_FILE, LEDGER_PREFIX, POLICY_PREFIX, ledger_key
from release.digests import Digest
from release.ledger.fold import Trust
from release.ledger.kinds import StopOrdered
from release.ledger.statements import StopAction
from release.promotion.stop import StopOrder
from release.trust.head import MirrorHead, seal, write_head
from release.trust.making import head_of
from release.trust.seen import Seen
from release.trust.verify import VerifiedMirror, Visitor, verify_head, verify_ledger
from tests.unit.ledger.fakes import PIPELINE, FakeKey, FakeKeyring
from tests.unit.promotion.scene import ALICE, POLICY_TEXT, Scene

VISITORS = FakeKeyring((PIPELINE,))
"""What somebody knows who has the pipeline's public key and no other."""
Change = Callable[[MirrorHead], MirrorHead]


class SignedScene(Scene):
    """A scene whose store is served as a mirror."""

    def __init__(self, policy_text: str = POLICY_TEXT) -> None:
        super().__init__(policy_text)
        self.store.objects[f"{POLICY_PREFIX}{self.policy.digest.hex}.toml"] = policy_text.encode()

    def head(self, at: datetime | None = None) -> MirrorHead:
        return head_of(self.state, self.policy, at or self.now)

    def signed(self, change: Change = lambda head: head, key: FakeKey = PIPELINE) -> bytes:
        """The head as of now, changed before it is signed."""
        body = write_head(change(self.head()))
        return seal(body, key.sign(body.encode()))

    def sign(self, change: Change = lambda head: head, key: FakeKey = PIPELINE) -> bytes:
        """The same, put onto the mirror."""
        self.store.objects[HEAD_FILE] = self.signed(change, key)
        return self.store.objects[HEAD_FILE]

    def entries(self) -> list[bytes]:
        keys = self.store.list(LEDGER_PREFIX)
        return [self.store.objects[key] for key in keys]

    def visitor(self, seen: Seen | None = None, after: timedelta = timedelta(), **changes: object) -> Visitor:
        """Somebody who comes ``after`` a while."""
        fields: dict[str, object] = {
            "product": "demo",
            "trust": Trust(pipeline=frozenset({PIPELINE.fingerprint})),
            "verifier": VISITORS,
            "now": self.now + after,
            "seen": seen,
            **changes,
        }
        return Visitor(**fields)  # type: ignore[arg-type]  # tests change single fields by name

    def insider(self, **changes: object) -> Visitor:
        """Somebody who has the keys of people, too."""
        return self.visitor(**{"trust": self.trust, "verifier": self.keys, **changes})  # type: ignore[arg-type]  # as above

    def believe(self, visitor: Visitor | None = None, data: bytes | None = None) -> VerifiedMirror:
        """Rules 1 to 6."""
        visitor = visitor or self.visitor()
        return verify_ledger(verify_head(data or self.signed(), visitor), self.entries(), visitor)

    def stop(
        self,
        action: StopAction,
        *,
        channel: str | None = None,
        version: str | None = None,
        reason: str = "it burns",
    ) -> Digest:
        """One person stops something."""
        release = next((one for one in self.state.releases.values() if str(one.version) == version), None)
        order = StopOrder(
            product="demo",
            action=action,
            channel=channel,
            version=None if release is None else release.version,
            release=None if release is None else release.release,
            role="security",
            by=ALICE.fingerprint,
            at=self.tick(),
            reason=reason,
        )
        text = order.statement()
        content = StopOrdered(statement=text, statement_signature=ALICE.sign(text.encode()))
        self.ledger.append(lambda _state: content, now=self.tick())
        return order.digest


def last_key(scene: Scene) -> str:
    """The key of the last ledger entry."""
    return ledger_key(scene.state.sequence)


def later(head: MirrorHead, by: timedelta) -> MirrorHead:
    """The same head, issued later."""
    return replace(head, issued=head.issued + by, expires=head.expires + by)
