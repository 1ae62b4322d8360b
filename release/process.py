"""The only place that starts a program: argv as a list, explicit environment, time limit."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release.errors import ToolError, ToolMissingError, UnavailableError, storage_errors

DEFAULT_TIMEOUT = 600.0
"""Seconds after which a program is killed."""

_INHERITED = ("PATH", "HOME", "TMPDIR")
_SYSTEM_PROGRAMS = ":/usr/sbin:/sbin"  # where Debian keeps mke2fs; not in the PATH of its users
_PACKAGES = {
    "debugfs": "e2fsprogs",
    "dumpe2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "gpg": "gnupg",
    "gpg-connect-agent": "gnupg",
    "gpgconf": "gnupg",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
}


class ProgramError(ToolError):
    """A program exited with another code than 0. ``code`` and the end of ``stderr`` say what that means."""

    def __init__(self, message: str, *, code: int, stderr: str) -> None:
        """``stderr`` is what the program said last, up to ten lines."""
        super().__init__(message)
        self.code = code
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program that exited 0 wrote."""

    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Completed:
    """Run a program to its end. It inherits PATH, HOME and TMPDIR only, and speaks locale C.

    Raises:
        ToolMissingError: the program is not installed.
        ProgramError: it exited with anything but 0; the message has argv, the code, stderr's tail.
        UnavailableError: it did not end within ``timeout`` seconds; it was killed.
    """
    command, variables = _prepared(argv, environment)
    shown = shlex.join(map(str, argv))
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, check=False, env=variables, cwd=cwd, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{shown}: no end after {timeout:g} s, killed") from error
    if done.returncode != 0:
        tail = b"\n".join(done.stderr.strip().splitlines()[-10:]).decode(errors="replace")
        message = f"{shown}: exit code {done.returncode}: {tail}"
        raise ProgramError(message, code=done.returncode, stderr=tail)
    return Completed(done.stdout, done.stderr)


@contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Callable[[], int | None]]:
    """Let a program run beside us, saying what it says into ``log``, until the block ends; then kill it.

    The environment is as in ``run``. Gives a function that tells its exit code, None while it runs. It is
    killed, too, when our process is, where the program ``setpriv`` of util-linux is installed.

    Raises:
        ToolMissingError: the program is not installed.
    """
    command, variables = _prepared(argv, environment)
    setpriv = shutil.which("setpriv", path=variables["PATH"])
    if setpriv is not None:
        command = [setpriv, "--pdeathsig", "KILL", *command]
    with storage_errors(log), log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=variables, cwd=cwd
        )
    try:
        yield process.poll
    finally:
        process.kill()
        process.wait()


def _prepared(
    argv: Sequence[str | Path], environment: Mapping[str, str] | None
) -> tuple[list[str], dict[str, str]]:
    """The command with the program's path, and all of its environment. Raises ToolMissingError."""
    name, *arguments = (str(argument) for argument in argv)
    inherited = {variable: os.environ[variable] for variable in _INHERITED if variable in os.environ}
    inherited["PATH"] = inherited.get("PATH", "/usr/bin:/bin") + _SYSTEM_PROGRAMS
    variables = {**inherited, "LC_ALL": "C", **(environment or {})}
    program = shutil.which(name, path=variables["PATH"])
    if program is None:
        raise ToolMissingError(
            f"{name}: this program is not installed",
            hint=f"install it (on Debian: apt-get install {debian_package(name)})",
        )
    return [program, *arguments], variables


def debian_package(program: str) -> str:
    """The Debian 12 package that holds ``program``, as far as humpyard needs any."""
    return _PACKAGES.get(program, program)
