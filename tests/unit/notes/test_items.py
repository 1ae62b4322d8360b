from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from release.bundle.change import ChangeKind, change_id
from release.notes.items import Passage, passages

NOTES = """
 _Changes since **Stable 4593.2.4**_

 #### Security fixes:

 - Linux ([CVE-2026-1234](https://example.org/))
- curl
  and more
   - nested
     further

#### **Bug Fixes**
* One
* Two

  its second paragraph
Updates:
- shim
 - grub

That was all.

_Changes since **Beta 4593.1.0**_
- No heading yet
## Known issues
+ A thing
"""


def test_items_are_found_with_the_section_that_they_are_in() -> None:
    assert passages(NOTES) == (
        Passage("security fixes", "- Linux ([CVE-2026-1234](https://example.org/))", True),
        Passage("security fixes", "- curl\n  and more\n   - nested\n     further", True),
        Passage("bug fixes", "- One", True),
        Passage("bug fixes", "- Two\n\n  its second paragraph", True),
        Passage("updates", "- shim", True),
        Passage("updates", "- grub", True),
        Passage("updates", "That was all.", False),
        Passage("", "- No heading yet", True),
        Passage("known issues", "- A thing", True),
    )


def test_sections_are_known_by_what_they_say_not_by_their_form() -> None:
    kinds = {
        "### Security updates": ChangeKind.SECURITY,
        "**Bux fixes**": ChangeKind.BUGFIXES,
        "__Changes:__": ChangeKind.CHANGES,
        "# Flatcar updates #": ChangeKind.UPDATES,
        "# [Upstream Container Linux updates](https://example.org)": ChangeKind.UPDATES,
        "Breaking changes:": ChangeKind.BREAKING,
        "## Action required:": ChangeKind.ACTION_REQUIRED,
        "## Known issues": None,
    }
    found = {heading: passages(f"{heading}\n- a")[0].kind for heading in kinds}
    assert found == kinds


def test_nothing_in_a_code_fence_is_an_item_or_a_heading() -> None:
    text = "- a\n  ```\n- b\n# c\n  ```\n- d"
    assert [one.text for one in passages(text)] == ["- a\n  ```\n- b\n# c\n  ```", "- d"]


def test_an_id_stays_with_the_words() -> None:
    assert change_id("- a\n  b") == change_id("-  a b ") != change_id("- a c")


@given(st.text(alphabet="-+ \t\n`a[]()", max_size=60))
def test_no_word_is_lost(text: str) -> None:
    """Whatever the lists look like; there are no headings in it."""
    assert sum(one.text.count("a") for one in passages(text)) == text.count("a")
