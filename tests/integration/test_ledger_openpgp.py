"""A promotion with real OpenPGP keys, in a directory: two of three say go, one alone is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.chain import Ledger, LedgerWriter
from release.ledger.entries import LedgerBrokenError
from release.ledger.fold import Trust
from release.ledger.kinds import EvidenceFound, Genesis, ReleaseRegistered
from release.mirror.directory import DirectoryStore
from release.promotion import proposals
from release.promotion.policy import Person, Policy, read_policy
from release.promotion.policy_text import default_policy_text
from release.promotion.proposals import GateClosedError
from release.promotion.request import new_request
from release.promotion.sign_off import Verdict, new_sign_off
from release.signing.openpgp import OpenPgpHome
from tests import openpgp_home
from tests.openpgp_home import Keyring
from tests.unit.ledger.fakes import NOW, digest_of

signing_keys = openpgp_home.keyring  # a fixture under a name of this module

VERSION = Version(4593, 0, 1)


@dataclass(frozen=True, slots=True)
class Key:
    home: OpenPgpHome
    fingerprint: str

    def sign(self, data: bytes) -> str:
        return self.home.sign_bytes(data, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Known:
    home: OpenPgpHome
    allowed: frozenset[str]

    def verify(self, data: bytes, signature: str) -> str:
        return self.home.verify_bytes(data, signature, self.allowed).primary_fingerprint


@dataclass(frozen=True, slots=True)
class Team:
    keyring: Keyring
    store: DirectoryStore
    policy: Policy
    verifier: Known
    trust: Trust
    ledger: LedgerWriter

    def key(self, fingerprint: str) -> Key:
        return Key(self.keyring.home, fingerprint)

    def request(self, channel: str, fingerprint: str) -> Digest:
        made = new_request(
            self.ledger.state(),
            self.policy,
            version=VERSION,
            channel=channel,
            requested_by=fingerprint,
            now=NOW,
        )
        text = made.statement()
        signature = self.key(fingerprint).sign(text.encode())
        self.ledger.append(
            proposals.request(text, signature, verifier=self.verifier, policy=self.policy), now=NOW
        )
        return made.digest

    def sign_off(self, request: Digest, fingerprint: str) -> None:
        text = new_sign_off(
            request,
            Verdict.GO,
            role="maintainer",
            by=fingerprint,
            now=NOW,
            valid_for=timedelta(days=1),
        ).statement()
        signature = self.key(fingerprint).sign(text.encode())
        proposal = proposals.sign_off(text, signature, verifier=self.verifier, policy=self.policy, now=NOW)
        self.ledger.append(proposal, now=NOW)

    def move(self, request: Digest) -> None:
        self.ledger.append(proposals.move(request, policy=self.policy, now=NOW), now=NOW)


@pytest.fixture
def team(signing_keys: Keyring, tmp_path: Path) -> Team:
    keyring = signing_keys
    people = [
        Person(name=name.title(), fingerprints=(getattr(keyring, name),), roles=("maintainer",))
        for name in ("alice", "bob", "carol")
    ]
    policy = read_policy(default_policy_text("demo", people, open_channels=("alpha",)).encode())
    trust = Trust(pipeline=frozenset({keyring.pipeline}), people=policy.fingerprints)
    verifier = Known(keyring.home, trust.pipeline | trust.people)
    store = DirectoryStore(tmp_path / "mirror")
    ledger = LedgerWriter(store, verifier, trust, Key(keyring.home, keyring.pipeline))
    made = Team(keyring, store, policy, verifier, trust, ledger)
    channels = tuple(channel.name for channel in policy.channels)
    genesis = Genesis(
        product="demo", pipeline_keys=(keyring.pipeline,), policy=policy.digest, channels=channels
    )
    ledger.start(genesis, now=NOW)
    release = ReleaseRegistered(
        version=VERSION, release=digest_of("release"), boards=(Board("amd64"),), built_for="alpha"
    )
    ledger.append(proposals.registration(release), now=NOW)
    proven = EvidenceFound(release=release.release, name="payload-proven", passed=True)
    ledger.append(proposals.evidence(proven), now=NOW)
    made.move(made.request("alpha", keyring.pipeline))
    return made


def test_two_maintainers_move_beta_and_anybody_can_verify_it(team: Team) -> None:
    asked = team.request("beta", team.keyring.carol)
    team.sign_off(asked, team.keyring.alice)
    with pytest.raises(GateClosedError, match=r"1 more go of role maintainer \(can be given by Bob\)"):
        team.move(asked)
    team.sign_off(asked, team.keyring.bob)
    team.move(asked)
    state = Ledger(team.store, team.verifier, team.trust).state()
    assert state.heads["beta"].version == VERSION
    assert state.heads["beta"].request == asked


def test_a_key_outside_the_allow_list_signs_nothing(team: Team) -> None:
    asked = team.request("beta", team.keyring.carol)
    with pytest.raises(NotVerifiedError, match="not on the allow-list"):
        team.sign_off(asked, team.keyring.mallory)


def test_an_altered_entry_is_noticed(team: Team) -> None:
    path = team.store.root / ledger_key(1)
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data.replace(b"4593.0.1", b"4593.0.2"))
    with pytest.raises(LedgerBrokenError, match=r"00000001\.json: .*does not fit the data"):
        Ledger(team.store, team.verifier, team.trust).read()


def test_another_pipelines_ledger_is_not_ours(team: Team) -> None:
    trust = replace(team.trust, pipeline=frozenset({team.keyring.mallory}))
    with pytest.raises(LedgerBrokenError, match="pipeline keys that are not trusted here"):
        Ledger(team.store, team.verifier, trust).read()
