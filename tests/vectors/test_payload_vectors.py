"""The payload vectors: every verdict of the real client, and the real generator's payloads."""

from __future__ import annotations

import bz2
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from release.payload.apply import apply_payload
from release.payload.check import check_payload
from release.payload.operations import OperationType
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY
from release.payload.reader import describe, open_payload
from release.payload.rules import PayloadFormatError, Rule
from release.payload.signature_blob import blob_size
from tests.conftest import SHARED

pytestmark = pytest.mark.shared

Case = Mapping[str, Any]

KEYS_NEEDED = {"not signed", "signature"}
"""Refusals that only a public key can tell; the tests of signing have them."""

RULES: Mapping[str, Rule] = {
    "android-op-type-4-source-copy": Rule.MANIFEST,
    "android-op-type-6-zero": Rule.MANIFEST,
    "android-op-type-8-replace-xz": Rule.MANIFEST,
    "bzip2-compressed-manifest-as-proto-comment-says": Rule.MANIFEST,
    "delta-two-moves-in-a-b-style-reads-already-overwritten-block": Rule.RESULT_HASH,
    "delta-w-o-old-partition-info-wrong-source-one-block": Rule.RESULT_HASH,
    "full-ops-old-partition-info-other-source": Rule.SOURCE_NEEDED,
    "full-payload-that-leaves-blocks-unwritten": Rule.SOURCE_NEEDED,
    "gap-between-blobs": Rule.BLOB_ORDER,
    "header-version-0": Rule.HEADER,
    "kernel-without-new-info": Rule.PROCEDURE,
    "move-from-past-the-end": Rule.EXTENTS,
    "move-from-sparse-hole": Rule.OPERATION,
    "move-only-wrong-content": Rule.RESULT_HASH,
    "new-partition-info-size-shorter-than-image": Rule.EXTENTS,
    "no-new-partition-info": Rule.NEW_INFO,
    "old-partition-info-without-hash": Rule.OLD_INFO,
    "op-with-wrong-data-sha256-hash": Rule.BLOB_HASH,
    "ops-not-in-blob-order": Rule.BLOB_ORDER,
    "replace-bz-blob-of-two-bzip2-streams": Rule.BZIP2,
    "replace-bz-blob-with-trailing-zeros": Rule.BZIP2,
    "replace-bz-not-bzip2": Rule.BZIP2,
    "replace-bz-output-longer-than-extents": Rule.BLOB_LENGTH,
    "replace-bz-truncated-stream": Rule.BZIP2,
    "replace-data-longer-than-extents": Rule.BLOB_LENGTH,
    "replace-short-data-zero-pad-to-block-only": Rule.RESULT_HASH,
    "signatures-size-too-big": Rule.PAYLOAD_SIZE,
    "signatures-size-too-small": Rule.PAYLOAD_SIZE,
    "trailing-bytes-omaha-size-includes-them": Rule.PAYLOAD_SIZE,
    "truncated-by-1-byte": Rule.PAYLOAD_SIZE,
    "truncated-in-blobs": Rule.PAYLOAD_SIZE,
    "wrong-new-partition-info-hash": Rule.RESULT_HASH,
}
"""The rule each refused vector breaks. ``header-version-0`` is refused though the client is lenient."""


def _cases() -> list[Case]:
    index = SHARED / "vectors" / "client" / "index.json"
    cases: list[Case] = json.loads(index.read_text(encoding="utf-8")) if index.exists() else []
    return cases


def test_the_vectors_are_there(shared: Path) -> None:
    """Without this, no index would be no tests, and nobody would notice."""
    names = {case["name"] for case in _cases()}
    assert len(names) == len(list((shared / "vectors" / "client").glob("*.payload")))
    assert set(RULES) <= names


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["name"])
def test_the_verdict_is_the_client_s(case: Case, shared: Path, tmp_path: Path) -> None:
    folder = shared / "vectors" / "client"
    payload = folder / f"{case['name']}.payload"
    source = folder / case["source"] if case["source"] else None
    out = tmp_path / "out.img"
    rule = RULES.get(case["name"])
    if case["reason"] in KEYS_NEEDED:
        pytest.skip("told by the public key, tested with signing")
    if rule is None:
        assert case["client"] == "accept"
        check_payload(payload)
        applied = apply_payload(payload, out, source=source)
        assert applied.image.sha256.hex == case["result_sha256"]
        assert applied.image.size == case["result_size"] == out.stat().st_size
        assert hashlib.sha256(out.read_bytes()).hexdigest() == case["result_sha256"]
        return
    assert case["client"] == "refuse" or case["stricter_is_fine"]
    with pytest.raises(PayloadFormatError, match=rf"rule {rule.number} \({rule.slug}\)") as caught:
        apply_payload(payload, out, source=source)
    assert caught.value.rule is rule
    assert str(payload) in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["name"])
def test_every_vector_is_described_or_refused(case: Case, shared: Path) -> None:
    payload = shared / "vectors" / "client" / f"{case['name']}.payload"
    try:
        described = describe(payload)
    except PayloadFormatError:
        assert case["client"] == "refuse" or case["stricter_is_fine"]
        return
    assert described["size"] == payload.stat().st_size


@pytest.fixture(scope="module")
def generated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real generator's images and kernels, unpacked."""
    folder = tmp_path_factory.mktemp("generated")
    for packed in (shared / "vectors" / "delta_generator").glob("*.bz2"):
        (folder / packed.stem).write_bytes(bz2.decompress(packed.read_bytes()))
    return folder


@pytest.mark.parametrize(
    ("name", "delta", "kernel", "sizes"),
    [
        ("full-unsigned", False, False, ()),
        ("full", False, False, (256,)),
        ("full-kernel-two-keys", False, True, (256, 256)),
        ("delta", True, False, (256,)),
        ("delta-kernel", True, True, (256,)),
    ],
)
def test_the_real_generator_s_payloads_apply(
    *,
    name: str,
    delta: bool,
    kernel: bool,
    sizes: tuple[int, ...],
    shared: Path,
    generated: Path,
    tmp_path: Path,
) -> None:
    payload = shared / "vectors" / "delta_generator" / f"{name}.payload"
    check_payload(payload, POSITIONAL_BSPATCH)
    applied = apply_payload(
        payload,
        tmp_path / "out.img",
        source=generated / "old.img" if delta else None,
        old_kernel=generated / "old.vmlinuz" if delta and kernel else None,
        kernel_out=tmp_path / "out.vmlinuz" if kernel else None,
        profile=POSITIONAL_BSPATCH,
    )
    assert (tmp_path / "out.img").read_bytes() == (generated / "new.img").read_bytes()
    if kernel:
        assert (tmp_path / "out.vmlinuz").read_bytes() == (generated / "new.vmlinuz").read_bytes()
        assert applied.kernel is not None
    described = describe(payload)
    assert described["kind"] == ("delta" if delta else "full")
    assert described["signatures_size"] == (blob_size(sizes) if sizes else 0)
    with open_payload(payload) as opened:
        assert [len(entry.data) for entry in opened.signatures] == list(sizes)
        versions = [entry.version for entry in opened.signatures]
        assert versions == list(range(3 - len(sizes), 3))
        assert (opened.signed_digest() is None) == (not sizes)


def test_a_bsdiff_is_an_error_for_flatcar(shared: Path, generated: Path, tmp_path: Path) -> None:
    payload = shared / "vectors" / "client" / "bsdiff-in-place-aosp.payload"
    with pytest.raises(PayloadFormatError, match=r"rule 21 \(profile\).*old_partition_info"):
        check_payload(payload, FLATCAR)
    with pytest.raises(PayloadFormatError, match="profile"):
        apply_payload(payload, tmp_path / "out", source=generated / "old.img", profile=FLATCAR)


def test_profiles_of_the_vectors_are_told(shared: Path) -> None:
    client = shared / "vectors" / "client"
    generator = shared / "vectors" / "delta_generator"
    every = [FLATCAR.name, POSITIONAL_BSPATCH.name, REPLACE_ONLY.name]
    assert describe(client / "full-replace.payload")["profiles"] == every
    assert describe(client / "kernel-procedure.payload")["profiles"] == every[:2]
    assert describe(generator / "delta.payload")["profiles"] == every[1:2]


def test_a_delta_without_its_source_is_refused_early(shared: Path, tmp_path: Path) -> None:
    payload = shared / "vectors" / "delta_generator" / "delta.payload"
    with pytest.raises(PayloadFormatError, match="needs the source image") as caught:
        apply_payload(payload, tmp_path / "out.img")
    assert caught.value.rule is Rule.SOURCE_NEEDED


def test_a_wrong_source_is_told_before_anything_is_applied(
    shared: Path, generated: Path, tmp_path: Path
) -> None:
    payload = shared / "vectors" / "delta_generator" / "delta.payload"
    with pytest.raises(PayloadFormatError, match="wrong source") as caught:
        apply_payload(payload, tmp_path / "out.img", source=generated / "new.img")
    assert caught.value.rule is Rule.SOURCE_HASH
    assert list(tmp_path.iterdir()) == []


def test_the_generator_s_operations_are_counted(shared: Path) -> None:
    described = describe(shared / "vectors" / "delta_generator" / "delta.payload")
    operations = described["operations"]
    assert isinstance(operations, dict)
    assert {OperationType[name] for name in operations} >= {OperationType.MOVE, OperationType.BSDIFF}
