"""Bad image sets, settings and policies: one clear message, nothing half-made, and a way on."""

from __future__ import annotations

import bz2
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from release.cli.main import run
from tests.e2e.refusal import REFUSED, USAGE, Forger, Terminal, Yard, leftovers, tree
from tests.small_yard import NEW, SmallYard, image

UPDATE = "flatcar_production_update.bin.bz2"
KERNEL = "flatcar_production_image.vmlinuz"
PACKAGES = "flatcar_production_image_packages.txt"
VERSION = "version.txt"

Spoil = Callable[[Path, Forger], None]


def build(yard: SmallYard, *more: str) -> int:
    """The command of every test here."""
    options = ["--version", str(NEW), "--channel", "alpha", *more]
    return yard.humpyard("candidate", "build", str(yard.image_set(NEW)), *options)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncated(directory: Path, _: Forger) -> None:
    path = directory / UPDATE
    path.write_bytes(path.read_bytes()[:-1000])


def truncated_but_signed(directory: Path, forger: Forger) -> None:
    truncated(directory, forger)
    forger.sign(directory / UPDATE)


def half_a_block(directory: Path, forger: Forger) -> None:
    (directory / UPDATE).write_bytes(bz2.compress(image(NEW)[:-100]))
    forger.sign(directory / UPDATE)


def empty_image(directory: Path, forger: Forger) -> None:
    (directory / UPDATE).write_bytes(b"")
    forger.sign(directory / UPDATE)


def tampered(directory: Path, _: Forger) -> None:
    flip(directory / KERNEL)


def tampered_signature(directory: Path, _: Forger) -> None:
    flip(directory / f"{KERNEL}.sig")


def unsigned(directory: Path, _: Forger) -> None:
    (directory / f"{PACKAGES}.sig").unlink()


def empty_signature(directory: Path, _: Forger) -> None:
    (directory / f"{PACKAGES}.sig").write_bytes(b"")


def signed_by_someone_known(directory: Path, forger: Forger) -> None:
    forger.sign(directory / UPDATE, by="ada")


def signed_by_a_stranger(directory: Path, forger: Forger) -> None:
    forger.sign(directory / UPDATE, by="stranger")


def other_version(directory: Path, forger: Forger) -> None:
    path = directory / VERSION
    path.write_text(path.read_text().replace(str(NEW), "4601.0.0").replace("BUILD=4600", "BUILD=4601"))
    forger.sign(path)


def contradicting_version(directory: Path, forger: Forger) -> None:
    path = directory / VERSION
    path.write_text(path.read_text().replace("BUILD=4600", "BUILD=4601"))
    forger.sign(path)


def malformed_version(directory: Path, forger: Forger) -> None:
    (directory / VERSION).write_bytes(b"\xff\xfe what is this\n")
    forger.sign(directory / VERSION)


def malformed_packages(directory: Path, forger: Forger) -> None:
    (directory / PACKAGES).write_text("not a package list\n")
    forger.sign(directory / PACKAGES)


def missing(directory: Path, _: Forger) -> None:
    (directory / KERNEL).unlink()


def linked(directory: Path, _: Forger) -> None:
    path = directory / PACKAGES
    shutil.move(path, directory.parent / "elsewhere")
    path.symlink_to(directory.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "fragments"),
    [
        (truncated, (UPDATE, "does not fit the data", "hint:")),
        (truncated_but_signed, (UPDATE, "bzip2", "truncated")),
        (half_a_block, (UPDATE, "whole blocks of 4096 bytes", f"found {len(image(NEW)) - 100}")),
        (empty_image, (UPDATE, "expected an image, found no bytes")),
        (tampered, (KERNEL, "1 of 5 files are not verified", "hint:")),
        (tampered_signature, (KERNEL, "1 of 5 files are not verified", "hint:")),
        (unsigned, (f"there is no {PACKAGES}.sig beside it", "hint:")),
        (empty_signature, (PACKAGES, "hint:")),
        (signed_by_someone_known, (UPDATE, "1 of 5 files are not verified", "hint:")),
        (signed_by_a_stranger, (UPDATE, "1 of 5 files are not verified", "hint:")),
        (other_version, (VERSION, f"expected version {NEW}, found 4601.0.0")),
        (contradicting_version, (VERSION, "FLATCAR_BUILD is '4601'", str(NEW))),
        (malformed_version, (f"{VERSION}:1", "expected NAME=value")),
        (malformed_packages, (f"{PACKAGES}:1", "expected CATEGORY/NAME-VERSION")),
        (missing, ("missing", KERNEL, "hint:")),
        (linked, (PACKAGES, "found a symbolic link", "hint:")),
    ],
)
def test_a_bad_image_set_is_refused_and_the_right_one_is_built_by_the_same_command(
    spoil: Spoil, fragments: tuple[str, ...], small_yard: SmallYard, forger: Forger, terminal: Terminal
) -> None:
    yard, directory = Yard.of(small_yard), small_yard.image_set(NEW)
    shutil.copytree(directory, small_yard.root / "good")
    spoil(directory, forger)
    terminal.fails(REFUSED, *fragments, by=lambda: build(small_yard))
    yard.is_untouched()
    assert not list(small_yard.root.rglob("staging"))
    left = set(tree(small_yard.root / "work"))
    if left == {f"{NEW}/order.json"} and spoil is not unsigned:
        return  # just what the unsigned one leaves, and that is shown to go on
    shutil.rmtree(directory)
    shutil.move(small_yard.root / "good", directory)
    terminal.works(lambda: build(small_yard))


def test_a_key_in_the_keyring_that_is_not_allowed_does_not_count(
    small_yard: SmallYard, forger: Forger, terminal: Terminal
) -> None:
    settings = small_yard.settings.read_text()
    small_yard.settings.write_text(
        settings.replace('keys = ["keys/build.asc"]', 'keys = ["keys/build.asc", "keys/ada.asc"]')
    )
    forger.sign(small_yard.image_set(NEW) / KERNEL, by="ada")
    fragments = (KERNEL, forger.keys["ada"], "not", "hint:")
    terminal.fails(REFUSED, *fragments, by=lambda: build(small_yard))


def test_all_faults_of_an_image_set_are_told_at_once(
    small_yard: SmallYard, forger: Forger, terminal: Terminal
) -> None:
    tampered(small_yard.image_set(NEW), forger)
    unsigned(small_yard.image_set(NEW), forger)
    told = ("2 of 5 files are not verified", KERNEL, PACKAGES)
    terminal.fails(REFUSED, *told, by=lambda: build(small_yard))


@pytest.mark.parametrize("signed", [False, True])
def test_an_image_set_that_changes_between_two_runs_is_noticed(
    signed: bool, small_yard: SmallYard, forger: Forger, terminal: Terminal
) -> None:
    yard = Yard.of(small_yard)
    assert build(small_yard) == 0
    kernel = small_yard.image_set(NEW) / KERNEL
    good = kernel.read_bytes(), kernel.with_name(f"{KERNEL}.sig").read_bytes()
    kernel.write_bytes(b"another kernel" * 500)
    if signed:
        forger.sign(kernel)
    told = ("begun with", "hint:", str(small_yard.root / "work" / str(NEW))) if signed else (KERNEL,)
    terminal.fails(REFUSED, *told, by=lambda: build(small_yard))
    yard.is_untouched()
    kernel.write_bytes(good[0])
    kernel.with_name(f"{KERNEL}.sig").write_bytes(good[1])
    terminal.works(lambda: build(small_yard))


@pytest.mark.parametrize(
    ("wrong", "fragments"),
    [
        (["--from", "4000.0.0"], ("release 4000.0.0: not registered", "registered are: none", "hint:")),
        (["--from", "9999.0.0"], ("9999.0.0", str(NEW), "up only")),
        (["--channel", "nightly"], ("nightly", "alpha, beta, stable, lts")),
    ],
)
def test_an_order_that_cannot_be_is_refused_before_anything_is_begun(
    wrong: list[str], fragments: tuple[str, ...], small_yard: SmallYard, terminal: Terminal
) -> None:
    yard = Yard.of(small_yard)
    terminal.fails(REFUSED, *fragments, by=lambda: build(small_yard, *wrong))
    yard.is_untouched()
    assert not (small_yard.root / "work" / str(NEW)).exists()
    terminal.works(lambda: build(small_yard))


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["/nowhere/images", "--version", str(NEW)], "/nowhere/images"),
        (["no-board-at-all=.", "--version", str(NEW)], "no-board-at-all"),
        ([".", "--version", "4600"], "4600"),
    ],
)
def test_wrong_usage_says_what_was_expected(
    arguments: list[str], fragment: str, small_yard: SmallYard, terminal: Terminal
) -> None:
    command = ["candidate", "build", *arguments, "--channel", "alpha"]
    terminal.fails(USAGE, fragment, by=lambda: small_yard.humpyard(*command))


def test_notes_that_are_no_text_are_refused(
    small_yard: SmallYard, terminal: Terminal, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.md"
    notes.write_bytes(b"\xff\xfe\x00")
    terminal.fails(REFUSED, str(notes), "UTF-8", by=lambda: build(small_yard, "--notes", str(notes)))


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ("product = ", "colour = ", ("humpyard.toml", "colour", "product")),
        ('profile = "flatcar"', 'profile = "netscape"', ("netscape", "flatcar", "replace-only")),
        ("keys/payload-4096.pub.pem", "keys/nowhere.pem", ("keys/nowhere.pem", "No such file")),
        ('"keys/payload-4096.pub.pem", ', "", ("payload", "2 signers", "found 1")),
        ("[store]", "[store", ("humpyard.toml", "not TOML")),
        ("[store]", "[store]\ns3_region = 7", ("store.s3_region", "string", "found 7")),
        ("file:mirror", "ftp://mirror", ("ftp://mirror", "file:DIRECTORY", "s3://BUCKET/PREFIX")),
        ("workers = 2", "workers = 0", ("payload.workers", "0")),
        ('"keys/build.asc"', '"policy.toml"', ("policy.toml", "OpenPGP keys")),
        ("product", "\x00product", ("humpyard.toml", "not TOML")),
    ],
)
def test_bad_settings_are_refused_by_name(
    old: str, new: str, fragments: tuple[str, ...], small_yard: SmallYard, terminal: Terminal
) -> None:
    text = small_yard.settings.read_text()
    assert old in text
    small_yard.settings.write_text(text.replace(old, new, 1))
    terminal.fails(REFUSED, *fragments, by=lambda: small_yard.humpyard("promote", "status"))


def test_settings_that_are_no_text_or_not_there_are_refused(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    small_yard.settings.write_bytes(b"product = '\xff'\n")
    terminal.fails(REFUSED, "humpyard.toml", "not TOML", by=lambda: small_yard.humpyard("promote", "status"))
    small_yard.settings.unlink()
    told = ("humpyard.toml", "hint:", "humpyard init")
    terminal.fails(REFUSED, *told, by=lambda: small_yard.humpyard("promote", "status"))


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (lambda text: text.replace("count = 2", "count = 4"), ("4", "3")),
        (lambda text: text.replace("[", "", 1), ("policy",)),
        (lambda text: text.replace("Small OS", "Other OS"), ("policy", "Other OS", "Small OS")),
        (lambda _: "\udcff", ("policy",)),
        (None, ("policy.toml", "No such file")),
    ],
)
def test_a_ledger_does_not_begin_with_a_bad_policy(
    change: Callable[[str], str] | None,
    fragments: tuple[str, ...],
    small_yard: SmallYard,
    terminal: Terminal,
) -> None:
    shutil.rmtree(small_yard.mirror)
    policy = small_yard.root / "policy.toml"
    good = policy.read_text()
    if change is None:
        policy.unlink()
    else:
        assert change(good) != good
        policy.write_text(change(good), errors="surrogateescape")
    terminal.fails(REFUSED, *fragments, by=lambda: small_yard.humpyard("ledger", "begin"))
    assert not small_yard.mirror.exists()
    policy.write_text(good)
    terminal.works(lambda: small_yard.humpyard("ledger", "begin"))


def test_a_yard_is_not_laid_out_over_a_file_or_another_yard(
    small_yard: SmallYard, terminal: Terminal, tmp_path: Path
) -> None:
    terminal.fails(REFUSED, "is there already", "hint:", by=lambda: run(["init", str(small_yard.root)]))
    (tmp_path / "file").write_text("mine")
    terminal.fails(REFUSED, str(tmp_path / "file"), by=lambda: run(["init", str(tmp_path / "file")]))
    assert (tmp_path / "file").read_text() == "mine"
    assert not leftovers(small_yard.root)
