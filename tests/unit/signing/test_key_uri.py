"""Key URIs: what they may say, and that they hold no secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import InputError
from release.signing import SCHEMES, open_signer
from release.signing.key_uri import split_key_uri
from release.signing.pkcs11_uri import parse_pkcs11_uri
from release.signing.signer import KeyUriError
from tests.softhsm import MODULE
from tests.unit.signing.rsa_keys import private_key, write_private

WHERE = f"module-path={MODULE}"
FINGERPRINT = "A" * 40


def test_a_uri_is_taken_apart_and_decoded_once() -> None:
    found = split_key_uri("x:/a%20b?one=1%2526&two=a+b&secret=my-key", "x", "x:...", options={"one", "two"})
    assert (found.path, dict(found.options)) == (
        "/a%20b",
        {"one": "1%26", "two": "a+b", "secret": "my-key"},
    )
    assert found.shown == "x:/a%20b"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file:/k?pin-source=/p", "pin-source: expected file:/path"),
        ("file:/k?pin-source=|cat%20/p", "pin-source: expected file:/path"),
        ("file:/k?pin-source=file:p", "expected an absolute path, found 'p'"),
        ("file:/k?pin-source=file://host/p", "pin-source: expected file:/path"),
        ("file:/k?secret=My_Key", "secret 'My_Key': expected lower-case words"),
        (f"file:/k?secret={'a' * 65}", "expected lower-case words"),
        ("file:/k?secret=a&pin-source=file:/p", "expected secret or pin-source, found both"),
        ("file:/k?secret=a&secret=b", "expected one value for the option 'secret'"),
        ("file:/k?secret=", "expected one value for the option 'secret'"),
        ("file:/k?secret", "expected one value for the option 'secret'"),
        ("file:/k?secret=a&", "the option '' is not known"),
        (
            "file:/k?passphrase=canary",
            "the option 'passphrase' is not known; expected one of pin-source, secret",
        ),
        ("file:/k?pin-value=canary", "pin-value is refused"),
        ("file:/k?pin%2Dvalue=canary", "pin-value is refused"),
        ("file:/k\n", "expected file:/path/to/key.pem"),
        ("pkcs11:token=a;pin-value=canary", "pin-value is refused"),
        (f"pkcs11:token=a?{WHERE}&pin-value=canary", "pin-value is refused"),
        (f"pkcs11:token=a?{WHERE}&PIN-VALUE=canary", "pin-value is refused"),
        (f"pkcs11:token=a?{WHERE}&x-pin=canary", "the option 'x-pin' is not known"),
        ("pkcs11:token=a", "expected module-path or module-name"),
        (f"pkcs11:token=a?{WHERE}&module-name=softhsm2", "expected module-path or module-name"),
        ("pkcs11:token=a?module-path=softhsm.so", "module-path: expected an absolute path"),
        ("pkcs11:token=a?module-name=../x", "module-name: found '../x'"),
        (f"pkcs11:?{WHERE}", "expected pkcs11:token=LABEL"),
        (f"pkcs11:token=a;token=b?{WHERE}", "expected one value for the attribute 'token'"),
        (f"pkcs11:token=?{WHERE}", "expected one value for the attribute 'token'"),
        (f"pkcs11:token=a;?{WHERE}", "the attribute '' is not known"),
        (f"pkcs11:token=a;x-vendor=b?{WHERE}", "the attribute 'x-vendor' is not known"),
        (f"pkcs11:token=a;type=public?{WHERE}", "expected type=private"),
        (f"pkcs11:token=%FF?{WHERE}", "token: expected UTF-8"),
        (f"pkcs11:slot-id=one?{WHERE}", "slot-id: expected a number, found 'one'"),
        (f"pkcs11:slot-id={'9' * 21}?{WHERE}", "slot-id: expected a number"),
        ("awskms:alias/a?secret=b", "expected no secret or pin-source"),
        ("awskms:alias/a%20b", "expected awskms:alias/NAME"),
        ("awskms:arn:aws:s3:::bucket", "expected awskms:alias/NAME"),
        ("awskms:arn:aws:kms:eu-west-1:123456789012:key/a?region=us-east-1", "the region of the ARN is not"),
        ("awskms:alias/a?endpoint=ftp://x", r"endpoint: expected http\(s\)://HOST"),
        ("awskms:alias/a?endpoint=http://me:canary@x", r"endpoint: expected http\(s\)://HOST"),
        ("awskms:alias/a?endpoint=http://[", r"endpoint: expected http\(s\)://HOST"),
        ("gnupg:ABCD1234", "expected 40 upper-case hexadecimal digits"),
        (f"gnupg:{FINGERPRINT}?home=gnupg", "home: expected an absolute path"),
        (f"gnupg:{FINGERPRINT}?house=/h", "the option 'house' is not known; expected one of home,"),
    ],
)
def test_a_uri_that_is_not_understood_is_refused_and_shows_no_secret(uri: str, message: str) -> None:
    with pytest.raises(KeyUriError, match=message) as caught:
        open_signer(uri, lambda _: "never asked")
    assert "canary" not in f"{caught.value} {caught.value.hint}"


@given(label=st.text(st.characters(codec="utf-8"), min_size=1), identity=st.binary(min_size=1))
def test_any_label_and_id_can_be_named(label: str, identity: bytes) -> None:
    found = parse_pkcs11_uri(f"pkcs11:object={quote(label, safe='')};id={quote(identity, safe='')}?{WHERE}")
    assert (found.label, found.identity) == (label, identity)


def test_what_is_asked_for_is_the_secret_that_the_uri_names(tmp_path: Path) -> None:
    asked: list[str] = []

    def secrets(name: str) -> str:
        asked.append(name)
        return "open sesame"

    uri = write_private(tmp_path / "key.pem", private_key("one"), b"open sesame")
    open_signer(f"{uri}?secret=payload-2026", secrets)
    open_signer(uri, secrets)
    assert asked == ["payload-2026", uri]
    source = tmp_path / "pin"
    source.write_text("open sesame\n")
    source.chmod(0o600)
    assert open_signer(f"{uri}?pin-source=file:{source}", secrets).key.size == 256
    assert open_signer(f"{uri}?pin-source=file:{source}").key.size == 256
    assert len(asked) == 2, "a file that the URI names goes first"
    with pytest.raises(InputError, match="No such file"):
        open_signer(f"{uri}?pin-source=file:{source}.gone")


def test_the_signing_part_loads_nothing_that_only_some_keys_need() -> None:
    """A machine without a network signs with little installed; see ``python -m release.signing``."""
    code = "import sys, release.signing; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.split())
    assert {"cryptography", "release"} <= loaded
    assert not loaded & {"boto3", "botocore", "gnupg", "numpy", "pkcs11", "prefect", "pydantic", "typer"}


def test_what_is_not_installed_is_told_when_a_key_needs_it() -> None:
    code = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from release.errors import ToolMissingError\n"
        "from release.signing import open_signer\n"
        "try:\n    open_signer('pkcs11:token=a')\n"
        "except ToolMissingError as error:\n    print(error, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.startswith("pkcs11: this Python module is not installed")
    assert "pip install python-pkcs11" in done.stdout


def test_every_scheme_says_what_it_expects() -> None:
    for scheme in SCHEMES:
        with pytest.raises(KeyUriError, match=f"expected {scheme}:"):
            open_signer(f"{scheme}:")
