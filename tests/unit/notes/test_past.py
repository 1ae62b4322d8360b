from __future__ import annotations

from release.bundle.release import Release
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.notes.past import Past, channel_title
from tests.unit.notes.test_changes import BASH, CURL, LEVER, LINUX, imported, release


def v(text: str) -> Version:
    return Version.parse(text)


OLD = imported("0.9.0", "### Security\n- curl (CVE-2026-1111)\n")
RELEASES = {
    v("1.0.0"): release("1.0.0", [CURL], []),
    v("1.1.0"): release("1.1.0", [BASH], [CURL], channel="beta"),
    v("2.0.0"): release("2.0.0", [LEVER, LINUX], [CURL]),
}


def past(offered: dict[str, list[str]], read: list[Version] | None = None, withdrawn: str = "") -> Past:
    def reading(version: Version) -> Release:
        if read is not None:
            read.append(version)
        return RELEASES[version]

    return Past(
        offered={channel: [v(one) for one in versions] for channel, versions in offered.items()},
        built_for={version: one.channel for version, one in RELEASES.items()},
        read=reading,
        imported=(OLD,),
        withdrawn={v(one) for one in withdrawn.split()},
    )


BOTH = {"alpha": ["1.0.0", "2.0.0"], "beta": ["1.0.0", "1.1.0"]}


def test_a_release_is_compared_with_the_one_before_in_its_channel_and_with_its_origin() -> None:
    found = past(BOTH).baselines("beta", v("2.1.0"), Lineage.from_origin(v("2.0.0")))
    assert [one.name for one in found] == ["Beta 1.1.0", "Alpha 2.0.0"]
    assert [BASH.id in one.told for one in found] == [True, False]
    assert [LEVER.id in one.told for one in found] == [False, True]


def test_the_one_before_is_of_a_lower_version() -> None:
    """A branch that is still maintained goes on from where it was."""
    found = past({"alpha": ["1.0.0", "2.0.0"]}).baselines("alpha", v("1.0.1"), Lineage())
    assert [one.name for one in found] == ["Alpha 1.0.0"]


def test_one_origin_that_is_the_one_before_is_told_once() -> None:
    found = past(BOTH).baselines("beta", v("1.1.1"), Lineage.from_origin(v("1.1.0")))
    assert [one.name for one in found] == ["Beta 1.1.0"]


def test_before_there_was_anything_an_imported_history_counts() -> None:
    found = past({}).baselines("beta", v("3.0.0"), Lineage.from_origin(v("0.9.0")))
    assert [(one.name, CURL.id in one.told) for one in found] == [("Beta 0.9.0", True)]
    found = past({}).baselines("stable", v("3.0.0"), Lineage.from_origin(v("0.9.0")))
    assert [one.name for one in found] == ["Beta 0.9.0"]


def test_what_only_withdrawn_releases_told_is_told_again() -> None:
    found = past({"alpha": ["1.0.0", "2.0.0"]}, withdrawn="2.0.0").baselines("alpha", v("2.0.1"), Lineage())
    assert [(one.name, LEVER.id in one.told) for one in found] == [("Alpha 1.0.0", False)]
    found = past({"alpha": ["1.0.0"]}, withdrawn="1.0.0").baselines("alpha", v("2.0.1"), Lineage())
    assert [(one.name, one.told) for one in found] == [(None, frozenset())]


def test_of_an_origin_that_was_withdrawn_the_one_before_it_counts() -> None:
    rebuilt = Lineage.from_origin(v("2.0.0"))
    found = past(BOTH, withdrawn="2.0.0").baselines("beta", v("2.1.0"), rebuilt)
    assert [one.name for one in found] == ["Beta 1.1.0", "Alpha 1.0.0"]
    assert not any(LEVER.id in one.told for one in found)
    found = past(BOTH, withdrawn="2.0.0").baselines("alpha", v("2.0.1"), rebuilt)
    assert [one.name for one in found] == ["Alpha 1.0.0"]


def test_without_any_past_everything_is_new() -> None:
    for lineage in (Lineage(), Lineage.from_origin(v("7.7.7"))):
        (found,) = past({}).baselines("stable", v("3.0.0"), lineage)
        assert (found.name, found.told) == (None, frozenset())


def test_only_what_is_needed_is_read() -> None:
    """A release that records its changes says all that its channel knows."""
    read: list[Version] = []
    past(BOTH, read).before("alpha", v("9.0.0"))
    assert read == [v("2.0.0")]


def test_channels_are_called_as_people_do() -> None:
    assert [channel_title(one) for one in ("stable", "lts", "lts-2024")] == ["Stable", "LTS", "LTS-2024"]
