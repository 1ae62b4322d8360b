"""The head as a document: read back as written, strictly, bounded, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from release.errors import InputError
from release.trust.head import HEAD_LIMIT, HeadError, WithdrawnRelease, read_head, seal, unseal, write_head
from tests.unit.ledger.fakes import BOARD, digest_of
from tests.unit.trust.mirrors import SignedScene

SCENE = SignedScene()
HEAD = SCENE.head()
FIELDS = json.loads(write_head(HEAD))


def changed(**changes: object) -> str:
    return json.dumps({**FIELDS, **changes})


def test_a_head_is_read_back_as_it_was_written() -> None:
    assert read_head(write_head(HEAD), "test") == HEAD
    assert sorted(FIELDS["channels"]) == ["alpha", "beta"]
    assert FIELDS["channels"]["alpha"] == {
        "version": "2.0.0",
        "release": str(digest_of("2.0.0")),
        "generation": 2,
        "status": "offered",
        "frozen": False,
        "since": FIELDS["channels"]["alpha"]["since"],
        "boards": [str(BOARD)],
        "end_of_life": None,
    }


def test_its_envelope_keeps_the_very_text_that_was_signed() -> None:
    text = ' {"odd":  "text"} \n'
    sealed = unseal(seal(text, "signature"), "test")
    assert (sealed.body, sealed.signature) == (text, "signature")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "expected a JSON object"),
        ('{"format":"humpyard-head-2"}', "expected format 'humpyard-head-1', found 'humpyard-head-2'"),
        ('{"format":"humpyard-ledger-1"}', "found 'humpyard-ledger-1'"),
        ("{}", "found None"),
        (changed(more=1), "more: "),
        (changed(product=""), "product: "),
        (changed(issued="2026-01-31"), "issued: "),
        (changed(expires=FIELDS["issued"]), "expected later than issued"),
        (changed(ledger={"sequence": -1, "digest": str(digest_of("x"))}), "sequence: "),
        (changed(ledger={"sequence": 1, "digest": "md5:00"}), "digest: "),
        (changed(channels={"Alpha": FIELDS["channels"]["alpha"]}), "Alpha"),
        (changed(channels={"alpha": {**FIELDS["channels"]["alpha"], "status": "fine"}}), "status: "),
        (changed(channels={"alpha": {**FIELDS["channels"]["alpha"], "boards": []}}), "boards: "),
        (changed(channels={"alpha": {**FIELDS["channels"]["alpha"], "generation": 0}}), "generation: "),
        (changed(channels={"alpha": {**FIELDS["channels"]["alpha"], "frozen": 0}}), "frozen: "),
    ],
)
def test_what_is_not_exactly_a_head_is_refused(text: str, message: str) -> None:
    with pytest.raises(HeadError, match=message):
        read_head(text, "head.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"body":"{}"}',
        b'{"body":"{}","signature":"x","more":1}',
        b'{"body":"{}","body":"{}","signature":"x"}',
        b'{"body":"\\ud800","signature":"x"}',
        b'{"body":1,"signature":"x"}',
        b" " * (HEAD_LIMIT + 1),
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(HeadError, match="not a signed head"):
        unseal(data, "head.json")


def test_a_head_that_nobody_would_read_is_not_written() -> None:
    with pytest.raises(InputError, match="at most 65536 bytes"):
        seal("x" * HEAD_LIMIT, "signature")
    with pytest.raises(InputError, match="expected later than issued"):
        replace(HEAD, expires=HEAD.issued - timedelta(seconds=1))
    odd = WithdrawnRelease(
        version=SCENE.state.heads["beta"].version,
        release=digest_of("1.0.0"),
        reason="\x1b",
        since=HEAD.issued,
    )
    with pytest.raises(HeadError, match="not printable"):
        write_head(replace(HEAD, withdrawn=(odd,)))
