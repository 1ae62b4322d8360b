"""`humpyard payload public-key`: a key is tried, and its public half shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.cli.main import run
from release.digests import Digest
from release.errors import NotVerifiedError
from release.signing import open_signer
from release.signing.signer import DigestSigner
from release.signing.trial import try_key
from release.signing.trusted_keys import PayloadKey, load_payload_key
from tests.e2e.refusal import REFUSED, USAGE, Terminal
from tests.softhsm import PIN, SoftHsm, softhsm
from tests.unit.signing.rsa_keys import private_key, write_private

__all__ = ["softhsm"]


def public_key(*arguments: str) -> int:
    return run(["payload", "public-key", *arguments])


def test_the_public_half_of_a_token_s_key_is_written_as_settings_want_it(
    softhsm: SoftHsm, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    softhsm.new_token("release")
    uri = f"{softhsm.import_key('release', 'payload', private_key('one'))}&secret=pin"
    out = tmp_path / "pub.pem"
    terminal.fails(REFUSED, "HUMPYARD_SECRET_PIN", by=lambda: public_key(uri, "--out", str(out)))
    assert not out.exists()
    monkeypatch.setenv("HUMPYARD_SECRET_PIN", PIN)
    terminal.works(lambda: public_key(uri, "--out", str(out)))
    key = PayloadKey.of(private_key("one").public_key(), "one")
    assert load_payload_key(out) == key
    assert terminal.works(lambda: public_key(uri)) == out.read_text()
    document = json.loads(terminal.works(lambda: public_key(uri, "--json")))
    assert document == {"uri": uri, "fingerprint": key.fingerprint, "bits": 2048, "pem": out.read_text()}


def test_nothing_is_written_over_and_what_names_no_key_is_wrong_usage(
    tmp_path: Path, terminal: Terminal
) -> None:
    uri = write_private(tmp_path / "key.pem", private_key("one"))
    out = tmp_path / "pub.pem"
    out.write_text("mine")
    terminal.fails(USAGE, "is there already", by=lambda: public_key(uri, "--out", str(out)))
    assert out.read_text() == "mine"
    terminal.fails(USAGE, "the scheme 'tpm' is not known", by=lambda: public_key("tpm:key"))
    terminal.fails(REFUSED, "No such file", by=lambda: public_key(f"file:{tmp_path}/gone"))


@dataclass(frozen=True, slots=True)
class Mismatched:
    """Tells one public half and signs with another key."""

    uri: str
    key: PayloadKey
    signs: DigestSigner

    def sign_digest(self, digest: Digest) -> bytes:
        return self.signs.sign_digest(digest)


def test_halves_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    real = open_signer(write_private(tmp_path / "key.pem", private_key("one")))
    other = PayloadKey.of(private_key("two").public_key(), "two")
    assert try_key(real) == real.key
    with pytest.raises(NotVerifiedError, match="does not verify with the public half it tells"):
        try_key(Mismatched("x:y", other, real))
