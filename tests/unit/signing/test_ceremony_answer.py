"""Answers to a bundle: bound to it as a whole, and to each payload in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from release import canonical
from release.digests import Digest
from release.errors import HumpyardError, InputError, NotVerifiedError
from release.signing.ceremony import OpenBundle, sign_bundle
from release.signing.ceremony_answer import (
    SealedAnswer,
    SigningAnswer,
    answer_body,
    check_answer,
    check_seal,
    decode_answer,
    encode_answer,
)
from release.signing.ceremony_bundle import SigningBundle, encode_bundle
from tests.unit.signing.bundles import NOW, Machine, bundle, candidate, digest, public

MADE = bundle("ada")


@pytest.fixture
def ada(tmp_path: Path) -> Machine:
    return Machine(tmp_path, "ada")


def answered(machine: Machine, made: SigningBundle = MADE) -> SealedAnswer:
    opened = OpenBundle(Path("bundle"), encode_bundle(made), made)
    return decode_answer(sign_bundle(opened, machine.signer(), NOW), "answer")


def sealed(machine: Machine, answer: SigningAnswer) -> SealedAnswer:
    """``answer`` with a good seal: what only a signing machine gone wrong could make."""
    body = answer_body(answer)
    return decode_answer(encode_answer(body, machine.signer().sign_digest(Digest.sha256(body))), "answer")


def test_no_single_altered_byte_of_an_answer_goes_unnoticed(ada: Machine) -> None:
    one = answered(ada)
    data = encode_answer(one.body, one.seal)
    check_answer(decode_answer(data, "answer"), MADE, public("ada"))
    for at in range(0, len(data), 11):
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(HumpyardError):
            check_answer(decode_answer(altered, "answer"), MADE, public("ada"))


def test_an_answer_cannot_be_wrapped_anew_for_another_bundle_without_the_key(ada: Machine) -> None:
    one = answered(ada)
    newer = Digest.sha256(encode_bundle(bundle("ada", nonce=b"m" * 16)))
    forged = encode_answer(answer_body(replace(one.answer, bundle=newer)), one.seal)
    with pytest.raises(NotVerifiedError, match="its seal does not verify with the trusted key ada") as caught:
        check_seal(decode_answer(forged, "answer"), public("ada"))
    assert "altered on the way" in str(caught.value.hint)


def test_a_seal_by_another_key_is_no_seal(ada: Machine) -> None:
    with pytest.raises(NotVerifiedError, match="its seal does not verify with the trusted key grace"):
        check_seal(answered(ada), public("grace"))


def swap_boards(answer: SigningAnswer) -> SigningAnswer:
    """Each board's signatures under the other's name."""
    boards = {one.board for one in answer.signatures}
    other = {board: (boards - {board}).pop() for board in boards}
    return replace(
        answer, signatures=tuple(replace(one, board=other[one.board]) for one in answer.signatures)
    )


def swap_digests(answer: SigningAnswer) -> SigningAnswer:
    """The first two payloads have each other's digest and signature."""
    first, second, *rest = answer.signatures
    mixed = (
        replace(first, digest=second.digest, signature=second.signature),
        replace(second, digest=first.digest, signature=first.signature),
    )
    return replace(answer, signatures=(*mixed, *rest))


def swap_signatures(answer: SigningAnswer) -> SigningAnswer:
    """The first two payloads have each other's signature."""
    first, second, *rest = answer.signatures
    mixed = (replace(first, signature=second.signature), replace(second, signature=first.signature))
    return replace(answer, signatures=(*mixed, *rest))


def drop_one(answer: SigningAnswer) -> SigningAnswer:
    return replace(answer, signatures=answer.signatures[1:])


def name_another(answer: SigningAnswer) -> SigningAnswer:
    first, *rest = answer.signatures
    return replace(answer, signatures=(replace(first, name="evil.gz"), *rest))


def say_twice(answer: SigningAnswer) -> SigningAnswer:
    return replace(answer, signatures=(*answer.signatures, answer.signatures[0]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (swap_boards, r"gives for arm64-usr oem-azure\.gz the signature of amd64-usr oem-azure\.gz"),
        (swap_digests, r"gives for amd64-usr oem-azure\.gz the signature of amd64-usr update-from-"),
        (swap_signatures, r"the signature of amd64-usr oem-azure\.gz does not verify with ada"),
        (drop_one, r"there is no signature of amd64-usr oem-azure\.gz"),
        (name_another, r"signs amd64-usr evil\.gz, which was not asked for"),
        (say_twice, "gives two signatures for one payload"),
    ],
)
def test_even_a_sealed_answer_must_fit_payload_by_payload(
    ada: Machine, change: Callable[[SigningAnswer], SigningAnswer], reason: str
) -> None:
    wrong = sealed(ada, change(answered(ada).answer))
    check_seal(wrong, public("ada"))
    with pytest.raises(NotVerifiedError, match=reason):
        check_answer(wrong, MADE, public("ada"))


def test_an_answer_for_other_payloads_is_refused_with_both_candidates_named(ada: Machine) -> None:
    other = bundle("ada", made=candidate(salt="!"))
    with pytest.raises(NotVerifiedError, match="expected an answer for Small OS") as caught:
        check_answer(answered(ada, other), MADE, public("ada"))
    for made in (MADE, other):
        assert str(made.candidate.digest) in caught.value.message


def test_a_foreign_digest_among_the_answers_is_told(ada: Machine) -> None:
    one = answered(ada).answer
    first, *rest = one.signatures
    strange = digest("something else")
    mixed = replace(first, digest=strange, signature=ada.signer().sign_digest(strange))
    with pytest.raises(NotVerifiedError, match="the signature of no payload of this candidate"):
        check_answer(sealed(ada, replace(one, signatures=(mixed, *rest))), MADE, public("ada"))


def test_a_payload_signature_is_no_seal_and_a_seal_no_payload_signature(ada: Machine) -> None:
    one = answered(ada)
    assert one.body.startswith(b"{")
    for signature in one.answer.signatures:
        with pytest.raises(NotVerifiedError, match="seal does not verify"):
            check_seal(decode_answer(encode_answer(one.body, signature.signature), "answer"), public("ada"))
        assert not public("ada").verifies(signature.digest, one.seal)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (encode_bundle(MADE), "expected a signing answer"),
        (b'{"body":"{}","format":"humpyard-sealed-answer-1","seal":"00"}', "found format None"),
        (b'{"body":"x","format":"humpyard-sealed-answer-1","seal":""}', "seal: expected up to"),
        (b'{"body":1,"format":"humpyard-sealed-answer-1","seal":"00"}', "body: expected text"),
        (b"[" * 100_000, "not JSON"),
        (b"\x00" * (5 << 20), "expected at most 4194304 bytes"),
    ],
)
def test_what_is_no_answer_is_told_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        decode_answer(data, "answer")


def test_an_answer_in_another_json_form_is_refused(ada: Machine) -> None:
    one = answered(ada)
    value = canonical.load(encode_answer(one.body, one.seal), "answer")
    spaced = str(value["body"]).replace('":', '": ', 1)
    with pytest.raises(InputError, match="expected canonical JSON"):
        decode_answer(canonical.dump({**value, "body": spaced}), "answer")
