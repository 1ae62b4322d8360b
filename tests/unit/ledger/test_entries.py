"""Entries and their envelopes: what is signed is opaque, what is not an entry is refused."""

from __future__ import annotations

import json

import pytest

from release import canonical
from release.errors import InputError
from release.ledger.entries import (
    ENTRY_LIMIT,
    Entry,
    LedgerBrokenError,
    read_body,
    read_sealed,
    write_body,
    write_sealed,
)
from release.ledger.kinds import ReleaseRegistered, kind_of, read_content, write_content
from release.ledger.sealed import Sealed
from release.ledger.statements import (
    REQUEST,
    SIGN_OFF,
    STATEMENT_LIMIT,
    read_statement,
    sign_off_subject,
    write_statement,
)
from tests.unit.ledger.fakes import NOW, digest_of, genesis, released

ENTRY = Entry(sequence=1, previous=digest_of("before"), time=NOW, kind="evidence", data={"name": "x"})


def test_an_entry_is_read_as_it_was_written() -> None:
    body = write_body(ENTRY)
    sealed = Sealed(body=body, signature="signature")
    assert read_sealed(write_sealed(sealed), "here") == sealed
    assert read_body(body, "here") == ENTRY
    assert json.loads(body) == {
        "data": {"name": "x"},
        "format": "humpyard-ledger-1",
        "kind": "evidence",
        "previous": str(digest_of("before")),
        "sequence": 1,
        "time": "2026-01-31T12:00:00Z",
    }


def test_the_signed_bytes_are_the_text_as_stored() -> None:
    assert Sealed(body='{ "not": "canonical"}', signature="s").signed_bytes == b'{ "not": "canonical"}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"body": "{}"}',
        b'{"body": "{}", "signature": "s", "more": 1}',
        b'{"body": "{}", "body": "{}", "signature": "s"}',
        b'{"body": {}, "signature": "s"}',
        b'{"body": "\\ud800..", "signature": "s"}',
        b'{"body": "{}", "signature": "\\ud800"}',
        b'{"body": "{}", "signature": ""}',
        b"\xff" * 10,
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(LedgerBrokenError, match="here: not a ledger entry"):
        read_sealed(data, "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "humpyard-ledger-2"}, "expected format 'humpyard-ledger-1', found 'humpyard-ledger-2'"),
        ({"format": None}, "expected format"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": 1.0}, "sequence"),
        ({"previous": "sha256:00"}, "previous"),
        ({"time": "now"}, "time"),
        ({"kind": ""}, "kind"),
        ({"data": []}, "data"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_no_body_is_refused(change: dict[str, object], message: str) -> None:
    fields = {**json.loads(write_body(ENTRY)), **change}
    with pytest.raises(LedgerBrokenError, match=message):
        read_body(json.dumps(fields), "here")


def test_an_entry_that_no_reader_would_take_is_not_written() -> None:
    with pytest.raises(InputError, match=f"expected at most {ENTRY_LIMIT} bytes"):
        write_sealed(Sealed(body="x" * ENTRY_LIMIT, signature="s"))


@pytest.mark.parametrize("content", [genesis(), released("1.0.0", offered_in=("alpha",))])
def test_contents_are_read_as_they_were_written(content: ReleaseRegistered) -> None:
    assert read_content(kind_of(content), write_content(content), "here") == content


def test_unknown_kinds_are_not_understood() -> None:
    with pytest.raises(InputError, match="kind 'freeze' is unknown") as caught:
        read_content("freeze", {}, "here")
    assert "newer humpyard" in str(caught.value.hint)


def test_a_rebuild_says_what_it_derives_from() -> None:
    data = {**write_content(released("1.0.0")), "lineage": "rebuild"}
    with pytest.raises(InputError, match="here: lineage: a rebuild must name"):
        read_content("release", data, "here")


def test_content_that_cannot_be_read_back_is_not_written() -> None:
    with pytest.raises(InputError, match="new genesis entry: pipeline_keys"):
        write_content(genesis(pipeline_keys=()))


def test_a_statement_of_another_purpose_is_refused() -> None:
    text = write_statement(REQUEST, {"request": str(digest_of("x"))})
    with pytest.raises(InputError, match=f"expected a statement of purpose '{SIGN_OFF}', found '{REQUEST}'"):
        sign_off_subject(text, "here")


@pytest.mark.parametrize("text", ["{}", "", "[1]", '{"statement": 1}', '{"statement":"a","statement":"b"}'])
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="here"):
        read_statement(text, REQUEST, "here")


def test_a_statement_longer_than_readers_take_is_not_written() -> None:
    with pytest.raises(InputError, match=f"at most {STATEMENT_LIMIT} bytes"):
        write_statement(REQUEST, {"reason": "x" * STATEMENT_LIMIT})


def test_a_statement_is_never_an_entry() -> None:
    """The two purposes are told apart by the signed bytes themselves."""
    with pytest.raises(LedgerBrokenError, match="expected format"):
        read_body(write_statement(REQUEST, {}), "here")
    with pytest.raises(InputError, match="expected a statement of purpose"):
        read_statement(canonical.dump({"format": "humpyard-ledger-1"}).decode(), REQUEST, "here")
