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


class DeadLinkError(InputError):
    """A symbolic link over there that was to be followed leads nowhere."""


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


_ROOM = "free some space there, then run the same command again"
_WHO = "check the user, the password or key, and what the far side knows of it"
_ALLOW = "its configuration (rsyncd.conf) must let us write and delete"
_OWNER = "who we are there must be allowed to read and write the mirror"
_SAID: tuple[tuple[str, frozenset[int], type[HumpyardError], str | None], ...] = (
    ("symlink has no referent", frozenset({23}), DeadLinkError, None),
    ("No space left on device", frozenset(), StorageFullError, _ROOM),
    ("Disk quota exceeded", frozenset(), StorageFullError, _ROOM),
    ("auth failed", frozenset(), InputError, _WHO),
    ("Permission denied (publickey", frozenset(), InputError, _WHO),
    ("Host key verification failed", frozenset(), InputError, _WHO),
    ("max connections", frozenset(), UnavailableError, None),
    ("read only", frozenset(), InputError, _ALLOW),
    ("refuse", frozenset({1, 4}), InputError, _ALLOW),
    ("Permission denied", frozenset({11, 23}), InputError, _OWNER),
    ("Read-only file system", frozenset({11, 23}), InputError, _OWNER),
    ("command not found", frozenset({12, 127}), InputError, "rsync must be installed on the far side"),
)
"""What is said, with which exit codes (none: with any), what that is to us, and what to do. First match."""

_WRONG = frozenset({1, 2, 3, 4, 5, 6})
"""Syntax, protocol version, selection of files, unsupported action, start of the protocol, its log."""
_AWAY = frozenset({10, 11, 12, 13, 14, 20, 23, 24, 25, 30, 35, 255})
"""Sockets, files, the stream, diagnostics, IPC, a signal, parts left over, both time limits, ssh."""


def _translate(where: str, error: ProgramError) -> HumpyardError:
    """Our error for an exit code and what was said with it."""
    said, code = error.stderr, error.code
    text = f"{where}: rsync exit code {code}: {said}"
    if code in {3, 12, 23} and "change_dir" in said and "No such file or directory (2)" in said:
        return _NoRootError(text)
    for phrase, codes, kind, hint in _SAID:
        if phrase in said and (not codes or code in codes):
            return kind(text, hint=hint)
    if code in _WRONG:
        return InputError(text)
    return UnavailableError(text) if code in _AWAY else error
