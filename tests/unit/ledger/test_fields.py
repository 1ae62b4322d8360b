"""Times, texts and numbers of documents are read strictly and written in one form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import with_config

from release.errors import InputError
from release.ledger.fields import Count, Fingerprint, Prose, Reader, Sha256, Utc, format_time, parse_time


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    count: Count = 0
    key: Fingerprint = "A" * 40
    text: Prose = ""
    time: Utc = datetime(2026, 1, 1, tzinfo=UTC)
    digest: Sha256 | None = None


_RECORD = Reader(_Record)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000001Z"])
def test_times_are_written_as_they_are_read(text: str) -> None:
    assert format_time(parse_time(text)) == text


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    moment = datetime(2026, 1, 31, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-01-31T12:00:00Z"


def test_a_time_without_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        format_time(datetime(2026, 1, 31))  # noqa: DTZ001  the mistake in question


@pytest.mark.parametrize(
    "text", ["", "2026-01-31", "2026-01-31T12:00:00+00:00", "2026-02-30T12:00:00Z", "2026-01-31T12:00:00Z\n"]
)
def test_other_forms_of_time_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected RFC 3339 in UTC"):
        parse_time(text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": "1"}, "count: Input should be a valid integer"),
        ({"count": True}, "count: Input should be a valid integer"),
        ({"count": -1}, "count: Input should be greater"),
        ({"key": "a" * 40}, "key: String should match pattern"),
        ({"key": "A" * 40 + "\n"}, "key: String should match pattern"),
        ({"key": "A" * 16}, "key: String should match pattern"),
        ({"text": "\x1b[2J"}, "text: character '.x1b' is not printable"),
        ({"text": "\u202egpj"}, "not printable"),
        ({"time": 5}, "time: expected text, found int"),
        ({"time": "yesterday"}, "time: time 'yesterday': expected RFC 3339"),
        ({"digest": "md5:" + "0" * 32}, "digest: .*expected sha256"),
        ({"digest": "sha256:00"}, "expected 32 bytes, found 1"),
        ({"other": 1}, "other: Unexpected keyword argument"),
        ({"count": "1", "other": 1}, r"\(and 1 more\)"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _RECORD.read(fields, "here")


def test_lines_may_follow_each_other_in_prose() -> None:
    assert _RECORD.read({"text": "one\ntwo"}, "here").text == "one\ntwo"
