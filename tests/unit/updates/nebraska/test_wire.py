"""How Nebraska's answers are read, and what a release becomes on the wire."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from release.errors import InputError
from release.updates.nebraska.wanted import content_of, reason_of
from release.updates.nebraska.wire import (
    Fields,
    channel_body,
    package_body,
    read_channel,
    read_floor,
    read_package,
    version_key,
)
from tests.unit.pages.samples import AMD64, ARM64
from tests.unit.updates.nebraska.samples import OPTIONS, content, floor, found, sample_release

STAMP = "2019-09-10T23:11:10.825985Z"
ACTION: dict[str, Any] = {"id": "a-1", "event": "postinstall", "sha256": "c2hh", "is_delta": False}
PACKAGE: dict[str, Any] = {
    "id": "284d295b-518f-4d67-999e-94968d0eed90",
    "type": 1,
    "version": "829.0.0",
    "url": "https://update.release.flatcar-linux.net/amd64-usr/829.0.0/",
    "filename": "flatcar_production_update.gz",
    "description": None,
    "size": "186245514",
    "hash": "2lhoUvvnoY359pi2FnaS/xsgtig=",
    "created_ts": STAMP,
    "channels_blacklist": None,
    "application_id": OPTIONS.app,
    "flatcar_action": ACTION,
    "arch": 1,
    "extra_files": [],
    "floor_reason": None,
}
CHANNEL: dict[str, Any] = {
    "id": "a87a03ad-4984-47a1-8dc4-3507bae91ee1",
    "name": "alpha",
    "color": "#1fbb86",
    "created_ts": STAMP,
    "application_id": OPTIONS.app,
    "package_id": PACKAGE["id"],
    "package": PACKAGE,
    "arch": 1,
}


def read(value: dict[str, Any], **changes: Any) -> Fields:
    return Fields({**value, **changes}, "GET /here")


def test_a_package_is_read_as_nebraska_shows_it() -> None:
    package = read_package(read(PACKAGE))
    assert (package.content.version, package.content.sha256, package.blacklist) == ("829.0.0", "c2hh", ())


def test_what_may_be_null_is_empty() -> None:
    names = ("filename", "size", "hash", "channels_blacklist", "flatcar_action", "extra_files")
    package = read_package(read(PACKAGE, **dict.fromkeys(names)))
    assert (package.content.sha1, package.content.sha256, package.content.extras) == ("", "", ())


def test_fields_that_we_do_not_use_may_be_anything() -> None:
    assert read_package(read(PACKAGE, created_ts=7, new_field={"a": []})) == read_package(read(PACKAGE))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("id", "../packages", "expected an id"),
        ("id", None, "expected text"),
        ("version", 829, "expected text of up to 4096 characters, found 829"),
        ("version", "9" * 5000, "expected text of up to 4096"),
        ("arch", "1", "expected a whole number"),
        ("arch", True, "expected a whole number"),
        ("arch", -1, "expected a whole number"),
        ("type", 1.5, "expected a whole number"),
        ("size", 186245514, "expected text"),
        ("flatcar_action", [], "expected an object"),
        ("flatcar_action", {"sha256": "c2hh"}, "is_delta: expected true or false, found nothing"),
        ("extra_files", {}, "expected a list"),
        ("extra_files", ["a"], r"extra_files\[0\]: expected an object"),
        ("channels_blacklist", [1], "expected a list of ids"),
        ("channels_blacklist", "all", "expected a list of ids"),
    ],
)
def test_an_answer_of_another_form_is_refused_with_its_place(name: str, value: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_package(read(PACKAGE, **{name: value}))
    assert str(caught.value).startswith("GET /here: ")
    assert len(str(caught.value)) < 250


def test_what_comes_from_outside_is_harmless_in_messages() -> None:
    with pytest.raises(InputError) as caught:
        read_package(read(PACKAGE, arch="\x1b[2J\u202e"))
    assert str(caught.value).isascii()
    assert "\x1b" not in str(caught.value)


def test_a_channel_without_a_package_offers_nothing() -> None:
    for nothing in (None, ""):
        assert read_channel(read(CHANNEL, package_id=nothing, package=None)).package is None


def test_a_channel_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InputError, match="expected the package that package_id names"):
        read_channel(read(CHANNEL, package_id="another"))
    with pytest.raises(InputError, match="found None"):
        read_channel(read(CHANNEL, package=None))


def test_a_floor_has_a_reason_or_none() -> None:
    assert read_floor(read(PACKAGE, floor_reason="new kernel")).reason == "new kernel"
    assert read_floor(read(PACKAGE)).reason is None


def test_a_release_becomes_a_full_payload_with_extra_files() -> None:
    release = sample_release("3.0.0")
    made = content_of(release, ARM64, OPTIONS)
    full = release.board(ARM64).payloads[0].artifact
    assert made is not None
    assert base64.b64decode(made.sha1) == full.sha1.value
    assert base64.b64decode(made.sha256) == full.sha256.value
    assert (made.size, made.filename, made.architecture) == ("9003", "flatcar_production_update.gz", 2)
    recorded = {one.artifact.name: one.artifact for one in release.board(ARM64).payloads if one.extension}
    assert [one.name for one in made.extras] == ["flatcar-zfs.gz", "oem-azure.gz"]
    for one in made.extras:
        assert base64.b64decode(one.sha1) == recorded[one.name].sha1.value
        assert (one.sha256, one.size) == (recorded[one.name].sha256.hex, str(recorded[one.name].size))


def test_a_board_without_a_full_payload_has_no_package() -> None:
    assert content_of(sample_release("3.0.0", AMD64), ARM64, OPTIONS) is None
    release = sample_release("3.0.0", AMD64)
    (shipped,) = release.boards
    only_deltas = replace(release, boards=(replace(shipped, payloads=shipped.payloads[1:]),))
    assert content_of(only_deltas, AMD64, OPTIONS) is None


def test_bodies_have_the_names_of_the_wire() -> None:
    body = package_body(content("3.0.0"), OPTIONS.app, "Version 3.0.0")
    assert body["flatcar_action"] == {"sha256": content("3.0.0").sha256}
    assert isinstance(body["size"], str)
    assert body["type"] == 1
    assert isinstance(body["extra_files"], list)
    for one in body["extra_files"]:
        assert isinstance(one, dict)
        assert {*one} == {"name", "hash", "hash256", "size"}
    assert channel_body(found("3.0.0").channel, "p-1") == {
        "application_id": OPTIONS.app,
        "arch": 1,
        "color": "#14b9d6",
        "name": "stable",
        "package_id": "p-1",
    }


def test_a_long_reason_is_cut_to_what_nebraska_takes() -> None:
    assert len(reason_of(floor("1.0.0", "r" * 600))) == 500


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("4081.3.10", (4081, 3, 10)),
        ("4081.3.9+build", (4081, 3, 9)),
        ("1.2.3-rc1", (1, 2, 3)),
        ("1.2", None),
        ("1.2.3.4", None),
        ("1.2.3\n", None),
        ("a.b.c", None),
    ],
)
def test_versions_are_ordered_by_three_numbers(text: str, key: tuple[int, ...] | None) -> None:
    assert version_key(text) == key
