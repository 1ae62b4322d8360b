"""Where secrets come from: the environment, a file, a terminal; and nowhere else."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from release.errors import InputError
from release.signing.secret_sources import ask, check_name, find, read_secret


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of secrets that the environment names."""
    monkeypatch.setenv("HUMPYARD_SECRETS", str(tmp_path))
    return tmp_path


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_a_variable_goes_before_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "payload-2026", b"from the file\n")
    assert find("payload-2026") == "from the file"
    monkeypatch.setenv("HUMPYARD_SECRET_PAYLOAD_2026", "from the environment")
    assert find("payload-2026") == ask("payload-2026") == "from the environment"


def test_a_key_that_names_no_secret_has_a_variable_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del folder
    monkeypatch.setenv("HUMPYARD_KEY_PASSPHRASE", "for the nameless")
    assert find("file:/key.pem") == "for the nameless"
    with pytest.raises(InputError, match="payload: a secret is needed and was not found") as caught:
        find("payload")
    assert "HUMPYARD_SECRET_PAYLOAD, or HUMPYARD_SECRETS to a directory" in str(caught.value.hint)


def test_what_is_not_there_says_where_it_is_looked_for() -> None:
    with pytest.raises(InputError, match="was not found") as caught:
        find("file:/key.pem")
    assert "HUMPYARD_KEY_PASSPHRASE, or give the secret a name" in str(caught.value.hint)


def test_a_secret_is_one_line_as_it_stands(tmp_path: Path) -> None:
    for data, secret in ((b"a b \n", "a b "), (b"x\r\n", "x"), ("p\u00e4ss".encode(), "p\u00e4ss")):
        assert read_secret(write(tmp_path / "secret", data)) == secret
    for data in (b"", b"\n", b"a\nb\n", b"a\0b", b"\xff\xfe", b"x" * 5000):
        with pytest.raises(InputError, match="expected a secret: one line of text") as caught:
            read_secret(write(tmp_path / "secret", data))
        assert "xx" not in str(caught.value)
    with pytest.raises(InputError, match="No such file"):
        read_secret(tmp_path / "gone")


def test_a_secret_that_others_may_read_is_reported_but_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "secret", b"canary\n")
    with caplog.at_level(logging.DEBUG):
        read_secret(path)
        assert not caplog.messages
        path.chmod(0o644)
        read_secret(path)
    assert caplog.messages == [f"{path}: others may read this secret; chmod 600 it"]


@pytest.mark.parametrize("name", ["", "A", "a_b", "a--b", "-a", "a-", "../a", "a/b", "\u00e4", "a" * 65])
def test_names_are_such_that_no_two_share_a_variable(name: str) -> None:
    with pytest.raises(InputError, match="expected lower-case words"):
        check_name(name)


ASKING = """
from release.errors import HumpyardError
from release.signing.secret_sources import ask
try:
    print("found", len(ask("payload-2026")))
except HumpyardError as error:
    print("refused", error, "|", error.hint)
"""


def test_without_a_terminal_nobody_is_asked() -> None:
    """Standard input is no place for secrets: what is piped in is somebody's data."""
    done = subprocess.run(
        [sys.executable, "-c", ASKING],
        input="from a pipe\n",
        capture_output=True,
        check=True,
        text=True,
        start_new_session=True,  # without a controlling terminal
    )
    assert done.stdout.startswith("refused payload-2026: a secret is needed and nobody is there to give it")
    assert "run this on a terminal, or set HUMPYARD_SECRET_PAYLOAD_2026" in done.stdout


def test_a_person_at_the_terminal_is_asked_and_what_is_typed_is_not_shown() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASKING])  # noqa: S606  # no shell
    said = b""
    while b"Secret for payload-2026: " not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"canary\n")
    while True:
        try:
            said += os.read(terminal, 1000)
        except OSError:  # Linux's way to tell that the other side was closed
            break
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"found 6" in said
    assert b"canary" not in said
