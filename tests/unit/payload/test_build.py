"""Building: what goes in, what comes out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.digests import Digest, hash_file
from release.errors import InputError
from release.payload import container, writer
from release.payload.apply import apply_payload
from release.payload.build import BuildOrder, build_payload
from release.payload.check import check_payload
from release.payload.operations import BLOCK_SIZE, HOLE, Extent, OperationType, ProcedureType
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY
from release.payload.reader import describe, open_payload
from tests.unit.payload.samples import noise


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """``old`` and ``new`` images and kernels; the new kernel is the old one with a few bytes changed."""
    old = noise(1, 300)
    new = bytearray(old[BLOCK_SIZE:] + noise(2, 5) + bytes(20 * BLOCK_SIZE))
    new[500:503] = b"new"
    kernel = bytearray(noise(3, 20)[:-77])
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    (tmp_path / "old.vmlinuz").write_bytes(kernel)
    kernel[9000:9003] = b"new"
    (tmp_path / "new.vmlinuz").write_bytes(kernel)
    return tmp_path


def test_a_full_payload_writes_every_block_and_does_not_overshoot(images: Path) -> None:
    built = build_payload(
        BuildOrder(
            new_image=images / "new", out=images / "p", kernel=images / "new.vmlinuz", signature_sizes=(256,)
        )
    )
    check_payload(images / "p", FLATCAR)
    with open_payload(images / "p") as payload:
        manifest = payload.manifest
    written = [extent for operation in manifest.operations for extent in operation.dst_extents]
    blocks = sorted(block for extent in written for block in range(extent.start, extent.end))
    assert blocks == list(range((images / "new").stat().st_size // BLOCK_SIZE))
    kernel = manifest.procedure(ProcedureType.KERNEL)
    assert kernel is not None
    assert kernel.old_info is None
    assert kernel.operations[0].dst_extents == (Extent(0, 20),)
    assert built.operations == {"REPLACE": 2, "REPLACE_BZ": 1}
    assert built.metadata_size + sum(built.blob_bytes.values()) + 264 == built.size
    assert built.size == (images / "p").stat().st_size
    assert built.new_image == hash_file(images / "new")
    assert built.kernel == hash_file(images / "new.vmlinuz")
    assert (built.old_image, built.profile) == (None, "flatcar")


def test_every_byte_behind_the_partition_s_has_its_noop(images: Path) -> None:
    build_payload(
        BuildOrder(
            new_image=images / "new", out=images / "p", kernel=images / "new.vmlinuz", signature_sizes=(256,)
        )
    )
    with open_payload(images / "p") as payload:
        manifest = payload.manifest
    kernel, signature = manifest.noop_operations
    installed = manifest.procedures[0].operations[0]
    assert (kernel.data_offset, kernel.data_length) == (installed.data_offset, installed.data_length)
    assert kernel.data_sha256 == installed.data_sha256
    assert kernel.type is signature.type is OperationType.REPLACE
    assert kernel.dst_extents == (Extent(HOLE, -(-installed.data_length // BLOCK_SIZE)),)
    assert (signature.data_offset, signature.data_length) == (manifest.signatures_offset, 264)
    assert signature.data_sha256 is None
    assert signature.dst_extents == (Extent(HOLE, 1),)


@pytest.mark.parametrize(
    ("profile", "types"),
    [(FLATCAR, {"REPLACE_BZ", "REPLACE"}), (POSITIONAL_BSPATCH, {"BSDIFF"})],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_delta_with_a_changed_kernel(profile: object, types: set[str], images: Path) -> None:
    assert profile in {FLATCAR, POSITIONAL_BSPATCH}
    chosen = FLATCAR if profile is FLATCAR else POSITIONAL_BSPATCH
    build_payload(
        BuildOrder(
            new_image=images / "new",
            old_image=images / "old",
            kernel=images / "new.vmlinuz",
            old_kernel=images / "old.vmlinuz",
            out=images / "p",
            profile=chosen,
        )
    )
    check_payload(images / "p", chosen)
    apply_payload(
        images / "p",
        images / "out",
        source=images / "old",
        old_kernel=images / "old.vmlinuz",
        kernel_out=images / "out.vmlinuz",
        profile=chosen,
    )
    assert (images / "out").read_bytes() == (images / "new").read_bytes()
    assert (images / "out.vmlinuz").read_bytes() == (images / "new.vmlinuz").read_bytes()
    with open_payload(images / "p") as payload:
        procedure = payload.manifest.procedures[0]
        assert payload.manifest.old_partition is None
    assert {operation.type.name for operation in procedure.operations} <= types
    assert (procedure.old_info is not None) == (chosen is POSITIONAL_BSPATCH)
    assert describe(images / "p")["kind"] == "delta"


def test_an_unchanged_kernel_is_a_procedure_without_operations(images: Path) -> None:
    order = BuildOrder(
        new_image=images / "new",
        old_image=images / "old",
        kernel=images / "old.vmlinuz",
        old_kernel=images / "old.vmlinuz",
        out=images / "p",
    )
    build_payload(order)
    with open_payload(images / "p") as payload:
        procedure = payload.manifest.procedures[0]
    assert procedure.operations == ()
    assert procedure.old_info == procedure.new_info
    apply_payload(
        images / "p",
        images / "out",
        source=images / "old",
        old_kernel=images / "old.vmlinuz",
        kernel_out=images / "out.vmlinuz",
    )
    assert (images / "out.vmlinuz").read_bytes() == (images / "old.vmlinuz").read_bytes()


def test_a_small_delta_of_images_of_different_size(images: Path) -> None:
    built = build_payload(
        BuildOrder(new_image=images / "new", old_image=images / "old", out=images / "p", workers=2)
    )
    assert built.size < 8 * BLOCK_SIZE
    assert built.operations["MOVE"] >= 1
    assert built.old_image == hash_file(images / "old")


def test_progress_never_goes_back_and_ends_at_the_total(images: Path) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done_blocks: int, total_blocks: int) -> None:
        seen.append((done_blocks, total_blocks))

    for old in (None, images / "old"):
        seen.clear()
        order = BuildOrder(
            new_image=images / "new", old_image=old, kernel=images / "new.vmlinuz", out=images / "p"
        )
        build_payload(order, progress)
        assert seen[0] == (0, 344)
        assert seen == sorted(seen)
        assert seen[-1] == (344, 344)


@pytest.mark.parametrize("content", [b"", b"x", bytes(BLOCK_SIZE + 1)])
def test_an_image_of_broken_blocks_is_refused(content: bytes, images: Path) -> None:
    (images / "odd").write_bytes(content)
    expected = f"whole blocks of 4096 bytes, found {len(content)} bytes"
    with pytest.raises(InputError, match=expected):
        build_payload(BuildOrder(new_image=images / "odd", out=images / "p"))
    with pytest.raises(InputError, match=expected):
        build_payload(BuildOrder(new_image=images / "new", old_image=images / "odd", out=images / "p"))
    assert not (images / "p").exists()
    assert not list(images.glob(".*"))


def test_orders_that_cannot_be_met(images: Path) -> None:
    new, old, out = images / "new", images / "old", images / "p"
    kernel = images / "new.vmlinuz"
    for order, match in (
        (BuildOrder(new_image=new, old_image=old, out=out, profile=REPLACE_ONLY), "apply no deltas"),
        (BuildOrder(new_image=new, kernel=kernel, out=out, profile=REPLACE_ONLY), "install no kernel"),
        (BuildOrder(new_image=new, kernel=kernel, old_kernel=kernel, out=out), "and an old image"),
        (BuildOrder(new_image=new, old_image=old, old_kernel=kernel, out=out), "with a new kernel"),
        (BuildOrder(new_image=new, out=out, workers=0), "at least 1, found 0"),
        (BuildOrder(new_image=images / "none", out=out), "No such file"),
        (BuildOrder(new_image=new, out=images / "none" / "p"), "is no directory"),
        (BuildOrder(new_image=new, out=images), "found a directory"),
        (BuildOrder(new_image=new, kernel=images / "none", out=out), "No such file"),
    ):
        with pytest.raises(InputError, match=match):
            build_payload(order)
    (images / "empty").write_bytes(b"")
    with pytest.raises(InputError, match="expected a file with content"):
        build_payload(BuildOrder(new_image=new, kernel=images / "empty", out=out))
    assert not out.exists()


def test_offsets_beyond_the_format_are_refused(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BLOBS_LIMIT", 1 << 20)
    with pytest.raises(InputError, match="must stay below 1048576 bytes"):
        build_payload(BuildOrder(new_image=images / "new", out=images / "p"))
    monkeypatch.setattr(writer, "BLOBS_LIMIT", container.BLOBS_LIMIT)
    monkeypatch.setattr(writer, "MANIFEST_LIMIT", 10)
    with pytest.raises(InputError, match="the manifest has"):
        build_payload(BuildOrder(new_image=images / "new", out=images / "p", workers=3))
    assert not list(images.glob("*p"))


def test_an_interrupted_build_leaves_what_was_there(images: Path) -> None:
    (images / "p").write_bytes(b"before")

    def progress(done_blocks: int, total_blocks: int) -> None:
        if done_blocks > total_blocks // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_payload(BuildOrder(new_image=images / "new", out=images / "p", workers=2), progress)
    assert (images / "p").read_bytes() == b"before"
    assert not list(images.glob(".*"))


def test_the_bytes_are_the_same_again(images: Path) -> None:
    digests = set()
    for name in ("p1", "p2"):
        build_payload(BuildOrder(new_image=images / "new", old_image=images / "old", out=images / name))
        digests.add(Digest.sha256((images / name).read_bytes()))
    assert len(digests) == 1


def test_a_description_names_the_broken_rule(images: Path) -> None:
    build_payload(BuildOrder(new_image=images / "new", out=images / "p"))
    content = (images / "p").read_bytes()
    with open_payload(images / "p") as payload:
        digest = payload.manifest.new_partition
    assert digest is not None
    assert digest.sha256 is not None
    place = content.index(digest.sha256)
    # The field number of the hash inside new_partition_info: the hash is then missing.
    (images / "p").write_bytes(content[: place - 2] + b"\x1a" + content[place - 1 :])
    described = describe(images / "p")
    assert "rule 5 (new-info)" in str(described["problem"])
    assert described["kind"] is None
    assert described["profiles"] == []
