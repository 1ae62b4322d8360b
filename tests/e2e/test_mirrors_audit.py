"""Mirrors looked at from outside, behind a real nginx: whatever is done to one of them has its finding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.catalog.naming import HEAD_FILE
from release.line.mirror_audit import Options, audit_mirror
from release.line.mirror_wishes import Place
from release.line.mirrors import mirrors_of
from release.wiring import open_yard, simulated_clock
from tests.audited_mirrors import NAMES, AuditedMirrors
from tests.small_yard import BOARD, NEW, OLD

PAYLOAD = f"update/{BOARD}/{NEW}/flatcar_production_update.gz"
IMAGE = f"beta/{BOARD}/{OLD}/flatcar_production_image.vmlinuz"
CURRENT = f"alpha/{BOARD}/current"
Codes = Iterable[tuple[str, str]]


def written(path: Path, data: bytes) -> None:
    """Other bytes in the place of a file, which may be a link to one that others have, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    written(path, change(path.read_bytes()))


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def at(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def of(code: str, found: Codes) -> list[str]:
    """Where a finding of a code is."""
    return [where for one, where in found if one == code]


def test_mirrors_that_are_as_they_should_be_have_no_break(audited: AuditedMirrors) -> None:
    code, found = audited.audit("--full")
    assert code == 0
    assert (found["format"], found["passed"], found["mode"]) == ("humpyard-mirrors-audit-1", True, "full")
    assert [one["name"] for one in found["mirrors"]] == list(NAMES)
    near, odd, safe = found["mirrors"]
    assert [one["code"] for one in near["findings"]] == ["tls-none"]
    assert {one["code"] for one in odd["findings"]} == {
        "tls-none",
        "type-wrong",
        "cache-wrong",
        "range-ignored",
    }
    assert safe["findings"] == []
    for one in found["mirrors"]:
        assert one["objects"] == one["objects_read"] > 50
        assert one["entries_behind"] == 0


def test_a_sample_is_drawn_the_same_by_the_same_seed_and_has_what_machines_fetch(
    audited: AuditedMirrors,
) -> None:
    """The payload that alpha offers is read whatever the seed says; other objects by chance."""
    changed(audited.root("near") / PAYLOAD, flipped)
    once = audited.audit("--sample", "5", "--seed", "7")
    again = audited.audit("--sample", "5", "--seed", "7")
    assert (once[0], once[1]["mode"], once[1]["seed"]) == (1, "sampled", 7)
    for one, other in zip(once[1]["mirrors"], again[1]["mirrors"], strict=True):
        assert one["bytes_read"] == other["bytes_read"]
        assert one["objects_read"] < one["objects"]
    assert of("object-wrong", audited.findings("near", "--sample", "0")) == [PAYLOAD]


def test_without_a_seed_the_one_that_was_drawn_is_told(audited: AuditedMirrors) -> None:
    assert isinstance(audited.audit("--sample", "1")[1]["seed"], int)


@pytest.mark.parametrize(
    ("code", "key", "change"),
    [
        ("object-missing", IMAGE, None),
        ("object-short", IMAGE, lambda data: data[:-1]),
        ("object-long", IMAGE, lambda data: data + b"x"),
        ("object-wrong", IMAGE, flipped),
        ("object-wrong", f"{IMAGE}.DIGESTS", flipped),
        ("signature-wrong", f"{IMAGE}.sig", flipped),
        ("object-wrong", f"releases/{OLD}/release.json", flipped),
        ("head-missing", HEAD_FILE, None),
        ("head-forged", HEAD_FILE, flipped),
        ("channel-missing", f"{CURRENT}/channel.json", None),
        ("channel-forged", f"{CURRENT}/channel.json", flipped),
        ("pointer-stale", f"{CURRENT}/version.txt", None),
        ("pointer-forged", f"{CURRENT}/version.txt", lambda _: b"FLATCAR_VERSION=9999.0.0\n"),
        ("pointer-altered", f"{CURRENT}/version.txt", lambda data: data + b"X=1\n"),
    ],
)
def test_what_is_missing_or_wrong_is_found_there_and_nowhere_else(
    audited: AuditedMirrors, code: str, key: str, change: Callable[[bytes], bytes] | None
) -> None:
    path = audited.root("near") / key
    if change is None:
        path.unlink()
    else:
        changed(path, change)
    with simulated_clock(lambda: at(2 if code == "pointer-stale" else 0)):
        exit_code, found = audited.audit("--full")
    assert exit_code == 1
    near, odd, safe = found["mirrors"]
    assert (near["passed"], odd["passed"], safe["passed"]) == (False, True, True)
    broken = [one for one in near["findings"] if one["severity"] == "break"]
    assert {(one["code"], one["where"]) for one in broken} == {(code, key)}
    assert all(one["expected"] and one["found"] for one in broken)


def test_an_object_that_may_not_be_read_is_told(audited: AuditedMirrors) -> None:
    path = audited.root("near") / IMAGE
    path.unlink()
    path.symlink_to(path.name)  # nginx answers 403 or 500 to a loop
    assert IMAGE in {
        where for code, where in audited.findings("near", "--full") if code.startswith("object-")
    }


def test_what_nobody_published_is_told_where_the_mirror_can_be_listed(audited: AuditedMirrors) -> None:
    extra = f"alpha/{BOARD}/{NEW}/backdoor.bin"
    written(audited.root("near") / extra, b"x")
    assert of("object-extra", audited.findings("near")) == [extra]
    settings = audited.small.settings
    text = settings.read_text()
    settings.write_text(text[: text.index("[mirrors.near]")] + text[text.index("[mirrors.odd]") :])
    assert of("not-listed", audited.findings("near")) == [audited.served.address("near")]


def test_mirrors_that_are_away_are_findings_and_the_others_are_looked_at(audited: AuditedMirrors) -> None:
    """Two are served by one server, which answers 503 for both."""
    audited.served.down.touch()
    exit_code, found = audited.audit("--patience", "60")
    assert exit_code == 1
    near, odd, safe = found["mirrors"]
    for one in (near, odd):
        assert {finding["code"] for finding in one["findings"]} >= {"mirror-unreachable"}
    assert safe["passed"]
    assert safe["objects"] > 50


def test_a_mirror_that_lags_is_told_at_first_and_broken_after_an_hour(audited: AuditedMirrors) -> None:
    """It was put back to what it was before alpha moved on."""
    keep = audited.roots.parent / "kept"
    shutil.copytree(audited.root("near"), keep, symlinks=True)
    assert (
        audited.small.humpyard("promote", "request", str(NEW), "--to", "beta", *audited.small.secret("ada"))
        == 0
    )
    for name in ("grace", "linus"):
        _approve(audited, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(audited.served.certificate.path))
        assert audited.small.humpyard("promote", "run") == 0
    shutil.rmtree(audited.root("near"))
    keep.rename(audited.root("near"))
    place = f"beta/{BOARD}/current"
    now = dict(audited.findings("near"))
    assert now["head-behind"] == HEAD_FILE
    assert now["pointer-lagging"] == f"{place}/version.txt"
    assert now["channel-lagging"] == f"{place}/channel.json"
    with simulated_clock(lambda: at(2)):
        later = dict(audited.findings("near"))
    assert later["head-stale"] == HEAD_FILE
    assert later["pointer-stale"] == f"{place}/version.txt"
    assert later["channel-stale"] == f"{place}/channel.json"


def _approve(audited: AuditedMirrors, name: str) -> None:
    with open_yard(audited.small.settings) as yard:
        (request,) = yard.ledger.state().open_requests()
    given = ["promote", "sign-off", request.digest.hex[:12], "--go", "--role", "maintainer"]
    assert audited.small.humpyard(*given, *audited.small.secret(name)) == 0


def test_what_was_not_signed_anew_has_expired(audited: AuditedMirrors) -> None:
    with simulated_clock(lambda: at(48)):
        found = audited.findings("near")
    assert of("head-expired", found) == [HEAD_FILE]
    assert set(of("channel-expired", found)) == {
        f"{channel}/{BOARD}/current/channel.json" for channel in ("alpha", "beta")
    }


def test_a_release_that_is_damaged_is_taken_back_only_when_told_to(audited: AuditedMirrors) -> None:
    changed(audited.root("near") / IMAGE, flipped)
    place = Place(channel="beta", version=OLD)
    assert audited.audit("--full")[0] == 1
    assert "near" in _having(audited, place)
    assert audited.audit("--full", "--record")[0] == 1
    assert _having(audited, place) == {"odd", "safe"}
    assert "near" in _having(audited, Place(channel="alpha", version=NEW))
    assert of("release-lacking", audited.findings("near")) == [str(place)]


def _having(audited: AuditedMirrors, place: Place) -> set[str]:
    with open_yard(audited.small.settings) as yard:
        return set(yard.ledger.state().mirrors_with(place.channel, place.version))


def test_a_server_whose_certificate_nobody_vouches_for_is_not_believed(audited: AuditedMirrors) -> None:
    audited.output()
    assert audited.small.humpyard("mirrors", "audit", "--json") == 1
    found = json.loads(audited.output())
    (safe,) = (one for one in found["mirrors"] if one["name"] == "safe")
    assert [one["code"] for one in safe["findings"]] == ["tls-untrusted"]


def test_people_are_shown_breaks_first_and_a_table(audited: AuditedMirrors) -> None:
    changed(audited.root("near") / IMAGE, flipped)
    audited.output()
    assert audited.small.humpyard("mirrors", "audit", "--full") == 1
    lines = audited.output().splitlines()
    marks = [line.split()[0] for line in lines if line.startswith(("BREAK", "warning", "note"))]
    assert marks == sorted(marks, key=["BREAK", "warning", "note"].index)
    assert lines[-4].split()[:3] == ["mirror", "objects", "read"]
    assert [line.split()[0] for line in lines[-3:]] == list(NAMES)


def test_time_for_a_mirror_is_bounded_and_what_was_left_out_is_told(audited: AuditedMirrors) -> None:
    with open_yard(audited.small.settings) as yard:
        near = mirrors_of(yard, yard.policy())[0]
        found = audit_mirror(yard, near, Options(sample=None, limit=-1))
    (slow,) = (one for one in found.mirror.findings if one.code == "mirror-slow")
    assert slow.found.startswith("0 of ")
