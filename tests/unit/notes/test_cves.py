from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.notes.cves import cve_ids, fixes_in, gravest, malformed_cve_ids


def test_identifiers_are_told_once_in_order_however_they_are_written() -> None:
    text = """
    - Linux ([CVE-2026-12345](https://example.org/CVE-2026-12345), cve-2026-2345)
    - curl (CVE-2025-1234-patched), CVE-2026-1234567, (CVE-2026-12346)
    """
    assert cve_ids(text) == (
        "CVE-2025-1234",
        "CVE-2026-2345",
        "CVE-2026-12345",
        "CVE-2026-12346",
        "CVE-2026-1234567",
    )
    assert malformed_cve_ids(text) == ()


def test_what_only_looks_like_an_identifier_is_named() -> None:
    text = (
        "CVE-2026-123, CVE-2026-XXXX, CVE-NNNN-NNNN, CVE-2026, CVE-26-12345, CVE-2026-????; CVEs, a CVE-fix"
    )
    assert cve_ids(text) == ()
    assert malformed_cve_ids(text) == (
        "CVE-2026-123",
        "CVE-2026-XXXX",
        "CVE-NNNN-NNNN",
        "CVE-2026",
        "CVE-26-12345",
        "CVE-2026-????",
    )


def fixes(text: str, heading: str = "#### Security fixes:\n\n") -> list[tuple[str, str | None, str | None]]:
    return [(fix.cve, fix.package, fix.severity) for fix in fixes_in(heading + text)]


def test_security_items_tell_the_package_of_their_identifiers() -> None:
    text = """
- Linux ([CVE-2026-12345](https://example.org/CVE-2026-12345), cve-2026-2345 (includes CVE-2026-1111))
- SDK: qemu ([CVE-2026-12345](https://example.org/))
* tcpdump and libpcap: [ CVE-2026-2222](https://example.org/)
*   **Go** - CVE-2026-3333
- azure, dev, gce, sysext-python: python (CVE-2026-4444)
- pam
    - [CVE-2026-5555](https://example.org/)
    - linux-pam (CVE-2026-6666)
"""
    assert fixes(text) == [
        ("CVE-2026-1111", "Linux", None),
        ("CVE-2026-2222", "tcpdump and libpcap", None),
        ("CVE-2026-2345", "Linux", None),
        ("CVE-2026-3333", "Go", None),
        ("CVE-2026-4444", "azure, dev, gce, sysext-python: python", None),
        ("CVE-2026-5555", "pam", None),
        ("CVE-2026-6666", "linux-pam", None),
        ("CVE-2026-12345", "Linux", None),
        ("CVE-2026-12345", "SDK: qemu", None),
    ]


def test_free_text_names_no_package() -> None:
    text = "- Fix curl overflow (CVE-2026-1111)\n- We are not affected by the backdoor (CVE-2026-2222)\n"
    assert fixes(text) == [("CVE-2026-1111", None, None), ("CVE-2026-2222", None, None)]
    assert fixes("- docker (CVE-2026-1111)", "#### Changes:\n") == [("CVE-2026-1111", None, None)]
    assert fixes("", "# CVE-2026-1111\n") == [("CVE-2026-1111", None, None)]
    assert fixes("- [CVE-2026-1111](https://example.org/)") == [("CVE-2026-1111", None, None)]


def test_what_an_item_names_is_not_told_again_without_its_package() -> None:
    assert fixes("- Fix a thing in curl (CVE-2026-1111)\n- curl (CVE-2026-1111)") == [
        ("CVE-2026-1111", "curl", None)
    ]


def test_a_severity_is_told_only_where_the_notes_say_it() -> None:
    text = (
        "- curl ([CVE-2026-1111](https://example.org/) (critical), CVE-2026-2222 (HIGH),"
        " CVE-2026-3333: moderate, CVE-2026-4444, CVE-2026-5555 (highly unlikely))\n"
        "- bash (CVE-2026-6666), a critical fix"
    )
    assert [severity for _, _, severity in fixes(text)] == ["critical", "high", "medium", None, None, None]


@given(st.text(alphabet="CVE-20613 []()-*\n#:a,", max_size=80))
def test_no_identifier_is_lost_or_made_up(text: str) -> None:
    assert {fix.cve for fix in fixes_in(text)} == set(cve_ids(text))
    fixes = {fix.cve: fix for fix in fixes_in(text)}
    assert not any(fix.claimed and fix.undone for fix in fixes.values())


A = "CVE-2026-1111"


def said(text: str) -> tuple[list[str], list[str]]:
    """What notes say is fixed, and what they say is not, or not any more."""
    found = fixes_in(text)
    return [fix.cve for fix in found if fix.claimed], [fix.cve for fix in found if fix.undone]


@pytest.mark.parametrize(
    "notes",
    [
        f"#### Security fixes:\n\n- curl ({A})",
        f"#### Security fixes:\n\n- {A}",
        f"#### Security fixes:\n\n- pam\n  * {A}",
        f"#### Security fixes:\n\n- Linux ({A}\n  (critical))\n\n#### Known issues:\n\n- It does not boot",
        f"#### Bug fixes:\n\n- Fixed a leak in curl ({A})",
        f"#### Changes:\n\n- Fixes:\n  - {A}",
        f"- Fix curl ({A})",
        f"- curl ({A})",
        f"Security fixes\n\n* curl ({A})\n\nChanges\n\n* zlib",
        f"#### Security fixes:\n\n- curl ({A})\n\n#### Notes\n\nFlatcar is not affected by {A}.",
    ],
)
def test_fixes_are_claimed_by_security_items_and_by_those_that_say_so(notes: str) -> None:
    assert said(notes) == ([A], [])


@pytest.mark.parametrize(
    "notes",
    [
        f"# {A}\n",
        f"All about {A}.\n\n#### Security fixes:\n",
        f"#### Changes:\n\n- docker ({A})",
        f"#### Bug fixes:\n\n- Updated curl to fix {A}",
        f"#### Known issues:\n\n- curl ({A})",
        f"#### Known issues:\n\n- Fix {A} by hand",
        f"#### Security fixes:\n\n- zlib\n\nKnown issues:\n\n- curl ({A})",
        f"#### Security fixes:\n\n- zlib\n\nKnown issues of this release:\n\n- curl ({A})",
        f"Known issues\n\n* curl ({A})",
        f"#### Security fixes:\n\n- zlib\n- Known issue in curl ({A})",
        f"#### Security fixes:\n\n- Flatcar is not affected of the backdoor ({A})",
        f"#### Security fixes:\n\n- Linux\n  * {A} (Flatcar is\n    not affected)",
        f"#### Security fixes:\n\n- Not vulnerable:\n  * {A}",
        f"#### Security fixes:\n\n- Fix {A} by reverting a change",
        f"Changes\n\n* docker ({A})",
    ],
)
def test_what_is_only_mentioned_is_no_fix(notes: str) -> None:
    assert said(notes) == ([], [])
    assert {fix.cve for fix in fixes_in(notes)} == {A}


@pytest.mark.parametrize(
    "notes",
    [
        f"Known issues: {A} is **not fixed yet**",
        f"**Reverted the fix** of {A}",
        f"#### Security fixes:\n\n- curl: reverted to 8.1 ({A})",
        f"#### Changes:\n\n- Fix of {A} reverted",
        f"#### Changes:\n\n- Reverted the fixes of\n  - {A}",
        f"#### Reverted fixes\n\n- curl ({A})",
        f"#### Reverted the fix of {A}\n\nIt broke curl.",
        f"#### Security fixes:\n\n- curl ({A})\n\n#### Known issues:\n\n- {A} is still not fixed on arm64",
    ],
)
def test_what_is_not_fixed_any_more_is_undone_whatever_else_is_said(notes: str) -> None:
    assert said(notes) == ([], [A])


def test_what_is_said_of_one_is_not_said_of_those_beside_it() -> None:
    items = f"- Linux\n  * {A} (not affected)\n  * CVE-2026-2222\n- curl (CVE-2026-3333)\n"
    assert said(f"#### Security fixes:\n\n{items}") == (["CVE-2026-2222", "CVE-2026-3333"], [])


def test_what_is_fixed_is_told_only_of_what_it_is_fixed_in() -> None:
    notes = f"#### Security fixes:\n\n- curl ({A})\n\n#### Known issues:\n\n- SDK: curl ({A} high)\n"
    assert [(fix.package, fix.severity, fix.claimed) for fix in fixes_in(notes)] == [("curl", None, True)]


def test_the_gravest_severity_counts() -> None:
    assert gravest([None, "low", "critical", "high"]) == "critical"
    assert gravest([None]) is None
    assert fixes(f"- curl ({A} low)\n- curl ({A} high)\n- curl ({A})") == [(A, "curl", "high")]


def test_a_name_that_never_ends_is_read_at_once() -> None:
    """Half a second for every such line, once: minutes for a text."""
    line = "  - a" + " " * 394 + "x\n"
    text = "## Security fixes\n\n- b ([CVE-2026-0001](https://a/))\n" + line * 600
    assert [fix.cve for fix in fixes_in(text)] == ["CVE-2026-0001"]
