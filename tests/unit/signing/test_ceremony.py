"""Signing a bundle where the key is: what is shown, what is refused, what is remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.signing.__main__ import main
from release.signing.ceremony_answer import check_answer, decode_answer
from release.signing.ceremony_bundle import bundle_code, decode_bundle, encode_bundle, summary
from release.signing.ceremony_journal import read_journal
from release.signing.trusted_keys import PayloadKey
from tests.unit.signing.bundles import NOW, VERSION, Machine, Person, bundle, candidate, public


@pytest.fixture
def ada(tmp_path: Path) -> Machine:
    folder = tmp_path / "ada"
    folder.mkdir()
    return Machine(folder, "ada")


def test_a_bundle_is_read_as_it_was_written_and_one_value_has_one_form() -> None:
    made = bundle("ada", "grace")
    data = encode_bundle(made)
    assert decode_bundle(data, "bundle") == made
    assert encode_bundle(decode_bundle(data, "bundle")) == data
    assert len(data) < 6000


def test_the_summary_names_everything_that_is_signed() -> None:
    made = bundle("ada", "grace")
    text = "\n".join(summary(made))
    for one in made.candidate.payloads:
        assert f"{one.name}  {one.kind}" in text
        assert one.digest.hex in text
    for key in made.keys:
        assert f"slot {key.slot}: {key.name}, RSA-2048, {key.fingerprint}, asked to sign" in text
    assert "Small OS 4600.0.0 for channel alpha" in text
    assert "exported 2026-03-01T12:00:00Z, to be signed before 2026-03-08T12:00:00Z" in text


def test_the_code_is_sixteen_letters_and_another_nonce_has_another_code() -> None:
    one, other = encode_bundle(bundle("ada")), encode_bundle(bundle("ada", nonce=b"m" * 16))
    assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", bundle_code(one))
    assert bundle_code(one) != bundle_code(other)
    assert decode_bundle(one, "a").candidate.digest == decode_bundle(other, "b").candidate.digest


def test_an_answer_holds_a_good_signature_for_every_digest_on_every_board(ada: Machine) -> None:
    made = bundle("ada", "grace")
    out = ada.sign(ada.receive(made))
    sealed = decode_answer(out.read_bytes(), out.name)
    check_answer(sealed, made, public("ada"))
    asked = {(one.board, one.name, one.digest) for one in made.candidate.payloads}
    assert {(one.board, one.name, one.digest) for one in sealed.answer.signatures} == asked
    assert all(public("ada").verifies(one.digest, one.signature) for one in sealed.answer.signatures)
    assert sealed.answer.bundle == Digest.sha256(encode_bundle(made))


def test_the_code_is_not_shown_before_it_is_typed(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    code = bundle_code(path.read_bytes())
    person = Person(code.lower().replace("-", " "), [])
    ada.sign(path, person=person)
    assert person.shown
    assert code not in "\n".join(person.shown)


@pytest.mark.parametrize(
    ("typed", "fit"),
    [("", 0), ("AAAA-AAAA-AAAA-AAAA", 0), ("{0}-{1}-AAAA-{3}", 3), ("{0}-{1}-{2}-{3}-{0}", 0)],
)
def test_another_code_signs_nothing_and_says_how_far_off_it_is(ada: Machine, typed: str, fit: int) -> None:
    path = ada.receive(bundle("ada"))
    code = bundle_code(path.read_bytes())
    with pytest.raises(
        RefusedError, match=f"given is not this bundle's: {fit} of its 4 groups fit"
    ) as caught:
        ada.sign(path, code=typed.format(*code.split("-")))
    assert code not in caught.value.message
    assert [one.name for one in ada.folder.iterdir()] == ["bundle"], "the key was not even opened"


def test_a_bundle_that_has_expired_is_refused(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    for late in (timedelta(days=7), timedelta(days=400)):
        with pytest.raises(RefusedError, match="expired 2026-03-08T12:00:00Z, it is 202"):
            ada.sign(path, now=NOW + late)
    ada.sign(path, now=NOW + timedelta(days=7, seconds=-1))


def test_a_clock_before_the_export_is_called_wrong(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    with pytest.raises(RefusedError, match="exported 2026-03-01T12:00:00Z, but here it is 2026-02-28"):
        ada.sign(path, now=NOW - timedelta(days=1))
    ada.sign(path, now=NOW - timedelta(minutes=5))


def test_a_bundle_for_other_keys_is_refused_and_says_for_whom_it_is(ada: Machine) -> None:
    with pytest.raises(
        RefusedError, match=f"does not ask {public('ada').fingerprint} to sign, it asks grace"
    ):
        ada.sign(ada.receive(bundle("grace")))


def test_a_bundle_of_another_product_can_be_refused(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    with pytest.raises(RefusedError, match="expected Big OS, found one for Small OS"):
        ada.sign(path, product="Big OS")
    ada.sign(path, product="Small OS")


def test_a_bundle_that_was_signed_before_is_named_as_such_and_answered_again(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    first = ada.sign(path).read_bytes()
    person = Person(bundle_code(path.read_bytes()), [])
    assert ada.sign(path, person=person).read_bytes() == first
    assert person.shown[-1].startswith("this key signed this very bundle before, on 2026-03-01T12:00:00Z")
    assert len(read_journal(ada.folder / "signing-journal.json")) == 2


def test_the_same_payloads_exported_anew_are_refused_until_somebody_says_again(ada: Machine) -> None:
    ada.sign(ada.receive(bundle("ada")))
    anew = ada.receive(bundle("ada", nonce=b"m" * 16), "anew")
    with pytest.raises(RefusedError, match="this one is the same payloads, exported again") as caught:
        ada.sign(anew)
    assert "--again" in str(caught.value.hint)
    ada.sign(anew, again=True)


def test_other_payloads_under_the_same_version_are_refused_loudly(ada: Machine) -> None:
    ada.sign(ada.receive(bundle("ada")))
    other = ada.receive(bundle("ada", made=candidate(salt="!")), "other")
    with pytest.raises(RefusedError, match="this one is OTHER PAYLOADS under the same version"):
        ada.sign(other)
    assert len(read_journal(ada.folder / "signing-journal.json")) == 1


def test_an_older_bundle_is_refused_after_a_newer_one_was_signed(ada: Machine) -> None:
    older = ada.receive(bundle("ada"))
    ada.sign(older)
    ada.sign(ada.receive(bundle("ada", nonce=b"m" * 16), "newer"), again=True)
    with pytest.raises(RefusedError, match="exported again"):
        ada.sign(older)


def test_another_version_is_another_matter(ada: Machine) -> None:
    ada.sign(ada.receive(bundle("ada")))
    ada.sign(ada.receive(bundle("ada", made=candidate(Version(4601, 0, 0))), "next"))
    versions = [entry.version for entry in read_journal(ada.folder / "signing-journal.json")]
    assert versions == [VERSION, Version(4601, 0, 0)]


def test_the_journal_is_shared_by_the_keys_of_a_machine_and_may_lie_elsewhere(
    ada: Machine, tmp_path: Path
) -> None:
    journal, out = tmp_path / "kept.json", tmp_path / "answer"
    made = bundle("ada", "grace")
    ada.sign(ada.receive(made), journal=journal, out=out)
    Machine(ada.folder, "grace").sign(ada.receive(made), journal=journal)
    with pytest.raises(RefusedError, match="OTHER PAYLOADS"):
        ada.sign(ada.receive(bundle("ada", made=candidate(salt="!")), "other"), journal=journal)
    assert out.is_file()
    assert not (ada.folder / "signing-journal.json").exists()


def test_a_damaged_journal_stops_signing(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    (ada.folder / "signing-journal.json").write_text("{}")
    with pytest.raises(InputError, match=r"signing-journal\.json: expected a signing journal"):
        ada.sign(path)


@dataclass(frozen=True)
class Broken:
    uri: str
    key: PayloadKey
    answer: bytes

    def sign_digest(self, digest: Digest) -> bytes:
        del digest
        return self.answer


def test_a_key_that_answers_nonsense_leaves_no_answer_and_no_entry(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    with pytest.raises(NotVerifiedError, match="test:broken: what it gave for amd64-usr oem-azure"):
        ada.sign(path, signer=Broken("test:broken", public("ada"), bytes(256)))
    assert [one.name for one in ada.folder.iterdir()] == ["bundle"]


def test_no_single_altered_byte_of_a_bundle_goes_unnoticed(ada: Machine) -> None:
    path = ada.receive(bundle("ada"))
    data = path.read_bytes()
    code = bundle_code(data)
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises((InputError, RefusedError)):
            ada.sign(path, code=code)
    assert [one.name for one in ada.folder.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "expected a JSON object"),
        (b"{}", "expected a signing bundle"),
        (b'{"format":"humpyard-signing-bundle-2"}', "found format 'humpyard-signing-bundle-2'"),
        (b'{"format": "humpyard-signing-bundle-1"}', "expected canonical JSON"),
        (b'{"format":"humpyard-signing-bundle-1"}', "there is no field 'candidate'"),
        (b'{"format":"humpyard-signing-bundle-1","x":"\\ud800"}', "cannot be written as canonical JSON"),
        (b'{"format":"humpyard-signing-bundle-1","\\ud800":"x"}', "cannot be written as canonical JSON"),
        (b'{"format":"humpyard-signing-bundle-1","x":1e400}', "cannot be written as canonical JSON"),
        (
            b'{"format":"humpyard-signing-bundle-1","x":' + b"9" * 400 + b"}",
            "cannot be written as canonical JSON",
        ),
        (b'{"a":' * 100_000, "not JSON"),
        (b"\x00" * (1 << 21), "expected at most 1,048,576 bytes"),
    ],
)
def test_what_is_no_bundle_is_told_in_words(ada: Machine, data: bytes, reason: str) -> None:
    path = ada.folder / "bundle"
    path.write_bytes(data)
    with pytest.raises(InputError, match=re.escape(reason)):
        ada.sign(path, code="")


def test_names_of_files_on_a_stick_do_not_reach_the_terminal_as_they_are(
    ada: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ada.receive(bundle("ada"))
    named = path.rename(path.with_name("\x1b[2Jcode AAAA\u202e.bundle"))
    out = named.with_name("\x1b[1A.answer")
    command = ["sign", str(named), "--key", f"file:{ada.folder}/none.pem", "--out", str(out), "--code"]
    assert main([*command, "AAAA"]) == 1
    assert main(["show", str(named.with_suffix(".\x9b"))]) == 1
    printed = capsys.readouterr()
    assert "\ufffd[2Jcode AAAA\ufffd.bundle: the code that was given is not" in printed.err
    assert {"\x1b", "\x9b", "\u202e"}.isdisjoint(printed.out + printed.err)
