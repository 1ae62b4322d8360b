from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from release.catalog.version import Version
from release.errors import InputError
from release.pages.records import ChannelEntry, Stop, Support
from release.pages.wording import channel_title, counted, listing, share, size, span
from tests.unit.pages.samples import day, full_site, stopped_site

SUPPORT = Support(stream_of="lts", opened=day(2), ends=day(9))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base_url": "https://a.example"}, "base_url .* trailing slash"),
        ({"base_url": "javascript:x/"}, "base_url"),
        ({"base_url": "https://a.example/$(x)/"}, "base_url"),
        ({"artifact_base": "//evil/"}, "artifact_base"),
        ({"artifact_base": ".."}, "artifact_base"),
        ({"feed_authority": "x"}, "feed_authority"),
        ({"generated_at": day(1).replace(tzinfo=None)}, "generated_at: expected a time in UTC"),
        ({"heads": {"nightly": Version(1, 0, 9)}}, "channel 'nightly' is unknown"),
        ({"heads": {"alpha": Version(9, 0, 0)}}, "points to 9.0.0, which is not among the releases"),
        ({"heads": {"lts": Version(1, 0, 9)}}, "points to 1.0.9, but not since when"),
        ({"releases": full_site().releases * 2}, "release 1.0.11 is listed twice"),
        ({"freezes": {"nightly": ()}}, "channel 'nightly' is unknown"),
        ({"support": {"nightly": SUPPORT}}, "channel 'nightly' is unknown"),
        ({"support": {"lts": replace(SUPPORT, stream_of="stable")}}, "'lts': expected a stream of a channel"),
        ({"support": {"lts": SUPPORT}}, "'lts': expected a stream of a channel .* is no stream, found 'lts'"),
        ({"support": {"alpha": SUPPORT, "beta": replace(SUPPORT, opened=day(1))}}, "not in the order"),
    ],
)
def test_a_site_that_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(full_site(), **change)


def test_channels_of_a_release_are_known_ones_and_there_once() -> None:
    sample = full_site()
    entry = sample.releases[0].channels[0]
    for entries, message in (
        ((entry, entry), "channel 'alpha' is listed twice"),
        ((replace(entry, name="nightly"),), "'nightly' is unknown"),
    ):
        with pytest.raises(InputError, match=message):
            replace(sample, releases=(replace(sample.releases[0], channels=entries),), heads={})


def test_times_are_in_utc() -> None:
    elsewhere = day(1).astimezone(timezone(timedelta(hours=2)))
    with pytest.raises(InputError, match="channel alpha: since: expected a time in UTC"):
        ChannelEntry(name="alpha", since=elsewhere)
    with pytest.raises(InputError, match="stop: since: expected a time in UTC"):
        Stop(since=elsewhere, reason="")
    with pytest.raises(InputError, match="stop: lifted: expected a time in UTC"):
        Stop(since=day(1), reason="", lifted=elsewhere)
    with pytest.raises(InputError, match="support: ends: expected a time in UTC"):
        Support(stream_of="lts", opened=day(1), ends=elsewhere)


def test_support_ends_after_it_opened() -> None:
    with pytest.raises(InputError, match=r"support: ends .*, which is not after it opened"):
        Support(stream_of="lts", opened=day(2), ends=day(2))


def test_a_channel_with_streams_is_supported_as_the_newest_of_them() -> None:
    sample = stopped_site()
    assert sample.streams("lts") == ("lts-2024", "lts-2025", "lts-2026")
    assert sample.streams("stable") == ()
    assert sample.supported("lts") == sample.support["lts-2026"]
    assert sample.supported("stable") is None
    assert [name for name in ("lts-2024", "lts-2025", "lts", "stable") if sample.has_ended(name)] == [
        "lts-2024"
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (10_235, "10.0 KiB"),
        (1 << 20, "1.00 MiB"),
        (11 << 20, "11.0 MiB"),
        (999 << 20, "999 MiB"),
        (1 << 30, "1.00 GiB"),
        (5000 << 40, "5000 TiB"),
    ],
)
def test_sizes_have_three_digits(count: int, text: str) -> None:
    assert size(count) == text.replace(" ", "\xa0")


def test_words() -> None:
    assert [share(*pair).replace("\xa0", " ") for pair in ((1, 5000), (1, 12), (995, 10_000), (3, 2))] == [
        "<0.1 %",
        "8.3 %",
        "10 %",
        "150 %",
    ]
    assert [channel_title(name) for name in ("stable", "lts", "lts-2024")] == ["Stable", "LTS", "LTS 2024"]
    assert [listing(list(text)) for text in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert [counted(1, "delta"), counted(2, "delta")] == ["1 delta", "2 deltas"]
    assert [span([size(1), size(1)]), span([size(1), size(2)]), span([size(1), size(2048)])] == [
        "1\xa0B",
        "1 to 2\xa0B",
        "1\xa0B to 2.00\xa0KiB",
    ]
