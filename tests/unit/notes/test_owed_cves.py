"""What security fragments say of CVEs has to be told: what they fix as fixed, what else they name by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.bundle.change import ChangeKind, change_id
from release.notes.compose import Baseline, compose_notes
from release.notes.fragments import Fragment
from release.notes.owed_cves import OwedCves, owed_cves, still_owed

A, B, C = "CVE-2026-1111", "CVE-2026-2222", "CVE-2026-3333"
OPEN = f"#### Known issues:\n\n- {A} in curl is not fixed yet\n"
FIX = f"#### Security fixes:\n\n- curl ({A})\n"
NONE = OwedCves()


def fragment(*items: str, kind: ChangeKind = ChangeKind.SECURITY) -> Fragment:
    return Fragment(kind=kind, day=(2026, 8, 1), name="2026-08-01-it.md", items=items)


def fixes(*cves: str) -> OwedCves:
    return OwedCves(fixes=frozenset(cves))


@pytest.mark.parametrize(
    "item",
    [
        f"- curl ({A})",
        f"- {A}",
        f"- [{A}](https://example.org/)",
        f"- Fix a leak that {A} is about",
        f"- SDK: a sentence of curl, {A}, and more words",
        f"- curl, several:\n  - a leak ({A})",
    ],
)
def test_a_security_fragment_owes_a_fix_and_composed_notes_claim_it(item: str) -> None:
    owed = owed_cves([fragment(item)], frozenset())
    assert owed == fixes(A)
    assert still_owed(owed, [compose_notes([fragment(item)], [Baseline(name="Alpha 1.0.0")])]) == NONE
    assert still_owed(owed, [""]) == owed


@pytest.mark.parametrize(
    "notes", [OPEN, f"#### Changes:\n\n- Not affected by {A}\n", f"Mind {A}.\n", f"# {A}\n", f"{FIX}{OPEN}"]
)
def test_to_mention_a_cve_is_not_to_tell_of_its_fix(notes: str) -> None:
    assert still_owed(fixes(A), [notes]) == fixes(A)


def test_a_fix_that_an_older_release_tells_is_told_and_what_that_says_is_open_is_not() -> None:
    assert still_owed(fixes(A, B), ["", FIX]) == fixes(B)
    assert still_owed(fixes(A), ["", OPEN]) == fixes(A)
    assert still_owed(fixes(A), [FIX, OPEN]) == NONE


def test_what_a_newer_release_took_back_an_older_one_does_not_tell() -> None:
    assert still_owed(fixes(A), ["", f"Reverted the fix of {A}.", FIX]) == fixes(A)
    assert still_owed(fixes(A), ["", FIX, f"Reverted the fix of {A}."]) == NONE


def test_a_security_fragment_that_fixes_nothing_has_to_be_named_only() -> None:
    owed = owed_cves([fragment(f"- curl ({A})", f"- Not affected by {B}")], frozenset())
    assert owed == OwedCves(fixes=frozenset({A}), names=frozenset({B}))
    assert still_owed(owed, [f"{FIX}\nMind {B}.\n"]) == NONE
    assert still_owed(owed, [FIX, f"Mind {B}.\n"]) == NONE
    assert still_owed(owed, [FIX]) == OwedCves(names=frozenset({B}))


@pytest.mark.parametrize("kind", ChangeKind)
def test_a_fragment_that_takes_a_fix_back_leaves_nothing_to_claim(kind: ChangeKind) -> None:
    both = [fragment(f"- curl ({A}, {B})"), fragment(f"- Reverted the fix of {A}", kind=kind)]
    owed = owed_cves(both, frozenset())
    assert owed == OwedCves(fixes=frozenset({B}), names=frozenset({A}))
    assert still_owed(owed, [compose_notes(both, [Baseline()])]) == NONE


def test_other_fragments_and_what_was_told_before_owe_nothing() -> None:
    assert owed_cves([fragment(f"- Fixed {A}", kind=ChangeKind.BUGFIXES)], frozenset()) == NONE
    assert owed_cves([fragment(f"- curl ({A})")], frozenset({change_id(f"- curl ({A})")})) == NONE


def test_a_title_in_a_fragment_takes_no_fix_from_the_fragments_after_it() -> None:
    """Notes made of them list the fix below the title, where nothing is claimed: that has to be seen."""
    both = [fragment(f"- zlib\n\n  **Known issues**\n\n  - {B}", f"- curl ({A})")]
    owed = owed_cves(both, frozenset())
    assert A in owed.fixes
    assert still_owed(owed, [compose_notes(both, [Baseline()])]) == fixes(A)


def test_no_more_releases_are_read_than_needed() -> None:
    def notes() -> Iterator[str]:
        yield FIX
        raise AssertionError

    assert still_owed(fixes(A), notes()) == NONE
    assert still_owed(NONE, notes()) == NONE


def test_a_fix_that_is_told_below_another_heading_only_has_to_be_claimed() -> None:
    """The same item in two sections is told once, in the first, where no fix is claimed."""
    both = [fragment(f"- curl ({A})", kind=ChangeKind.BREAKING), fragment(f"- curl ({A})")]
    assert still_owed(owed_cves(both, frozenset()), [compose_notes(both, [Baseline()])]) == fixes(A)


ITEMS = [
    f"- curl ({A})",
    f"- zlib ({B}, {A})",
    f"- Fix a leak ({C})",
    f"- Not affected by {C}",
    f"- Reverted the fix of {B}",
    f"- {C}",
]


@given(st.dictionaries(st.sampled_from(ITEMS), st.sampled_from(ChangeKind)))
def test_notes_that_are_composed_owe_nothing(told: dict[str, ChangeKind]) -> None:
    fragments = [fragment(item, kind=kind) for item, kind in told.items()]
    owed = owed_cves(fragments, frozenset())
    assert not owed.fixes & owed.names
    assert still_owed(owed, [compose_notes(fragments, [Baseline()])]) == NONE
