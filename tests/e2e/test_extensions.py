"""System extensions: packed with the release, signed, proven, published, verified; or refused."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release import canonical
from release.bundle.document import decode
from release.bundle.release import BoardRelease
from release.catalog.board import Board
from release.cli.main import run
from release.errors import InputError, NotVerifiedError
from release.line.candidate import CandidateOrder, candidate_job
from release.line.verification import release_checks
from release.payload.apply import apply_payload
from release.payload.profile import REPLACE_ONLY
from release.payload.rules import PayloadFormatError
from release.wiring import open_yard
from tests.e2e.refusal import REFUSED, Forger, Terminal, tree
from tests.property.payload_oracle import extension_client_unpacks
from tests.small_yard import BOARD, NEW, PRODUCT, SmallYard

EXTENSIONS = ("flatcar-python.raw", "oem-azure.raw")
PAYLOADS = ("flatcar-python.gz", "oem-azure.gz")


def content(name: str, blocks: int = 20) -> bytes:
    """An extension image: half of it repeats, half does not compress."""
    return name.encode().ljust(4096, b"-") + random.Random(name).randbytes((blocks - 1) * 4096)  # noqa: S311


def add(yard: SmallYard, forger: Forger, name: str, data: bytes) -> Path:
    path = yard.image_set(NEW) / name
    path.write_bytes(data)
    forger.sign(path)
    return path


@pytest.fixture
def extended(small_yard: SmallYard, forger: Forger) -> SmallYard:
    """A yard whose new image set has two system extensions."""
    for name in EXTENSIONS:
        add(small_yard, forger, name, content(name))
    return small_yard


def build(yard: SmallYard, *more: str) -> int:
    options = ["--version", str(NEW), "--channel", "alpha", *more]
    return yard.humpyard("candidate", "build", str(yard.image_set(NEW)), *options)


def staged(yard: SmallYard) -> BoardRelease:
    document = yard.root / "work" / str(NEW) / "staging" / "releases" / str(NEW) / "release.json"
    return decode(document.read_bytes()).boards[0]


def made(yard: SmallYard) -> dict[str, str]:
    """What a candidate is, by digest; not the record of inputs, which knows when they were linked to."""
    found = tree(yard.root / "work")
    return {name: digest for name, digest in found.items() if not name.endswith("inputs.json")}


def verify(yard: SmallYard) -> int:
    keys = yard.root / "keys"
    options = [f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc", "--prove"]
    options += [f"--payload-key={keys}/payload-2048.pub.pem", "--product", PRODUCT]
    return run(["verify", str(yard.mirror), str(NEW), *options])


def test_extensions_are_packed_signed_proven_published_and_verified(
    extended: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = extended
    assert build(yard) == 0
    said = capsys.readouterr().err
    assert "pack the system extensions" in said
    assert "2 system extensions" in said
    assert yard.humpyard("release", "publish", str(NEW)) == 0
    board = staged(yard)
    assert [payload.extension for payload in board.payloads] == [None, *EXTENSIONS]
    assert [payload.profile for payload in board.payloads] == ["flatcar", "replace-only", "replace-only"]
    assert all(payload.proven and len(payload.signatures) == 2 for payload in board.payloads)
    update = yard.mirror / "update" / BOARD / str(NEW)
    for image, payload in zip(EXTENSIONS, PAYLOADS, strict=True):
        for suffix in ("", ".sig", ".DIGESTS", ".DIGESTS.sig", ".sha256", ".sha256.sig"):
            assert (update / f"{payload}{suffix}").is_file()
        apply_payload(update / payload, tmp_path / image, profile=REPLACE_ONLY)
        assert (tmp_path / image).read_bytes() == content(image)
        assert (yard.mirror / "alpha" / BOARD / str(NEW) / image).read_bytes() == content(image)
    assert verify(yard) == 0


def test_the_release_page_names_every_extension_and_takes_none_for_the_full_update(
    extended: SmallYard,
) -> None:
    yard = extended
    assert build(yard) == 0
    assert yard.humpyard("release", "publish", str(NEW)) == 0
    assert yard.humpyard("pages", "render") == 0
    page = (yard.mirror / "pages" / "releases" / str(NEW) / "index.html").read_text()
    for payload in PAYLOADS:
        assert payload in page
    assert page.count("Any version") == 1
    assert page.count("System extension</th>") == 2


def test_building_again_gives_the_same_bytes_and_packs_nothing(
    extended: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = extended
    assert build(yard) == 0
    before = made(yard)
    capsys.readouterr()
    assert build(yard) == 0
    assert "2 system extensions" in (said := capsys.readouterr().err)
    assert "0 packed now" in said
    assert made(yard) == before


def test_a_build_killed_between_any_two_steps_ends_with_the_same_payloads(extended: SmallYard) -> None:
    """What was packed stays; what was lost is packed again, to the same bytes."""
    yard = extended
    assert build(yard) == 0
    board = yard.root / "work" / str(NEW) / BOARD
    before = {path.name: path.read_bytes() for path in (board / "payloads").iterdir()}
    (board / "payloads" / PAYLOADS[0]).unlink()  # as if killed before it was packed
    (board / "payloads" / PAYLOADS[1]).rename(board / "unsigned" / PAYLOADS[1])  # before it was moved
    (board / "proofs" / f"{PAYLOADS[1]}.json").unlink()  # before it was proven
    assert build(yard) == 0
    assert {path.name: path.read_bytes() for path in (board / "payloads").iterdir()} == before


def test_an_image_set_without_extensions_is_as_before(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(small_yard) == 0
    assert "pack the system extensions  none in the image set" in capsys.readouterr().err
    document = small_yard.root / "work" / str(NEW) / "staging" / "releases" / str(NEW) / "release.json"
    assert json.loads(document.read_bytes())["schema_version"] == 1
    assert b"extension" not in document.read_bytes()


@pytest.mark.parametrize("more", [-1, 1, 512])
def test_an_extension_may_end_inside_a_block(small_yard: SmallYard, forger: Forger, more: int) -> None:
    size = 20 * 4096 + more
    add(small_yard, forger, "oem-azure.raw", content("oem-azure.raw", 22)[:size])
    assert build(small_yard) == 0
    assert small_yard.humpyard("release", "publish", str(NEW)) == 0
    payload = small_yard.mirror / "update" / BOARD / str(NEW) / "oem-azure.gz"
    assert extension_client_unpacks(payload.read_bytes()) == content("oem-azure.raw", 22)[:size]
    assert verify(small_yard) == 0


def test_an_empty_extension_is_refused(small_yard: SmallYard, forger: Forger, terminal: Terminal) -> None:
    path = add(small_yard, forger, "oem-azure.raw", b"")
    terminal.fails(REFUSED, str(path), "found an empty file", by=lambda: build(small_yard))


def test_an_unsigned_extension_is_refused(extended: SmallYard, terminal: Terminal) -> None:
    (extended.image_set(NEW) / "oem-azure.raw.sig").unlink()
    terminal.fails(REFUSED, "oem-azure.raw", by=lambda: build(extended))


def test_two_extensions_whose_payloads_would_have_one_name_are_refused(
    extended: SmallYard, forger: Forger, terminal: Terminal
) -> None:
    settings = extended.settings.read_text()
    extended.settings.write_text(f'{settings}\n[naming]\nextensions = ["oem-*.raw", "oem-*.img"]\n')
    add(extended, forger, "oem-azure.img", content("other"))
    expected = ("its payload would be oem-azure.gz, as that of oem-azure.img", "naming.extensions")
    terminal.fails(REFUSED, *expected, by=lambda: build(extended))


def test_an_extension_that_changes_after_it_was_verified_is_not_packed(extended: SmallYard) -> None:
    """What is packed is what was signed: other bytes are noticed when they are read."""
    directory = extended.image_set(NEW)
    with open_yard(extended.settings) as yard:
        order = CandidateOrder(version=NEW, channel="alpha", image_sets={Board.parse(BOARD): directory})
        steps = {step.name: step for step in candidate_job(yard, order)}
        for name in ("verify-inputs", "unpack"):
            steps[f"{name}-{BOARD}"].run(lambda _done, _total: None)
        (directory / "oem-azure.raw").write_bytes(content("other"))
        with pytest.raises(NotVerifiedError, match=r"oem-azure\.raw: changed since its signature"):
            steps[f"build-extensions-{BOARD}"].run(lambda _done, _total: None)
    assert not (extended.root / "work" / str(NEW) / BOARD / "unsigned" / "oem-azure.gz").exists()


def test_each_payload_is_held_to_the_profile_its_record_names(
    released_yard: SmallYard,
) -> None:
    """The same bytes pass under the profile they keep and fail under one they do not."""
    yard = released_yard
    document = yard.mirror / "releases" / str(NEW) / "release.json"
    board = decode(document.read_bytes()).boards[0]
    with open_yard(yard.settings) as opened:
        checks = release_checks(
            opened.release_signatures, opened.image_signatures, opened.payload_for("alpha").keys, prove=False
        )
    for record in board.payloads:
        path = yard.mirror / "update" / BOARD / str(NEW) / record.artifact.name
        checks.payload(path, record, board)
        with pytest.raises(PayloadFormatError, match="replace-only"):
            checks.payload(path, dataclasses.replace(record, profile="replace-only"), board)
        with pytest.raises(InputError, match="client profile 'moo': not known"):
            checks.payload(path, dataclasses.replace(record, profile="moo"), board)


def test_a_published_profile_that_a_payload_does_not_keep_fails_verification(
    released_yard: SmallYard, forger: Forger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed by the pipeline is not enough: the payload itself is looked at."""
    yard = released_yard
    assert verify(yard) == 0
    rewrite(yard, forger, lambda board: board["payloads"][1].update(profile="replace-only"))
    capsys.readouterr()
    assert verify(yard) == REFUSED
    printed = capsys.readouterr()
    assert "replace-only" in printed.out + printed.err


def test_an_extension_recorded_for_clients_that_unpack_none_fails_verification(
    extended: SmallYard, forger: Forger, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = extended
    assert build(yard) == 0
    assert yard.humpyard("release", "publish", str(NEW)) == 0
    rewrite(yard, forger, lambda board: board["payloads"][1].update(profile="flatcar"))
    capsys.readouterr()
    assert verify(yard) == REFUSED
    printed = capsys.readouterr()
    assert "system extensions are unpacked by replace-only clients" in printed.out + printed.err


def test_a_payload_of_another_extension_fails_verification(
    extended: SmallYard, forger: Forger, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two payloads in each other's place: whole, signed and named right, and making the wrong image."""
    yard = extended
    assert build(yard) == 0
    assert yard.humpyard("release", "publish", str(NEW)) == 0

    def swap(board: Any) -> None:
        _, first, second = board["payloads"]
        first["extension"], second["extension"] = second["extension"], first["extension"]
        board["payloads"][1:] = [second, first]

    rewrite(yard, forger, swap)
    capsys.readouterr()
    assert verify(yard) == REFUSED
    printed = capsys.readouterr()
    assert "what it says it makes: expected image" in printed.out + printed.err


def rewrite(yard: SmallYard, forger: Forger, change: Callable[[Any], None]) -> None:
    """Change the published document, and let the pipeline's key sign that."""
    document = yard.mirror / "releases" / str(NEW) / "release.json"
    value = json.loads(document.read_bytes())
    change(value["boards"][0])
    for path in (document, document.with_name("release.json.sig")):
        path.unlink()
    document.write_bytes(canonical.dump(value))
    forger.sign(document, by="pipeline")
