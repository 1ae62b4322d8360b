"""What a Nebraska has and does, in memory: packages, channels, floors, and what it refuses.

It answers as the code of flatcar/nebraska does (``backend/pkg`` as of 2026-08), odd things included: nearly
every refusal is a 500 without a body, null where the description says a list, a PUT that clears a channel.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

APP = "e96281a6-d1af-4bde-9a0a-97b76e56dc57"
STAMP = "2026-08-06T09:30:00.000000Z"
FLATCAR = 1
_SEMVER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([-+].+)?")

Object = dict[str, Any]


class AnswerError(Exception):
    """An answer that is not 200: its status, and the text of its body."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.text = text


def order(version: str) -> list[int]:
    """How the database orders versions: three numbers, suffixes ignored."""
    return [int(part) for part in re.split("[+-]", version)[0].split(".")]


@dataclass
class NebraskaState:
    """One application. ``shuffles``: for so many listings, items that sort alike change places."""

    packages: dict[str, Object] = field(default_factory=dict)
    channels: dict[str, Object] = field(default_factory=dict)
    floors: dict[str, dict[str, str | None]] = field(default_factory=dict)
    activity: list[tuple[str, str]] = field(default_factory=list)
    shuffles: int = 0
    ids: int = 0

    def add_channel(self, name: str, arch: int, package: str | None = None) -> str:
        """A channel as an administrator makes it; its id."""
        made = self._new_id()
        self.channels[made] = {
            "id": made,
            "name": name,
            "color": "#14b9d6",
            "created_ts": STAMP,
            "application_id": APP,
            "package_id": package,
            "arch": arch,
        }
        return made

    def at(self, channel: str) -> str | None:
        """The version that a channel points to."""
        package = self.channels[channel]["package_id"]
        return None if package is None else str(self.packages[package]["version"])

    def floor_versions(self, channel: str) -> list[str]:
        """The floors of a channel, in the order they were set."""
        return [str(self.packages[one]["version"]) for one in self.floors.get(channel, {})]

    def list_packages(self, query: Mapping[str, str]) -> Object:
        wanted = query.get("searchVersion", "").lower()
        found = [one for one in self.packages.values() if wanted in one["version"].lower()]
        ordered = sorted(self._shuffled(found), key=lambda one: order(one["version"]), reverse=True)
        return self._page(ordered, query, "packages", self.show_package)

    def list_channels(self, query: Mapping[str, str]) -> Object:
        ordered = sorted(self._shuffled([*self.channels.values()]), key=lambda one: str(one["name"]))
        return self._page(ordered, query, "channels", self.show_channel)

    def list_floors(self, channel: str, query: Mapping[str, str]) -> Object:
        reasons = self.floors.get(channel, {})
        ordered = sorted((self.packages[one] for one in reasons), key=lambda one: order(one["version"]))

        def show(one: Object) -> Object:
            reason = reasons[one["id"]]
            return {
                **self.show_package(one),
                "is_floor": True,
                "floor_reason": reason,
                "channels_blacklist": None,
            }

        return self._page(ordered, query, "packages", show, default=100)

    def show_package(self, one: Object) -> Object:
        return {**one, "channels_blacklist": one["channels_blacklist"] or None, "floor_reason": None}

    def show_channel(self, one: Object) -> Object:
        package = self.packages.get(one["package_id"] or "")
        return {**one, "package": None if package is None else self.show_package(package)}

    def create_package(self, body: Object) -> Object:
        version, arch = body["version"], body["arch"]
        if not _SEMVER.fullmatch(version) or arch not in {0, 1, 2, 3} or len(body["url"]) > 256:
            raise AnswerError(500)
        if any((one["version"], one["arch"]) == (version, arch) for one in self.packages.values()):
            raise AnswerError(500)  # the unique constraint
        if any(self.channels[one]["arch"] != body["arch"] for one in body["channels_blacklist"]):
            raise AnswerError(500)
        made = self._new_id()
        extras = [self._extra(made, number, one) for number, one in enumerate(body.get("extra_files", []), 1)]
        names = ("type", "version", "url", "filename", "description", "size", "hash", "channels_blacklist")
        self.packages[made] = {
            **{name: body[name] for name in names},
            "id": made,
            "created_ts": STAMP,
            "application_id": APP,
            "arch": arch,
            "flatcar_action": self._action(body),
            "extra_files": extras,
        }
        return self.show_package(self.packages[made])

    def get_package(self, package: str) -> Object:
        if package not in self.packages:
            raise AnswerError(404)
        return self.show_package(self.packages[package])

    def delete_package(self, package: str) -> None:
        if package not in self.packages or any(package in one for one in self.floors.values()):
            raise AnswerError(500)
        del self.packages[package]
        for channel in self.channels.values():  # there is no guard for what a channel points to
            if channel["package_id"] == package:
                channel["package_id"] = None

    def get_channel(self, channel: str) -> Object:
        if channel not in self.channels:
            raise AnswerError(404)
        return self.show_channel(self.channels[channel])

    def update_channel(self, channel: str, body: Object) -> Object:
        present = self.channels.get(channel)
        if present is None:
            raise AnswerError(404)
        wanted = body.get("package_id") or None
        if wanted is not None:
            package = self.packages.get(wanted)
            if package is None or package["arch"] != present["arch"]:
                raise AnswerError(500)
            if channel in package["channels_blacklist"]:
                raise AnswerError(500)
            if wanted != present["package_id"]:
                self.activity.append((channel, package["version"]))
        present.update(name=body["name"], color=body["color"], package_id=wanted)
        return self.show_channel(present)

    def set_floor(self, channel: str, package: str, body: Object) -> Object:
        present, wanted = self.channels.get(channel), self.packages.get(package)
        if present is None or wanted is None:
            raise AnswerError(404)
        if present["arch"] != wanted["arch"]:
            raise AnswerError(400, "Architecture mismatch between channel and package")
        if channel in wanted["channels_blacklist"]:
            raise AnswerError(500)
        self.floors.setdefault(channel, {})[package] = body.get("floor_reason")
        return {"channel_id": channel, "package_id": package, "status": "ok"}

    def remove_floor(self, channel: str, package: str) -> None:
        if package not in self.floors.get(channel, {}):
            raise AnswerError(404)
        del self.floors[channel][package]

    def _new_id(self) -> str:
        """The same in each run, so that the same answers need not be held to the description again."""
        self.ids += 1
        return str(uuid.UUID(int=self.ids, version=4))

    def _extra(self, package: str, number: int, one: Object) -> Object:
        if not {"name", "hash", "hash256", "size"} <= one.keys():
            raise AnswerError(500)  # a nil dereference there
        return {**one, "id": number, "package_id": package, "created_ts": STAMP}

    def _action(self, body: Object) -> Object | None:
        if body["type"] != FLATCAR or "flatcar_action" not in body:
            return None
        return {
            "id": self._new_id(),
            "event": "postinstall",
            "chromeos_version": "",
            "sha256": body["flatcar_action"].get("sha256", ""),
            "needs_admin": False,
            "is_delta": False,
            "disable_payload_backoff": True,
            "metadata_signature_rsa": "",
            "metadata_size": "",
            "deadline": "",
            "created_ts": STAMP,
        }

    def _shuffled(self, items: list[Object]) -> list[Object]:
        if self.shuffles <= 0:
            return items
        self.shuffles -= 1
        return items[::-1] if self.shuffles % 2 else items

    def _page(
        self, items: list[Object], query: Mapping[str, str], name: str, show: Any, default: int = 10
    ) -> Object:
        page, size = max(1, int(query.get("page", 1))), int(query.get("perpage", default)) or 10
        shown = [show(one) for one in items[(page - 1) * size : page * size]]
        return {"totalCount": len(items), "count": len(shown), name: shown}
