"""The Signatures message and its hole."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.digests import Digest
from release.errors import InputError
from release.payload.build import BuildOrder, build_payload
from release.payload.check import check_payload
from release.payload.reader import describe, open_payload
from release.payload.rules import PayloadFormatError, Rule
from release.payload.signature_blob import SignatureEntry, attach, blob_size, decode, encode
from tests.unit.payload.samples import noise


@pytest.mark.parametrize(
    ("sizes", "expected"), [((256,), 264), ((512,), 520), ((256, 256), 528), ((256, 512), 784)]
)
def test_sizes_are_those_the_reference_measured(sizes: tuple[int, ...], expected: int) -> None:
    assert blob_size(sizes) == expected == len(encode([b"x" * size for size in sizes]))


def test_n_signatures_are_numbered_up_to_two() -> None:
    assert decode(encode([b"a"])) == (SignatureEntry(2, b"a"),)
    assert decode(encode([b"a", b"b"])) == (SignatureEntry(1, b"a"), SignatureEntry(2, b"b"))
    assert [entry.version for entry in decode(encode([b"a", b"b", b"c"]))] == [0, 1, 2]


def test_a_missing_version_is_told_from_zero() -> None:
    assert decode(b"\x0a\x03\x12\x01a") == (SignatureEntry(None, b"a"),)


@pytest.mark.parametrize("signatures", [[], [b"a"] * 4, [b"a", b""]])
def test_wrong_numbers_of_signatures(signatures: list[bytes]) -> None:
    with pytest.raises(InputError, match="payload signatures: "):
        encode(signatures)


def test_sizes_must_be_sizes() -> None:
    with pytest.raises(InputError, match=r"expected bytes of RSA keys, found \[0\]"):
        blob_size([0])


@pytest.mark.parametrize("data", [b"", b"\x00" * 8, b"\x0a\xff", b"\x10\x01"])
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(PayloadFormatError) as caught:
        decode(data)
    assert caught.value.rule is Rule.SIGNATURES


def test_attaching_fills_the_hole_and_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(noise(1, 3))
    path = tmp_path / "p"
    built = build_payload(BuildOrder(new_image=tmp_path / "new", out=path, signature_sizes=(256, 512)))
    before = path.read_bytes()
    assert describe(path)["signature_state"] == "hole"
    check_payload(path)
    assert built.signatures_size == 784
    assert before.endswith(bytes(784))
    assert built.signed_digest == Digest.sha256(before[:-784])
    signatures = [b"\x01" * 256, b"\x02" * 512]
    for _ in range(2):
        attach(path, signatures)
        assert path.read_bytes() == before[:-784] + encode(signatures)
    with open_payload(path) as payload:
        assert payload.signatures == (SignatureEntry(1, signatures[0]), SignatureEntry(2, signatures[1]))
        assert payload.signed_digest() == built.signed_digest
        assert payload.signed_size == built.size - 784
    assert describe(path)["signatures"] == [{"version": 1, "bytes": 256}, {"version": 2, "bytes": 512}]


def test_signatures_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(noise(1, 3))
    path = tmp_path / "p"
    build_payload(BuildOrder(new_image=tmp_path / "new", out=path, signature_sizes=(256,)))
    before = path.read_bytes()
    with pytest.raises(InputError, match="expected signatures of 264 bytes together, found 520"):
        attach(path, [bytes(512)])
    assert path.read_bytes() == before


def test_an_unsigned_payload_has_no_place(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(noise(1, 3))
    path = tmp_path / "p"
    built = build_payload(BuildOrder(new_image=tmp_path / "new", out=path))
    assert built.signed_digest is None
    with pytest.raises(InputError, match="built unsigned"):
        attach(path, [b"a"])
    with pytest.raises(InputError, match="absent: No such file"):
        attach(tmp_path / "absent", [b"a"])
    with open_payload(path) as payload:
        assert payload.signatures == ()
        assert payload.signed_digest() is None
        assert payload.signature_bytes == b""
