"""Two clients' readers of an answer, written from what their sources do, not from our renderer.

``update_engine`` follows omaha_request_action.cc: XPaths on the whole document, the first match counts,
anything missing is an error 34. ``ue_rs`` follows omaha/src/response.rs and download_sysext.rs.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from fnmatch import fnmatchcase
from uuid import UUID
from xml.etree import ElementTree as ET


class RefusedAnswerError(Exception):
    """The client would end with an error."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What update_engine goes on with."""

    urls: tuple[str, ...]
    size: int
    sha256: str
    version: str
    is_delta: bool
    disable_backoff: bool
    failures_per_url: int = 10


@dataclass(frozen=True, kw_only=True)
class Extra:
    """What ue-rs downloads."""

    url: str
    size: int
    sha1: bytes | None
    sha256: bytes | None


def update_engine(answer: bytes) -> tuple[Plan | None, int]:
    """The plan, None for no update, and the poll interval, 0 for its own. Raises RefusedAnswerError."""
    root = ET.fromstring(answer)  # noqa: S314  our own answer
    if root.tag != "response":
        raise RefusedAnswerError("34")
    check = _first(root, "app/updatecheck")
    poll = check.get("PollInterval", "")
    interval = int(poll) if re.fullmatch(r"-?[0-9]+", poll) else 0
    status = check.get("status")
    if status == "noupdate":
        return None, interval
    if status != "ok":
        raise RefusedAnswerError(f"34: status {status}")
    manifest = _first(root, "app/updatecheck/manifest")
    urls = [url.get("codebase", "") for url in root.findall("app/updatecheck/urls/url")]
    package = _first(root, "app/updatecheck/manifest/packages/package")
    name, size = package.get("name", ""), _leading_number(package.get("size", ""))
    if not urls or not all(urls) or not name or size <= 0:
        raise RefusedAnswerError("34: url, name or size")
    actions = root.findall("app/updatecheck/manifest/actions/action")
    action = next((one for one in actions if one.get("event") == "postinstall"), None)
    if action is None or not action.get("sha256"):
        raise RefusedAnswerError("34: action")
    return (
        Plan(
            urls=tuple((url if url.endswith("/") else f"{url}/") + name for url in urls),
            size=size,
            sha256=action.get("sha256", ""),
            version=manifest.get("version", ""),
            is_delta=action.get("IsDeltaPayload") == "true",
            disable_backoff=action.get("DisablePayloadBackoff") == "true",
        ),
        interval,
    )


def ue_rs(answer: bytes, glob: str) -> list[Extra]:
    """What ``download_sysext -m GLOB`` would download. Raises RefusedAnswerError, ValueError."""
    root = ET.fromstring(answer)  # noqa: S314  our own answer
    assert root.get("protocol") is not None
    found: list[Extra] = []
    for app in root.findall("app"):
        appid = app.attrib["appid"]
        UUID(appid.removeprefix("{").removesuffix("}"))
        assert app.get("status") is not None
        check = _first(app, "updatecheck")
        url = _first(check, "urls/url").attrib["codebase"]
        assert url.endswith("/"), "joined as a relative reference"
        for action in _first(check, "manifest").findall("actions/action"):
            assert action.attrib["event"] in {"preinstall", "install", "postinstall", "update"}
            assert len(b64decode(action.attrib["sha256"], validate=True)) == 32
            assert action.get("DisablePayloadBackoff", "true") in {"true", "false"}
        for package in check.findall("manifest/packages/package"):
            assert package.attrib["required"] in {"true", "false"}
            sha1, sha256 = package.get("hash"), package.get("hash_sha256")
            if fnmatchcase(package.attrib["name"], glob) and (sha1 or sha256):
                found.append(
                    Extra(
                        url=url + package.attrib["name"],
                        size=int(package.attrib["size"]),
                        sha1=_sized(b64decode(sha1, validate=True), 20) if sha1 else None,
                        sha256=_sized(bytes.fromhex(sha256), 32) if sha256 else None,
                    )
                )
    return found


def _first(node: ET.Element, path: str) -> ET.Element:
    found = node.find(path)
    if found is None:
        raise RefusedAnswerError(f"34: no {path}")
    return found


def _leading_number(text: str) -> int:
    match = re.match(r"\s*([+-]?[0-9]+)", text)
    return int(match[1]) if match else 0


def _sized(value: bytes, size: int) -> bytes:
    assert len(value) == size
    return value
