"""Which Nebraska, which of its channels are ours, and how long we wait for it. No secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError

FLATCAR_APP = "e96281a6-d1af-4bde-9a0a-97b76e56dc57"
"""The application that Flatcar's machines ask for; a product of its own has its own."""
ARCHITECTURES = {"amd64": 1, "arm64": 2, "x86": 3}
"""Nebraska's codes; 0 is for packages of any architecture, which an image is not."""
LONGEST_URL = 256
MAX_FLOORS = 5
"""Of more than its NEBRASKA_MAX_FLOORS_PER_RESPONSE (5), Nebraska skips some (flatcar/nebraska#1291)."""

_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,154}", re.ASCII)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NebraskaOptions:
    """How to reach one Nebraska, and what to tell it.

    Attributes:
        url: ``https://HOST[/PREFIX]``, below which ``/api`` is. Plain HTTP is only for this machine, or where
            there is no token.
        app: the application: its UUID, or its product id.
        payload_url: the directory of a release's payloads as machines reach it, with ``{board}`` and
            ``{version}``.
        token: the name of the secret that is sent as bearer token; None where Nebraska asks for none.
        channels: for each of our channels that is published there, by board, the id or the name of
            Nebraska's channel. Nebraska has one for each architecture.
        point_back: whether a channel that Nebraska has at a release which was stopped is pointed back to
            the one before. That ends new updates; no machine goes down.
        wait_for_rollout: whether a channel moves to a release only when its rollout has reached everybody.
            Nebraska knows no shares of machines: it would offer it to all of them at once.
        max_floors: more floors than this in one channel are refused.
        timeout: seconds for one request, the answer included.
        retries: how often a request is tried again, 0 and more.
    """

    url: str
    app: str = FLATCAR_APP
    payload_url: str
    token: str | None = None
    channels: Mapping[str, Mapping[Board, str]] = field(hash=False)
    point_back: bool = True
    wait_for_rollout: bool = True
    max_floors: int = MAX_FLOORS
    timeout: float = 30.0
    retries: int = 3

    def __post_init__(self) -> None:
        _check_url(self.url, secret=self.token is not None)
        if not _APP.fullmatch(self.app):
            raise InputError(f"nebraska.app {self.app!r}: expected a UUID or a product id")
        self.url_of(Board("amd64"), Version(1, 0, 0))
        if not (self.timeout > 0 and self.retries >= 0 and self.max_floors >= 0):
            raise InputError("nebraska: expected a timeout above 0, and no negative retries or floors")
        for name, boards in self.channels.items():
            for board, channel in boards.items():
                architecture_of(board)
                if not channel:
                    raise InputError(f"nebraska.channels.{name}.{board}: expected a channel's id or name")

    def url_of(self, board: Board, version: Version) -> str:
        """The directory that a release's payloads for ``board`` are served from.

        Raises InputError for a template that gives none that Nebraska takes.
        """
        where = f"nebraska.payload_url {self.payload_url!r}"
        if "{board}" not in self.payload_url or "{version}" not in self.payload_url:
            raise InputError(f"{where}: expected {{board}} and {{version}} in it")
        url = self.payload_url.replace("{board}", str(board)).replace("{version}", str(version))
        if not url.endswith("/") or not _is_web_address(url) or re.search(r"[{}\s]", url):
            raise InputError(f"{where}: expected http(s)://HOST/PATH/ with a slash at its end, found {url!r}")
        if len(url) > LONGEST_URL:
            raise InputError(f"{where}: expected up to {LONGEST_URL} characters, found {len(url)}")
        return url


def architecture_of(board: Board) -> int:
    """Nebraska's code for the architecture of a board. Raises InputError when it has none."""
    code = ARCHITECTURES.get(board.architecture)
    if code is None:
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"board {board}: Nebraska knows the architectures {known} only")
    return code


def _check_url(url: str, *, secret: bool) -> None:
    if not _is_web_address(url):
        raise InputError(f"nebraska.url {url!r}: expected https://HOST/PATH without query or user name")
    parts = urlsplit(url)
    if secret and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise InputError(
            f"nebraska.url {url!r}: a token would go over the network in the clear", hint="use https://"
        )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # checked when it is asked for
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain
