"""What rsync's exit codes mean to us, by what Debian's rsync says with them."""

from __future__ import annotations

import pytest

from release.errors import HumpyardError, InputError, StorageFullError, UnavailableError
from release.mirror.rsync_program import _translate
from release.process import ProgramError


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (1, "ERROR: module is read only", InputError),
        (4, "The server is configured to refuse --delete", InputError),
        (5, "@ERROR: auth failed on module mirror", InputError),
        (5, "@ERROR: Unknown module 'x'", InputError),
        (5, "@ERROR: max connections (4) reached -- try again later", UnavailableError),
        (10, "failed to connect to 127.0.0.1: Connection refused (111)", UnavailableError),
        (11, 'write failed on "x": No space left on device (28)', StorageFullError),
        (11, 'mkdir "x" failed: Permission denied (13)', InputError),
        (11, "read error: Input/output error (5)", UnavailableError),
        (12, "connection unexpectedly closed (0 bytes received so far)", UnavailableError),
        (12, "bash: rsync: command not found", InputError),
        (23, "some files/attrs were not transferred", UnavailableError),
        (24, 'file has vanished: "x"', UnavailableError),
        (30, "io timeout after 60 seconds", UnavailableError),
        (35, "timeout waiting for daemon connection", UnavailableError),
        (255, "ssh: connect to host x port 22: Connection refused", UnavailableError),
        (255, "root@x: Permission denied (publickey).", InputError),
        (255, "Host key verification failed.", InputError),
        (22, "out of memory", ProgramError),
    ],
)
def test_codes_and_words_become_our_families(code: int, said: str, kind: type[HumpyardError]) -> None:
    error = _translate("rsync://host/m/", ProgramError("rsync: ...", code=code, stderr=said))
    assert type(error) is kind
    assert said in str(error) or kind is ProgramError
