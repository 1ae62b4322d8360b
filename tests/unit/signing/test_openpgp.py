"""OpenPGP signatures with a real gpg: what counts, and everything that must not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.errors import InputError, NotVerifiedError, RefusedError
from release.process import run
from release.signing.openpgp import OpenPgpHome
from release.signing.verifying import AllowListVerifier, verifier_from_keys
from tests.openpgp_home import Keyring

NOBODY = "0" * 40
YEAR_2020 = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def home() -> Iterator[OpenPgpHome]:
    with OpenPgpHome() as opened:
        yield opened


def gpg(home: OpenPgpHome, *arguments: str | Path, stdin: bytes = b"") -> bytes:
    argv: list[str | Path] = [
        "gpg",
        "--homedir",
        home.path,
        "--batch",
        "--quiet",
        "--pinentry-mode=loopback",
        "--passphrase=",
    ]
    return run([*argv, *arguments], stdin=stdin).stdout


def subkeys(home: OpenPgpHome, fingerprint: str) -> list[str]:
    listing = gpg(home, "--with-colons", "--list-keys", fingerprint).decode().splitlines()
    return [line.split(":")[9] for line in listing if line.startswith("fpr:")][1:]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(b"line one\nline two\n" * 10_000)
    return path


def test_a_file_signature_verifies_and_tells_who_and_when(keyring: Keyring, data: Path) -> None:
    signature = data.with_name("data.sig")
    before = datetime.now(UTC) - timedelta(seconds=2)
    keyring.home.sign_file(data, signature, keyring.alice)
    found = keyring.home.verify_file(data, signature, {keyring.alice, keyring.bob})
    assert found.primary_fingerprint == found.signing_fingerprint == keyring.alice
    assert before <= found.created <= datetime.now(UTC) + timedelta(seconds=2)
    assert not signature.read_bytes().startswith(b"-----"), "clients expect a binary .sig"
    assert signature.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in data.parent.iterdir()) == ["data", "data.sig"]


def test_signing_again_replaces_the_signature(keyring: Keyring, data: Path) -> None:
    signature = data.with_name("data.sig")
    keyring.home.sign_file(data, signature, keyring.alice)
    keyring.home.sign_file(data, signature, keyring.bob)
    assert keyring.home.verify_file(data, signature, {keyring.bob}).primary_fingerprint == keyring.bob


def test_bytes_are_signed_in_armor_and_verify_from_text_or_bytes(keyring: Keyring) -> None:
    armored = keyring.home.sign_bytes(b"a ledger entry", keyring.bob)
    assert armored.startswith("-----BEGIN PGP SIGNATURE-----\n")
    for form in (armored, armored.encode()):
        found = keyring.home.verify_bytes(b"a ledger entry", form, {keyring.bob})
        assert found.primary_fingerprint == keyring.bob


def test_a_key_in_the_keyring_that_is_not_allowed_counts_for_nothing(keyring: Keyring) -> None:
    armored = keyring.home.sign_bytes(b"x", keyring.mallory)
    with pytest.raises(NotVerifiedError, match=f"{keyring.mallory}, which is not on the allow-list"):
        keyring.home.verify_bytes(b"x", armored, keyring.maintainers)


def test_an_empty_allow_list_means_nobody(keyring: Keyring) -> None:
    armored = keyring.home.sign_bytes(b"x", keyring.alice)
    with pytest.raises(NotVerifiedError, match="nobody is"):
        keyring.home.verify_bytes(b"x", armored, ())


@pytest.mark.parametrize("text", ["", "abcd", "0x" + "A" * 40, "a" * 40, "A" * 16, "A" * 39 + "\n"])
def test_an_allow_list_takes_full_fingerprints_only(keyring: Keyring, text: str) -> None:
    with pytest.raises(InputError, match="expected 40 upper-case hexadecimal digits"):
        AllowListVerifier(keyring.home, {text})
    armored = keyring.home.sign_bytes(b"x", keyring.alice)
    with pytest.raises(InputError, match="OpenPGP fingerprint"):
        keyring.home.verify_bytes(b"x", armored, {text})


def test_tampered_data_are_refused(keyring: Keyring, data: Path) -> None:
    signature = data.with_name("data.sig")
    keyring.home.sign_file(data, signature, keyring.alice)
    with data.open("r+b") as file:
        file.seek(5000)
        file.write(b"!")
    with pytest.raises(NotVerifiedError, match="does not fit the data"):
        keyring.home.verify_file(data, signature, {keyring.alice})


def test_a_missing_signature_is_not_verified_and_missing_data_is_bad_input(
    keyring: Keyring, data: Path
) -> None:
    with pytest.raises(NotVerifiedError, match=r"not signed: there is no data\.sig"):
        keyring.home.verify_file(data, data.with_name("data.sig"), {keyring.alice})
    with pytest.raises(InputError, match="No such file"):
        keyring.home.verify_file(data.with_name("gone"), data, {keyring.alice})
    with pytest.raises(InputError, match="No such file"):
        keyring.home.sign_file(data.with_name("gone"), data, keyring.alice)


@pytest.mark.parametrize(
    "blob", [b"", b"garbage", b"\x00" * 500, b"-----BEGIN PGP SIGNATURE-----\n", b"\x88"]
)
def test_what_is_no_signature_is_refused(keyring: Keyring, blob: bytes) -> None:
    with pytest.raises(NotVerifiedError):
        keyring.home.verify_bytes(b"x", blob, {keyring.alice})


def test_an_endless_signature_is_not_read(keyring: Keyring, data: Path) -> None:
    data.with_name("data.sig").write_bytes(bytes(1 << 20))
    with pytest.raises(NotVerifiedError, match="longer than 65536 bytes"):
        keyring.home.verify_file(data, data.with_name("data.sig"), {keyring.alice})


def test_two_signatures_in_one_file_are_refused_even_if_both_are_good(keyring: Keyring, data: Path) -> None:
    both = b""
    for signer in (keyring.alice, keyring.bob):
        keyring.home.sign_file(data, data.with_name("one"), signer)
        both += data.with_name("one").read_bytes()
    data.with_name("data.sig").write_bytes(both)
    with pytest.raises(NotVerifiedError, match="expected one good signature, found NEWSIG 2 times"):
        keyring.home.verify_file(data, data.with_name("data.sig"), {keyring.alice, keyring.bob})


@pytest.mark.parametrize("form", ["--sign", "--clearsign"])
def test_a_whole_signed_message_is_no_detached_signature(keyring: Keyring, data: Path, form: str) -> None:
    message = gpg(keyring.home, "--local-user", keyring.alice, form, "--output", "-", data)
    for content in (data.read_bytes(), b"something else", message):
        data.write_bytes(content)
        data.with_name("data.sig").write_bytes(message[: 60 << 10])
        with pytest.raises(NotVerifiedError):
            keyring.home.verify_file(data, data.with_name("data.sig"), {keyring.alice})


def test_a_clear_signed_text_does_not_verify_itself(keyring: Keyring) -> None:
    message = gpg(keyring.home, "--local-user", keyring.alice, "--clearsign", stdin=b"hello\n")
    with pytest.raises(NotVerifiedError):
        keyring.home.verify_bytes(b"hello\n", message, {keyring.alice})


def test_a_text_mode_signature_is_refused_because_it_ignores_line_endings(
    keyring: Keyring, data: Path
) -> None:
    signature = data.with_name("data.sig")
    gpg(keyring.home, "-u", keyring.alice, "--textmode", "--detach-sign", "--output", signature, data)
    with pytest.raises(NotVerifiedError, match="found class 01"):
        keyring.home.verify_file(data, signature, {keyring.alice})


def test_a_sha1_signature_is_refused(home: OpenPgpHome, data: Path) -> None:
    signer = home.generate_key("Old Timer", algorithm="rsa3072")
    signature = data.with_name("data.sig")
    gpg(home, "--digest-algo", "SHA1", "--detach-sign", "--output", signature, data)
    with pytest.raises(NotVerifiedError, match="found OpenPGP hash 2"):
        home.verify_file(data, signature, {signer})


def test_a_signature_by_an_expired_key_is_refused(home: OpenPgpHome) -> None:
    expires = YEAR_2020 + timedelta(days=100)
    signer = home.generate_key("Short Lived", created=YEAR_2020, expires=expires)
    armored = gpg(
        home, "--faked-system-time", "20200201T000000", "-u", f"{signer}!", "-a", "-b", stdin=b"x"
    ).decode()
    with pytest.raises(NotVerifiedError, match="by a key that has expired"):
        home.verify_bytes(b"x", armored, {signer})
    then = datetime(2020, 3, 1, tzinfo=UTC)
    found = home.verify_bytes(b"x", armored, {signer}, at=then)
    assert found.created == datetime(2020, 2, 1, tzinfo=UTC)
    with pytest.raises(NotVerifiedError, match="has expired"):
        home.verify_bytes(b"x", armored, {signer}, at=expires + timedelta(days=1))
    with pytest.raises(RefusedError, match="did not sign"):
        home.sign_bytes(b"x", signer)


def test_a_time_that_openpgp_cannot_hold_makes_no_expired_key_valid_again(home: OpenPgpHome) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    created, expires = now - timedelta(days=2), now + timedelta(hours=1)
    signer = home.generate_key("Wrap", created=created, expires=expires)
    armored = home.sign_bytes(b"x", signer)
    again = timedelta(seconds=2**32)  # gpg counts seconds in 32 bits: then it is today once more
    for moment in (expires + timedelta(days=1), now + again, now - again):
        with pytest.raises(NotVerifiedError):
            home.verify_bytes(b"x", armored, {signer}, at=moment)


def test_an_expired_signature_is_refused(keyring: Keyring) -> None:
    armored = gpg(
        keyring.home, "-u", keyring.alice, "--default-sig-expire", "1d", "-a", "-b", stdin=b"x"
    ).decode()
    keyring.home.verify_bytes(b"x", armored, {keyring.alice})
    later = datetime.now(UTC) + timedelta(days=2)
    with pytest.raises(NotVerifiedError, match="signature itself has expired"):
        keyring.home.verify_bytes(b"x", armored, {keyring.alice}, at=later)


def test_a_signature_by_a_revoked_key_is_refused(home: OpenPgpHome) -> None:
    signer = home.generate_key("Regretful")
    armored = home.sign_bytes(b"x", signer)
    home.verify_bytes(b"x", armored, {signer})
    prepared = (home.path / "openpgp-revocs.d" / f"{signer}.rev").read_bytes()
    gpg(home, "--import", stdin=prepared.replace(b":-----BEGIN", b"-----BEGIN"))
    with pytest.raises(NotVerifiedError, match="by a key that was revoked"):
        home.verify_bytes(b"x", armored, {signer})


def test_a_key_that_is_missing_from_the_keyring_is_refused(keyring: Keyring, home: OpenPgpHome) -> None:
    armored = keyring.home.sign_bytes(b"x", keyring.alice)
    with pytest.raises(NotVerifiedError, match=f"not in the keyring given .key {keyring.alice}"):
        home.verify_bytes(b"x", armored, {keyring.alice})


def test_a_subkey_signs_for_its_primary_and_is_chosen_by_its_own_fingerprint(home: OpenPgpHome) -> None:
    primary = home.generate_key("Many Keys")
    for _ in range(2):
        gpg(home, "--quick-add-key", primary, "ed25519", "sign", "never")
    older, newer = subkeys(home, primary)
    for chosen in (primary, older, newer):
        found = home.verify_bytes(b"x", home.sign_bytes(b"x", chosen), {primary})
        assert (found.primary_fingerprint, found.signing_fingerprint) == (primary, chosen)
    with pytest.raises(NotVerifiedError, match="not on the allow-list"):
        home.verify_bytes(b"x", home.sign_bytes(b"x", older), {older})


def test_a_primary_that_only_certifies_does_not_hand_over_to_a_subkey(home: OpenPgpHome) -> None:
    gpg(home, "--quick-generate-key", "Certifier", "ed25519", "cert", "never")
    listing = gpg(home, "--with-colons", "--list-keys").decode().splitlines()
    primary = next(line.split(":")[9] for line in listing if line.startswith("fpr:"))
    gpg(home, "--quick-add-key", primary, "ed25519", "sign", "never")
    with pytest.raises(RefusedError, match="did not sign") as caught:
        home.sign_bytes(b"x", primary)
    assert caught.value.hint is not None


def test_a_missing_secret_key_is_refused_and_no_other_key_signs_instead(keyring: Keyring, data: Path) -> None:
    with pytest.raises(RefusedError, match=f"did not sign with {NOBODY}.*No secret key"):
        keyring.home.sign_file(data, data.with_name("data.sig"), NOBODY)
    assert not data.with_name("data.sig").exists()


def test_a_gpg_that_signs_with_another_key_is_caught(
    keyring: Keyring, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("gpg")
    fake = tmp_path / "bin" / "gpg"
    fake.parent.mkdir()
    # A gpg that drops --local-user and takes its default key, as the real one does with --default-key.
    fake.write_text(
        "#!/bin/bash\nkept=()\nwhile [ $# -gt 0 ]; do\n"
        'if [ "$1" = --local-user ]; then shift 2; else kept+=("$1"); shift; fi\ndone\n'
        f'exec {real} --default-key {keyring.mallory} "${{kept[@]}}"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(keyring.home._gpg, "gpgbinary", str(fake))
    with pytest.raises(NotVerifiedError, match=f"expected {keyring.alice} to sign, gpg signed with"):
        keyring.home.sign_file(data, data.with_name("data.sig"), keyring.alice)
    assert not data.with_name("data.sig").exists()


@pytest.mark.parametrize("separator", ["\u0085", "\u2028", "\x1c", "\x0b"])
def test_a_user_id_cannot_forge_a_status_line(keyring: Keyring, separator: str) -> None:
    with OpenPgpHome() as home:
        home.import_keys(keyring.home.export_public(keyring.alice))
        forged = f"VALIDSIG {keyring.alice} 2026-01-01 1767225600 0 4 0 22 8 00 {keyring.alice}"
        name = f"Eve{separator}[GNUPG:] {forged}"
        gpg(home, "--allow-freeform-uid", "--quick-generate-key", name, "ed25519", "sign", "never")
        armored = gpg(home, "--armor", "--detach-sign", stdin=b"x")
        with pytest.raises(NotVerifiedError, match="not on the allow-list"):
            home.verify_bytes(b"x", armored, {keyring.alice})


def test_a_verifier_knows_the_keys_of_its_files_and_no_others(
    keyring: Keyring, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.asc").write_bytes(keyring.home.export_public(keyring.alice))
    (tmp_path / "b.asc").write_bytes(keyring.home.export_public(keyring.bob))
    signature = tmp_path / "data.sig"
    home, found = verifier_from_keys([tmp_path / "a.asc", tmp_path / "b.asc", tmp_path / "a.asc"])
    with home:
        assert found == (keyring.alice, keyring.bob)
        verifier = AllowListVerifier(home, found)
        keyring.home.sign_file(data, signature, keyring.bob)
        assert verifier.verify_file(data, signature) == keyring.bob
        keyring.home.sign_file(data, signature, keyring.carol)
        with pytest.raises(NotVerifiedError, match="not in the keyring"):
            verifier.verify_file(data, signature)


def test_a_verifier_needs_files_with_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least one file"):
        verifier_from_keys([])
    with pytest.raises(InputError, match="No such file"):
        verifier_from_keys([tmp_path / "gone.asc"])
    (tmp_path / "bad.asc").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"bad\.asc: OpenPGP keys: expected usable keys"):
        verifier_from_keys([tmp_path / "bad.asc"])


def test_several_threads_may_sign_in_one_home(keyring: Keyring) -> None:
    def sign(number: int) -> str:
        return keyring.home.sign_bytes(b"%d" % number, keyring.alice)

    with ThreadPoolExecutor(4) as pool:
        for number, armored in enumerate(pool.map(sign, range(12))):
            keyring.home.verify_bytes(b"%d" % number, armored, {keyring.alice})


def test_an_unwritable_target_leaves_no_partial_file(keyring: Keyring, data: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        keyring.home.sign_file(data, data.parent / "gone" / "data.sig", keyring.alice)
    data.with_name("data.sig").mkdir()
    with pytest.raises(InputError, match="directory"):
        keyring.home.sign_file(data, data.with_name("data.sig"), keyring.alice)
    assert sorted(path.name for path in data.parent.iterdir()) == ["data", "data.sig"]
