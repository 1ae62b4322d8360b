"""Changed candidates, taken names, forged decisions, altered mirrors: all refused, all told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from release.catalog.naming import ledger_key
from tests.e2e.refusal import REFUSED, Forger, Terminal, Yard, tree
from tests.small_yard import BOARD, NEW, OLD, SmallYard

UPDATE = "flatcar_production_update.gz"


def replace_bytes(path: Path, data: bytes) -> None:
    """Another file in place of this one, which may be a hard link."""
    path.unlink()
    path.write_bytes(data)


def publish(yard: SmallYard, *more: str, version: object = NEW) -> int:
    return yard.humpyard("release", "publish", str(version), *more)


def build(yard: SmallYard, version: object = NEW) -> int:
    options = ["--version", str(version), "--channel", "alpha"]
    return yard.humpyard("candidate", "build", str(yard.root / "incoming" / BOARD / str(version)), *options)


def ask(yard: SmallYard, version: object, channel: str, *, by: str = "ada") -> int:
    return yard.humpyard("promote", "request", str(version), "--to", channel, *yard.secret(by), "--json")


def request(yard: SmallYard, terminal: Terminal, channel: str) -> str:
    """Ask for the new release; returns the request's digest."""
    found: str = json.loads(terminal.works(lambda: ask(yard, NEW, channel)))["request"]
    return found


def test_what_was_not_built_is_not_published(small_yard: SmallYard, terminal: Terminal) -> None:
    yard = Yard.of(small_yard)
    told = (f"no candidate {NEW}", "hint:", "humpyard candidate build")
    terminal.fails(REFUSED, *told, by=lambda: publish(small_yard))
    yard.is_untouched()


def damaged_payload(staging: Path) -> None:
    path = staging / "update" / BOARD / str(NEW) / UPDATE
    replace_bytes(path, path.read_bytes()[:-1])


def missing_file(staging: Path) -> None:
    (staging / "alpha" / BOARD / str(NEW) / "version.txt").unlink()


def forged_document(staging: Path) -> None:
    (path,) = staging.rglob("release.json")
    replace_bytes(path, path.read_bytes().replace(b'"alpha"', b'"beta"'))


def garbled_document(staging: Path) -> None:
    (path,) = staging.rglob("release.json")
    replace_bytes(path, b"{")


@pytest.mark.parametrize(
    ("damage", "fragments"),
    [
        (damaged_payload, (UPDATE, "expected", "found")),
        (missing_file, ("version.txt", "No such file")),
        (garbled_document, ("release.json",)),
    ],
)
def test_a_changed_candidate_is_not_published_and_building_it_again_mends_it(
    damage: Callable[[Path], None], fragments: tuple[str, ...], small_yard: SmallYard, terminal: Terminal
) -> None:
    yard = Yard.of(small_yard)
    assert build(small_yard) == 0
    damage(small_yard.root / "work" / str(NEW) / "staging")
    terminal.fails(REFUSED, *fragments, by=lambda: publish(small_yard))
    yard.is_untouched()
    terminal.works(lambda: build(small_yard))
    terminal.works(lambda: publish(small_yard))


@pytest.mark.parametrize("how", ["rebuilt", "forged"])
def test_another_candidate_for_a_registered_version_is_refused(
    how: str, released_yard: SmallYard, terminal: Terminal
) -> None:
    yard = Yard.of(released_yard)
    staging = released_yard.root / "work" / str(NEW) / "staging"
    if how == "forged":
        forged_document(staging)
    else:
        shutil.rmtree(released_yard.root / "work" / str(NEW))
        assert build(released_yard) == 0
    told = (f"release {NEW} is registered as sha256:", "hint:", "higher version")
    terminal.fails(
        REFUSED, *(told if how == "rebuilt" else ("No such file",)), by=lambda: publish(released_yard)
    )
    yard.is_untouched()


def test_other_bytes_on_the_mirror_stop_publishing_before_it_begins(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    taken = small_yard.mirror / "update" / BOARD / str(NEW) / UPDATE
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"somebody else's")
    yard = Yard.of(small_yard)
    assert build(small_yard) == 0
    told = ("nothing was published", f"update/{BOARD}/{NEW}/{UPDATE}", "expected", "found 15 bytes", "hint:")
    terminal.fails(REFUSED, *told, by=lambda: publish(small_yard))
    yard.is_untouched()
    taken.unlink()
    terminal.works(lambda: publish(small_yard))


def test_history_that_cannot_be_recorded_is_refused_before_the_upload(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    assert build(small_yard) == 0
    yard = Yard.of(small_yard)
    unknown = ["--offered-in", "nightly"]
    terminal.fails(REFUSED, "nightly", "unknown", by=lambda: publish(small_yard, *unknown))
    yard.is_untouched()
    terminal.works(lambda: publish(small_yard, "--offered-in", "alpha"))
    terminal.works(lambda: publish(small_yard))
    told = ("registered already", "offered in alpha")
    terminal.fails(REFUSED, *told, by=lambda: publish(small_yard, "--offered-in", "beta"))
    assert build(small_yard, OLD) == 0
    yard = Yard.of(small_yard)
    terminal.fails(
        REFUSED, "not upwards", by=lambda: publish(small_yard, "--offered-in", "alpha", version=OLD)
    )
    yard.is_untouched()


def test_a_pipeline_key_that_is_not_there_is_missed_before_the_upload(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    assert build(small_yard) == 0
    yard, settings = Yard.of(small_yard), small_yard.settings.read_text()
    small_yard.settings.write_text(settings.replace("secret/pipeline.asc", "secret/ada.asc"))
    terminal.fails(REFUSED, "gpg did not sign", "hint:", by=lambda: publish(small_yard))
    yard.is_untouched()


@pytest.mark.parametrize(
    ("version", "channel", "fragments"),
    [
        ("9999.0.0", "alpha", ("release 9999.0.0 is not in the ledger", "hint:", "release publish")),
        (str(NEW), "nightly", ("nightly", "alpha")),
        (str(OLD), "alpha", (f"alpha: expected a version above {OLD}", f"found {OLD}", "hint:")),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(
    version: str, channel: str, fragments: tuple[str, ...], released_yard: SmallYard, terminal: Terminal
) -> None:
    yard = Yard.of(released_yard)
    terminal.fails(REFUSED, *fragments, by=lambda: ask(released_yard, version, channel))
    yard.is_untouched()


def test_channels_go_up_only(released_yard: SmallYard, terminal: Terminal) -> None:
    request(released_yard, terminal, "alpha")
    terminal.works(lambda: released_yard.humpyard("promote", "run"))
    yard = Yard.of(released_yard)
    told = (f"expected a version above {NEW}", f"found {OLD}", "alpha")
    terminal.fails(REFUSED, *told, by=lambda: ask(released_yard, OLD, "alpha"))
    yard.is_untouched()


def test_only_people_of_the_policy_are_heard(
    released_yard: SmallYard, terminal: Terminal, forger: Forger
) -> None:
    asked = request(released_yard, terminal, "alpha")
    yard = Yard.of(released_yard)
    sign_off = ["promote", "sign-off", asked, "--go"]
    cases: list[tuple[list[str], tuple[str, ...]]] = [
        ([*sign_off, *released_yard.secret("build")], (forger.keys["build"], "not")),
        ([*sign_off, *released_yard.secret("pipeline")], (forger.keys["pipeline"], "not a person")),
        ([*sign_off, *released_yard.secret("grace"), "--role", "king"], ("Grace", "king")),
        ([*sign_off, "--as", "me", *released_yard.secret("grace")[2:]], ("me", "fingerprint")),
        (
            [*sign_off, "--as", forger.keys["grace"], *released_yard.secret("ada")[2:]],
            ("gpg did not sign", forger.keys["grace"], "hint:"),
        ),
        (
            [*sign_off, "--as", forger.keys["grace"], "--secret-key", str(released_yard.settings)],
            ("humpyard.toml", "OpenPGP keys"),
        ),
        (
            ["promote", "sign-off", asked[:-4] + "0000", "--go", *released_yard.secret("grace")],
            ("expected the start of one request's digest, 0 fit", "hint:"),
        ),
        (
            ["promote", "sign-off", "", "--go", *released_yard.secret("grace")],
            ("expected the start of one request's digest",),
        ),
    ]
    for arguments, fragments in cases:
        terminal.fails(REFUSED, *fragments, by=partial(released_yard.humpyard, *arguments))
        yard.is_untouched()


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        (f"FLATCAR_VERSION={NEW}\n", (str(NEW), "no decision in the ledger", "hint:")),
        ("nonsense\n", ("alpha", "FLATCAR_VERSION", "hint:")),
    ],
)
def test_a_pointer_moved_by_hand_is_found_out(
    text: str, fragments: tuple[str, ...], released_yard: SmallYard, terminal: Terminal
) -> None:
    pointer = released_yard.mirror / "alpha" / BOARD / "current" / "version.txt"
    good = pointer.read_bytes()
    pointer.write_text(text)
    yard = Yard.of(released_yard)
    terminal.fails(REFUSED, *fragments, by=lambda: released_yard.humpyard("promote", "run"))
    yard.is_untouched()
    pointer.write_bytes(good)
    terminal.works(lambda: released_yard.humpyard("promote", "run"))


def remove_entry(mirror: Path) -> None:
    (mirror / ledger_key(2)).unlink()


def remove_beginning(mirror: Path) -> None:
    (mirror / ledger_key(0)).unlink()


def alter_entry(mirror: Path) -> None:
    path = mirror / ledger_key(1)
    replace_bytes(path, path.read_bytes().replace(b"alpha", b"beta_", 1))


def swap_entries(mirror: Path) -> None:
    first, second = mirror / ledger_key(1), mirror / ledger_key(2)
    data = first.read_bytes()
    replace_bytes(first, second.read_bytes())
    replace_bytes(second, data)


def garble_entry(mirror: Path) -> None:
    replace_bytes(mirror / ledger_key(1), b"\xff\x00")


def alter_policy(mirror: Path) -> None:
    (path,) = (mirror / "policy").rglob("*.toml") if (mirror / "policy").is_dir() else mirror.rglob("*.toml")
    replace_bytes(path, path.read_bytes() + b"\n# mine\n")


@pytest.mark.parametrize(
    ("damage", "fragments"),
    [
        (remove_entry, (ledger_key(2), "missing")),
        (remove_beginning, (ledger_key(0), "missing")),
        (alter_entry, (ledger_key(1),)),
        (swap_entries, (ledger_key(1),)),
        (garble_entry, (ledger_key(1),)),
        (alter_policy, (".toml", "expected sha256:", "found sha256:")),
        (shutil.rmtree, ("ledger", "no ledger here", "hint:")),
    ],
)
def test_an_altered_ledger_stops_everything(
    damage: Callable[[Path], None], fragments: tuple[str, ...], released_yard: SmallYard, terminal: Terminal
) -> None:
    damage(released_yard.mirror)
    before = tree(released_yard.mirror)
    terminal.fails(REFUSED, *fragments, by=lambda: released_yard.humpyard("promote", "run"))
    assert tree(released_yard.mirror) == before


def test_a_delta_does_not_start_from_an_altered_release(released_yard: SmallYard, terminal: Terminal) -> None:
    """The mirror's copy of the old image is not the one its signed release names."""
    shutil.rmtree(released_yard.root / "work")
    image = released_yard.mirror / "alpha" / BOARD / str(OLD) / "flatcar_production_update.bin.bz2"
    replace_bytes(image, image.read_bytes()[:-5])
    yard = Yard.of(released_yard)
    command = ["candidate", "build", str(released_yard.image_set(NEW)), "--version", str(NEW)]
    options = ["--channel", "alpha", "--from", str(OLD)]
    told = (f"alpha/{BOARD}/{OLD}/flatcar_production_update.bin.bz2", "expected sha256:")
    terminal.fails(REFUSED, *told, by=lambda: released_yard.humpyard(*command, *options))
    yard.is_untouched()
