from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from release.bundle.change import Change, ChangeKind
from release.bundle.release import BoardRelease, Measured, Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.notes.changes import (
    changes_between,
    changes_since,
    channel_changes,
    facts,
    library_of,
    told_by,
    told_in,
    told_items,
)
from release.notes.imported import ImportedRelease

NOW = datetime(2026, 8, 13, tzinfo=UTC)
_BOARD = BoardRelease(
    board=Board("amd64"), image=Measured(size=1, sha256=Digest.sha256(b"")), files=(), payloads=()
)

KNOB = Change.of(ChangeKind.ACTION_REQUIRED, "- Turn the knob")
LEVER = Change.of(ChangeKind.BREAKING, "- Dropped the lever")
CURL = Change.of(ChangeKind.SECURITY, "- curl (CVE-2026-1111)")
LINUX = Change.of(ChangeKind.UPDATES, "- Linux ([6.12.2](https://example.org/2))")
BASH = Change.of(ChangeKind.UPDATES, "- bash (5.3)")


def release(version: str, new: list[Change], there: list[Change], channel: str = "alpha") -> Release:
    """A release that tells what is ``new`` to its own channel, and records the rest without words."""
    silent = [one if one.kind.must_be_told else dataclasses.replace(one, text="") for one in there]
    return Release(
        product="Test",
        version=Version.parse(version),
        channel=channel,
        created=NOW,
        boards=(_BOARD,),
        notes="\n".join(change.text for change in new),
        changes=tuple(sorted([*new, *silent], key=lambda one: one.id)),
    )


def imported(version: str, notes: str) -> ImportedRelease:
    return ImportedRelease(
        version=Version.parse(version),
        channel="beta",
        created=NOW,
        architectures=("amd64",),
        software=(),
        notes=notes,
    )


ONE = release("1.0.0", [CURL], [])
TWO = release("2.0.0", [LEVER, LINUX], [CURL])
THREE = release("3.0.0", [BASH], [CURL, LEVER, LINUX])
LIBRARY = library_of([ONE, TWO, THREE])


def test_a_channel_that_skipped_releases_is_told_what_came_in_them() -> None:
    """Beta offered 1.0.0, and gets 3.0.0, which alpha was told about 2.0.0 before."""
    assert channel_changes(THREE, [ONE], LIBRARY) == (LEVER, BASH, LINUX)
    assert channel_changes(THREE, [ONE, TWO], LIBRARY) == (BASH,)
    assert channel_changes(THREE, [], LIBRARY) == (LEVER, CURL, BASH, LINUX)


def test_what_must_not_be_missed_comes_back_until_the_channel_has_told_it() -> None:
    """Without the older releases nobody has words for the rest; for this the release has them itself."""
    four = release("4.0.0", [], [CURL, LEVER, LINUX, BASH, KNOB])
    assert channel_changes(four, [ONE], {}) == (LEVER, KNOB)
    assert channel_changes(four, [TWO], {}) == (KNOB,)
    assert channel_changes(release("5.0.0", [], [LEVER, KNOB]), [TWO, four], {}) == ()


def test_what_was_taken_back_and_came_again_is_told_again() -> None:
    without = release("4.0.0", [], [CURL, BASH])
    again = release("5.0.0", [LINUX], [CURL, BASH])
    assert channel_changes(again, [ONE, TWO, THREE, without], LIBRARY) == (LINUX,)


def test_what_came_and_went_in_between_is_no_difference() -> None:
    without = release("4.0.0", [], [CURL, BASH])
    assert changes_between([ONE], [TWO, THREE, without], LIBRARY) == (BASH,)
    assert changes_between([ONE], [TWO], LIBRARY) == (LEVER, LINUX)
    assert changes_between([ONE], [], LIBRARY) == ()


def test_notes_of_imported_releases_count_for_all_that_they_tell() -> None:
    """People put updates of the same package together, and break lines."""
    old = [
        imported("0.1.0", "#### Security fixes:\n- curl\n  (CVE-2026-1111)\n"),
        imported(
            "0.2.0", "## Updates\n- Linux ([6.12.3](https://a) (includes [6.12.2](https://example.org/2)))"
        ),
    ]
    assert CURL.id in told_by(old[0])
    assert channel_changes(THREE, old, LIBRARY) == (LEVER, BASH)
    assert channel_changes(THREE, old[1:], LIBRARY) == (LEVER, CURL, BASH)
    assert told_in([*old, TWO]) == told_by(TWO)


def test_two_imported_releases_are_compared_by_their_notes() -> None:
    first = imported("0.1.0", "### Updates\n- a (1)\n")
    second = imported(
        "0.2.0",
        "_Changes since **Beta 0.1.0**_\n### Bug fixes\n- Fixed b\n### Updates\n- a (2, 3)\n"
        "_Changes since **Alpha 0.0.9**_\n### Updates\n- a (2)\n### Known issues\n- It is slow\n",
    )
    found = changes_between([first], [second], library_of([first, second]))
    assert [(one.kind, one.text) for one in found] == [
        (ChangeKind.BUGFIXES, "- Fixed b"),
        (ChangeKind.UPDATES, "- a (2, 3)"),
    ]


def test_from_an_imported_release_to_one_with_a_record() -> None:
    old = imported("0.1.0", "### Security\n- curl (CVE-2026-1111)\n")
    between = imported("0.2.0", "### Changes\n- By hand\n")
    texts = [one.text for one in changes_between([old], [between, TWO], library_of([old, between, TWO]))]
    assert texts == ["- Dropped the lever", "- By hand", "- Linux ([6.12.2](https://example.org/2))"]


def test_what_is_told_is_not_new_whatever_its_kind() -> None:
    told = frozenset({CURL.id, LEVER.id})
    assert changes_since(told, TWO, LIBRARY) == (LINUX,)


def test_only_lists_of_versions_and_identifiers_are_facts() -> None:
    assert facts("- Linux ([6.1](https://a/(b)) (includes [6.0](https://a)))") == facts("- linux (6.0, 6.1)")
    assert facts("- nvidia-drivers (amd64) (535.1)") == facts("- nvidia-drivers (535.1 and amd64)")
    assert facts("- Fixed a thing ([see](https://example.org/1))") == frozenset()
    assert facts("- Fixed a thing") == frozenset()
    assert facts("- Rebased (2.12-flatcar4, against Fedora 45)") == frozenset()


def test_items_of_notes_are_told_once() -> None:
    notes = "## Security fixes\n- a (CVE-2026-1111)\n## Updates\n- A (CVE-2026-1111)\n- b\n- b\n"
    assert [one.text for one in told_items(notes)] == ["- a (CVE-2026-1111)", "- b"]
