"""Notes assembled from Flatcar's real fragments, held against those that were published."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from release.bundle.change import Change, ChangeKind
from release.bundle.document import decode, encode
from release.bundle.release import Release
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.notes.changes import facts, is_told, told_items
from release.notes.compose import compose_notes, record_changes
from release.notes.fragments import Fragment, changelog_files, read_fragments
from release.notes.imported import ImportedRelease, read_history
from release.notes.lint import lint_changelog
from release.notes.past import Past
from release.notes.promises import promises_in
from tests.unit.pages.samples import AMD64, board, payload, release

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def fragments(shared: Path) -> tuple[Fragment, ...]:
    return read_fragments(shared / "data" / "changelog")


@pytest.fixture(scope="module")
def history(shared: Path) -> dict[str, ImportedRelease]:
    return {str(one.version): one for one in read_history(shared / "data" / "flatcar-releases")}


def past(history: dict[str, ImportedRelease], version: str) -> Past:
    """What there was when this version was published."""
    now = history[version].created
    imported = [one for one in history.values() if one.created < now]
    return Past(offered={}, built_for={}, read=_nothing, imported=imported)


def _nothing(version: Version) -> Release:
    raise AssertionError(version)


@pytest.mark.parametrize(
    ("version", "names", "share"),
    [
        ("4790.0.0", ["Alpha 4757.0.0"], (112, 113)),
        ("4757.1.0", ["Beta 4722.1.0", "Alpha 4757.0.0"], (13, 14)),
        ("4722.0.0", ["Alpha 4694.0.1"], (132, 136)),
        ("4593.2.0", ["Stable 4459.2.4", "Beta 4593.1.0"], (115, 123)),
    ],
)
def test_what_was_published_is_in_the_assembled_notes(
    fragments: tuple[Fragment, ...],
    history: dict[str, ImportedRelease],
    version: str,
    names: list[str],
    share: tuple[int, int],
) -> None:
    """But for what people wrote into them by hand, above all the CVEs of Linux, which no fragment has."""
    origin = Version.parse(names[-1].split()[1])
    lineage = Lineage.from_origin(origin)
    baselines = past(history, version).baselines(history[version].channel, Version.parse(version), lineage)
    assert [one.name for one in baselines] == names
    ours = told_items(compose_notes(fragments, baselines))
    told = frozenset(one.id for one in ours).union(*(facts(one.text) for one in ours))
    theirs = told_items(history[version].notes)
    missed = [one for one in theirs if not is_told(one, told)]
    assert (len(theirs) - len(missed), len(theirs)) == share
    assert any(one.text.startswith("- Linux (") and one.kind is ChangeKind.SECURITY for one in missed)


def test_old_fragments_are_not_told_again_after_a_history(
    fragments: tuple[Fragment, ...], history: dict[str, ImportedRelease]
) -> None:
    """Nine in ten items of four years; the others read otherwise than what was published of them."""
    (baseline,) = Past(offered={}, built_for={}, read=_nothing, imported=tuple(history.values())).baselines(
        "alpha", Version.parse("4800.0.0"), Lineage()
    )
    every = [Change.of(one.kind, item) for one in fragments for item in one.items]
    assert len(every) == 2311
    assert sum(not is_told(one, baseline.told) for one in every) == 238


def test_the_record_of_four_years_is_small(
    fragments: tuple[Fragment, ...], history: dict[str, ImportedRelease]
) -> None:
    baselines = past(history, "4757.1.0").baselines("beta", Version.parse("4757.1.0"), Lineage())
    changes = record_changes(fragments, baselines)
    assert len(changes) == 2309
    notes, created = compose_notes(fragments, baselines), history["4757.1.0"].created
    plain = release("4757.1.0", board(AMD64, payload(9000)), notes=notes, created=created)
    document = encode(dataclasses.replace(plain, changes=changes))
    assert decode(document).changes == changes
    assert len(document) - len(encode(plain)) < 120_000


def test_nearly_every_update_is_understood_as_a_promise(fragments: tuple[Fragment, ...]) -> None:
    updates = [one for one in fragments if one.kind is ChangeKind.UPDATES]
    items = {Change.of(one.kind, item) for one in updates for item in one.items}
    promises = promises_in(items)
    assert len({one.item for one in promises if one.version}) / len(items) > 0.99
    assert sum(not one.prefix or "base" in one.prefix for one in promises) > 1200


def test_the_linter_finds_what_is_wrong_with_them(shared: Path) -> None:
    faults = lint_changelog(changelog_files(shared / "data" / "changelog"), date(2026, 8, 28))
    assert Counter(fault.rule for fault in faults) == {
        "brackets": 13,
        "cve-address": 1,
        "date": 1,
        "day": 1,
        "digits": 1,
        "duplicate": 2,
        "future": 1,
        "indent": 1,
        "link-broken-address": 1,
        "link-no-address": 1,
        "link-reversed": 1,
        "link-words": 1,
        "mark": 1,
        "marker": 1,
        "suffix": 1,
    }
