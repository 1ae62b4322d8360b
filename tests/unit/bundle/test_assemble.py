"""Staging: the tree as it will be published, signed, and the same after any number of runs."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest

from release.bundle.assemble import (
    BoardInputs,
    StagedFile,
    describe_board,
    measure,
    stage,
    staged_files,
    staged_release,
)
from release.bundle.digests_file import parse_checksum, parse_digests
from release.bundle.document import decode, encode
from release.bundle.layout import published_keys
from release.bundle.release import Release
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError, StorageFullError
from tests.unit.bundle.samples import BOARDS, FakeSigner, FakeVerifier, board_inputs, release_of

Inputs = tuple[BoardInputs, ...]


def _tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_tree_is_the_mirrors_layout(staged: tuple[StagedFile, ...], staging: Path) -> None:
    amd64 = sorted(key for key in _tree(staging) if "arm64" not in key)
    image, update, document = (
        "stable/amd64-usr/4593.2.0/",
        "update/amd64-usr/4593.2.0/",
        "releases/4593.2.0/",
    )
    payloads = ("flatcar_production_update-from-4593.1.0.gz", "flatcar_production_update.gz")
    files = [
        *(image + name for name in ("flatcar_production_image.vmlinuz", "version.txt")),
        *(update + name for name in payloads),
    ]
    hashes = [f"{name}.DIGESTS" for name in files] + [f"{update}{name}.sha256" for name in payloads]
    documents = [document + "release.json", document + "release.schema.json"]
    everything = [*files, *hashes, *documents]
    assert amd64 == sorted([*everything, *(f"{name}.sig" for name in everything)])
    assert {file.key for file in staged} == set(_tree(staging))


def test_bytes_come_first_then_signatures_then_the_document(staged: tuple[StagedFile, ...]) -> None:
    keys = [file.key for file in staged]
    assert keys[-2:] == ["releases/4593.2.0/release.json", "releases/4593.2.0/release.json.sig"]
    signed = [key.endswith(".sig") for key in keys[:-2]]
    assert signed == sorted(signed)
    assert len(set(keys)) == len(keys)


def test_every_file_is_signed_and_measured(staged: tuple[StagedFile, ...]) -> None:
    for file in staged:
        assert (file.size, file.sha256) == (file.path.stat().st_size, measure(file.path).sha256)
        if not file.key.endswith(".sig"):
            FakeVerifier().verify_file(file.path, file.path.with_name(file.path.name + ".sig"))


@pytest.mark.usefixtures("staged")
def test_the_builds_own_signature_is_published_as_it_is(inputs: Inputs, staging: Path) -> None:
    own = inputs[0].files[0].path.with_name("version.txt.sig")
    assert (staging / "stable/amd64-usr/4593.2.0/version.txt.sig").read_bytes() == own.read_bytes()
    assert FakeVerifier(allowed=("build",)).verify_file(inputs[0].files[0].path, own) == "build"


def test_digests_and_checksums_say_what_the_release_records(
    staged: tuple[StagedFile, ...], release: Release
) -> None:
    by_name = {file.key: file.path.read_bytes() for file in staged}
    for board in release.boards:
        prefix = f"update/{board.board}/4593.2.0/"
        for payload in board.payloads:
            name = prefix + payload.artifact.name
            parse_digests(by_name[f"{name}.DIGESTS"]).check(payload.artifact)
            parse_checksum(by_name[f"{name}.sha256"]).check(payload.artifact)
        for artifact in board.files:
            parse_digests(by_name[f"stable/{board.board}/4593.2.0/{artifact.name}.DIGESTS"]).check(artifact)


def test_the_document_is_the_release(staged: tuple[StagedFile, ...], release: Release, staging: Path) -> None:
    assert staged[-2].path.read_bytes() == encode(release)
    assert staged_release(staging) == decode(encode(release)) == release


def test_a_second_run_changes_and_signs_nothing(
    staged: tuple[StagedFile, ...], release: Release, inputs: Inputs, staging: Path
) -> None:
    before = _tree(staging)
    signer = FakeSigner()
    assert stage(release, inputs, staging, signer) == staged
    assert (_tree(staging), signer.signed) == (before, [])


def test_other_notes_change_the_document_and_its_signature_alone(
    staged: tuple[StagedFile, ...], inputs: Inputs, staging: Path
) -> None:
    before, signer = _tree(staging), FakeSigner()
    again = stage(release_of(inputs, notes="corrected"), inputs, staging, signer)
    changed = {key for key, data in _tree(staging).items() if before[key] != data}
    assert changed == {file.key for file in staged[-2:]}
    assert signer.signed == ["release.json"]
    FakeVerifier().verify_file(again[-2].path, again[-1].path)


def test_a_damaged_file_is_replaced_and_signed_anew(
    staged: tuple[StagedFile, ...], release: Release, inputs: Inputs, staging: Path
) -> None:
    damaged = staging / "update/amd64-usr/4593.2.0/flatcar_production_update.gz"
    damaged.unlink()
    damaged.write_bytes(b"half a pay")
    with pytest.raises(NotVerifiedError, match=r"expected 22 bytes, sha256:.* found 10 bytes"):
        staged_files(staging)
    signer = FakeSigner()
    assert len(stage(release, inputs, staging, signer)) == len(staged)
    assert signer.signed == [damaged.name]


class _KilledError(Exception):
    """Stands for SIGKILL: nothing after it runs."""


@dataclasses.dataclass
class _MortalSigner(FakeSigner):
    left: int = 0

    def sign_file(self, data: Path, out: Path) -> None:
        if self.left == 0:
            out.write_bytes(b"half a signa")
            raise _KilledError
        self.left -= 1
        super().sign_file(data, out)


def test_a_run_killed_at_any_signature_is_completed_by_the_next(
    release: Release, inputs: Inputs, tmp_path: Path
) -> None:
    total = len(published_keys(release, NamingScheme())) // 2 - len(BOARDS)  # version.txt has the build's
    for survived in range(total):
        staging = tmp_path / f"staging-{survived}"
        with pytest.raises(_KilledError):
            stage(release, inputs, staging, _MortalSigner(left=survived))
        assert not (staging / "releases/4593.2.0/release.json.sig").exists()
        signer = FakeSigner()
        done = stage(release, inputs, staging, signer)
        assert len(signer.signed) == total - survived
        for file in done:
            if not file.key.endswith(".sig"):
                FakeVerifier().verify_file(file.path, file.path.with_name(file.path.name + ".sig"))


@pytest.mark.usefixtures("staged")
def test_files_are_links_and_writing_a_small_file_never_reaches_a_source(
    inputs: Inputs, staging: Path
) -> None:
    kernel = inputs[0].files[1].path
    assert (staging / "stable/amd64-usr/4593.2.0" / kernel.name).samefile(kernel)
    assert measure(kernel) == inputs[0].files[1].artifact


def test_without_links_files_are_copied(
    release: Release, inputs: Inputs, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert len(stage(release, inputs, staging, FakeSigner())) == len(published_keys(release, NamingScheme()))
    kernel = inputs[0].files[1].path
    copied = staging / "stable/amd64-usr/4593.2.0" / kernel.name
    assert copied.read_bytes() == kernel.read_bytes()
    assert not copied.samefile(kernel)


def test_a_source_that_is_a_symbolic_link_is_published_as_its_bytes(
    release: Release, inputs: Inputs, staging: Path
) -> None:
    kernel = inputs[0].files[1].path
    kernel.rename(kernel.with_name("elsewhere"))
    kernel.symlink_to("elsewhere")
    stage(release, inputs, staging, FakeSigner())
    assert not (staging / "stable/amd64-usr/4593.2.0" / kernel.name).is_symlink()


def test_a_file_changed_since_it_was_measured_is_refused_and_nothing_is_listed(
    release: Release, inputs: Inputs, staging: Path
) -> None:
    inputs[1].payloads[0].path.write_bytes(b"something else")
    with pytest.raises(InputError, match="delta: changed since it was measured: expected sha256:"):
        stage(release, inputs, staging, FakeSigner())
    with pytest.raises(InputError, match="no release is staged here"):
        staged_files(staging)


def test_inputs_of_another_release_are_refused(release: Release, inputs: Inputs, staging: Path) -> None:
    with pytest.raises(InputError, match=r"release 4593\.2\.0: its boards are not those of the inputs"):
        stage(release, inputs[:1], staging, FakeSigner())
    fewer = dataclasses.replace(inputs[0], payloads=())
    with pytest.raises(InputError, match=r"update/amd64-usr/4593\.2\.0/.*: not among the inputs"):
        stage(release, (fewer, inputs[1]), staging, FakeSigner())
    assert not staging.exists()


def test_a_missing_source_is_named(release: Release, inputs: Inputs, staging: Path) -> None:
    inputs[0].payloads[1].path.unlink()
    with pytest.raises(InputError, match=r"payloads/full: No such file"):
        stage(release, inputs, staging, FakeSigner())


def test_a_signer_that_writes_nothing_is_caught(release: Release, inputs: Inputs, staging: Path) -> None:
    class Idle(FakeSigner):
        def sign_file(self, data: Path, out: Path) -> None:
            pass

    class Empty(FakeSigner):
        def sign_file(self, data: Path, out: Path) -> None:
            assert data.is_file()
            out.touch()

    for signer in (Idle(), Empty()):
        with pytest.raises(NotVerifiedError, match="the signer left no signature"):
            stage(release, inputs, staging, signer)


def test_a_full_disk_is_said_and_the_next_run_completes(
    release: Release, inputs: Inputs, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StorageFullError, match="no space left while writing"):
            stage(release, inputs, staging, FakeSigner())
    assert stage(release, inputs, staging, FakeSigner())


def test_one_staging_directory_is_for_one_release(
    staged: tuple[StagedFile, ...], release: Release, inputs: Inputs, staging: Path
) -> None:
    assert staged
    other = dataclasses.replace(release, version=Version(4593, 2, 1))
    with pytest.raises(InputError, match="expected one release, found 2") as caught:
        stage(other, inputs, staging, FakeSigner())
    assert caught.value.hint is not None


def test_nothing_is_staged_where_there_is_nothing(tmp_path: Path) -> None:
    assert staged_release(tmp_path) is None


def test_a_staged_file_that_went_missing_is_named(staged: tuple[StagedFile, ...], staging: Path) -> None:
    staged[0].path.unlink()
    with pytest.raises(InputError, match=f"{staged[0].path}: No such file"):
        staged_files(staging)


def test_boards_are_described_in_order(tmp_path: Path) -> None:
    described = describe_board(board_inputs(tmp_path, BOARDS[0]))
    assert [artifact.name for artifact in described.files] == [
        "flatcar_production_image.vmlinuz",
        "version.txt",
    ]
    assert [payload.source for payload in described.payloads] == [None, Version(4593, 1, 0)]
