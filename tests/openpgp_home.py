"""A real throw-away OpenPGP keyring for any test: ``pytest_plugins = ["tests.openpgp_home"]``.

A test module may hold that line, too; or import the fixture by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from release.signing.openpgp import OpenPgpHome
from release.signing.verifying import AllowListVerifier

PEOPLE = ("alice", "bob", "carol", "mallory")


@dataclass(frozen=True, slots=True)
class Keyring:
    """One home that holds everybody's secret keys; Mallory's are there and must never count."""

    home: OpenPgpHome
    pipeline: str
    alice: str
    bob: str
    carol: str
    mallory: str

    @property
    def maintainers(self) -> frozenset[str]:
        """The primary fingerprints of the three who may decide."""
        return frozenset({self.alice, self.bob, self.carol})

    @property
    def verifier(self) -> AllowListVerifier:
        """Accepts the pipeline's signatures on files, nobody else's."""
        return AllowListVerifier(self.home, {self.pipeline})


@pytest.fixture(scope="session")
def keyring() -> Iterator[Keyring]:
    """Five ed25519 keys without passphrases; made once a session, agents ended after it."""
    with OpenPgpHome() as home:
        made = {name: home.generate_key(f"{name.title()} <{name}@example.org>") for name in PEOPLE}
        yield Keyring(home, home.generate_key("Pipeline <pipeline@example.org>"), **made)
