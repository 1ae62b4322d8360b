"""What corrections of notes make of everything that is told of releases with a record of their changes."""

from __future__ import annotations

import json
from dataclasses import replace

from release.bundle.change import Change, ChangeKind
from release.catalog.version import Version
from release.pages.from_files import from_files
from release.pages.from_view import from_view
from release.pages.machine.files import machine_files
from release.pages.press import Press
from release.pages.records import PublishedRelease, Revision
from release.pages.site import Site
from tests.unit.pages.samples import AMD64, board, day, payload, published, release, site
from tests.unit.pages.test_release_page import page, section
from tests.unit.pages.test_stopped import text
from tests.unit.pages.told import withdrawn

KEPT = Change.of(ChangeKind.CHANGES, "- bar is faster")
WRONG = Change.of(ChangeKind.CHANGES, "- foo now encrypts disks by default")
FALSE = Change.of(ChangeKind.ACTION_REQUIRED, "- Action required: paint the rack blue")
MIGRATE = Change.of(ChangeKind.ACTION_REQUIRED, "- Action required: run migrate-etcd, or data is lost")
AGO = Change.of(ChangeKind.CHANGES, "- Told long ago")

CORRECTED = f"#### Action required:\n\n{MIGRATE.text}\n\n#### Changes:\n\n{KEPT.text}\n"


def made(version: str, *changes: Change, notes: str | None = None, **since: int) -> PublishedRelease:
    """A release with a record, in channels since days of August."""
    number = Version.parse(version)
    if notes is None:
        notes = "".join(f"#### {one.kind.value.replace('_', ' ')}\n\n{one.text}\n\n" for one in changes)
    item = replace(
        release(version, board(AMD64, payload(9000)), created=day(number.patch + 1), notes=notes),
        changes=tuple(sorted(changes, key=lambda one: one.id)),
    )
    return published(item, **{name: day(number) for name, number in since.items()})


def corrected(one: PublishedRelease, notes: str = CORRECTED) -> PublishedRelease:
    return replace(one, revisions=(Revision(recorded=day(17), summary="Etcd", notes=notes),))


FIRST = made("1.0.9", AGO, alpha=1, beta=2)
SECOND = made("1.1.0", AGO, KEPT, WRONG, FALSE, alpha=3, beta=4)


def silent(*changes: Change) -> list[Change]:
    """As records have what was told before."""
    return [one if one.kind.must_be_told else replace(one, text="") for one in changes]


def sample(*releases: PublishedRelease, alpha: str = "1.1.0", beta: str = "1.1.0") -> Site:
    return site(*releases, alpha=alpha, beta=beta)


def told(made_of: Site, version: str = "1.0.9", channel: str = "alpha") -> tuple[list[str], list[str]]:
    """What must be reckoned with, and all else, on the page "from"; each with who brought it."""
    found = made_of.find(Version.parse(version))
    assert found is not None
    path = next(one for one in from_view(made_of, found).paths if channel in one.titles.lower())
    return (
        [f"{item.change.text} ({item.by.text})" for item in path.told.required],
        [f"{item.change.text} ({item.by.text})" for group in path.told.groups for item in group.items],
    )


def document(made_of: Site, version: str) -> list[str]:
    data = dict(machine_files(made_of, Press()))[f"api/v1/releases/{version}.json"]
    return [change["text"] for change in json.loads(data)["attention"]]


def test_a_correction_is_told_from_the_version_before_it_on() -> None:
    assert told(sample(FIRST, SECOND)) == (
        [f"{FALSE.text} (1.1.0)"],
        [f"{KEPT.text} (1.1.0)", f"{WRONG.text} (1.1.0)"],
    )
    after = sample(FIRST, corrected(SECOND))
    assert told(after) == ([f"{MIGRATE.text} (1.1.0)"], [f"{KEPT.text} (1.1.0)"])
    shown = dict(from_files(after, Press()))["from/1.0.9/index.html"].decode()
    assert "migrate-etcd" in shown
    assert "encrypts disks" not in shown


def test_a_correction_is_told_of_further_channels_too() -> None:
    html = page(sample(FIRST, corrected(SECOND)), "1.1.0")
    assert "migrate-etcd" in section(html, "required")
    assert "blue" not in html
    assert "encrypts disks" not in html
    assert "The same is new in Beta since 1.0.9 ." in text(section(html, "notes"))


def test_programs_are_told_what_corrections_ask_for() -> None:
    assert document(sample(FIRST, SECOND), "1.1.0") == [FALSE.text]
    assert document(sample(FIRST, corrected(SECOND)), "1.1.0") == [MIGRATE.text]
    assert document(sample(FIRST, corrected(SECOND)), "1.0.9") == []


def test_an_item_that_becomes_a_required_action_is_one_everywhere() -> None:
    notes = f"#### Action required:\n\n{KEPT.text}\n"
    after = sample(FIRST, corrected(SECOND, notes))
    assert told(after) == ([f"{KEPT.text} (1.1.0)"], [])
    assert document(after, "1.1.0") == [KEPT.text]


def test_a_channel_that_skipped_the_corrected_release_is_told_with_the_one_that_goes_on_from_it() -> None:
    """Beta goes from 1.0.9 to 1.1.1, whose record repeats what was wrong with 1.1.0."""
    skipped = made("1.1.0", AGO, KEPT, WRONG, FALSE, alpha=3)
    third = made("1.1.1", *silent(AGO, KEPT, WRONG, FALSE), notes="Nothing.\n", alpha=5, beta=6)
    before = sample(FIRST, skipped, third, alpha="1.1.1", beta="1.1.1")
    assert told(before, channel="beta")[0] == [f"{FALSE.text} (1.1.1)"]
    after = sample(FIRST, corrected(skipped), third, alpha="1.1.1", beta="1.1.1")
    assert told(after, channel="beta") == ([f"{MIGRATE.text} (1.1.1)"], [f"{KEPT.text} (1.1.1)"])
    assert told(after, channel="alpha") == ([f"{MIGRATE.text} (1.1.0)"], [f"{KEPT.text} (1.1.0)"])
    assert document(after, "1.1.1") == [MIGRATE.text]
    html = page(after, "1.1.1")
    assert "migrate-etcd" in section(html, "required")
    assert "encrypts disks" not in html


def test_what_another_release_tells_itself_stays_its_own() -> None:
    """1.1.1 has the action indeed; 1.2.0 was built without anything of 1.1.0."""
    third = made("1.1.1", *silent(AGO, KEPT, WRONG), FALSE, notes=f"#### Action required\n{FALSE.text}\n")
    other = made("1.2.0", *silent(AGO), FALSE, notes="Nothing.\n")
    after = sample(FIRST, corrected(SECOND), third, other)
    assert document(after, "1.1.1") in ([FALSE.text, MIGRATE.text], [MIGRATE.text, FALSE.text])
    assert document(after, "1.2.0") == [FALSE.text]


def test_what_people_ask_for_in_notes_before_they_are_published_is_told() -> None:
    """The record is of the changelog; somebody wrote this into the notes alone."""
    edited = made("1.1.0", AGO, KEPT, notes=CORRECTED, alpha=3, beta=4)
    assert told(sample(FIRST, edited))[0] == [f"{MIGRATE.text} (1.1.0)"]
    assert document(sample(FIRST, edited), "1.1.0") == [MIGRATE.text]


def test_a_correction_that_leaves_nothing_of_the_record_is_what_counts() -> None:
    whole = made("1.1.0", WRONG, alpha=3, beta=4)
    notes = f"#### Action required\n\n{MIGRATE.text}\n"
    assert told(sample(FIRST, corrected(whole, notes))) == ([f"{MIGRATE.text} (1.1.0)"], [])
    assert told(sample(FIRST, corrected(whole, "Nothing.\n"))) == ([], [])


def test_notes_without_a_record_are_told_as_they_read_now() -> None:
    plain = made("1.1.0", notes=f"- {WRONG.text}\n", alpha=3, beta=4)
    after = sample(FIRST, corrected(plain))
    assert told(after) == ([f"{MIGRATE.text} (1.1.0)"], [f"{KEPT.text} (1.1.0)"])
    assert document(after, "1.1.0") == [MIGRATE.text]


def test_what_only_a_withdrawn_release_asked_for_is_asked_again() -> None:
    """1.1.1 was built when 1.1.0 was not withdrawn yet, so its notes do not say it."""
    second = made("1.1.0", AGO, MIGRATE, alpha=3, beta=4)
    third = made("1.1.1", *silent(AGO, MIGRATE), notes="Nothing new.\n", alpha=5, beta=6)
    fourth = made("1.1.2", *silent(AGO, MIGRATE), notes="Nothing new.\n", alpha=7, beta=8)
    at = {"alpha": "1.1.2", "beta": "1.1.2"}
    assert 'id="required"' not in page(sample(FIRST, second, third, fourth, **at), "1.1.1")
    after = sample(FIRST, withdrawn(second), third, fourth, **at)
    html = page(after, "1.1.1")
    assert section(html, "required").count("migrate-etcd") == 1
    assert "New in Beta since 1.0.9: 1 change" in text(section(html, "notes"))
    assert 'id="required"' not in page(after, "1.1.2")
    assert told(after)[0] == [f"{MIGRATE.text} (1.1.0)"]


def test_an_action_that_only_withdrawn_releases_asked_for_is_asked_of_the_channel_it_was_built_for() -> None:
    second = made("1.1.0", AGO, MIGRATE, alpha=3)
    third = made("1.1.1", *silent(AGO, MIGRATE), notes="Nothing new.\n", alpha=5)
    html = page(site(FIRST, withdrawn(second), third, alpha="1.1.1", beta="1.0.9"), "1.1.1")
    assert "migrate-etcd" in section(html, "required")


def test_news_are_counted_from_the_version_before() -> None:
    """A branch that is still maintained goes on after a newer one was published."""
    newer = made("2.0.0", AGO, KEPT, WRONG, alpha=3, beta=4)
    branch = made("1.0.10", *silent(AGO), KEPT, notes="Nothing.\n", alpha=5, beta=6)
    html = page(sample(FIRST, newer, branch, alpha="2.0.0", beta="2.0.0"), "1.0.10")
    assert "New in Beta since 1.0.9: 1 change" in text(section(html, "notes"))
