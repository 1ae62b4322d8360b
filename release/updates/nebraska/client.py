"""Nebraska's REST API as far as a publisher needs it, one method for each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from release.canonical import Json
from release.errors import InputError
from release.updates.nebraska.transport import NebraskaUnavailableError, Transport
from release.updates.nebraska.wire import (
    Fields,
    NebraskaChannel,
    NebraskaFloor,
    Package,
    PackageContent,
    channel_body,
    package_body,
    read_channel,
    read_floor,
    read_package,
)

V = TypeVar("V")

PER_PAGE = 100
"""Nebraska's own default is 10, which is also the least that its description allows."""
_MOST = 10_000
"""Items of a list; nobody has so many packages of one version, channels or floors."""


class NebraskaClient:
    """One application of one Nebraska.

    Every read may raise what ``Transport.get`` does, every write what ``Transport.send`` does; InputError
    also where an answer is not what it should be.
    """

    def __init__(self, transport: Transport, app: str) -> None:
        """``app`` is a UUID or a product id. Contacts nobody."""
        self.transport = transport
        self.app = app
        self._app = f"/api/apps/{quote(app, safe='')}"

    def channels(self) -> tuple[NebraskaChannel, ...]:
        """All channels of the application."""
        return self._pages(f"{self._app}/channels", "channels", read_channel, lambda one: one.id)

    def channel(self, identifier: str) -> NebraskaChannel:
        """One channel, as it is now. Raises NotThereError."""
        path = self._channel_path(identifier)
        found = read_channel(Fields(self.transport.get(path), path))
        if found.id != identifier:
            raise InputError(f"{path}: expected the channel {identifier}, found {found.id}")
        return found

    def package(self, version: str, architecture: int) -> Package | None:
        """The package of exactly that version and architecture; there is at most one."""
        path = f"{self._app}/packages"
        found = self._pages(path, "packages", read_package, lambda one: one.id, searchVersion=version)
        fits = [
            one
            for one in found  # Nebraska searches for the text anywhere in a version
            if one.content.version == version and one.content.architecture == architecture
        ]
        if len(fits) > 1:
            raise InputError(
                f"{path}: expected one package {version} of architecture {architecture}, found more"
            )
        return fits[0] if fits else None

    def floors(self, channel: str) -> tuple[NebraskaFloor, ...]:
        """The floors of a channel."""
        path = f"/api/channels/{quote(channel, safe='')}/floors"
        return self._pages(path, "packages", read_floor, lambda one: one.package.id)

    def create_package(self, content: PackageContent, description: str) -> None:
        """Add a package. Nebraska answers 500 when there is one of its version and architecture."""
        body = package_body(content, self.app, description)
        self.transport.send("POST", f"{self._app}/packages", body=body)

    def set_floor(self, channel: str, package: str, reason: str) -> None:
        """Make a package a floor of a channel, or change why it is one."""
        body: dict[str, Json] = {"floor_reason": reason}
        self.transport.send("PUT", self._floor_path(channel, package), body=body)

    def remove_floor(self, channel: str, package: str) -> None:
        """Make a package no floor any more. Raises NotThereError when it was none."""
        self.transport.send("DELETE", self._floor_path(channel, package))

    def point(self, channel: NebraskaChannel, package: str) -> None:
        """Point a channel to a package; the rest stays as ``channel`` says, which should be fresh."""
        self.transport.send("PUT", self._channel_path(channel.id), body=channel_body(channel, package))

    def _channel_path(self, identifier: str) -> str:
        return f"{self._app}/channels/{quote(identifier, safe='')}"

    def _floor_path(self, channel: str, package: str) -> str:
        return f"/api/channels/{quote(channel, safe='')}/floors/{quote(package, safe='')}"

    def _pages(
        self, path: str, name: str, read: Callable[[Fields], V], key: Callable[[V], str], **query: str
    ) -> tuple[V, ...]:
        """All items of a list, page by page, read again when it does not add up.

        Nebraska orders by name or version alone: of items that have the same, one may be on two pages
        and another on none. Then, and when somebody else writes meanwhile, it takes another look.
        """
        for attempt in range(self.transport.retries + 1):
            if attempt:
                self.transport.wait(attempt - 1)
            found, total = self._read_pages(path, name, read, key, query)
            if len(found) == total:
                return tuple(found.values())
        raise NebraskaUnavailableError(f"GET {path}: expected {total} {name}, found {len(found)}")

    def _read_pages(
        self,
        path: str,
        name: str,
        read: Callable[[Fields], V],
        key: Callable[[V], str],
        query: dict[str, str],
    ) -> tuple[dict[str, V], int]:
        found: dict[str, V] = {}
        number, seen = 1, 0
        while True:
            answer = self.transport.get(path, {**query, "page": number, "perpage": PER_PAGE})
            page = Fields(answer, f"{path} (page {number})")
            total, items = page.count("totalCount"), page.objects(name, read)
            if total > _MOST:
                raise InputError(f"{path}: expected up to {_MOST} {name}, found {total}")
            found.update((key(item), item) for item in items)
            seen += len(items)
            if not items or seen >= total:
                return found, total
            number += 1
