from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.notes.sayings import Saying, is_open_matter, saying


@pytest.mark.parametrize(
    "text",
    [
        "Fix a leak",
        "**Fixed** a leak",
        "fixes: curl",
        "Linux: fix a leak",
        "Security fix for curl",
        "- Fix it",
    ],
)
def test_what_begins_with_a_fix_fixes(text: str) -> None:
    assert saying(text) == Saying(fixes=True)


@pytest.mark.parametrize(
    "text", ["curl", "Updated curl, which fixes a leak", "Fixup of curl", "", "A fix: curl"]
)
def test_what_does_not_begin_with_it_says_nothing(text: str) -> None:
    assert saying(text) == Saying()


@pytest.mark.parametrize(
    "text",
    [
        "Not affected by it",
        "We are **not** known to be _affected_",
        "it isn't exploitable",
        "curl (unaffected)",
        "This doesn\u2019t affect us",
        "Nobody is affected",
        "To be fixed in the next release",
        "The fix is not included",
        "Known issues: curl",
        "known vulnerability in curl",
        "Postponed",
    ],
)
def test_what_is_of_no_concern_or_open_is_denied(text: str) -> None:
    assert saying(text) == Saying(denies=True)


@pytest.mark.parametrize(
    "text",
    [
        "is **not fixed yet**",
        "is not yet\nfixed",
        "Does not fix it",
        "still unfixed",
        "is still vulnerable",
        "**Reverted the fix** of it",
        "curl: revert to 8.1",
        "Rolled back the update",
        "is no longer fixed",
    ],
)
def test_what_is_not_fixed_or_not_any_more_is_undone(text: str) -> None:
    assert saying(text) == Saying(denies=True, undoes=True)


def test_a_fix_that_was_taken_back_is_none() -> None:
    assert saying("Fix of curl: reverted") == Saying(fixes=True, denies=True, undoes=True)


def test_a_fix_by_taking_something_back_is_left_to_readers() -> None:
    assert saying("Fix a leak by reverting a change") == Saying(fixes=True, denies=True)


@pytest.mark.parametrize(
    "text",
    [
        "curl ([CVE-2026-0001](https://example.org/revert-not-fixed))",
        "open-vm-tools: several vulnerabilities",
        "grub: rollback attack",
        "is no longer vulnerable",
        "It was not easy. Users affected by it are safe",
    ],
)
def test_words_that_only_look_like_it_deny_nothing(text: str) -> None:
    assert not saying(text).denies


def test_titles_of_what_is_open() -> None:
    assert all(map(is_open_matter, ["known issues", "Open problems", "known security issues of arm64"]))
    assert not any(map(is_open_matter, ["fixed issues", "security fixes", "known fixes", ""]))


@given(st.text(max_size=80), st.text(max_size=80))
def test_together_they_say_what_each_of_them_says(one: str, other: str) -> None:
    both = saying(one) | saying(other)
    assert both.denies == (saying(one).denies or saying(other).denies)
    assert not both.undoes or both.denies
