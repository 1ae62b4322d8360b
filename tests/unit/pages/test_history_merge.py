"""A history that was imported, and the pipeline's own releases, on one site."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.errors import InputError
from release.notes.imported import ImportedRelease, read_history
from release.pages.history_merge import site_of_history, with_history
from release.pages.records import Support
from tests.unit.pages.samples import AMD64, board, day, full_site, published, release, site, stopped_site


def imported(version: str, channel: str, created: datetime) -> ImportedRelease:
    return ImportedRelease(
        version=Version.parse(version),
        channel=channel,
        created=created,
        architectures=("amd64",),
        software=(),
        notes="- told before",
    )


def support(opened: datetime, years: int = 2) -> Support:
    return Support(stream_of="lts", opened=opened, ends=opened.replace(year=opened.year + years))


LTS = (
    imported("0.1.0", "lts-2023", day(1)),
    imported("0.2.0", "lts-2024", day(3)),
    imported("0.1.1", "lts-2023", day(5)),
    imported("0.2.1", "lts-2024", day(6)),
)


def test_a_release_of_a_stream_is_one_of_its_channel_until_a_newer_stream_is_open() -> None:
    found = site_of_history("Example", LTS)
    offered = {str(one.release.version): [entry.name for entry in one.channels] for one in found.releases}
    assert offered == {
        "0.1.0": ["lts-2023", "lts"],
        "0.1.1": ["lts-2023"],
        "0.2.0": ["lts-2024", "lts"],
        "0.2.1": ["lts-2024", "lts"],
    }
    assert found.heads == {
        "lts": Version(0, 2, 1),
        "lts-2023": Version(0, 1, 1),
        "lts-2024": Version(0, 2, 1),
    }
    assert found.generated_at == day(6)


def test_streams_stand_before_their_channel_and_unknown_channels_are_retired() -> None:
    history = (*LTS, imported("0.0.1", "edge", day(1)), imported("0.0.2", "esr-2020", day(1)))
    found = site_of_history("Example", history, supports={"lts-2024": support(day(3))})
    names = [channel.name for channel in found.channels]
    assert names == ["edge", "esr-2020", "esr", "alpha", "beta", "stable", "lts-2023", "lts-2024", "lts"]
    assert found.retired == {"edge", "esr-2020", "esr", "lts-2023"}
    assert found.streams("lts") == ("lts-2024",)
    assert found.channels.get("lts-2024").feeds_from == ("stable",)


def test_what_the_pipeline_says_goes_before_the_history() -> None:
    mine = full_site()
    history = (
        imported("1.0.9", "lts-2024", day(2)),
        imported("0.9.0", "stable", day(1)),
        imported("0.9.1", "lts-2024", day(1)),
    )
    found = with_history(mine, history)
    both, before = found.find(Version(1, 0, 9)), mine.find(Version(1, 0, 9))
    assert both is not None
    assert before is not None
    assert replace(both, channels=both.channels[:3]) == before
    assert [entry.name for entry in both.channels[3:]] == ["lts-2024", "lts"]
    assert found.heads == {**mine.heads, "lts": Version(1, 0, 9), "lts-2024": Version(1, 0, 9)}
    assert found.generated_at == mine.generated_at
    assert found.on_channel("stable", Version(0, 9, 0)) is not None
    late = with_history(mine, [imported("0.9.0", "stable", day(28))])
    assert late.generated_at == day(28)
    assert with_history(mine, ()) is mine


def test_a_stream_that_went_on_in_the_pipeline_was_opened_when_the_history_says() -> None:
    mine = replace(
        site(published(release("2.0.0", board(AMD64), created=day(9)), lts=day(9))),
        heads={"lts": Version(2, 0, 0)},
    )
    opened = with_history(mine, LTS, {"lts-2023": support(day(1)), "lts-2024": support(day(2))})
    assert opened.support["lts-2024"].opened == day(2)
    assert opened.heads["lts"] == Version(2, 0, 0)
    stopped = stopped_site()
    (stream, *_) = stopped.support
    before = datetime(2019, 1, 1, tzinfo=UTC)
    found = with_history(stopped, [imported("0.0.1", stream, before)])
    assert found.support[stream].opened == before
    assert found.support[stream].ends == stopped.support[stream].ends
    assert stream not in found.retired


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("lts-2022", support(day(1)), "no such stream; it has lts-2023, lts-2024"),
        ("lts-2024", replace(support(day(1)), stream_of="stable"), "expected a stream of 'lts'"),
    ],
)
def test_support_of_what_is_no_stream_of_the_history_is_refused(name: str, said: Support, words: str) -> None:
    with pytest.raises(InputError, match=words):
        site_of_history("Example", LTS, supports={name: said})


def test_no_release_is_no_history() -> None:
    with pytest.raises(InputError, match="at least one release"):
        site_of_history("Example", ())


@pytest.mark.shared
def test_flatcars_whole_history_is_one_site(shared: Path) -> None:
    history = read_history(shared / "data" / "flatcar-releases")
    found = site_of_history("Flatcar", history, supports={"lts-2024": support(day(1).replace(year=2025))})
    names = [channel.name for channel in found.channels]
    assert names == ["edge", "alpha", "beta", "stable", *(f"lts-{year}" for year in range(2021, 2025)), "lts"]
    assert found.retired == {"edge", "lts-2021", "lts-2022", "lts-2023"}
    assert found.heads["lts"] == found.heads["lts-2024"] == Version(4081, 3, 10)
    offered = [one.release.version for one in found.releases if one.entry("lts")]
    assert offered == sorted(offered)
    assert Version(3033, 3, 18) not in offered  # lts-2023 was open
    assert len(found.releases) == 540
