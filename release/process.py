"""The only place that starts a program: argv as a list, explicit environment, time limit."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import ToolError, ToolMissingError, UnavailableError

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
}


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
        ToolError: it exited with anything but 0; the message has argv, the code, stderr's tail.
        UnavailableError: it did not end within ``timeout`` seconds; it was killed.
    """
    command = [str(argument) for argument in argv]
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    inherited["PATH"] = inherited.get("PATH", "/usr/bin:/bin") + _SYSTEM_PROGRAMS
    variables = {**inherited, "LC_ALL": "C", **(environment or {})}
    program = shutil.which(command[0], path=variables["PATH"])
    if program is None:
        raise ToolMissingError(
            f"{command[0]}: this program is not installed",
            hint=f"install it (on Debian: apt-get install {debian_package(command[0])})",
        )
    try:
        done = subprocess.run(
            [program, *command[1:]],
            input=stdin,
            capture_output=True,
            check=False,
            env=variables,
            cwd=cwd,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{shlex.join(command)}: no end after {timeout:g} s, killed") from error
    if done.returncode != 0:
        tail = b"\n".join(done.stderr.strip().splitlines()[-10:]).decode(errors="replace")
        raise ToolError(f"{shlex.join(command)}: exit code {done.returncode}: {tail}")
    return Completed(done.stdout, done.stderr)


def debian_package(program: str) -> str:
    """The Debian 12 package that holds ``program``, as far as humpyard needs any."""
    return _PACKAGES.get(program, program)
