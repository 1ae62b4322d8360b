"""Pages that nobody builds any more are found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from release.pages.check_age import age_fault

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("generated_at", "fault"),
    [
        ("2026-08-31T12:00:00Z", None),
        ("2026-09-02T12:00:00Z", None),  # of a clock that is ahead
        (
            "2026-08-31T11:00:00Z",
            "the data is of 2026-08-31 11:00 UTC, 25 h old; expected 24 h at most",
        ),
        ("yesterday", "does not say of when it is"),
        ("2026-09-01T12:00:00", "does not say of when it is"),  # in no time zone
        (None, "does not say of when it is"),
    ],
)
def test_a_site_that_is_too_old_is_told(generated_at: str | None, fault: str | None) -> None:
    files = {"index.json": json.dumps({"generated_at": generated_at}).encode()}
    assert age_fault(files, NOW, timedelta(hours=24)) == fault


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{}"])
def test_a_site_that_cannot_be_read_is_told(data: bytes) -> None:
    assert age_fault({"index.json": data}, NOW, timedelta(hours=1)) == "does not say of when it is"
    assert age_fault({}, NOW, timedelta(hours=1)) == "does not say of when it is"
