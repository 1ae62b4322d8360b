"""Who is named and which key signs: primaries that only certify, subkeys, keys kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from release.errors import InputError, NotVerifiedError, RefusedError
from release.process import run
from release.signing.openpgp import OpenPgpHome
from release.signing.secret_keys import choose, find_signing_key, read_listing

NOBODY = "0" * 40


@pytest.fixture
def home() -> Iterator[OpenPgpHome]:
    with OpenPgpHome() as opened:
        yield opened


def gpg(home: OpenPgpHome, *arguments: str) -> bytes:
    quiet = ["--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase="]
    return run(["gpg", "--homedir", home.path, *quiet, *arguments]).stdout


def certifier(home: OpenPgpHome, name: str = "Certifier") -> str:
    """A primary key that only certifies; its fingerprint."""
    before = {key.primary for key in read_listing(home.list_secret_keys())}
    gpg(home, "--quick-generate-key", name, "ed25519", "cert", "never")
    (primary,) = {key.primary for key in read_listing(home.list_secret_keys())} - before
    return primary


def add_subkey(home: OpenPgpHome, primary: str, expires: str = "never", usage: str = "sign") -> str:
    before = {key.fingerprint for key in read_listing(home.list_secret_keys())}
    gpg(home, "--quick-add-key", primary, "ed25519" if usage == "sign" else "cv25519", usage, expires)
    (added,) = {key.fingerprint for key in read_listing(home.list_secret_keys())} - before
    return added


def test_a_subkey_signs_for_a_primary_that_only_certifies(home: OpenPgpHome) -> None:
    certifier(home, "Somebody Else")
    primary = certifier(home)
    subkey = add_subkey(home, primary)
    add_subkey(home, primary, usage="encr")
    key = find_signing_key(home, primary)
    assert (key.primary, key.fingerprint) == (primary, subkey)
    found = home.verify_bytes(b"x", key.sign(b"x"), {primary})
    assert (found.primary_fingerprint, found.signing_fingerprint) == (primary, subkey)


def test_a_primary_that_can_sign_does_it_itself(home: OpenPgpHome) -> None:
    primary = home.generate_key("One Key")
    add_subkey(home, primary)
    assert find_signing_key(home, primary).fingerprint == primary


def test_a_subkey_signs_where_the_primary_is_kept_elsewhere(home: OpenPgpHome) -> None:
    primary = home.generate_key("Careful")
    subkey = add_subkey(home, primary)
    exported = gpg(home, "--armor", "--export-secret-subkeys", primary)
    with OpenPgpHome() as laptop:
        laptop.import_keys(exported)
        assert find_signing_key(laptop, primary).fingerprint == subkey


def test_people_are_named_by_their_primary_and_pipelines_may_name_a_subkey(home: OpenPgpHome) -> None:
    primary = certifier(home)
    older, newer = add_subkey(home, primary), add_subkey(home, primary)
    for subkey in (older, newer):
        with pytest.raises(RefusedError, match=f"is a subkey: expected its primary, {primary}"):
            find_signing_key(home, subkey)
        key = find_signing_key(home, subkey, subkey=True)
        assert (key.primary, key.fingerprint) == (primary, subkey)


def test_a_key_that_is_not_here_or_cannot_sign_is_refused(home: OpenPgpHome) -> None:
    with pytest.raises(RefusedError, match="there is no secret key of it here"):
        find_signing_key(home, NOBODY)
    with pytest.raises(InputError, match="expected 40 upper-case hexadecimal digits"):
        find_signing_key(home, "me")
    with pytest.raises(RefusedError, match="none of its 1 secret keys can sign here"):
        find_signing_key(home, certifier(home))


def test_a_signature_nobody_would_believe_is_not_handed_out(home: OpenPgpHome) -> None:
    one, other = certifier(home), home.generate_key("Other")
    add_subkey(home, one)
    key = find_signing_key(home, one)
    forged = type(key)(home=home, primary=one, fingerprint=other)
    with pytest.raises(NotVerifiedError, match="not on the allow-list"):
        forged.sign(b"x")


_A, _B, _C = (letter * 40 for letter in "ABC")


def line(kind: str, fingerprint: str, created: int, usage: str, state: str = "u+") -> str:
    """Two lines of a listing; ``state`` is the validity's letter and what field 15 says."""
    fields = [kind, state[0], "255", "22", fingerprint[-16:], str(created), *[""] * 5, usage, "", ""]
    return ":".join([*fields, state[1:], "", "ed25519", "", "", "0", f"\nfpr:::::::::{fingerprint}:\n"])


@pytest.mark.parametrize(
    ("listing", "chosen"),
    [
        (line("sec", _A, 1, "cC") + line("ssb", _B, 3, "s") + line("ssb", _C, 2, "s"), _B),
        (line("sec", _A, 1, "cC") + line("ssb", _B, 3, "s") + line("ssb", _C, 3, "s"), _C),
        (line("sec", _A, 1, "cC") + line("ssb", _B, 2, "s") + line("ssb", _C, 3, "s", "e+"), _B),
        (line("sec", _A, 1, "cC") + line("ssb", _B, 2, "s") + line("ssb", _C, 3, "s", "r+"), _B),
        (line("sec", _A, 1, "cC") + line("ssb", _B, 2, "s") + line("ssb", _C, 3, "s", "u#"), _B),
        (line("sec", _A, 1, "cC") + line("ssb", _B, 2, "s") + line("ssb", _C, 3, "e"), _B),
        (line("sec", _A, 1, "scSC", "u#") + line("ssb", _B, 2, "s", "uD2760001240102"), _B),
        (line("sec", _A, 1, "scSC") + line("ssb", _B, 2, "s"), _A),
        (line("sec", _A, 1, "scESC", "-+"), _A),
    ],
)
def test_the_newest_key_that_can_sign_is_chosen(listing: str, chosen: str) -> None:
    assert choose(read_listing(listing), _A).fingerprint == chosen


@pytest.mark.parametrize("validity", ["i", "d", "r", "e"])
def test_subkeys_of_a_primary_that_is_not_valid_sign_nothing(validity: str) -> None:
    listing = line("sec", _A, 1, "cC", f"{validity}+") + line("ssb", _B, 2, "s")
    with pytest.raises(RefusedError, match="none of its 2 secret keys can sign here"):
        choose(read_listing(listing), _A)


def test_what_is_no_listing_holds_no_keys() -> None:
    assert read_listing("") == ()
    assert read_listing("sec:\nfpr:::::::::\nuid:u::::x\n") == ()
    other = line("sec", _A, 1, "scSC") + line("sec", _C, 1, "cC") + line("ssb", _B, 2, "s")
    assert [key.primary for key in read_listing(other)] == [_A, _C, _C]
