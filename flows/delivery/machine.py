"""A machine that updates itself: it polls, downloads in pieces, checks, applies, and says how it went.

It knows what update_engine knows: an address, a public key, its version, its partition. The answer is read
as that client reads it (``omaha_request_action.cc``), by code that shares nothing with the update server.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import requests
from defusedxml import ElementTree

from release.errors import NotVerifiedError, UnavailableError
from release.payload.apply import apply_payload
from release.payload.profile import FLATCAR
from release.signing.payload_signature import verify_payload
from release.signing.trusted_keys import PayloadKey

APP = "{e96281a6-d1af-4bde-9a0a-97b76e56dc57}"
"""Flatcar's application."""
_TIMEOUT = 30.0
_UPDATER = "update_engine-0.4.10"
_PIECES = 2
DOWNLOADED, INSTALLED, BOOTED, FAILED = (14, 1), (800, 1), (3, 2), (3, 0)
"""Event types and results, as update_engine sends them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A file of an update, as the answer has it; ``size`` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a poll found. Without ``version`` there is nothing to do, and ``status`` says why."""

    status: str
    version: str = ""
    urls: tuple[str, ...] = ()
    payload: Package = Package(name="", size=0)
    sha256: str = ""
    """Base64, of the whole payload file."""
    delta: bool = False
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine. ``image`` is its active partition, ``updates`` where it asks."""

    id: str
    version: str
    image: Path
    updates: str
    key: PayloadKey
    board: str
    track: str

    def poll(self) -> Found:
        """Ask for an update. Raises UnavailableError when nobody answers."""
        return read_answer(self._post('<ping active="1"/><updatecheck/>'))

    def tells(self, event: tuple[int, int], *, before: str = "", code: int = 0) -> None:
        """Send an event. ``before`` is the version that it had before, ``code`` of an error."""
        attributes = f'eventtype="{event[0]}" eventresult="{event[1]}"'
        attributes += f' errorcode="{code}"' if code else ""
        attributes += f' previousversion="{before}"' if before else ""
        self._post(f"<event {attributes}/>")

    def updated(self, found: Found, folder: Path) -> tuple[Machine, str]:
        """Download and apply. Returns the machine after its reboot, and what was done, in a line.

        Raises:
            NotVerifiedError: what came is not what was offered, or not signed for this machine.
            UnavailableError: no mirror gives it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        payload, came = self._download(found, folder)
        self.tells(DOWNLOADED)
        verify_payload(payload, [self.key], FLATCAR)
        image = folder / f"usr-{found.version}.img"
        made = apply_payload(payload, image, source=self.image if found.delta else None, profile=FLATCAR)
        self.tells(INSTALLED)
        after = replace(self, version=found.version, image=image)
        after.tells(BOOTED, before=self.version)
        kind = "delta" if found.delta else "full payload"
        operations = ", ".join(f"{count} {name}" for name, count in made.operations.items())
        return after, f"{kind} of {found.payload.size:,} bytes {came}; {operations}; {made.image.sha256}"

    def _download(self, found: Found, folder: Path) -> tuple[Path, str]:
        """From the first address that has it, in pieces, as a client that was interrupted would."""
        failed: list[str] = []
        for url in found.urls:
            target = folder / found.payload.name
            try:
                size = fetch_in_pieces(url + found.payload.name, target, found.payload.size, _PIECES)
            except (UnavailableError, requests.RequestException) as error:
                failed.append(f"{url}: {error}")
                continue
            self._check(target, size, found)
            skipped = f", after {len(failed)} that did not answer" if failed else ""
            return target, f"from {url} in {_PIECES} pieces{skipped}"
        raise UnavailableError("no mirror gives the payload: " + "; ".join(failed))

    def _check(self, path: Path, size: int, found: Found) -> None:
        digest = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
        if (size, digest) != (found.payload.size, found.sha256):
            raise NotVerifiedError(
                f"{path.name}: expected {found.payload.size} bytes, {found.sha256}, found {size}, {digest}"
            )

    def _post(self, inside: str) -> bytes:
        app = (
            f"<app appid={quoteattr(APP)} version={quoteattr(self.version)} track={quoteattr(self.track)}"
            f' bootid="{{{self.id}}}" oem="demo" oemversion="" alephversion={quoteattr(self.version)}'
            f' machineid={quoteattr(self.id)} machinealias="" lang="en-US" board={quoteattr(self.board)}'
            f' hardware_class="" delta_okay="false">{inside}</app>'
        )
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<request protocol="3.0" version="{_UPDATER}" updaterversion="{_UPDATER}"'
            f' installsource="ondemandupdate" ismachine="1"><os version="Chateau" platform="CoreOS"'
            f" sp={quoteattr(self.version + '_x86_64')}/>{app}</request>"
        )
        try:
            answer = requests.post(self.updates, data=body.encode(), timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise UnavailableError(f"{self.updates}: {error}") from error
        if answer.status_code != requests.codes.ok:
            raise UnavailableError(f"{self.updates}: status {answer.status_code}")
        return answer.content


def read_answer(data: bytes) -> Found:
    """What update_engine finds in an answer. Raises NotVerifiedError where it would give up."""
    root = ElementTree.fromstring(data)
    check = root.find("app/updatecheck")
    status = "" if check is None else check.get("status", "")
    if check is None or status != "ok":
        app = root.find("app")
        told = "" if app is None else app.get("status", "")
        return Found(status=status if told in {"", "ok"} else told)
    urls = tuple(url.get("codebase", "").rstrip("/") + "/" for url in check.findall("urls/url"))
    packages = check.findall("manifest/packages/package")
    action = check.find("manifest/actions/action[@event='postinstall']")
    manifest = check.find("manifest")
    if not urls or not packages or action is None or manifest is None:
        raise NotVerifiedError("answer: expected urls, a manifest, packages and a postinstall action")
    first, *others = packages
    return Found(
        status=status,
        version=manifest.get("version", ""),
        urls=urls,
        payload=Package(name=first.get("name", ""), size=int(first.get("size", "0"))),
        sha256=action.get("sha256", ""),
        delta=action.get("IsDeltaPayload") == "true",
        extensions=tuple(one.get("name", "") for one in others),
    )


def fetch_in_pieces(url: str, target: Path, size: int, pieces: int) -> int:
    """Download ``size`` bytes by ranges, one after the other, each appended to what is there.

    Returns the bytes written. Raises UnavailableError when the server does not answer 206 to a range: what
    answers 200 sends all of it, and must never be appended.
    """
    target.unlink(missing_ok=True)
    for first, last in _ranges(size, pieces):
        answer = requests.get(url, headers={"Range": f"bytes={first}-{last}"}, timeout=_TIMEOUT)
        if answer.status_code != requests.codes.partial_content:
            raise UnavailableError(f"{url}: expected status 206 for a range, found {answer.status_code}")
        with target.open("ab") as sink:
            sink.write(answer.content)
    return target.stat().st_size


def _ranges(size: int, pieces: int) -> Iterator[Sequence[int]]:
    step = -(-size // pieces)
    for first in range(0, size, step):
        yield first, min(first + step, size) - 1
