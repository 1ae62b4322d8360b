"""What Nebraska says and is told, as values, and the JSON that they are on the wire.

Reading is strict for what we use and blind for the rest: Nebraska adds fields from time to time. Its own
description lets some things not be null that are: an empty blacklist, a channel without a package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from release.canonical import Json
from release.errors import InputError

V = TypeVar("V")

FLATCAR_PACKAGE = 1
"""The type of package whose answers update_engine understands."""
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)
_CORE = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})(?:[+-].*)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class ExtraFile:
    """A file beside the main one. ``size`` is in decimal digits, ``sha1`` base64, ``sha256`` hexadecimal."""

    name: str
    sha1: str
    sha256: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageContent:
    """What a package offers to machines. ``sha1`` and ``sha256`` are base64, ``size`` decimal digits."""

    version: str
    architecture: int
    url: str
    filename: str
    size: str
    sha1: str
    sha256: str
    extras: tuple[ExtraFile, ...]
    """Sorted."""
    kind: int = FLATCAR_PACKAGE
    is_delta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that Nebraska has. ``blacklist`` are the ids of channels that may not offer it."""

    id: str
    content: PackageContent
    blacklist: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NebraskaFloor:
    """A package that machines of a channel must pass through."""

    package: Package
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NebraskaChannel:
    """A channel that Nebraska has. ``package`` is None when it offers nothing."""

    id: str
    name: str
    color: str
    application: str
    architecture: int
    package: Package | None


def version_key(text: str) -> tuple[int, ...] | None:
    """How Nebraska orders versions: by three numbers, without what follows ``-`` or ``+``. None: not one."""
    match = _CORE.fullmatch(text)
    return None if match is None else tuple(int(part) for part in match.groups())


def package_body(content: PackageContent, app: str, description: str) -> dict[str, Json]:
    """The body that creates a package."""
    extras: list[Json] = [
        {"name": one.name, "hash": one.sha1, "hash256": one.sha256, "size": one.size}
        for one in content.extras
    ]
    return {
        "application_id": app,
        "arch": content.architecture,
        "channels_blacklist": [],
        "description": description,
        "filename": content.filename,
        "hash": content.sha1,
        "size": content.size,
        "type": content.kind,
        "url": content.url,
        "version": content.version,
        "flatcar_action": {"sha256": content.sha256},
        "extra_files": extras,
    }


def channel_body(channel: NebraskaChannel, package: str) -> dict[str, Json]:
    """The body that points a channel to a package: everything else as it was, or it would be cleared."""
    return {
        "application_id": channel.application,
        "arch": channel.architecture,
        "color": channel.color,
        "name": channel.name,
        "package_id": package,
    }


class Fields:
    """One JSON object of an answer, read field by field. ``where`` names the answer in messages."""

    def __init__(self, value: object, where: str) -> None:
        """Raises InputError for what is no object."""
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected an object, found {_shown(value)}")
        self._value: Mapping[str, object] = value
        self.where = where

    def text(self, name: str, limit: int = 4096) -> str:
        """A string."""
        found = self._value.get(name)
        if not isinstance(found, str) or len(found) > limit:
            raise self._wrong(name, f"text of up to {limit} characters")
        return found

    def optional_text(self, name: str) -> str | None:
        """A string, or None where it is missing, null or empty."""
        return None if self._value.get(name) in {None, ""} else self.text(name)

    def identifier(self, name: str) -> str:
        """An id, which may become part of a URL."""
        found = self.text(name)
        if not _ID.fullmatch(found):
            raise self._wrong(name, "an id: letters, digits and '-'")
        return found

    def count(self, name: str) -> int:
        """A whole number, not negative."""
        found = self._value.get(name)
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise self._wrong(name, "a whole number from 0 on")
        return found

    def flag(self, name: str) -> bool:
        """True or false."""
        found = self._value.get(name)
        if not isinstance(found, bool):
            raise self._wrong(name, "true or false")
        return found

    def object(self, name: str) -> Fields | None:
        """An object within, or None where it is missing or null."""
        found = self._value.get(name)
        return None if found is None else Fields(found, f"{self.where}: {name}")

    def objects(self, name: str, read: Callable[[Fields], V]) -> tuple[V, ...]:
        """A list of objects, each read by ``read``; empty where it is missing or null."""
        found = self._value.get(name)
        if found is None:
            return ()
        if not isinstance(found, list):
            raise self._wrong(name, "a list")
        return tuple(read(Fields(one, f"{self.where}: {name}[{index}]")) for index, one in enumerate(found))

    def identifiers(self, name: str) -> tuple[str, ...]:
        """A list of ids; empty where it is missing or null."""
        found = self._value.get(name)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(
            isinstance(one, str) and _ID.fullmatch(one) for one in found
        ):
            raise self._wrong(name, "a list of ids")
        return tuple(found)

    def _wrong(self, name: str, expected: str) -> InputError:
        found = _shown(self._value[name]) if name in self._value else "nothing"
        return InputError(f"{self.where}: {name}: expected {expected}, found {found}")


def read_package(fields: Fields) -> Package:
    """A package. Raises InputError."""
    action = fields.object("flatcar_action")
    content = PackageContent(
        version=fields.text("version"),
        architecture=fields.count("arch"),
        url=fields.text("url"),
        filename=fields.optional_text("filename") or "",
        size=fields.optional_text("size") or "",
        sha1=fields.optional_text("hash") or "",
        sha256="" if action is None else action.optional_text("sha256") or "",
        extras=tuple(sorted(fields.objects("extra_files", _read_extra))),
        kind=fields.count("type"),
        is_delta=action is not None and action.flag("is_delta"),
    )
    return Package(
        id=fields.identifier("id"), content=content, blacklist=fields.identifiers("channels_blacklist")
    )


def read_floor(fields: Fields) -> NebraskaFloor:
    """A package in the list of a channel's floors. Raises InputError."""
    return NebraskaFloor(package=read_package(fields), reason=fields.optional_text("floor_reason"))


def read_channel(fields: Fields) -> NebraskaChannel:
    """A channel, its package with it. Raises InputError, also when it names one package and shows another."""
    named = None if fields.optional_text("package_id") is None else fields.identifier("package_id")
    shown = fields.object("package")
    package = None if shown is None else read_package(shown)
    if (None if package is None else package.id) != named:
        raise InputError(
            f"{fields.where}: expected the package that package_id names, {named!r},"
            f" found {None if package is None else package.id!r}"
        )
    return NebraskaChannel(
        id=fields.identifier("id"),
        name=fields.text("name"),
        color=fields.text("color"),
        application=fields.identifier("application_id"),
        architecture=fields.count("arch"),
        package=package,
    )


def _read_extra(fields: Fields) -> ExtraFile:
    return ExtraFile(
        name=fields.optional_text("name") or "",
        sha1=fields.optional_text("hash") or "",
        sha256=fields.optional_text("hash256") or "",
        size=fields.optional_text("size") or "",
    )


def _shown(value: object) -> str:
    """A piece of what came from outside, harmless in a message."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
