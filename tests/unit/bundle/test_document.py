"""``release.json``: one release, one sequence of bytes."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.bundle.assemble import BoardInputs
from release.bundle.change import Change, ChangeKind
from release.bundle.document import MAX_DOCUMENT, SCHEMA_VERSION, decode, digest, encode, json_schema
from release.bundle.release import Release
from release.canonical import dump
from release.catalog.board import Board
from release.catalog.lineage import Lineage
from release.digests import Digest
from release.errors import InputError
from release.image.packages import Package
from tests.unit.bundle.samples import NEW, OLD, release_of, with_extension
from tests.unit.bundle.strategies import releases

quick = settings(max_examples=60, deadline=None, derandomize=True)


@quick
@given(releases())
def test_a_release_survives_the_document_and_the_document_survives_the_release(release: Release) -> None:
    data = encode(release)
    assert decode(data) == release
    assert encode(decode(data)) == data


@quick
@given(releases())
def test_every_document_keeps_the_published_json_schema(release: Release) -> None:
    jsonschema.validate(json.loads(encode(release)), json_schema(), jsonschema.Draft202012Validator)


def test_the_json_schema_is_one() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@quick
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_raise_anything_but_our_error(data: bytes) -> None:
    with pytest.raises(InputError, match=r"release\.json"):
        decode(data)


_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_json = st.recursive(_leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@quick
@given(releases(), st.data())
def test_a_document_with_any_one_value_replaced_raises_nothing_but_our_error(
    release: Release, data: st.DataObject
) -> None:
    value = json.loads(encode(release))
    holder: Any = value
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or not holder[key]:
            break
        holder = holder[key]
    holder[key] = data.draw(_json)
    with pytest.raises(InputError, match=r"^release\.json: "):  # at the latest: these bytes have spaces
        decode(json.dumps(value).encode())


def test_the_digest_is_the_sha256_of_the_bytes(release: Release) -> None:
    data = encode(release)
    assert digest(data) == Digest.sha256(data)


def test_the_document_says_the_schema_version_and_plain_values(release: Release) -> None:
    value = json.loads(encode(release))
    assert value["schema_version"] == 1
    assert value["version"] == "4593.2.0"
    assert value["created"] == "2026-08-13T15:48:35Z"
    assert value["lineage"] == {"kind": "rebuild", "derives_from": "4593.1.0"}
    full, delta = value["boards"][0]["payloads"]
    assert (full["source"], full["source_image"]) == (None, None)
    assert delta["source"] == "4593.1.0"
    assert delta["artifact"]["sha256"] == release.boards[0].payloads[1].artifact.sha256.hex
    assert delta["operations"] == {"MOVE": 3, "REPLACE_BZ": 14}


def test_a_release_with_system_extensions_is_written_in_version_2(
    inputs: tuple[BoardInputs, ...],
) -> None:
    """Who knows version 1 only can still read every release without extensions."""
    release = release_of((with_extension(inputs[0], "oem-azure"), inputs[1]))
    value = json.loads(encode(release))
    assert value["schema_version"] == 2
    made = [[payload["extension"] for payload in board["payloads"]] for board in value["boards"]]
    assert made == [[None, None, "oem-azure.raw"], [None, None]]
    assert value["boards"][0]["payloads"][2]["profile"] == "replace-only"
    assert decode(encode(release)) == release


@pytest.mark.parametrize(("extended", "expected"), [(True, 2), (False, 1)])
def test_a_release_has_one_schema_version_only(
    inputs: tuple[BoardInputs, ...], *, extended: bool, expected: int
) -> None:
    first = with_extension(inputs[0], "oem-azure") if extended else inputs[0]
    value = json.loads(encode(release_of((first, inputs[1])))) | {"schema_version": 3 - expected}
    with pytest.raises(InputError, match=f"schema_version: expected {expected}, found {3 - expected}"):
        decode(dump(value))


def test_a_release_with_changes_is_written_in_version_3(release: Release) -> None:
    """Those with words have them in the document; those that were only there cost little more than an id."""
    told = Change.of(ChangeKind.SECURITY, "- curl (CVE-2026-1234)")
    there = [Change(id=digit * 16, kind=kind) for digit, kind in zip("1f7", ChangeKind, strict=False)]
    changed = dataclasses.replace(release, changes=tuple(sorted([told, *there], key=lambda one: one.id)))
    value = json.loads(encode(changed))
    assert value["schema_version"] == SCHEMA_VERSION == 3
    assert value["changes"] == [{"id": told.id, "kind": "security", "text": "- curl (CVE-2026-1234)"}]
    assert value["present"] == {
        "action_required": ["f" * 16],
        "breaking": ["1" * 16],
        "security": ["7" * 16],
    }
    assert decode(encode(changed)) == changed


@pytest.mark.parametrize(
    ("name", "new", "expected"),
    [
        ("changes", [{"id": "0" * 16, "kind": "updates", "text": "- a"}], "changes[0].id: expected "),
        ("changes", [{"id": "0" * 16, "kind": "updates", "text": "a"}], "changes[0].text: expected a list"),
        ("changes", [{"id": "0" * 16, "kind": "news", "text": "- a"}], "changes[0].kind: "),
        ("present", {"updates": ["0" * 16, "0" * 16]}, "changes[1]: out of order, or there twice"),
        ("present", {"updates": ["1" * 16, "0" * 16]}, "not in canonical form"),
        ("present", {"updates": []}, "present.updates: "),
        ("present", {"news": ["0" * 16]}, "present.news: "),
        ("present", {"updates": ["0" * 15]}, "present.updates[0]: "),
    ],
)
def test_a_wrong_record_of_changes_is_refused(release: Release, name: str, new: Any, expected: str) -> None:
    whole = {"schema_version": 3, "changes": [], "present": {}, name: new}
    with pytest.raises(InputError, match=re.escape(expected)):
        decode(dump(json.loads(encode(release)) | whole))


def test_a_system_extension_is_a_file_of_its_board_and_never_a_delta(
    inputs: tuple[BoardInputs, ...],
) -> None:
    board = release_of((with_extension(inputs[0], "oem-azure"), inputs[1])).boards[0]
    assert board.extension(board.payloads[0]) is None
    image = board.extension(board.payloads[2])
    assert image is not None
    assert image.name == "oem-azure.raw"
    with pytest.raises(InputError, match=r"payloads\[2\]: oem-azure\.raw: expected among the board's files"):
        dataclasses.replace(board, files=board.files[:1])
    with pytest.raises(InputError, match="source: expected none for a system extension"):
        dataclasses.replace(board.payloads[2], source=OLD, source_image=image.sha256)


@pytest.mark.parametrize("reshape", [lambda data: data + b"\n", lambda data: data.replace(b":", b": ", 1)])
def test_another_form_of_the_same_value_is_refused(
    release: Release, reshape: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(InputError, match=r"release\.json: not in canonical form") as caught:
        decode(reshape(encode(release)))
    assert caught.value.hint is not None


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, "1", None, True, 1.5])
def test_another_schema_version_is_refused_with_a_hint(release: Release, version: object) -> None:
    value = json.loads(encode(release)) | {"schema_version": version}
    with pytest.raises(InputError, match=r"schema_version: expected 1 to 3, found") as caught:
        decode(dump(value))
    assert caught.value.hint is not None
    assert "another version of humpyard" in caught.value.hint


def test_more_bytes_than_any_release_needs_are_refused() -> None:
    with pytest.raises(InputError, match=f"expected at most {MAX_DOCUMENT} bytes"):
        decode(b" " * (MAX_DOCUMENT + 1))


def _set(*path: str | int) -> Callable[[Any, Any], None]:
    def change(value: Any, new: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        value[path[-1]] = new

    return change


_ARTIFACT = ("boards", 0, "payloads", 1, "artifact")
_DELTA = ("boards", 0, "payloads", 1)
BAD: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "digest too short": ((*_ARTIFACT, "sha256"), "ab", "boards[0].payloads[1].artifact.sha256: "),
    "digest in capitals": ((*_ARTIFACT, "sha1"), "AB" * 20, "boards[0].payloads[1].artifact.sha1: "),
    "path in a name": ((*_ARTIFACT, "name"), "../x", "boards[0].payloads[1].artifact.name: "),
    "two dots in a name": ((*_ARTIFACT, "name"), "a..b", "boards[0].payloads[1].artifact.name: file name"),
    "signature as a file": (
        ("boards", 1, "files", 1, "name"),
        "z.sig",
        "boards[1].files[1]: z.sig: signatures",
    ),
    "checksum as a payload": (
        (*_ARTIFACT, "name"),
        "x.sha256",
        "boards[0].payloads[1]: x.sha256: signatures",
    ),
    "size as text": ((*_ARTIFACT, "size"), "12", "boards[0].payloads[1].artifact.size: "),
    "size below zero": ((*_ARTIFACT, "size"), -1, "boards[0].payloads[1].artifact.size: "),
    "size as true": ((*_ARTIFACT, "size"), True, "boards[0].payloads[1].artifact.size: "),
    "empty image": (("boards", 0, "image", "size"), 0, "boards[0].image.size: "),
    "leading zero": (("version",), "4593.02.0", "version: version '4593.02.0': expected MAJOR"),
    "version too long": (("version",), "4593.2.0.1", "version: "),
    "unknown field": (("signed_by",), "me", "signed_by: Extra inputs are not permitted, found 'me'"),
    "strange field": (("a b",), 1, "['a b']: Extra inputs"),
    "delta without source image": ((*_DELTA, "source_image"), None, "boards[0].payloads[1].source_image: "),
    "full with source image": (("boards", 0, "payloads", 0, "source_image"), "00" * 32, "payloads[0].source"),
    "delta to itself": ((*_DELTA, "source"), str(NEW), "boards[0].payloads: a delta from 4593.2.0 to itself"),
    "profile": ((*_DELTA, "profile"), "Flatcar", "boards[0].payloads[1].profile: "),
    "profile with a tail": ((*_DELTA, "profile"), "a-", "boards[0].payloads[1].profile: expected lower-case"),
    "more metadata than bytes": (
        (*_DELTA, "metadata_size"),
        9999,
        "payloads[1].metadata_size: expected 1 to",
    ),
    "no such operation": ((*_DELTA, "operations"), {"moo": 1}, "boards[0].payloads[1].operations.moo: "),
    "operation counted zero": (
        (*_DELTA, "operations"),
        {"MOVE": 0},
        "boards[0].payloads[1].operations.MOVE: ",
    ),
    "key twice": ((*_DELTA, "signatures"), ["00" * 32] * 2, "boards[0].payloads[1].signatures[1]: 0000"),
    "proven as text": ((*_DELTA, "proven"), "yes", "boards[0].payloads[1].proven: "),
    "no boards": (("boards",), [], "boards: "),
    "board": (("boards", 1, "board"), "amd64", "boards[1].board: "),
    "board with a digit first": (("boards", 1, "board"), "6502-usr", "boards[1].board: board '6502-usr'"),
    "board twice": (("boards", 1, "board"), "amd64-usr", "boards[1]: out of order, or there twice"),
    "payload of another name twice": (
        (*_ARTIFACT, "name"),
        "flatcar_production_update.gz",
        "boards[0].payloads[1]: flatcar_production_update.gz is there twice",
    ),
    "second full payload": (
        ("boards", 0, "payloads"),
        lambda value: [value["boards"][0]["payloads"][0]] * 2,
        "boards[0].payloads[1]: out of order, or there twice",
    ),
    "files out of order": (
        ("boards", 0, "files"),
        lambda value: value["boards"][0]["files"][::-1],
        "boards[0].files[1]: out of order",
    ),
    "software out of order": (
        ("software",),
        lambda value: value["software"][::-1],
        "software[1]: out of order",
    ),
    "channel": (("channel",), "Stable", "channel: "),
    "channel with a tail": (("channel",), "lts-", "channel: channel 'lts-'"),
    "lineage kind": (("lineage", "kind"), "theft", "lineage.kind: "),
    "rebuild of nothing": (("lineage", "derives_from"), None, "lineage: a rebuild must name"),
    "derives from itself": (("lineage", "derives_from"), str(NEW), "lineage: release 4593.2.0 cannot"),
    "no such day": (("created",), "2026-02-30T00:00:00Z", "created: day is out of range"),
    "local time": (("created",), "2026-02-03T00:00:00+02:00", "created: "),
    "bell in the notes": (("notes",), "\x07", "notes: "),
    "half a character": (("notes",), "\ud800", "notes: "),
    "line break in the product": (("product",), "a\nb", "product: "),
}


@pytest.mark.parametrize(("path", "new", "expected"), BAD.values(), ids=BAD.keys())
def test_a_bad_value_is_refused_with_its_path(
    release: Release, path: tuple[str | int, ...], new: Any, expected: str
) -> None:
    value = json.loads(encode(release))
    _set(*path)(value, new(value) if callable(new) else new)
    with pytest.raises(InputError, match=re.escape(expected)) as caught:
        decode(json.dumps(value, sort_keys=True).encode())
    assert caught.value.message.startswith("release.json: ")


def test_a_missing_field_is_named(release: Release) -> None:
    value = json.loads(encode(release))
    del value["boards"][1]["files"][0]["md5"]
    with pytest.raises(InputError, match=re.escape("boards[1].files[0].md5: Field required")):
        decode(dump(value))


def test_many_faults_are_counted_not_listed(release: Release) -> None:
    value = json.loads(encode(release)) | {f"x{number}": number for number in range(9)}
    with pytest.raises(InputError, match=r"\(and 4 more\)"):
        decode(dump(value))


def test_what_could_not_be_read_back_is_not_written(release: Release) -> None:
    with pytest.raises(InputError, match=r"release\.json: notes: "):
        encode(dataclasses.replace(release, notes="\x00"))


def test_a_document_too_long_to_read_is_not_written(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release.bundle.document.MAX_DOCUMENT", 100)
    with pytest.raises(InputError, match="expected at most 100 bytes"):
        encode(release)


@pytest.mark.parametrize(
    "created",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001  # the fault under test
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    ],
)
def test_a_release_is_dated_in_whole_seconds_of_utc(release: Release, created: datetime) -> None:
    with pytest.raises(InputError, match="created: expected whole seconds in UTC, found 2026-01-01"):
        dataclasses.replace(release, created=created)


def test_another_name_for_utc_is_the_same_time(release: Release) -> None:
    other = dataclasses.replace(
        release, created=release.created.replace(tzinfo=timezone(timedelta(0), "GMT"))
    )
    assert encode(other) == encode(release)


def test_values_refuse_what_the_document_could_not_mean(release: Release) -> None:
    image, payload = release.boards[0].image, release.boards[0].payloads[0]
    sha512 = release.boards[0].files[0].sha512
    with pytest.raises(InputError, match="sha256: expected a sha256 digest, found sha512"):
        dataclasses.replace(image, sha256=sha512)
    with pytest.raises(InputError, match="size: expected at least 1 byte, found 0"):
        dataclasses.replace(image, size=0)
    with pytest.raises(InputError, match="source_image: expected a sha256 digest, found sha512"):
        dataclasses.replace(payload, source=OLD, source_image=sha512)
    with pytest.raises(InputError, match=r"operations\.MOVE: expected at least 1, found 0"):
        dataclasses.replace(payload, operations={"MOVE": 0})
    with pytest.raises(InputError, match=r"signatures\[0\]: expected 64 hexadecimal digits, found 'x'"):
        dataclasses.replace(payload, signatures=("x",))
    with pytest.raises(InputError, match="boards: expected at least one, found none"):
        dataclasses.replace(release, boards=())


def test_a_release_knows_its_boards_and_can_be_a_key(release: Release) -> None:
    assert release.board(Board("arm64")) is release.boards[1]
    with pytest.raises(InputError, match="nothing for board riscv64-usr; it covers amd64-usr, arm64-usr"):
        release.board(Board("riscv64"))
    assert len({release, decode(encode(release))}) == 1


def test_a_release_may_start_a_branch_and_name_a_software_twice(release: Release) -> None:
    plain = dataclasses.replace(
        release, lineage=Lineage(), software=(Package("kernel", "6.12"), Package("kernel", "6.6"))
    )
    assert decode(encode(plain)) == plain
