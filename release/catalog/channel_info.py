"""Small text files about all channels, in the form that Flatcar's tools read. Pure.

``channel-info.txt`` (lines ``ALPHA_CURRENT=4790.0.0``, read by Flatcar's cloud publishers and redirects) and
``lts-info`` (lines ``4081:2024:supported``, at the root of the host of the lts channel). They are derived,
unsigned and short-lived: for finding one's way, never for deciding what to install.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from release.catalog.channel import Channel
from release.catalog.version import Version
from release.errors import InputError

CHANNEL_INFO = "channel-info.txt"
"""The key of the file about all channels."""

_YEAR = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSupport:
    """A long-term stream, ``lts-2024``: where it is, and when its support ends (with a time zone)."""

    channel: str
    version: Version
    ends: datetime


def channel_info(channels: Mapping[str, Version]) -> bytes:
    """``channel-info.txt``: a line for each channel that is at a version, in the given order.

    A stream is a channel like others: ``lts-2024`` is ``LTS2024_CURRENT``. Raises InputError when two
    channels would have the same line.
    """
    lines: dict[str, str] = {}
    for name, version in channels.items():
        field = Channel(name).name.replace("-", "").upper()
        if field in lines:
            raise InputError(f"{CHANNEL_INFO}: channel {name!r} and another would both be {field}_CURRENT")
        lines[field] = f"{field}_CURRENT={version}\n"
    return "".join(lines.values()).encode("ascii")


def lts_info_key(base: str) -> str:
    """Where the file about the streams of ``base`` is: ``lts/lts-info``.

    Flatcar has it at the root of ``lts.release.flatcar-linux.net``, which is ``lts/`` of the bucket.
    """
    return f"{Channel(base).name}/{base}-info"


def lts_info(base: str, streams: Iterable[StreamSupport], now: datetime) -> bytes:
    """``lts-info``: ``MAJOR:YEAR:supported`` or ``unsupported`` for each stream of ``base``, by year.

    A stream is supported until the moment its support ends. One that is not named by a year has no line.
    """
    lines: dict[str, str] = {}
    for stream in streams:
        year = stream_name(base, stream.channel)
        if _YEAR.fullmatch(year):
            word = "supported" if now < stream.ends else "unsupported"
            lines[year] = f"{stream.version.major}:{year}:{word}\n"
    return "".join(lines[year] for year in sorted(lines)).encode("ascii")


def alias_folder(base: str, stream: str) -> str:
    """What a stream is called beside ``current`` of its base: ``current-2024`` for ``lts-2024``."""
    return f"current-{stream_name(base, stream)}"


def stream_name(base: str, stream: str) -> str:
    """What makes ``stream`` one of ``base``: ``2024`` of ``lts-2024``. Raises InputError when it is none."""
    name = Channel(stream).name.removeprefix(f"{base}-")
    if name == stream:
        raise InputError(f"channel {stream!r}: expected a stream of {base}, such as {base}-2024")
    return name
