"""The program rsync, started for one transfer: what it is told, what it says, what its exit codes mean.

Needs rsync 3.2.3 or newer on this side (``--mkpath``). Exit codes: rsync(1), EXIT VALUES.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import HumpyardError, InputError, StorageFullError, UnavailableError
from release.mirror.rsync_target import RsyncTarget
from release.process import ProgramError, run

PATIENCE = 60
"""Seconds without a byte after which a transfer is given up."""
LONGEST = 12 * 3600.0
"""Seconds that one transfer may take at most."""
_CONNECT_LIMIT = 20
"""Seconds until a daemon must have answered."""
_LINE = re.compile(r"(\S{11}|\*deleting  ) (\d+) (.+?)(?: -> (.+))?")


@dataclass(frozen=True, slots=True)
class Change:
    """What rsync does, or would do, about one name.

    ``item`` is as rsync(1) says under ``--itemize-changes``; ``link`` is where a symbolic link leads.
    """

    item: str
    size: int
    name: str
    link: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether bytes of a plain file move."""
        return self.item[:2] in {"<f", ">f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rsync:
    """Transfers from and to one target.

    Attributes:
        target: the far side.
        secret: asked for the daemon's password at each transfer; given to rsync in its environment.
        ssh_config: in the place of the user's own configuration of ssh.
        bandwidth: bytes a second at most, counted in KiB by rsync.
        patience: seconds without a byte after which a transfer is given up.
    """

    target: RsyncTarget
    secret: Callable[[], str] | None = None
    ssh_config: Path | None = None
    bandwidth: int | None = None
    patience: int = PATIENCE

    def push(
        self, folder: Path, *options: str, names: Sequence[str] | None = None, create: bool = False
    ) -> list[Change]:
        """Send what is in ``folder``, or ``names`` of it only. ``create`` makes the far root when missing.

        Raises InputError, UnavailableError, StorageFullError, ToolError by what rsync says.
        """
        return self._run((*options, "--mkpath") if create else options, f"{folder}/", None, names)

    def look(self, folder: Path, names: Sequence[str]) -> list[Change]:
        """What fetching ``names`` into the empty ``folder`` would bring: those that are there.

        Errors as in ``push``, but a far root that does not exist (yet) holds nothing.
        """
        try:
            return self._run(("--dry-run", "--ignore-missing-args"), None, f"{folder}/", names)
        except _NoRootError:
            return []

    def pull(self, folder: Path, *options: str) -> list[Change]:
        """Fetch into ``folder`` what filter rules among the options let through. Errors as in ``look``.

        Not by ``--files-from``: a daemon of rsync 3.5.0 without chroot then says of every file below a
        module's subfolder that it has vanished.
        """
        try:
            return self._run(("--recursive", *options), None, f"{folder}/", None)
        except _NoRootError:
            return []

    def _run(
        self, options: Iterable[str], source: str | None, target: str | None, names: Sequence[str] | None
    ) -> list[Change]:
        argv = ["rsync", "--no-motd", "--out-format=%i %l %n%L", f"--timeout={self.patience}"]
        if not self.target.ssh:
            argv.append(f"--contimeout={_CONNECT_LIMIT}")
        if self.bandwidth is not None:
            argv.append(f"--bwlimit={max(1, self.bandwidth // 1024)}")
        argv += options
        if names is not None:
            argv.append("--files-from=-")
        argv += ["--", source or self.target.argument, target or self.target.argument]
        stdin = "".join(f"{name}\n" for name in names or ()).encode()
        try:
            done = run(argv, stdin=stdin, environment=self._environment(), timeout=LONGEST)
        except ProgramError as error:
            raise _translate(str(self.target), error) from error
        return _changes(done.stdout)

    def _environment(self) -> dict[str, str]:
        if not self.target.ssh:
            # Without a password rsync would ask for one on the terminal.
            return {"RSYNC_PASSWORD": "" if self.secret is None else self.secret()}
        command = ["ssh", "-oBatchMode=yes", f"-oConnectTimeout={_CONNECT_LIMIT}"]
        if self.ssh_config is not None:
            command += ["-F", str(self.ssh_config)]
        if self.target.port is not None:
            command += ["-p", str(self.target.port)]
        environment = {"RSYNC_RSH": shlex.join(command)}
        if "SSH_AUTH_SOCK" in os.environ:
            environment["SSH_AUTH_SOCK"] = os.environ["SSH_AUTH_SOCK"]
        return environment


class _NoRootError(InputError):
    """The far root does not exist."""


def _changes(stdout: bytes) -> list[Change]:
    """What the lines of our format say; what else is said (``created directory``) is left out."""
    found = []
    for line in stdout.decode(errors="backslashreplace").splitlines():
        match = _LINE.fullmatch(line)
        if match is not None:
            found.append(Change(match[1], int(match[2]), match[3], match[4]))
    return found


_REACH = {10, 12, 13, 14, 20, 30, 35}
"""Socket, protocol stream, diagnostics, IPC, a signal, both time limits."""


def _translate(where: str, error: ProgramError) -> HumpyardError:  # noqa: PLR0911  # a table, a case a line
    """Our error for an exit code and what was said with it."""
    said, code = error.stderr, error.code
    text = f"{where}: rsync exit code {code}: {said}"
    if code in {3, 12, 23} and "change_dir" in said and "No such file or directory (2)" in said:
        return _NoRootError(text)
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return StorageFullError(text, hint="free some space there, then run the same command again")
    if "auth failed" in said or "Permission denied (publickey" in said or "Host key verification" in said:
        return InputError(text, hint="check the user, the password or key, and what the far side knows of it")
    if "max connections" in said:
        return UnavailableError(text)
    if "read only" in said or ("refuse" in said and code in {1, 4}):
        return InputError(text, hint="its configuration (rsyncd.conf) must let us write and delete")
    if code in {1, 2, 3, 4, 5, 6}:
        return InputError(text)
    if code in {11, 23} and ("Permission denied" in said or "Read-only file system" in said):
        return InputError(text, hint="who we are there must be allowed to read and write the mirror")
    if code in {127, 12} and "command not found" in said:
        return InputError(text, hint="rsync must be installed on the far side")
    if code in _REACH or code in {11, 23, 24, 25, 255}:
        return UnavailableError(text)
    return error
