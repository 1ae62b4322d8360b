"""The audit with real OpenPGP keys that were revoked, or expired, after they had signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from release.audit.finding import Code
from release.ledger.chain import Ledger, LedgerWriter
from release.ledger.fold import Trust
from release.ledger.kinds import Genesis, RequestMade
from release.ledger.verified import REVOKED
from release.line.auditing import Auditor, audit
from release.mirror.directory import DirectoryStore
from release.process import run
from release.promotion.policy import Person, Policy
from release.promotion.policy_file import read_policy
from release.promotion.policy_text import default_policy_text
from release.promotion.proposals import registration
from release.promotion.request import new_request
from release.signing.key_health import read_certificates
from release.signing.openpgp import OpenPgpHome
from release.wiring import KeyringVerifier, utc_now
from tests.unit.ledger.fakes import released

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Key:
    home: OpenPgpHome
    fingerprint: str

    def sign(self, data: bytes) -> str:
        return self.home.sign_bytes(data, self.fingerprint)

    @property
    def revocation(self) -> bytes:
        """What gpg made beside the key; its first line keeps it from being used by accident."""
        path = self.home.path / "openpgp-revocs.d" / f"{self.fingerprint}.rev"
        return path.read_bytes().replace(b":-----BEGIN", b"-----BEGIN")


@dataclass(frozen=True, slots=True)
class Team:
    """A pipeline and Ada, who asked for something once; and the public keys as a stranger has them."""

    pipeline: Key
    ada: Key
    policy: Policy
    store: DirectoryStore
    public: OpenPgpHome

    @property
    def trust(self) -> Trust:
        return Trust(
            pipeline=frozenset({self.pipeline.fingerprint}), people=frozenset({self.ada.fingerprint})
        )

    @property
    def verifier(self) -> KeyringVerifier:
        return KeyringVerifier(self.public, self.trust.pipeline | self.trust.people)

    def codes(self, now: datetime) -> set[Code]:
        auditor = Auditor(
            product="Demo",
            trust=self.trust,
            verifier=self.verifier,
            certificates=read_certificates(self.public.list_public_keys()),
            clock=lambda: now,
        )
        return {one.code for one in audit(self.store, auditor).findings}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with OpenPgpHome() as secret, OpenPgpHome() as public:
        yield make_team(secret, public, tmp_path / "mirror")


def make_team(secret: OpenPgpHome, public: OpenPgpHome, mirror: Path) -> Team:
    now = utc_now()
    made = now - 9 * DAY
    pipeline = Key(secret, secret.generate_key("Pipeline", created=made, expires=now + 900 * DAY))
    ada = Key(secret, secret.generate_key("Ada", created=made, expires=now + 200 * DAY))
    for key in (pipeline, ada):
        public.import_keys(secret.export_public(key.fingerprint))
    people = (Person(name="Ada", fingerprints=(ada.fingerprint,), roles=("maintainer",)),)
    text = default_policy_text("Demo", people, count=1).encode()
    policy = read_policy(text)
    store = DirectoryStore(mirror)
    store.create(f"policy/{policy.digest.hex}.toml", text, sha256=policy.digest)
    team = Team(pipeline, ada, policy, store, public)
    begin(team, now)
    return team


def begin(team: Team, now: datetime) -> None:
    ledger = LedgerWriter(team.store, team.verifier, team.trust, team.pipeline)
    genesis = Genesis(
        product="Demo",
        pipeline_keys=(team.pipeline.fingerprint,),
        policy=team.policy.digest,
        channels=tuple(channel.name for channel in team.policy.channels),
        streams=team.policy.streams,
    )
    ledger.start(genesis, now=now)
    release = released("1.0.0")
    state = ledger.append(registration(release), now=now)
    asked = new_request(
        state,
        team.policy,
        version=release.version,
        channel="alpha",
        requested_by=team.ada.fingerprint,
        now=now,
    )
    text = asked.statement()
    made = RequestMade(statement=text, statement_signature=team.ada.sign(text.encode()))
    ledger.append(lambda _state: made, now=now)


USUAL = {Code.HEAD_MISSING, Code.RELEASE_MISSING}
"""This mirror is small: it has a ledger and a policy, and nothing else."""


def test_a_revoked_key_is_told_as_what_it_is(team: Team) -> None:
    """What the person said is nobody's from then on; the ledger goes on, and the audit is loud about it."""
    now = utc_now()
    assert team.codes(now) == USUAL
    run(["gpg", "--homedir", team.public.path, "--batch", "--import"], stdin=team.ada.revocation)
    assert team.codes(now) == {*USUAL, Code.KEY_REVOKED, Code.KEY_EXPIRING}
    (request,) = Ledger(team.store, team.verifier, team.trust).state().requests.values()
    assert request.signer == REVOKED + team.ada.fingerprint


def test_a_key_that_ends_is_watched_and_takes_nothing_back(team: Team) -> None:
    now = utc_now()
    assert Code.KEY_EXPIRING not in team.codes(now + 100 * DAY)
    assert team.codes(now + 150 * DAY) == {*USUAL, Code.KEY_EXPIRING}
    assert team.codes(now + 300 * DAY) == {*USUAL, Code.KEY_EXPIRING}
