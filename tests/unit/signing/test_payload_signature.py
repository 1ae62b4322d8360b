"""Signing payloads, and believing signatures by the client's rule only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY
from release.payload.signature_blob import attach
from release.signing import open_signer
from release.signing.payload_signature import distinct_signers, sign_payload, verify_payload
from release.signing.signer import DigestSigner
from release.signing.trusted_keys import PayloadKey
from tests.unit.signing.rsa_keys import private_key, write_payload, write_private

BITS = {"old": 2048, "new": 2048, "long": 4096}


def public(name: str) -> PayloadKey:
    return PayloadKey.of(private_key(name, BITS[name]).public_key(), name)


def signer(folder: Path, name: str) -> DigestSigner:
    return open_signer(write_private(folder / f"{name}.pem", private_key(name, BITS[name])))


@dataclass(frozen=True, slots=True)
class LyingSigner:
    """Claims a trusted key and answers something else."""

    uri: str
    key: PayloadKey
    answer: bytes

    def sign_digest(self, digest: Digest) -> bytes:
        del digest
        return self.answer


@pytest.mark.parametrize(
    "names", [["old"], ["long"], ["old", "new"], ["long", "new"], ["new", "long"], ["old", "new", "long"]]
)
def test_every_signer_gets_a_slot_and_the_last_one_counts(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "payload"
    signed = write_payload(path, [BITS[name] // 8 for name in names])
    sign_payload(path, [signer(tmp_path, name) for name in names], [public(name) for name in BITS])
    once = path.read_bytes()
    assert once.startswith(signed)
    for profile in (None, FLATCAR, POSITIONAL_BSPATCH):
        slots = verify_payload(path, [public(names[-1])], profile)
        assert [slot.version for slot in slots] == [3 - len(names) + i for i in range(len(names))]
        assert [slot.counts for slot in slots] == [False] * (len(names) - 1) + [True]
        assert [slot.key for slot in slots] == [None] * (len(names) - 1) + [public(names[-1])]
    sign_payload(path, [signer(tmp_path, name) for name in names], [public(name) for name in BITS])
    assert path.read_bytes() == once, "signing again changes nothing"


def test_during_key_rotation_old_and_new_clients_both_verify(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 256])
    trusted = [public("old"), public("new")]
    sign_payload(path, [signer(tmp_path, "old"), signer(tmp_path, "new")], trusted)
    assert verify_payload(path, [public("new")])
    with pytest.raises(NotVerifiedError, match=r"clients do not look at does .version 1"):
        verify_payload(path, [public("old")])
    slots = verify_payload(path, [public("old")], REPLACE_ONLY)
    assert [(slot.key, slot.counts) for slot in slots] == [(public("old"), True), (None, True)]


def test_no_keys_verify_nothing(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256])
    sign_payload(path, [signer(tmp_path, "new")], [public("new")])
    with pytest.raises(RefusedError, match="no public keys were given"):
        verify_payload(path, [])


@pytest.mark.parametrize("sizes", [[], [256]])
def test_a_payload_without_signatures_or_with_an_empty_hole_is_not_signed(
    tmp_path: Path, sizes: list[int]
) -> None:
    path = tmp_path / "payload"
    write_payload(path, sizes)
    for profile in (FLATCAR, REPLACE_ONLY):
        with pytest.raises(NotVerifiedError, match="the payload is not signed"):
            verify_payload(path, [public("new")], profile)


def test_a_changed_payload_does_not_verify(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    signed = write_payload(path, [256])
    sign_payload(path, [signer(tmp_path, "new")], [public("new")])
    content = bytearray(path.read_bytes())
    content[len(signed) - 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(NotVerifiedError, match="first signature with version 2 does not verify with new"):
        verify_payload(path, [public("new")])
    with pytest.raises(NotVerifiedError, match="none of its 1 signatures verifies"):
        verify_payload(path, [public("new")], REPLACE_ONLY)


def test_an_untrusted_signer_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256])
    before = path.read_bytes()
    for trusted in ([], [public("old")]):
        with pytest.raises(RefusedError, match=r"not among the \d trusted payload keys"):
            sign_payload(path, [signer(tmp_path, "new")], trusted)
    assert path.read_bytes() == before


@pytest.mark.parametrize("answer", [b"", bytes(256), b"x" * 512])
def test_a_signers_answer_is_checked_with_the_trusted_key_before_it_is_attached(
    tmp_path: Path, answer: bytes
) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 256])
    before = path.read_bytes()
    lying = LyingSigner("test:liar", public("new"), answer)
    with pytest.raises(
        NotVerifiedError, match="test:liar: its answer does not verify with the trusted key new"
    ):
        sign_payload(path, [signer(tmp_path, "old"), lying], [public("old"), public("new")])
    assert path.read_bytes() == before


def test_signatures_must_fit_the_hole(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 256])
    before = path.read_bytes()
    with pytest.raises(InputError, match="expected signatures of 528 bytes together, found 264"):
        sign_payload(path, [signer(tmp_path, "new")], [public("new")])
    assert path.read_bytes() == before


def test_a_payload_built_unsigned_has_no_place_for_signatures(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [])
    with pytest.raises(InputError, match="there is no place for a signature"):
        sign_payload(path, [signer(tmp_path, "new")], [public("new")])


def test_signing_needs_a_signer_and_a_payload(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256])
    with pytest.raises(InputError, match="expected at least one signer"):
        sign_payload(path, [], [public("new")])
    path.write_bytes(b"not a payload, but long enough for a header")
    with pytest.raises(InputError, match="header"):
        sign_payload(path, [signer(tmp_path, "new")], [public("new")])
    with pytest.raises(InputError, match="header"):
        verify_payload(path, [public("new")])


def test_signatures_that_do_not_read_back_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 256])

    def misplace(where: Path, signatures: list[bytes]) -> None:
        attach(where, [signatures[1], signatures[1]])

    monkeypatch.setattr("release.signing.payload_signature.attach", misplace)
    with pytest.raises(NotVerifiedError, match="not those that were attached"):
        sign_payload(path, [signer(tmp_path, "old"), signer(tmp_path, "new")], [public("old"), public("new")])


def test_two_of_three_keys_can_be_asked_for_in_any_slots(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 512])
    known = [public(name) for name in BITS]
    sign_payload(path, [signer(tmp_path, "new"), signer(tmp_path, "long")], known)
    slots = verify_payload(path, known, needed=2)
    assert distinct_signers(slots) == (public("new"), public("long"))
    with pytest.raises(NotVerifiedError, match=r"by 3 different keys, found new .*, long"):
        verify_payload(path, known, needed=3)
    with pytest.raises(NotVerifiedError, match=r"by 2 different keys, found long"):
        verify_payload(path, [public("long"), public("old")], needed=2)


def test_enough_keys_do_not_make_up_for_the_one_that_clients_look_at(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 256, 512])
    every = [public(name) for name in BITS]
    sign_payload(path, [signer(tmp_path, name) for name in ("old", "new", "long")], every)
    with pytest.raises(NotVerifiedError, match="first signature with version 2 does not verify"):
        verify_payload(path, [public("old"), public("new")], needed=2)
    assert verify_payload(path, [public("old"), public("new")], REPLACE_ONLY, needed=2)


def test_one_key_in_two_slots_or_given_twice_is_one_key(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256, 256])
    one = signer(tmp_path, "old")
    digest = Digest.sha256(write_payload(path, [256, 256]))
    attach(path, [one.sign_digest(digest)] * 2)
    assert len(verify_payload(path, [public("old")])) == 2
    with pytest.raises(NotVerifiedError, match="by 2 different keys, found old"):
        verify_payload(path, [public("old"), public("new")], needed=2)
    with pytest.raises(RefusedError, match="by 2 different keys are asked for, but only 1 are known"):
        verify_payload(path, [public("old"), public("old")], needed=2)


@pytest.mark.parametrize("needed", [0, -1, 4])
def test_as_many_signatures_as_no_payload_has_cannot_be_asked_for(tmp_path: Path, needed: int) -> None:
    path = tmp_path / "payload"
    write_payload(path, [256])
    with pytest.raises(InputError, match="a payload has 1 to 3 signatures"):
        verify_payload(path, [public(name) for name in BITS], needed=needed)
