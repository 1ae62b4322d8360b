"""Verifying from outside: each step notices what it is there for, and says where."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from release.bundle.assemble import BoardInputs, stage
from release.bundle.document import digest, encode
from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.bundle.verify import TITLES, Checks, Report, verify_release
from release.catalog.version import Version
from release.errors import NotVerifiedError, ToolMissingError, UnavailableError
from tests.unit.bundle.samples import (
    NEW,
    PRODUCT,
    FakeMirror,
    FakeSigner,
    FakeVerifier,
    fake_payload_check,
    release_of,
    with_extension,
)

IMAGE = "stable/amd64-usr/4593.2.0/"
UPDATE = "update/amd64-usr/4593.2.0/"
KERNEL = f"{IMAGE}flatcar_production_image.vmlinuz"
FULL = f"{UPDATE}flatcar_production_update.gz"
DOCUMENT = "releases/4593.2.0/release.json"


@pytest.fixture
def verify(mirror: FakeMirror, tmp_path: Path) -> Callable[..., Report]:
    def call(
        source: FakeMirror = mirror, version: Version = NEW, product: str = PRODUCT, **changes: object
    ) -> Report:
        checks = Checks(
            signatures=FakeVerifier(("release",)),
            image_signatures=FakeVerifier(("build",)),
            payload=fake_payload_check,
        )
        checks = dataclasses.replace(checks, **changes)  # type: ignore[arg-type]  # tests know the fields
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        try:
            return verify_release(source, version, product=product, checks=checks, scratch=scratch)
        finally:
            assert list(scratch.iterdir()) == []
            scratch.rmdir()

    return call


def _resign(mirror: FakeMirror, key: str, data: bytes, folder: Path, name: str = "release") -> None:
    (folder / "data").write_bytes(data)
    FakeSigner(name).sign_file(folder / "data", folder / "sig")
    mirror.objects |= {key: data, f"{key}.sig": (folder / "sig").read_bytes()}


def _failed(report: Report) -> dict[int, str]:
    return {step.number: step.detail for step in report.steps if not step.passed}


def test_a_good_release_passes_every_step(verify: Callable[..., Report], release: Release) -> None:
    report = verify()
    report.raise_if_failed()
    assert report.ok
    assert (report.release, report.digest) == (release, digest(encode(release)))
    assert [(step.number, step.detail) for step in report.steps] == [
        (1, "1 checked"),
        (2, "1 checked"),
        (3, "8 checked"),
        (4, "9 checked"),
        (5, "12 checked"),
        (6, "4 checked"),
        (7, "6 checked"),
    ]
    assert all(step.title == TITLES[step.number] for step in report.steps)


def test_full_payloads_are_proven_when_asked(verify: Callable[..., Report]) -> None:
    proven: list[bytes] = []

    def prove(path: Path, record: PayloadRecord, board: BoardRelease) -> None:
        assert record.source is None
        assert board.image.size == 4096
        proven.append(path.read_bytes())

    report = verify(prove=prove)
    assert report.ok
    assert (report.steps[-1].number, report.steps[-1].detail) == (8, "2 checked")
    assert proven == [b"full payload amd64-usr", b"full payload arm64-usr"]


def test_a_proof_that_fails_fails_its_step(verify: Callable[..., Report]) -> None:
    def prove(_path: Path, _record: PayloadRecord, _board: BoardRelease) -> None:
        raise NotVerifiedError("the image differs")

    assert _failed(verify(prove=prove))[8].startswith(f"{FULL}: the image differs; update/arm64")


def test_the_document_signed_by_nobody_allowed_ends_it(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path
) -> None:
    _resign(mirror, DOCUMENT, mirror.objects[DOCUMENT], tmp_path, "stranger")
    report = verify()
    assert (report.release, report.digest) == (None, None)
    assert {number for number in TITLES if number != 8} == set(_failed(report))
    assert "signed by stranger, who is not allowed" in _failed(report)[1]
    assert _failed(report)[2] == f"{DOCUMENT}: not checked, because step 1 failed"
    assert _failed(report)[3] == "nothing was checked"
    with pytest.raises(
        NotVerifiedError, match=r"release 4593\.2\.0 is not verified:\n1\. release\.json is signed"
    ):
        report.raise_if_failed()


@pytest.mark.parametrize("missing", [DOCUMENT, f"{DOCUMENT}.sig"])
def test_a_document_or_signature_that_is_missing_fails_step_1(
    verify: Callable[..., Report], mirror: FakeMirror, missing: str
) -> None:
    del mirror.objects[missing]
    assert _failed(verify())[1].startswith(missing)


def test_a_document_in_another_form_fails_step_2(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path
) -> None:
    _resign(mirror, DOCUMENT, mirror.objects[DOCUMENT] + b"\n", tmp_path)
    report = verify()
    assert 1 not in _failed(report)
    assert "not in canonical form" in _failed(report)[2]
    assert report.digest is not None
    assert report.release is None


def test_another_product_or_version_fails_step_2(verify: Callable[..., Report], mirror: FakeMirror) -> None:
    assert "expected Moo 4593.2.0, found Flatcar 4593.2.0" in _failed(verify(product="Moo"))[2]
    for suffix in ("", ".sig"):
        mirror.objects[f"releases/4593.2.1/release.json{suffix}"] = mirror.objects[DOCUMENT + suffix]
    report = verify(version=Version(4593, 2, 1))
    assert "expected Flatcar 4593.2.1, found Flatcar 4593.2.0" in _failed(report)[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "expected 16 bytes, found 15"),
        (lambda data: data + b"!" * 5000, "expected 16 bytes, found more"),
        (lambda data: b"K" + data[1:], "expected sha256:"),
    ],
)
def test_altered_bytes_fail_step_3_and_all_that_needs_them(
    verify: Callable[..., Report],
    mirror: FakeMirror,
    change: Callable[[bytes], bytes],
    message: str,
) -> None:
    mirror.objects[KERNEL] = change(mirror.objects[KERNEL])
    failed = _failed(verify())
    assert set(failed) == {3, 4}
    assert failed[3].startswith(f"{KERNEL}: {message}")
    assert failed[4] == f"{KERNEL}: not checked, because step 3 failed"


def test_a_missing_payload_is_not_taken_for_signed_or_proven(
    verify: Callable[..., Report], mirror: FakeMirror
) -> None:
    del mirror.objects[FULL]
    failed = _failed(verify(prove=fake_payload_check))
    assert set(failed) == {3, 4, 6, 8}
    assert failed[3] == f"{FULL}: there is no such object"


def test_a_missing_delta_is_not_taken_for_signed(verify: Callable[..., Report], mirror: FakeMirror) -> None:
    del mirror.objects[f"{UPDATE}flatcar_production_update-from-4593.1.0.gz"]
    assert set(_failed(verify(prove=fake_payload_check))) == {3, 4, 6}


def test_a_file_of_endless_bytes_is_not_read_to_its_end(
    verify: Callable[..., Report], mirror: FakeMirror
) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"x" * size

    class Hostile(FakeMirror):
        def open(self, key: str) -> BinaryIO:
            return endless if key == FULL else super().open(key)  # type: ignore[return-value]  # enough of one

    endless = Endless()
    failed = _failed(verify(source=Hostile(mirror.objects)))
    assert "found more" in failed[3]
    assert endless.given == len(mirror.objects[FULL]) + 1


@pytest.mark.parametrize("key", [KERNEL, FULL, "releases/4593.2.0/release.schema.json"])
def test_a_file_signed_by_a_stranger_fails_step_4(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path, key: str
) -> None:
    _resign(mirror, key, mirror.objects[key], tmp_path, "stranger")
    failed = _failed(verify())
    assert set(failed) == {4}
    assert failed[4].startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("key", "step"),
    [
        (DOCUMENT, 1),
        (FULL, 4),
        ("releases/4593.2.0/release.schema.json", 4),
        (f"{KERNEL}.DIGESTS", 5),
        (f"{FULL}.sha256", 5),
    ],
)
def test_the_builds_key_signs_nothing_but_image_sets(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path, key: str, step: int
) -> None:
    _resign(mirror, key, mirror.objects[key], tmp_path, "build")
    failed = _failed(verify())
    assert min(failed) == step
    assert "signed by build, who is not allowed" in failed[step]


@pytest.mark.parametrize("name", ["build", "release"])
def test_files_of_image_sets_are_signed_by_the_build_or_by_the_pipeline(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path, name: str
) -> None:
    _resign(mirror, KERNEL, mirror.objects[KERNEL], tmp_path, name)
    assert verify().ok


def test_without_a_key_of_the_build_its_signatures_do_not_count(verify: Callable[..., Report]) -> None:
    failed = _failed(verify(image_signatures=FakeVerifier(())))
    assert set(failed) == {4}
    assert "version.txt: signed by build, who is not allowed" in failed[4]


def test_a_signature_too_long_to_be_one_fails_step_4(
    verify: Callable[..., Report], mirror: FakeMirror
) -> None:
    mirror.objects[f"{KERNEL}.sig"] = b"x" * 70000
    assert "expected at most 65536 bytes" in _failed(verify())[4]


@pytest.mark.parametrize("key", [f"{KERNEL}.DIGESTS", f"{FULL}.sha256"])
def test_digests_that_say_something_else_fail_step_5_though_signed(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path, key: str
) -> None:
    other = key.replace("amd64", "arm64")
    _resign(mirror, key, mirror.objects[other], tmp_path)
    failed = _failed(verify())
    assert set(failed) == {5}
    assert failed[5].startswith(f"{key}: digests of ")


def test_digests_signed_by_a_stranger_fail_step_5(
    verify: Callable[..., Report], mirror: FakeMirror, tmp_path: Path
) -> None:
    key = f"{KERNEL}.DIGESTS"
    _resign(mirror, key, mirror.objects[key], tmp_path, "stranger")
    assert set(_failed(verify())) == {5}


def test_a_payload_no_trusted_key_signed_fails_step_6_and_is_not_applied(
    verify: Callable[..., Report],
) -> None:
    def check(path: Path, record: PayloadRecord, board: BoardRelease) -> None:
        if record.source is None and board.board.architecture == "amd64":
            raise NotVerifiedError("no trusted key signed this payload")
        fake_payload_check(path, record, board)

    def prove(_path: Path, _record: PayloadRecord, board: BoardRelease) -> None:
        assert board.board.architecture == "arm64"

    failed = _failed(verify(payload=check, prove=prove))
    assert failed == {
        6: f"{FULL}: no trusted key signed this payload",
        8: f"{FULL}: not checked, because step 6 failed",
    }


def test_a_board_without_a_sound_set_of_payloads_fails_step_7(
    verify: Callable[..., Report], mirror: FakeMirror, release: Release, tmp_path: Path
) -> None:
    first, second = release.boards
    delta = first.payloads[1]
    for payloads, message in [
        ((delta,), "amd64-usr: expected a full payload, found none"),
        ((first.payloads[0], dataclasses.replace(delta, proven=False)), "recorded as not proven"),
        ((first.payloads[0], dataclasses.replace(delta, signatures=())), "expected payload signatures"),
        (
            (first.payloads[0], dataclasses.replace(delta, source=Version(1, 0, 0))),
            "expected the name flatcar_production_update-from-1.0.0.gz",
        ),
    ]:
        changed = dataclasses.replace(release, boards=(dataclasses.replace(first, payloads=payloads), second))
        _resign(mirror, DOCUMENT, encode(changed), tmp_path)
        failed = _failed(verify())
        assert set(failed) == {7}
        assert message in failed[7]


def test_system_extensions_are_checked_named_and_proven_like_full_payloads(
    verify: Callable[..., Report], inputs: tuple[BoardInputs, ...], tmp_path: Path
) -> None:
    extended = tuple(with_extension(entry, "oem-azure") for entry in inputs)
    release = release_of(extended)
    mirror = FakeMirror.of(stage(release, extended, tmp_path / "extended", FakeSigner()))
    proven: list[str] = []

    def prove(path: Path, _record: PayloadRecord, _board: BoardRelease) -> None:
        proven.append(path.name)

    assert verify(mirror, prove=prove).ok
    assert proven == ["flatcar_production_update.gz", "oem-azure.gz"] * 2
    assert f"{UPDATE}oem-azure.gz.sha256" in mirror.objects

    first, second = release.boards
    wrong = dataclasses.replace(
        first.payloads[2], artifact=dataclasses.replace(first.payloads[2].artifact, name="oem-azur.gz")
    )
    changed = dataclasses.replace(first, payloads=(*first.payloads[:2], wrong))
    _resign(mirror, DOCUMENT, encode(dataclasses.replace(release, boards=(changed, second))), tmp_path)
    assert "expected the name oem-azure.gz" in _failed(verify(mirror))[7]
    changed = dataclasses.replace(first, payloads=first.payloads[2:])
    _resign(mirror, DOCUMENT, encode(dataclasses.replace(release, boards=(changed, second))), tmp_path)
    assert "amd64-usr: expected a full payload, found none" in _failed(verify(mirror))[7]


def test_a_release_of_nothing_passes_nothing(
    verify: Callable[..., Report], mirror: FakeMirror, release: Release, tmp_path: Path
) -> None:
    """Where nothing was checked, nothing is verified."""
    empty = dataclasses.replace(
        release, boards=(dataclasses.replace(release.boards[0], files=(), payloads=()),)
    )
    _resign(mirror, DOCUMENT, encode(empty), tmp_path)
    assert set(_failed(verify(prove=fake_payload_check))) == {3, 5, 6, 7, 8}


def test_many_faults_are_counted_not_listed(verify: Callable[..., Report], mirror: FakeMirror) -> None:
    for key in mirror.objects:
        if key.endswith(".sig") and "release.json" not in key:
            mirror.objects[key] = b"stranger x"
    report = verify()
    assert set(_failed(report)) == {4, 5}
    assert not report.ok


def test_a_mirror_that_does_not_answer_is_not_a_verdict(
    verify: Callable[..., Report], mirror: FakeMirror
) -> None:
    for key in (DOCUMENT, KERNEL, f"{FULL}.sig"):
        mirror.down = {key}
        with pytest.raises(UnavailableError, match="no answer"):
            verify()


def test_a_missing_tool_is_not_a_verdict(verify: Callable[..., Report]) -> None:
    class NoTool:
        def verify_file(self, data: Path, signature: Path) -> str:
            raise ToolMissingError(f"gpg is missing for {data} {signature}")

    with pytest.raises(ToolMissingError):
        verify(signatures=NoTool())


def test_a_report_without_steps_is_not_ok() -> None:
    assert not Report(version=NEW, digest=None, release=None, steps=()).ok
