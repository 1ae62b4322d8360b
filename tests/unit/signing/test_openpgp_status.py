"""The decision over gpg's status lines, without gpg."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.errors import NotVerifiedError
from release.signing.openpgp_status import (
    OpenPgpSignature,
    RevokedKeyError,
    Status,
    judge,
    statuses,
)

ALICE = "A" * 40
SUBKEY = "B" * 40
NEWSIG = Status("NEWSIG", ())
GOODSIG = Status("GOODSIG", (SUBKEY[:16], "Alice"))
VALIDSIG = Status("VALIDSIG", (SUBKEY, "2026-01-01", "1767225600", "0", "4", "0", "22", "10", "00", ALICE))
GOOD = [NEWSIG, GOODSIG, VALIDSIG, Status("TRUST_UNDEFINED", ("0", "pgp"))]


def changed(index: int, value: str) -> Status:
    fields = list(VALIDSIG.arguments)
    fields[index] = value
    return Status("VALIDSIG", tuple(fields))


def test_one_good_signature_by_an_allowed_primary_is_yes() -> None:
    found = judge(GOOD, 0, {ALICE}, "it")
    assert isinstance(found, OpenPgpSignature)
    assert (found.primary_fingerprint, found.signing_fingerprint) == (ALICE, SUBKEY)
    assert found.created.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "found NEWSIG 0 times"),
        ([NEWSIG, GOODSIG], "found VALIDSIG 0 times"),
        ([NEWSIG, VALIDSIG], "found GOODSIG 0 times"),
        ([NEWSIG, GOODSIG, VALIDSIG, VALIDSIG], "found VALIDSIG 2 times"),
        ([NEWSIG, NEWSIG, GOODSIG, VALIDSIG], "found NEWSIG 2 times"),
        ([NEWSIG, GOODSIG, changed(9, SUBKEY)], "not on the allow-list"),
        ([NEWSIG, GOODSIG, changed(7, "2")], "found OpenPGP hash 2"),
        ([NEWSIG, GOODSIG, changed(8, "01")], "found class 01"),
        ([NEWSIG, GOODSIG, changed(2, "20260101T000000")], "unexpected form"),
        ([NEWSIG, GOODSIG, Status("VALIDSIG", VALIDSIG.arguments[:9])], "unexpected form"),
    ],
)
def test_anything_less_is_no(lines: list[Status], message: str) -> None:
    with pytest.raises(NotVerifiedError, match=message):
        judge(lines, 0, {ALICE}, "it")


@pytest.mark.parametrize(
    "keyword",
    ["BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NO_PUBKEY", "NODATA", "PLAINTEXT", "FAILURE"],
)
def test_one_status_that_means_no_outweighs_all_that_mean_yes(keyword: str) -> None:
    for lines in ([*GOOD, Status(keyword, ("x",))], [Status(keyword, ("x",)), *GOOD]):
        with pytest.raises(NotVerifiedError, match="it: "):
            judge(lines, 0, {ALICE}, "it")


def test_a_signature_that_fits_by_a_key_that_was_revoked_is_told_apart() -> None:
    revoked = [NEWSIG, Status("REVKEYSIG", (SUBKEY[:16], "Alice")), VALIDSIG]
    with pytest.raises(RevokedKeyError, match="revoked") as caught:
        judge(revoked, 0, {ALICE}, "it")
    assert caught.value.fingerprint == ALICE
    for more in ("BADSIG", "EXPSIG", "ERRSIG"):
        with pytest.raises(NotVerifiedError) as other:
            judge([*revoked, Status(more, ("x",))], 0, {ALICE}, "it")
        assert not isinstance(other.value, RevokedKeyError)
    with pytest.raises(RevokedKeyError) as unknown:
        judge([*revoked, VALIDSIG], 0, {ALICE}, "it")
    assert not unknown.value.fingerprint


@pytest.mark.parametrize("exit_code", [1, 2, -9, None])
def test_a_bad_exit_code_outweighs_good_statuses(exit_code: int | None) -> None:
    with pytest.raises(NotVerifiedError, match="exit code"):
        judge(GOOD, exit_code, {ALICE}, "it")


def test_only_line_feeds_end_a_status_line() -> None:
    forged = "Eve\x85[GNUPG:] VALIDSIG x\u2028[GNUPG:] Y"
    found = statuses(f"gpg: hello\n[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AB {forged}\n[GNUPG:] \n")
    assert [line.keyword for line in found] == ["NEWSIG", "GOODSIG"]
    assert found[1].arguments[0] == "AB"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.text())
def test_no_text_makes_it_raise_anything_but_not_verified(text: str) -> None:
    with pytest.raises(NotVerifiedError):
        judge(statuses(f"[GNUPG:] {text}\n[GNUPG:] NEWSIG\n"), 0, {ALICE}, "it")
