"""Where an rsync mirror is: ``rsync://HOST/MODULE/PATH`` (a daemon) or ``rsync+ssh://HOST/PATH``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from release.errors import InputError

_URL = re.compile(
    r"(?P<scheme>rsync|rsync\+ssh)://"
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]{0,63})@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9_][A-Za-z0-9._+~@=,-]{0,199})+)/?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RsyncTarget:
    """``path`` begins with a slash; for a daemon its first segment is the module."""

    ssh: bool
    user: str | None
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. It holds no password: that is asked for at the moment of use.

        Raises InputError for anything else; nothing that is accepted reads as an option to rsync or ssh.
        """
        match = _URL.fullmatch(url)
        port = None if match is None or match["port"] is None else int(match["port"])
        if match is None or (port is not None and port > 0xFFFF):
            raise InputError(
                f"mirror {_without_password(url)!r}: expected rsync://[USER@]HOST[:PORT]/MODULE[/PATH]"
                " or rsync+ssh://[USER@]HOST[:PORT]/PATH of letters, digits and ._+~@=,-",
                hint="a password is not part of the URL",
            )
        return cls(
            ssh=match["scheme"] == "rsync+ssh",
            user=match["user"],
            host=match["host"],
            port=port,
            path=match["path"],
        )

    @property
    def argument(self) -> str:
        """What rsync is given, with the slash that means "what is in it". It begins with no dash."""
        login = self.host if self.user is None else f"{self.user}@{self.host}"
        if self.ssh:
            return f"{login}:{self.path}/"
        port = "" if self.port is None else f":{self.port}"
        return f"rsync://{login}{port}{self.path}/"

    def __str__(self) -> str:
        login = self.host if self.user is None else f"{self.user}@{self.host}"
        port = "" if self.port is None else f":{self.port}"
        return f"{'rsync+ssh' if self.ssh else 'rsync'}://{login}{port}{self.path}/"


def _without_password(url: str) -> str:
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:...@", url)
