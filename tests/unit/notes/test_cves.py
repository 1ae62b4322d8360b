from __future__ import annotations

from release.notes.cves import cve_ids, malformed_cve_ids


def test_identifiers_are_told_once_in_order_however_they_are_written() -> None:
    text = """
    - Linux ([CVE-2026-12345](https://nvd.nist.gov/vuln/detail/CVE-2026-12345), cve-2026-2345)
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
