"""The Nu Html Checker: one Java program, fetched once, pinned by the digest of its package."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Final

from release.errors import NotVerifiedError, ToolError, storage_errors
from release.line.workspace import write_file
from tools.site_check.built import BuiltSite
from tools.site_check.measure import Measure, none_of

VERSION: Final = "26.9.27"
_ADDRESS = f"https://registry.npmjs.org/vnu-jar/-/vnu-jar-{VERSION}.tgz"
_INTEGRITY = "TkQd5DFfOaWC9ebtvozTsrH2Vaod3jYg+vrOeREzIXxBexLz9+rS2DNtjn7+RPUiZhgli0SghgBX6RJRNea0KA=="
"""SHA-512 of the package, as the registry's record of it has it."""

_MEMBER = "package/build/dist/vnu.jar"
_LIMIT = 64 << 20
_SECONDS = 900
_PAUSES = (5.0, 15.0, 45.0)
"""Seconds between tries to fetch it."""
_MISTAKEN = (
    "Inline style violates Content Security Policy",
    "Inline script violates Content Security Policy",
)
"""Warnings that are not so: the policies name style and scripts by their hashes, which the checker does not
compute. Chromium does, and would complain."""


def jar(folder: Path) -> Path:
    """The checker, in ``folder``, fetched from the registry where it is not there yet.

    Raises:
        NotVerifiedError: what came is not what is pinned.
        ToolError: nothing came.
    """
    path = folder / f"vnu-{VERSION}.jar"
    if path.is_file():
        return path
    data = _fetched()
    found = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != _INTEGRITY:
        raise NotVerifiedError(f"{_ADDRESS}: expected SHA-512 {_INTEGRITY}, found {found}")
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        member = package.extractfile(_MEMBER)
        if member is None:
            raise ToolError(f"{_ADDRESS}: expected {_MEMBER} in it")
        with storage_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            write_file(path, member.read())
    return path


def _fetched() -> bytes:
    """The package. Registries are away at times: it is asked for once more after each pause."""
    pauses = iter(_PAUSES)
    while True:
        try:
            with urllib.request.urlopen(_ADDRESS, timeout=120) as answer:
                return bytes(answer.read(_LIMIT))
        except (OSError, HTTPException) as error:
            pause = next(pauses, None)
            if pause is None:
                raise ToolError(f"{_ADDRESS}: {error}", hint="it is fetched once; try again") from error
        time.sleep(pause)


def validated(site: BuiltSite, folder: Path) -> Measure:
    """Every page, style included, in one call. Warnings count, too."""
    java = shutil.which("java")
    if java is None:
        raise ToolError("java is not installed", hint="tools/setup site")
    command = [
        java,
        "-Xss8m",
        "-jar",
        str(jar(folder)),
        "--skip-non-html",
        "--format",
        "json",
        str(site.root),
    ]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    try:
        messages = json.loads(done.stderr)["messages"]
    except (ValueError, KeyError) as error:
        raise ToolError(f"the HTML checker answered {done.stderr[:500]!r}") from error
    count = sum(len(paths) for paths in site.pages.values())
    return none_of(
        "kinds of errors and warnings of the Nu Html Checker", _faults(site, messages), f"{count} pages"
    )


def _faults(site: BuiltSite, messages: list[dict[str, object]]) -> Iterator[str]:
    """Each kind of fault once, with how often it is there and where first; the most frequent first."""
    places: dict[str, list[str]] = {}
    for message in messages:
        said = str(message["message"])
        if message["type"] == "info" and (message.get("subType") != "warning" or said.startswith(_MISTAKEN)):
            continue
        where = str(message.get("url", "")).rpartition(f"{site.root.name}/")[2]
        places.setdefault(said, []).append(f"{where}:{message.get('lastLine', '?')}")
    for said, found in sorted(places.items(), key=lambda item: (-len(item[1]), item[0])):
        yield f"{len(found)} times, {found[0]}: {said}"
