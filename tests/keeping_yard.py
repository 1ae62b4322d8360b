"""Yards on one store in memory, whose channels have been through many releases; for collecting and its races.

Files of releases are not what their documents say, since nobody here reads them: their keys are what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from release.bundle.document import encode
from release.bundle.layout import document_key, published_keys
from release.bundle.release import Release
from release.catalog.naming import NamingScheme, image_prefix
from release.catalog.version import Version
from release.digests import Digest
from release.ledger.chain import LedgerWriter
from release.ledger.fold import Trust
from release.ledger.kinds import Content, EvidenceFound, Genesis, ReleaseRegistered
from release.ledger.state import State
from release.line.policies import policy_in_force
from release.line.requests import carry_out_request
from release.line.yard import MirrorAccess, PagesOptions, Yard
from release.mirror.pointers import move_channel_pointer, read_channel_pointer
from release.promotion import proposals_people
from release.promotion.policy_file import read_policy
from release.promotion.request import new_request
from tests.memory_store import MemoryStore
from tests.unit.ledger.fakes import ALICE, NOW, PIPELINE, FakeKeyring
from tests.unit.pages.samples import AMD64, board, payload, release

NAMING = NamingScheme()
DAY = timedelta(days=1)
POLICY_TEXT = f"""\
product = "demo"

[retention]
channel_releases = 1
stream_releases = 1
grace = 24

[[people]]
name = "Alice"
fingerprints = ["{ALICE.fingerprint}"]
roles = ["maintainer"]

[[channels]]
name = "alpha"
open = true

[[channels]]
name = "beta"
feeds_from = ["alpha"]
open = true
"""
MIRRORS = """
[[mirrors]]
name = "near"
url = "http://near.invalid/"

[[mirrors]]
name = "far"
url = "http://far.invalid/"
"""


def documented(text: str, source: str | None = None) -> Release:
    """A release of one board."""
    payloads = [payload(9000), *([payload(2000, source)] if source else [])]
    return release(text, board(AMD64, *payloads), created=NOW)


@dataclass
class KeepingYard:
    """A pipeline of its own on a store that others may write to, too. A minute passes with each act."""

    store: MemoryStore = field(default_factory=MemoryStore)
    policy_text: str = POLICY_TEXT
    mirrors: Mapping[str, MirrorAccess] = field(default_factory=dict)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.keys = FakeKeyring((PIPELINE, ALICE))
        self.policy = read_policy(self.policy_text.encode())
        trust = Trust(pipeline=frozenset({PIPELINE.fingerprint}), people=self.policy.fingerprints)
        self.ledger = LedgerWriter(self.store, self.keys, trust, PIPELINE)

    def begin(self) -> None:
        """Start the ledger; the first policy is in the store."""
        key = f"policy/{self.policy.digest.hex}.toml"
        self.store.objects[key] = self.policy_text.encode()
        genesis = Genesis(
            product="demo",
            pipeline_keys=(PIPELINE.fingerprint,),
            policy=self.policy.digest,
            channels=tuple(channel.name for channel in self.policy.channels),
        )
        self.ledger.start(genesis, now=self.now)

    @property
    def state(self) -> State:
        return self.ledger.state()

    @property
    def yard(self) -> Yard:
        """What jobs are given. What no test here needs refuses, or is missing."""
        given: dict[str, Any] = {
            "product": "demo",
            "naming": NAMING,
            "work": Path("/nonexistent"),
            "incoming": Path("/nonexistent"),
            "changelog": None,
            "store": self.store,
            "ledger": self.ledger,
            "statements": self.keys,
            "clock": lambda: self.now,
            "image_signatures": None,
            "release_signatures": None,
            "file_signer": None,
            "signer": PIPELINE,
            "signing_key": lambda: PIPELINE.fingerprint,
            "certificates": tuple,
            "public_key": lambda _fingerprint: b"",
            "payload_for": _no_change_of_key,
            "pages": PagesOptions(),
            "policy": lambda: policy_in_force(self.store, self.state),
            "mirrors": self.mirrors,
        }
        return Yard(**given)

    def tell(self, content: Content) -> None:
        self.now += DAY / 1440
        self.ledger.append(lambda _state: content, now=self.now)

    def publish(
        self, text: str, *, source: str | None = None, channels: tuple[str, ...] = ("alpha",)
    ) -> None:
        """All objects of a release, its copies in channels, and its entry."""
        one = documented(text, source)
        for key in published_keys(one, NAMING):
            self.store.objects[key] = key.encode()
        self.store.objects[document_key(one.version)] = encode(one)
        built = image_prefix("alpha", AMD64, one.version)
        for channel in channels:
            copies = image_prefix(channel, AMD64, one.version)
            for key in [key for key in self.store.objects if key.startswith(built)]:
                self.store.objects[copies + key.removeprefix(built)] = self.store.objects[key]
        self.tell(
            ReleaseRegistered(
                version=one.version,
                release=Digest.sha256(encode(one)),
                boards=(AMD64,),
                built_for="alpha",
            )
        )
        digest = Digest.sha256(encode(one))
        self.tell(EvidenceFound(release=digest, name="payload-proven", passed=True))

    def ask(self, text: str, channel: str) -> Digest:
        """Alice's request, recorded."""
        self.now += DAY / 1440
        asked = new_request(
            self.state,
            self.policy,
            version=Version.parse(text),
            channel=channel,
            requested_by=ALICE.fingerprint,
            now=self.now,
        )
        statement = asked.statement()
        proposal = proposals_people.request(
            statement,
            ALICE.sign(statement.encode()),
            verifier=self.keys,
            policy=self.policy,
            now=self.now,
        )
        self.ledger.append(proposal, now=self.now)
        return asked.digest

    def carry_out(self, request: Digest) -> None:
        """The move, and then the pointer of every channel, as a promotion's last steps do it."""
        carry_out_request(self.yard, request)
        self.align()

    def align(self) -> None:
        """Bring the pointers to what the ledger says."""
        for head in self.state.heads.values():
            at = read_channel_pointer(self.store, head.channel, AMD64, naming=NAMING)
            text = f"FLATCAR_VERSION={head.version}\n".encode()
            move_channel_pointer(
                self.store,
                head.channel,
                AMD64,
                expected=None if at is None else at.version,
                text=text,
                naming=NAMING,
            )

    def promote(self, text: str, channel: str) -> None:
        """Ask, and carry out."""
        self.carry_out(self.ask(text, channel))

    def another(self, store: MemoryStore | None = None) -> KeepingYard:
        """Another pipeline, with a memory of its own, on the same store."""
        return replace(self, store=store or self.store)


def _no_change_of_key(_channel: str) -> Any:
    return SimpleNamespace(rotation=None)


def long_story(text: str = POLICY_TEXT, **changes: Any) -> KeepingYard:
    """Alpha went from 1.0.0 to 6.0.0, beta is at 1.0.0; then a month passed.

    Nobody needs 2.0.0 and 3.0.0; 2.0.0 may be asked for in beta, to which its files were copied.
    """
    told = KeepingYard(policy_text=text, **changes)
    told.begin()
    for number in range(1, 7):
        told.publish(f"{number}.0.0", channels=("alpha", "beta"))
        told.promote(f"{number}.0.0", "alpha")
        if number == 1:
            told.promote("1.0.0", "beta")
    told.now += 30 * DAY
    return told
