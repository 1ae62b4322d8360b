"""Payloads between images of every kind of filesystem, made by the filesystems' own tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.payload.build import BuildOrder, BuiltPayload, build_payload
from release.payload.profile import FLATCAR, POSITIONAL_BSPATCH, REPLACE_ONLY, Profile
from release.process import run
from tests.property.payload_oracle import check_and_apply, extension_client_unpacks
from tests.unit.explain.samples import MAKERS, contents, make_tree, noise, prose

BLOCK = 4096
VERITY = {"ext2", "ext4", "btrfs", "erofs-plain"}
"""Filesystems that get a hash tree behind them, with another salt each time, as real builds do."""


def changed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The next release: a file grew at its front, one was edited, one is new, some are gone or renamed."""
    tool = bytearray(files["bin/tool"])
    tool[1000:250_000:500] = b"\x7f" * len(tool[1000:250_000:500])
    more = {
        "bin/tool": bytes(tool),
        "share/wide": b"one line more\n" + files["share/wide"],
        "share/new": prose(500, 90_000),
        "bin/dense new name": files["bin/dense"],
        "share/dense twice": files["bin/dense"][100:] + noise(501, 50_000),
    }
    kept = {name: data for name, data in files.items() if name not in {"bin/dense", "share/many/007.conf"}}
    return {**kept, **more}


def with_tree(image: Path, salt: str) -> Path:
    size = -(-image.stat().st_size // BLOCK) * BLOCK
    sizes = ("--data-block-size=4096", "--hash-block-size=4096", f"--data-blocks={size // BLOCK}")
    run(["veritysetup", "format", *sizes, f"--hash-offset={size}", f"--salt={salt * 32}", image, image])
    return image


@pytest.fixture(scope="module", params=MAKERS)
def images(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An old and a new image of one kind."""
    folder = tmp_path_factory.mktemp(request.param)
    made = []
    for name, files in (("old", contents()), ("new", changed(contents()))):
        image = MAKERS[request.param](make_tree(folder / name, files), folder / f"{name}.img")
        made.append(with_tree(image, "ab" if name == "old" else "cd") if request.param in VERITY else image)
    return made[0], made[1]


def build(profile: Profile, new: Path, old: Path | None = None) -> BuiltPayload:
    """Build, hold to every rule, apply in place with the second implementation, and compare."""
    out = new.with_name("payload")
    built = build_payload(BuildOrder(new_image=new, old_image=old, out=out, profile=profile, workers=2))
    check_and_apply(out, profile.name, old.read_bytes() if old else None, new.read_bytes())
    return built


def test_deltas_apply_and_cost_less_the_more_a_client_can_do(images: tuple[Path, Path]) -> None:
    old, new = images
    full, moved, patched = build(FLATCAR, new), build(FLATCAR, new, old), build(POSITIONAL_BSPATCH, new, old)
    assert patched.size < moved.size <= full.size * 1.01
    assert patched.size < full.size * 0.75


def test_clients_that_write_whole_images_take_a_full_payload(images: tuple[Path, Path]) -> None:
    _, new = images
    build(REPLACE_ONLY, new)
    assert extension_client_unpacks(new.with_name("payload").read_bytes()) == new.read_bytes()


def test_the_same_image_costs_nothing(images: tuple[Path, Path]) -> None:
    _, new = images
    assert build(POSITIONAL_BSPATCH, new, new).operations == {}


def test_a_filesystem_may_follow_another_kind(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", contents())
    old = MAKERS["ext4"](tree, tmp_path / "old.img")
    new = MAKERS["squashfs-plain"](tree, tmp_path / "new.img")
    assert build(POSITIONAL_BSPATCH, new, old).size < build(FLATCAR, new).size / 2
