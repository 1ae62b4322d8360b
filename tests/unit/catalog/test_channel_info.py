"""``channel-info.txt``, ``lts-info`` and the names of streams, with Flatcar's own values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release.catalog.channel_info import (
    StreamSupport,
    alias_folder,
    channel_info,
    lts_info,
    lts_info_key,
    stream_name,
)
from release.catalog.version import Version
from release.errors import InputError

NOW = datetime(2026, 8, 13, tzinfo=UTC)
CHANNELS = {
    "alpha": Version(4790, 0, 0),
    "beta": Version(4757, 1, 0),
    "stable": Version(4593, 2, 5),
    "lts": Version(4081, 3, 10),
    "lts-2023": Version(3510, 3, 9),
    "lts-2024": Version(4081, 3, 10),
}


def stream(name: str, version: Version, ends: datetime) -> StreamSupport:
    return StreamSupport(channel=name, version=version, ends=ends)


def test_every_channel_has_its_line_in_order() -> None:
    assert channel_info(CHANNELS) == (
        b"ALPHA_CURRENT=4790.0.0\n"
        b"BETA_CURRENT=4757.1.0\n"
        b"STABLE_CURRENT=4593.2.5\n"
        b"LTS_CURRENT=4081.3.10\n"
        b"LTS2023_CURRENT=3510.3.9\n"
        b"LTS2024_CURRENT=4081.3.10\n"
    )
    assert channel_info({}) == b""


def test_two_channels_never_share_a_line() -> None:
    with pytest.raises(InputError, match="LTS2024_CURRENT"):
        channel_info({"lts-2024": Version(1, 0, 0), "lts2024": Version(2, 0, 0)})
    with pytest.raises(InputError, match="lower-case words"):
        channel_info({"Alpha\nX": Version(1, 0, 0)})


def test_streams_are_supported_until_their_end() -> None:
    streams = [
        stream("lts-2024", Version(4081, 3, 10), NOW + timedelta(seconds=1)),
        stream("lts-2022", Version(3033, 3, 18), NOW - timedelta(days=900)),
        stream("lts-2023", Version(3510, 3, 9), NOW),
        stream("lts-next", Version(4593, 3, 0), NOW),
    ]
    assert lts_info("lts", streams, NOW) == (
        b"3033:2022:unsupported\n3510:2023:unsupported\n4081:2024:supported\n"
    )
    assert lts_info("lts", [], NOW) == b""
    assert lts_info_key("lts") == "lts/lts-info"


def test_only_streams_have_aliases() -> None:
    assert alias_folder("lts", "lts-2024") == "current-2024"
    for name in ("lts", "stable-2024", "ltsx-2024"):
        with pytest.raises(InputError, match="expected a stream of lts"):
            stream_name("lts", name)
