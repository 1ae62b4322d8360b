"""OpenPGP homes with a real gpg: keys that come and go, agents that end, and a gpg that does not work."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release.errors import InputError, NotVerifiedError, RefusedError, ToolError, ToolMissingError
from release.process import run
from release.signing import openpgp
from release.signing.openpgp import OpenPgpHome
from tests.openpgp_home import Keyring

NOBODY = "0" * 40
YEAR_2020 = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def home() -> Iterator[OpenPgpHome]:
    with OpenPgpHome() as opened:
        yield opened


def test_keys_travel_between_homes(keyring: Keyring, home: OpenPgpHome) -> None:
    assert home.import_keys(keyring.home.export_public(keyring.alice)) == (keyring.alice,)
    armored = keyring.home.sign_bytes(b"x", keyring.alice)
    home.verify_bytes(b"x", armored, {keyring.alice})
    with pytest.raises(RefusedError, match="No secret key"):
        home.sign_bytes(b"x", keyring.alice)
    assert home.import_keys(keyring.home.export_secret(keyring.alice)) == (keyring.alice,)
    assert home.sign_bytes(b"x", keyring.alice)


def test_what_is_not_there_cannot_be_exported(keyring: Keyring) -> None:
    with pytest.raises(InputError, match="public key is not in this keyring"):
        keyring.home.export_public(NOBODY)
    with pytest.raises(InputError, match="secret key is not in this keyring"):
        keyring.home.export_secret(NOBODY)


@pytest.mark.parametrize("blob", [b"", b"no key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"])
def test_what_is_no_key_is_not_imported(home: OpenPgpHome, blob: bytes) -> None:
    with pytest.raises(InputError, match="expected usable keys"):
        home.import_keys(blob)


def test_the_agent_is_told_no_secrets_of_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUMPYARD_SECRET_RELEASE_PIN", "HUMPYARD_KEY_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "canary")
    with OpenPgpHome() as home:
        home.generate_key("Somebody")  # which starts the agent
        told = [path.read_bytes() for path in environments_of_agents(home.path)]
    assert told
    assert not any(b"canary" in variables for variables in told)


def environments_of_agents(home: Path) -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            command = (process / "cmdline").read_bytes()
            if command.startswith(b"gpg-agent") and bytes(home) in command:
                yield process / "environ"


def agent_socket(home: Path) -> bytes:
    listing = run(["gpgconf", "--homedir", home, "--list-dirs", "agent-socket"])
    return listing.stdout.strip()


def agent_answers(path: bytes) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(path)
        return True
    return False


def test_closing_removes_a_temporary_home_and_ends_its_agent() -> None:
    home = OpenPgpHome()
    home.generate_key("Brief")
    where = agent_socket(home.path)
    assert agent_answers(where)
    home.close()
    home.close()
    assert not home.path.exists()
    assert not agent_answers(where)
    with pytest.raises(RuntimeError, match="closed"):
        home.sign_bytes(b"x", NOBODY)


def test_a_home_that_nobody_closed_is_cleaned_up_with_its_object() -> None:
    home = OpenPgpHome()
    path = home.path
    del home
    assert not path.exists()


def test_a_home_of_ones_own_is_kept_and_may_have_a_long_path(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100)
    directory.mkdir(mode=0o700)
    with OpenPgpHome(directory) as home:
        signer = home.generate_key("Keeper")
        armored = home.sign_bytes(b"x", signer)
        link = home.path
    assert not link.exists()
    with OpenPgpHome(directory) as home:
        home.verify_bytes(b"x", armored, {signer})
        assert home.sign_bytes(b"y", signer)


def test_an_agent_that_ran_before_keeps_running(home: OpenPgpHome) -> None:
    home.generate_key("Owner")
    where = agent_socket(home.path)
    with OpenPgpHome(home.path) as second:
        assert second.path == home.path.resolve()
    assert agent_answers(where)


def test_a_home_must_be_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a directory with an OpenPGP keyring"):
        OpenPgpHome(tmp_path / "gone")


def test_a_missing_gpg_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="gpg: this program is not installed") as caught:
        OpenPgpHome()
    assert caught.value.hint == "install it (on Debian: apt-get install gnupg)"


def test_a_gpg_that_fails_to_start_is_a_tool_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gpg").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ToolError, match="gpg does not start"):
        OpenPgpHome()


def test_a_gpg_that_disappears_is_a_tool_error(home: OpenPgpHome) -> None:
    home._gpg.gpgbinary = "/nonexistent/gpg"
    with pytest.raises(ToolError, match="gpg verify_file"):
        home.verify_bytes(b"x", b"y", {NOBODY})


def test_a_python_gnupg_that_ignores_our_result_class_is_noticed(
    home: OpenPgpHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home._gpg, "verify_file", lambda *_, **__: True)
    with pytest.raises(TypeError, match="expected our result class"):
        home.verify_bytes(b"x", b"y", {NOBODY})


@pytest.mark.parametrize(
    ("user_id", "message"),
    [("", "user id"), ("A\n%no-ask", "user id"), ("A <b", "user id"), ("\u00c5", "expected ASCII")],
)
def test_a_user_id_cannot_carry_gpg_parameters(home: OpenPgpHome, user_id: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        home.generate_key(user_id)


def test_a_generated_key_has_a_known_algorithm_and_a_sane_life(home: OpenPgpHome) -> None:
    with pytest.raises(InputError, match="expected one of ed25519, rsa3072"):
        home.generate_key("A", algorithm="dsa1024")
    with pytest.raises(InputError, match="needs an earlier 'created'"):
        home.generate_key("A", created=YEAR_2020, expires=YEAR_2020)
    home._gpg.gpgbinary = "/bin/false"
    with pytest.raises(ToolError, match="gpg"):
        home.generate_key("A")


def test_the_environment_cannot_choose_another_keyring(
    keyring: Keyring, home: OpenPgpHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(keyring.home.path))
    armored = keyring.home.sign_bytes(b"x", keyring.alice)
    with pytest.raises(NotVerifiedError, match="not in the keyring"):
        home.verify_bytes(b"x", armored, {keyring.alice})


def test_module_options_forbid_the_network() -> None:
    assert {"--no-auto-key-retrieve", "--no-auto-key-locate", "--disable-dirmngr"} <= set(openpgp._OPTIONS)
