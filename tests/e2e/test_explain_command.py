"""`humpyard payload explain`: every byte of the payload has an owner, advice is measured."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from release.cli.main import run
from release.process import run as run_program
from tests.e2e.refusal import REFUSED, USAGE, Terminal, leftovers
from tests.unit.explain.samples import MAKERS, contents, noise, prose, squashfs

BLOCK = 4096
CHANGED = "bin/changed"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go in these tests."""
    directory = tmp_path / "scratch"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


def filled(root: Path, files: dict[str, bytes]) -> Path:
    """A tree whose times say nothing."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for path in [root, *root.rglob("*")]:
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


def ext_image(root: Path, files: dict[str, bytes]) -> Path:
    """An ext4 image that debugfs fills in order of names, so that the same files give the same image."""
    tree, image = filled(root / "tree", files), root / "image"
    when = {"E2FSPROGS_FAKE_TIME": "1700000000"}
    uuid = "6f1f4a18-0492-4e2e-97a9-0a6c246b7e39"
    options = ["-t", "ext4", "-b", "4096", "-O", "^has_journal", "-U", uuid, "-E", f"hash_seed={uuid}"]
    run_program(["mke2fs", "-q", "-F", *options, image, "12M"], environment=when)
    lines = [f"mkdir {name}" for name in sorted({Path(name).parts[0] for name in files})]
    lines += [f'write "{tree / name}" "{name}"' for name in sorted(files)]
    script = root / "script"
    script.write_text("\n".join(lines) + "\n")
    run_program(["debugfs", "-w", "-f", script, image], environment=when)
    return image


def whole(image: Path) -> Path:
    with image.open("ab") as file:
        file.write(bytes(-image.stat().st_size % BLOCK))
    return image


def with_tree(image: Path, salt: str) -> Path:
    """Put a dm-verity tree behind the filesystem."""
    size = image.stat().st_size
    sizes = ["--data-block-size=4096", "--hash-block-size=4096", f"--data-blocks={size // BLOCK}"]
    run_program(
        ["veritysetup", "format", *sizes, f"--hash-offset={size}", f"--salt={salt * 32}", image, image]
    )
    return whole(image)


def explained(terminal: Terminal, old: Path, new: Path, *options: str) -> dict[str, Any]:
    line = ["payload", "explain", str(old), str(new), "--json", *options]
    found: dict[str, Any] = json.loads(terminal.works(lambda: run(line)))
    for lines in (found["items"], found["classes"]):
        assert found["manifest"] + sum(item["payload"] for item in lines) == found["payload"]
    assert found["manifest"] + sum(item["payload"] for item in found["fates"]) == found["payload"]
    return found


def payload_of(found: dict[str, Any]) -> dict[str, int]:
    return {item["title"]: item["payload"] for item in found["items"]}


def advice_of(found: dict[str, Any], word: str) -> dict[str, Any]:
    (advice,) = [item for item in found["advice"] if word in item["title"]]
    chosen: dict[str, Any] = advice
    return chosen


def is_advised(found: dict[str, Any], word: str) -> bool:
    return any(word in item["title"] for item in found["advice"])


FILES = {
    "bin/same": noise(1, 40 * BLOCK),
    CHANGED: noise(2, 60 * BLOCK),
    "bin/text": prose(3, 30 * BLOCK),
    "share/last": noise(4, 5000),
}
LARGE = {**FILES, "share/large": noise(6, 1500 * BLOCK)}


@pytest.mark.parametrize("profile", ["flatcar", "positional-bspatch"])
def test_a_changed_file_shows_up_with_its_bytes(tmp_path: Path, terminal: Terminal, profile: str) -> None:
    old = ext_image(tmp_path / "old", FILES)
    data = bytearray(FILES[CHANGED])
    data[20 * BLOCK : 30 * BLOCK] = noise(9, 10 * BLOCK)
    new = ext_image(tmp_path / "new", {**FILES, CHANGED: bytes(data)})
    found = explained(terminal, old, new, "--profile", profile)
    costs = payload_of(found)
    assert 10 * BLOCK <= costs.pop(CHANGED) < 11 * BLOCK
    assert set(costs) <= {"ext4 metadata"}
    assert sum(costs.values()) < 2000
    (line,) = [item for item in found["items"] if item["title"] == CHANGED]
    assert line["size"] == 60 * BLOCK
    assert 10 * BLOCK <= line["rewritten"] <= 12 * BLOCK
    assert found["notes"] == []


def test_a_moved_file_costs_nothing(tmp_path: Path, terminal: Terminal) -> None:
    old = ext_image(tmp_path / "old", FILES)
    new = ext_image(tmp_path / "new", {"bin/before": noise(7, 3 * BLOCK), **FILES})
    found = explained(terminal, old, new)
    costs = payload_of(found)
    assert 3 * BLOCK <= costs["bin/before"] < 3 * BLOCK + 400
    assert "bin/same" not in costs
    moved = {item["class"]: item["moved"] for item in found["classes"]}
    assert moved["text and other files"] + moved.get("programs", 0) > 100 * BLOCK


def test_the_same_image_twice_is_nothing_but_a_manifest(tmp_path: Path, terminal: Terminal) -> None:
    image = ext_image(tmp_path / "old", FILES)
    found = explained(terminal, image, image)
    assert found["items"] == []
    assert found["payload"] == found["manifest"]
    assert terminal.works(lambda: run(["payload", "explain", str(image), str(image)]))


@pytest.mark.parametrize("name", MAKERS)
def test_with_every_filesystem_all_bytes_have_an_owner(name: str, tmp_path: Path, terminal: Terminal) -> None:
    files = contents()
    old = whole(MAKERS[name](filled(tmp_path / "old", files), tmp_path / "old.img"))
    files["share/wide"] = prose(99, len(files["share/wide"]))
    new = whole(MAKERS[name](filled(tmp_path / "new", files), tmp_path / "new.img"))
    found = explained(terminal, old, new)
    dearest = max(found["items"], key=lambda item: int(item["payload"]))
    assert dearest["title"] == "share/wide"
    assert found["notes"] == []


@pytest.mark.parametrize("profile", ["flatcar", "positional-bspatch"])
def test_a_fixed_salt_is_advised_with_what_it_saves(tmp_path: Path, terminal: Terminal, profile: str) -> None:
    images = {}
    for name, salt in (("old", "aa"), ("new", "bb"), ("kept", "aa")):
        files = LARGE if name == "old" else {**LARGE, CHANGED: noise(5, 60 * BLOCK)}
        images[name] = with_tree(ext_image(tmp_path / name, files), salt)
    found = explained(terminal, images["old"], images["new"], "--profile", profile)
    advice = advice_of(found, "salt")
    assert advice["basis"] == "measured"
    kept = explained(terminal, images["old"], images["kept"], "--profile", profile)
    assert not is_advised(kept, "salt")
    tree = "verity superblock and tree"
    really = payload_of(found)[tree] - payload_of(kept)[tree]
    assert really > 30_000
    assert 0.8 * really < advice["saving"] < 1.2 * really


def test_uncompressed_modules_are_advised_by_a_sample(tmp_path: Path, terminal: Terminal) -> None:
    def modules(release: str, change: bytes) -> dict[str, bytes]:
        return {
            f"lib/{number}.ko.xz": lzma.compress(change + prose(number, 20 * BLOCK) + release.encode())
            for number in range(6)
        }

    old = ext_image(tmp_path / "old", modules("6.12.1", b"one"))
    new = ext_image(tmp_path / "new", modules("6.12.2", b"two"))
    found = explained(terminal, old, new, "--profile", "positional-bspatch")
    advice = advice_of(found, "modules")
    assert advice["basis"] == "measured"
    cost = {item["class"]: item["payload"] for item in found["classes"]}["kernel modules"]
    assert 0.8 * cost < advice["saving"] < cost


def test_files_that_only_lie_off_the_old_block_boundaries_are_told(
    tmp_path: Path, terminal: Terminal
) -> None:
    files = {"bin/a": noise(1, 2 * BLOCK), "bin/b": noise(2, 50 * BLOCK)}
    make = squashfs("-noD", "-noF", "-noI", "-no-fragments")
    old = whole(make(filled(tmp_path / "old", files), tmp_path / "old.img"))
    new = whole(make(filled(tmp_path / "new", {**files, "bin/a": b"short"}), tmp_path / "new.img"))
    found = explained(terminal, old, new)
    advice = advice_of(found, "align files")
    assert advice["saving"] == payload_of(found)["bin/b"] > 49 * BLOCK
    assert not is_advised(found, "same way")


def test_files_that_are_only_packed_differently_are_told(tmp_path: Path, terminal: Terminal) -> None:
    files = {"bin/a": prose(1, 200_000), "bin/b": prose(2, 300_000)}
    tree = filled(tmp_path / "tree", files)
    old = whole(squashfs("-comp", "gzip")(tree, tmp_path / "old.img"))
    new = whole(squashfs("-comp", "zstd")(tree, tmp_path / "new.img"))
    found = explained(terminal, old, new)
    advice = advice_of(found, "squashfs the same way")
    assert advice["saving"] == payload_of(found)["bin/a"] + payload_of(found)["bin/b"]


def test_a_compressed_initrd_is_looked_into(tmp_path: Path, terminal: Terminal) -> None:
    def image(name: str, word: bytes) -> Path:
        tree = filled(
            tmp_path / name / "inner",
            {f"{number}": word + prose(number, 9 * BLOCK) for number in range(8)},
        )
        inner = squashfs("-comp", "gzip")(tree, tmp_path / name / "initrd")
        return ext_image(tmp_path / name, {"boot/initrd.img": inner.read_bytes()})

    found = explained(
        terminal, image("old", b"one"), image("new", b"other"), "--profile", "positional-bspatch"
    )
    advice = advice_of(found, "initrd.img")
    assert advice["basis"] == "measured"
    assert advice["saving"] > payload_of(found)["boot/initrd.img"] // 2


def test_an_image_that_cannot_be_read_is_told_by_regions(tmp_path: Path, terminal: Terminal) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(noise(1, 20 * BLOCK))
    new.write_bytes(noise(1, 10 * BLOCK) + noise(2, 5 * BLOCK) + prose(3, 5 * BLOCK))
    found = explained(terminal, old, new)
    assert len(found["notes"]) == 2
    assert set(payload_of(found)) == {
        "dense data that begin like nothing known",
        "data that begin like nothing known",
    }


def test_the_tables_tell_classes_files_and_advice(tmp_path: Path, terminal: Terminal) -> None:
    old = with_tree(ext_image(tmp_path / "old", LARGE), "aa")
    new = with_tree(ext_image(tmp_path / "new", {**LARGE, CHANGED: noise(5, 60 * BLOCK)}), "bb")
    text = terminal.works(lambda: run(["payload", "explain", str(old), str(new), "--top", "1"]))
    for wanted in ("unchanged", "verity tree", "header and manifest", CHANGED, "more", "keep the salt"):
        assert wanted in text


def test_the_picture_is_written_whole_and_nothing_else_stays(
    tmp_path: Path, terminal: Terminal, scratch: Path
) -> None:
    old = ext_image(tmp_path / "old", FILES)
    new = ext_image(tmp_path / "new", {**FILES, CHANGED: noise(5, 60 * BLOCK)})
    picture = tmp_path / "map.svg"
    explained(terminal, old, new, "--picture", str(picture))
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314  our own document
    assert list(scratch.iterdir()) == []
    assert not leftovers(tmp_path)


def test_what_is_no_image_is_refused(tmp_path: Path, terminal: Terminal, scratch: Path) -> None:
    good, odd, empty = tmp_path / "good", tmp_path / "odd", tmp_path / "empty"
    good.write_bytes(bytes(BLOCK))
    odd.write_bytes(bytes(BLOCK + 1))
    empty.write_bytes(b"")
    for pair in ((good, odd), (odd, good), (good, empty), (empty, good)):
        line = ["payload", "explain", *map(str, pair)]
        wrong = str(pair[0] if pair[1] == good else pair[1])
        terminal.fails(REFUSED, wrong, "whole blocks", by=lambda line=line: run(line))  # type: ignore[misc]
    assert list(scratch.iterdir()) == []


def test_wrong_usage_is_told(tmp_path: Path, terminal: Terminal) -> None:
    image = tmp_path / "image.svg"
    image.write_bytes(bytes(BLOCK))
    line = ["payload", "explain", str(image), str(image)]
    cases: list[tuple[list[str], str]] = [
        (["--profile", "replace-only"], "apply no deltas"),
        (["--profile", "unknown"], "not known"),
        (["--picture", str(tmp_path / "map.png")], ".svg"),
        (["--picture", str(image)], "is one of the images"),
    ]
    for options, told in cases:
        terminal.fails(USAGE, told, by=lambda options=options: run([*line, *options]))  # type: ignore[misc]
