"""Releases of a history that was made by other means, read from lists in Flatcar's form.

Form: ``releases-json/releases{,-CHANNEL}.json``, an object by version; ``current`` and ``current-2024``
repeat an entry. Measured on all 545 of 2026-08: five fields, always there; an architecture has no board.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from release.bundle.release import BoardRelease
from release.catalog.channel import Channel
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.errors import InputError, storage_errors
from release.image.packages import Package

LIST_LIMIT = 64 << 20
"""Bytes of one list. Flatcar's of 545 releases has 3.6 MB."""

_DATE = "%Y-%m-%d %H:%M:%S %z"
_ALIAS = re.compile(r"current(?:-([0-9]{4}))?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
_FIELDS = frozenset({"channel", "architectures", "release_date", "major_software", "release_notes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRelease:
    """A release that is known by what was told of it: no files, no digests.

    Attributes:
        version: which one.
        channel: the channel that it was published in; of a stream the stream, as ``lts-2024``.
        created: when it was published; UTC.
        architectures: as the list has them, for example ``amd64``.
        software: as ``Release.software``, in the order of the list.
        notes: Markdown as it was written, not yet made safe.
    """

    version: Version
    channel: str
    created: datetime
    architectures: tuple[str, ...]
    software: tuple[Package, ...]
    notes: str

    @property
    def boards(self) -> tuple[BoardRelease, ...]:
        """None: nothing is known of files."""
        return ()

    @property
    def lineage(self) -> Lineage:
        """Unknown."""
        return Lineage()


def read_history(directory: Path) -> tuple[ImportedRelease, ...]:
    """Every release of the lists ``releases.json`` and ``releases-*.json`` in ``directory``, ascending.

    A release that is in ``releases-lts-2024.json`` is one of the stream ``lts-2024``. What else is said of
    it is taken from the first list that has it, ``releases.json`` before the others: Flatcar's disagree on
    the notes of 4081.3.1. Names that begin with ``current`` are not releases.

    Raises:
        InputError: no such directory, no list in it, or a list that is wrong; names file, version and field.
    """
    paths = list_paths(directory)
    if not paths:
        raise InputError(
            f"{directory}: expected lists called releases.json or releases-CHANNEL.json, found none"
        )
    found: dict[Version, ImportedRelease] = {}
    for path in paths:
        stream = re.fullmatch(r"releases-([a-z]+-[0-9]{4})\.json", path.name)
        for release in read_list(path, None if stream is None else stream[1]):
            _add(found, release, path)
    return tuple(found[version] for version in sorted(found))


def list_paths(directory: Path) -> list[Path]:
    """The lists in a directory, ``releases.json`` first. Raises InputError when it cannot be read."""
    with storage_errors(directory):
        lists = (path for path in directory.iterdir() if re.fullmatch(r"releases.*\.json", path.name))
        return sorted(lists, key=lambda path: (path.name != "releases.json", path.name))


def read_list(path: Path, stream: str | None = None) -> tuple[ImportedRelease, ...]:
    """The releases of one list, in its order; of a ``stream`` when the list is one's. Raises InputError."""
    with storage_errors(path), path.open("rb") as source:
        data = source.read(LIST_LIMIT + 1)
    if len(data) > LIST_LIMIT:
        raise InputError(f"{path}: expected at most {LIST_LIMIT} bytes")
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON: {error}") from error
    if not isinstance(entries, dict):
        raise InputError(f"{path}: expected an object by version, found {type(entries).__name__}")
    return tuple(
        _release(name, entry, f"{path}: {name}", stream)
        for name, entry in entries.items()
        if not _ALIAS.fullmatch(name)
    )


def _add(found: dict[Version, ImportedRelease], release: ImportedRelease, path: Path) -> None:
    known = found.setdefault(release.version, release)
    short, long = sorted([known.channel, release.channel], key=len)
    if not f"{long}-".startswith(f"{short}-"):
        raise InputError(
            f"{path}: {release.version}: in {release.channel}, in another list in {known.channel}"
        )
    found[release.version] = replace(known, channel=long)


def _release(name: str, entry: Any, where: str, stream: str | None) -> ImportedRelease:
    if not isinstance(entry, dict) or not entry.keys() >= _FIELDS:
        raise InputError(f"{where}: expected an object with {', '.join(sorted(_FIELDS))}")
    channel = entry["channel"] if stream is None else stream
    if not isinstance(channel, str) or (stream and not stream.startswith(str(entry["channel"]))):
        raise InputError(f"{where}: channel: expected {stream or 'a name'}, found {entry['channel']!r}")
    return ImportedRelease(
        version=_version(name, where),
        channel=Channel(channel).name,
        created=_time(entry["release_date"], where),
        architectures=tuple(_words(entry["architectures"], f"{where}: architectures")),
        software=_software(entry["major_software"], f"{where}: major_software"),
        notes=_text(entry["release_notes"], f"{where}: release_notes"),
    )


def _version(name: str, where: str) -> Version:
    try:
        return Version.parse(name)
    except InputError as error:
        raise InputError(f"{where}: {error.message}") from error


def _time(value: Any, where: str) -> datetime:
    try:
        moment = datetime.strptime(value, _DATE)  # noqa: DTZ007  # %z is in it
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: release_date: expected a time like 2026-08-13 15:48:35 +0000, found {value!r}"
        ) from None
    if moment.utcoffset() != timedelta(0):
        raise InputError(f"{where}: release_date: expected UTC (+0000), found {value!r}")
    return moment.astimezone(UTC)


def _words(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise InputError(f"{where}: expected a list of at least one word, found {value!r}")
    for word in value:
        if not isinstance(word, str) or not _WORD.fullmatch(word):
            raise InputError(f"{where}: expected words in letters, digits and ._+-, found {word!r}")
    return value


def _software(value: Any, where: str) -> tuple[Package, ...]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: expected an object by name, found {value!r}")
    found = [
        Package(_words([name], where)[0], version)
        for name, versions in value.items()
        for version in _words(versions, f"{where}.{name}")
    ]
    return tuple(found)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: expected text, found {value!r}")
    return value
