"""A promotion with real OpenPGP keys, in a directory: two of three say go, one alone is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.catalog.naming import ledger_key
from release.catalog.version import Version
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.chain import EntryRefusedError, Ledger, LedgerWriter
from release.ledger.entries import LedgerBrokenError
from release.ledger.fold import Trust
from release.ledger.kinds import EvidenceFound, Genesis, ReleaseRegistered
from release.mirror.directory import DirectoryStore
from release.process import run
from release.promotion import proposals, proposals_people
from release.promotion.policy import Person, Policy
from release.promotion.policy_file import read_policy
from release.promotion.policy_text import default_policy_text
from release.promotion.proposals import GateClosedError
from release.promotion.request import new_request
from release.promotion.sign_off import Verdict, new_sign_off
from release.signing.openpgp import OpenPgpHome
from release.wiring import KeyringVerifier, utc_now
from tests import openpgp_home
from tests.openpgp_home import Keyring
from tests.unit.ledger.fakes import digest_of, made, released, request_text

signing_keys = openpgp_home.keyring  # a fixture under a name of this module

VERSION = Version(4593, 0, 1)


@dataclass(frozen=True, slots=True)
class Key:
    home: OpenPgpHome
    fingerprint: str

    def sign(self, data: bytes) -> str:
        return self.home.sign_bytes(data, self.fingerprint)


@dataclass(frozen=True, slots=True)
class PastKey:
    """A key that signs when gpg believes that it is ``at``."""

    home: OpenPgpHome
    fingerprint: str
    at: datetime

    def sign(self, data: bytes) -> str:
        clock = f"--faked-system-time={int(self.at.timestamp())}"
        argv: list[str | Path] = ["gpg", "--homedir", self.home.path, "--batch", clock]
        argv += ["--local-user", f"{self.fingerprint}!", "--armor", "--detach-sign"]
        return run(argv, stdin=data).stdout.decode()


@dataclass(frozen=True, slots=True)
class Team:
    keyring: Keyring
    store: DirectoryStore
    policy: Policy
    verifier: KeyringVerifier
    trust: Trust
    ledger: LedgerWriter

    def key(self, fingerprint: str) -> Key:
        return Key(self.keyring.home, fingerprint)

    def request(self, channel: str, fingerprint: str) -> Digest:
        now = utc_now()
        made = new_request(
            self.ledger.state(),
            self.policy,
            version=VERSION,
            channel=channel,
            requested_by=fingerprint,
            now=now,
        )
        text = made.statement()
        signature = self.key(fingerprint).sign(text.encode())
        self.ledger.append(
            proposals_people.request(text, signature, verifier=self.verifier, policy=self.policy, now=now),
            now=now,
        )
        return made.digest

    def sign_off(self, request: Digest, fingerprint: str) -> None:
        now = utc_now()
        text = new_sign_off(
            request,
            Verdict.GO,
            role="maintainer",
            by=fingerprint,
            now=now,
            valid_for=timedelta(days=1),
        ).statement()
        signature = self.key(fingerprint).sign(text.encode())
        proposal = proposals_people.sign_off(
            text, signature, verifier=self.verifier, policy=self.policy, now=now
        )
        self.ledger.append(proposal, now=now)

    def move(self, request: Digest) -> None:
        self.ledger.append(proposals.carry_out(request, policy=self.policy, now=utc_now()), now=utc_now())


@pytest.fixture
def team(signing_keys: Keyring, tmp_path: Path) -> Team:
    keyring = signing_keys
    people = [
        Person(name=name.title(), fingerprints=(getattr(keyring, name),), roles=("maintainer",))
        for name in ("alice", "bob", "carol")
    ]
    policy = read_policy(default_policy_text("demo", people, open_channels=("alpha",)).encode())
    trust = Trust(pipeline=frozenset({keyring.pipeline}), people=policy.fingerprints)
    verifier = KeyringVerifier(keyring.home, trust.pipeline | trust.people)
    store = DirectoryStore(tmp_path / "mirror")
    ledger = LedgerWriter(store, verifier, trust, Key(keyring.home, keyring.pipeline))
    made = Team(keyring, store, policy, verifier, trust, ledger)
    channels = tuple(channel.name for channel in policy.channels)
    genesis = Genesis(
        product="demo", pipeline_keys=(keyring.pipeline,), policy=policy.digest, channels=channels
    )
    ledger.start(genesis, now=utc_now())
    release = ReleaseRegistered(
        version=VERSION, release=digest_of("release"), boards=(Board("amd64"),), built_for="alpha"
    )
    ledger.append(proposals.registration(release), now=utc_now())
    proven = EvidenceFound(release=release.release, name="payload-proven", passed=True)
    ledger.append(proposals.evidence(proven), now=utc_now())
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


def test_an_expired_key_stops_nobody_and_signs_nothing_new(tmp_path: Path) -> None:
    """The ledger of a person and a pipeline whose keys have both expired is read, and goes on."""
    begun = utc_now() - timedelta(days=10)
    middle, ended = begun + timedelta(days=1), begun + timedelta(days=2)
    with OpenPgpHome() as home:
        old, alice = (home.generate_key(name, created=begun, expires=ended) for name in ("Old", "Alice"))
        new = home.generate_key("New", created=begun)
        verifier = KeyringVerifier(home, frozenset({old, new, alice}))
        trust = Trust(pipeline=frozenset({old, new}), people=frozenset({alice}))
        store = DirectoryStore(tmp_path / "mirror")
        genesis = Genesis(
            product="demo", pipeline_keys=(old, new), policy=digest_of("policy"), channels=("alpha",)
        )
        LedgerWriter(store, verifier, trust, PastKey(home, old, begun)).start(genesis, now=begun)
        hers = PastKey(home, alice, middle)
        asked = made(request_text(), hers)  # type: ignore[arg-type]  # signs as the fake keys do
        LedgerWriter(store, verifier, trust, hers).append(lambda _state: asked, now=middle)

        now = Key(home, new)
        LedgerWriter(store, verifier, trust, now).append(lambda _state: released("3.0.0"), now=utc_now())
        assert Ledger(store, verifier, trust).state().sequence == 2
        late = made(request_text("3.0.0"), hers)  # type: ignore[arg-type]  # as above
        with pytest.raises(EntryRefusedError, match=r"not written: .* by a key that has expired"):
            LedgerWriter(store, verifier, trust, now).append(lambda _state: late, now=utc_now())
        with pytest.raises(EntryRefusedError, match="by a key that has expired"):
            LedgerWriter(store, verifier, trust, hers).append(lambda _state: late, now=middle)


def test_keys_work_in_the_second_they_were_made() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with OpenPgpHome() as home:
        key = home.generate_key("New", created=now)
        verifier = KeyringVerifier(home, frozenset({key}))
        assert verifier.verify(b"x", home.sign_bytes(b"x", key), at=now) == key
