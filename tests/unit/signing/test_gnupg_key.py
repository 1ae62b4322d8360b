"""``gnupg:`` payload keys: a real gpg-agent signs digests."""

from __future__ import annotations

import logging
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from release.digests import Digest
from release.errors import HumpyardError, InputError, RefusedError, ToolError
from release.payload.profile import FLATCAR
from release.process import run
from release.signing import open_signer
from release.signing.gnupg_key import _read_numbers, _refusal
from release.signing.openpgp import OpenPgpHome
from release.signing.payload_signature import sign_payload, verify_payload
from release.signing.signer import DigestSigner
from tests.unit.signing.rsa_keys import write_payload

DIGEST = Digest.sha256(b"what is signed")
PASSPHRASE = "canary %41 p\u00e4ss"


def make_key(home: Path, kind: str, passphrase: str = "") -> str:
    """A primary key that only certifies, and a subkey of this kind that signs; gives the latter."""
    quiet = ["--pinentry-mode=loopback", f"--passphrase={passphrase}"]
    gpg(home, *quiet, "--quick-generate-key", "Payload <payload@example.org>", "ed25519", "cert", "never")
    gpg(home, *quiet, "--quick-add-key", fingerprints(home)[0], kind, "sign", "never")
    run(["gpgconf", "--homedir", home, "--kill", "all"])  # or the agent would remember the passphrase
    return fingerprints(home)[-1]


def gpg(home: Path, *arguments: str) -> bytes:
    return run(["gpg", "--homedir", home, "--batch", "--quiet", *arguments]).stdout


def fingerprints(home: Path) -> list[str]:
    listed = gpg(home, "--with-colons", "-K").decode().split("\n")
    return [line.split(":")[9] for line in listed if line.startswith("fpr:")]


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty GnuPG home with a path that is short enough for sockets; no agent outlives it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="hy-test-gnupg-"))
    (folder / "gpg-agent.conf").write_text("s2k-count 65536\n")  # passphrases are slow on purpose
    yield folder
    run(["gpgconf", "--homedir", folder, "--kill", "all"])
    shutil.rmtree(folder, ignore_errors=True)  # the agent that ends removes its sockets, too


def verifies(signer: DigestSigner, digest: Digest) -> bool:
    """By a library of its own, from the public half as PEM."""
    public = load_pem_public_key(signer.key.pem)
    assert isinstance(public, RSAPublicKey)
    public.verify(signer.sign_digest(digest), digest.value, PKCS1v15(), Prehashed(SHA256()))
    return True


@pytest.mark.parametrize("kind", ["rsa2048", "rsa4096"])
def test_the_agent_signs_a_payload(home: Path, tmp_path: Path, kind: str) -> None:
    uri = f"gnupg:{make_key(home, kind)}?home={home}"
    signer = open_signer(uri)
    assert (signer.uri, 8 * signer.key.size) == (uri, int(kind[3:]))
    assert signer.sign_digest(DIGEST) == signer.sign_digest(DIGEST)
    assert verifies(signer, DIGEST)
    payload = tmp_path / "payload"
    write_payload(payload, [signer.key.size])
    sign_payload(payload, [signer], [signer.key])
    assert [slot.key for slot in verify_payload(payload, [signer.key], FLATCAR)] == [signer.key]


def test_many_digests_come_through_whatever_bytes_a_signature_has(home: Path) -> None:
    """The agent escapes some bytes and splits long lines; leading zeros are left out of its numbers."""
    signer = open_signer(f"gnupg:{make_key(home, 'rsa2048')}?home={home}")
    for number in range(40):
        digest = Digest.sha256(str(number).encode())
        assert signer.key.verifies(digest, signer.sign_digest(digest))


def test_a_passphrase_is_taken_from_where_the_uri_says(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"gnupg:{make_key(home, 'rsa2048', PASSPHRASE)}?home={home}"
    source = tmp_path / "pin"
    source.write_text(f"{PASSPHRASE}\n")
    source.chmod(0o600)
    said = []
    with caplog.at_level(logging.DEBUG):
        for wrong in ("canary wrong", "canary\tunseen", " canary"):
            with pytest.raises(InputError) as caught:
                open_signer(f"{uri}&secret=payload", lambda _, wrong=wrong: wrong).sign_digest(DIGEST)  # type: ignore[misc]
            said.append("".join(traceback.format_exception(caught.value)) + str(caught.value.hint))
        assert "Bad passphrase" in said[0]
        signer = open_signer(f"{uri}&secret=payload", lambda name: {"payload": PASSPHRASE}[name])
        assert verifies(signer, DIGEST)
        said.append(repr(signer))
        assert verifies(open_signer(f"{uri}&pin-source=file:{source}"), DIGEST)
    assert "canary" not in "".join([*said, caplog.text])


def test_without_a_terminal_the_agent_cannot_ask_and_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    signer = open_signer(f"gnupg:{make_key(home, 'rsa2048', PASSPHRASE)}?home={home}")
    with pytest.raises(InputError, match="gpg-agent refused") as caught:
        signer.sign_digest(DIGEST)
    assert "GPG_TTY" in str(caught.value.hint)


def test_keys_that_cannot_sign_payloads_are_refused(home: Path, tmp_path: Path) -> None:
    edwards = make_key(home, "ed25519")
    with pytest.raises(InputError, match="expected an RSA key, found another kind"):
        open_signer(f"gnupg:{edwards}?home={home}")
    with pytest.raises(InputError, match="no secret key of this fingerprint"):
        open_signer(f"gnupg:{'A' * 40}?home={home}")
    with pytest.raises(InputError, match="expected a directory with an OpenPGP keyring"):
        open_signer(f"gnupg:{edwards}?home={tmp_path}/gone")


def test_a_key_whose_secret_half_is_elsewhere_is_refused(home: Path) -> None:
    fingerprint = make_key(home, "rsa2048")
    with OpenPgpHome() as other:
        (primary,) = other.import_keys(gpg(home, "--export-secret-subkeys", f"{fingerprint}!"))
        assert verifies(open_signer(f"gnupg:{fingerprint}?home={other.path}"), DIGEST)
        with pytest.raises(InputError, match="no secret key of this fingerprint") as caught:
            open_signer(f"gnupg:{primary}?home={other.path}")
        assert "kept elsewhere" in str(caught.value.hint)


def test_an_agent_that_ran_before_keeps_running(home: Path) -> None:
    fingerprint = make_key(home, "rsa2048")
    run(["gpg-connect-agent", "--homedir", home, "/bye"])
    before = run(["gpg-connect-agent", "--homedir", home, "GETINFO pid", "/bye"]).stdout
    signer = open_signer(f"gnupg:{fingerprint}?home={home}")
    assert verifies(signer, DIGEST)
    del signer
    assert run(["gpg-connect-agent", "--homedir", home, "GETINFO pid", "/bye"]).stdout == before


@pytest.mark.parametrize(
    ("line", "error", "hint"),
    [
        ("ERR 67108875 Bad passphrase <GPG Agent>", InputError, "may be wrong"),
        ("ERR 100663383 Bad PIN <SCD>", InputError, "may be wrong"),
        ("ERR 83886179 Operation cancelled <Pinentry>", RefusedError, ""),
        ("ERR 67108949 No pinentry <GPG Agent>", InputError, "GPG_TTY"),
        ("ERR 83918950 Inappropriate ioctl for device <Pinentry>", InputError, "GPG_TTY"),
        ("ERR 100696144 Card not present <SCD>", InputError, "plugged in"),
        ("ERR 67108881 No secret key <GPG Agent>", ToolError, ""),
        ("ERR", ToolError, ""),
    ],
)
def test_what_the_agent_refuses_becomes_our_errors(line: str, error: type[HumpyardError], hint: str) -> None:
    found = _refusal(line, "gnupg:X")
    assert type(found) is error
    assert hint in (found.hint or "")


@pytest.mark.parametrize(
    "expression",
    [
        b"",
        b"(7:sig-val(3:dsa(1:s1:\x07)))",
        b"(7:sig-val(3:rsa(1:x1:\x07)))",
        b"(7:sig-val(3:rsa(1:s01:\x07)))",
        b"(7:sig-val(3:rsa(1:s:\x07)))",
    ],
)
def test_another_expression_holds_no_numbers(expression: bytes) -> None:
    assert _read_numbers(expression, b"(7:sig-val(3:rsa", b"s") == ()
    assert _read_numbers(b"(7:sig-val(3:rsa(1:s2:\x07\x01)))", b"(7:sig-val(3:rsa", b"s") == (0x701,)
