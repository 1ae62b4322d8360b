"""`humpyard audit` on a real small yard: clean, and tampered with, one thing after the other."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from release.catalog.naming import ledger_key
from release.cli.main import run
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.entries import Entry, read_body, read_sealed, write_body, write_sealed
from release.ledger.kinds import PointerMoved
from release.ledger.sealed import Sealed
from release.line.audit_job import audit_job
from release.mirror.directory import DirectoryStore
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.wiring import open_yard
from tests.e2e.refusal import Forger
from tests.plain_server import served
from tests.seaweedfs import ACCESS_KEY, SECRET_KEY, SeaweedFS, seaweedfs  # noqa: F401 - a fixture
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard

PEOPLE = ("ada", "grace", "linus")
ALPHA, BETA = (f"{channel}/{BOARD}/current/version.txt" for channel in ("alpha", "beta"))


@pytest.fixture(scope="module")
def promoted_template(released_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard in which the new release went to alpha and to beta, with what was found about it."""
    root = tmp_path_factory.mktemp("promoted") / "yard"
    shutil.copytree(released_template, root)
    yard = SmallYard(root)
    for channel, people in (("alpha", ()), ("beta", ("grace", "linus"))):
        assert yard.humpyard("promote", "request", str(NEW), "--to", channel, *yard.secret("ada")) == 0
        request = newest_request(yard)
        for name in people:
            go = ["promote", "sign-off", request, "--go", "--yes", *yard.secret(name)]
            assert yard.humpyard(*go) == 0
        assert yard.humpyard("promote", "run") == 0
    assert yard.humpyard("evidence", "find", str(NEW), "--for", "stable") == 0
    assert yard.humpyard("head", "refresh") == 0
    return root


def newest_request(yard: SmallYard) -> str:
    with open_yard(yard.settings) as opened:
        return [*opened.ledger.state().requests][-1].hex


@dataclass(frozen=True, slots=True)
class Audited:
    """A copy of the yard's mirror that may be tampered with, and its audit as a stranger runs it."""

    yard: SmallYard
    mirror: Path
    capture: pytest.CaptureFixture[str]

    def keys(self) -> list[str]:
        keys = self.yard.root / "keys"
        people = [option for name in PEOPLE for option in ("--people-key", str(keys / f"{name}.asc"))]
        return ["--product", PRODUCT, "--pipeline-key", str(keys / "pipeline.asc"), *people]

    def release_keys(self) -> list[str]:
        keys = self.yard.root / "keys"
        payload = [
            option
            for bits in (4096, 2048)
            for option in ("--payload-key", str(keys / f"payload-{bits}.pub.pem"))
        ]
        return ["--releases", *payload, "--build-key", str(keys / "build.asc")]

    def audit(self, *options: str, url: str = "") -> tuple[int, dict[str, Any]]:
        self.capture.readouterr()
        code = run(["audit", url or str(self.mirror), *self.keys(), *options, "--json"])
        report: dict[str, Any] = json.loads(self.capture.readouterr().out)
        return code, report

    def findings(self, *options: str, url: str = "") -> set[tuple[str, str]]:
        """Code and place of every finding; checks that the exit code fits them."""
        code, report = self.audit(*options, url=url)
        breaks = [one for one in report["findings"] if one["severity"] == "break"]
        assert code == bool(breaks)
        assert report["passed"] is not bool(breaks)
        return {(one["code"], one["where"]) for one in report["findings"]}

    def path(self, key: str) -> Path:
        return self.mirror / key

    def flip(self, key: str, position: int = 200) -> None:
        data = bytearray(self.path(key).read_bytes())
        data[position] ^= 1
        self.path(key).write_bytes(data)

    def entry(self, number: int) -> Entry:
        key = ledger_key(number)
        return read_body(read_sealed(self.path(key).read_bytes(), key).body, key)

    @property
    def last(self) -> int:
        return len(list(self.path("ledger").iterdir())) - 1

    def of_kind(self, kind: str) -> list[int]:
        """The numbers of such entries."""
        return [number for number in range(self.last + 1) if self.entry(number).kind == kind]

    @property
    def decided(self) -> str:
        """The move to beta."""
        return ledger_key(self.of_kind("pointer")[-1])


@pytest.fixture
def audited(promoted_template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Audited:
    shutil.copytree(promoted_template / "mirror", tmp_path / "mirror")
    return Audited(SmallYard(promoted_template), tmp_path / "mirror", capsys)


def test_a_mirror_in_order_passes_in_full(audited: Audited) -> None:
    code, report = audited.audit(*audited.release_keys())
    assert (code, report["findings"]) == (0, [])
    counts = report["counts"]
    assert (counts["decisions"], counts["releases"], counts["pointers"]) == (2, 2, 2)
    assert counts["evidence"] >= 1
    assert counts["entries"] == audited.last + 1


def test_people_read_what_was_looked_at(audited: Audited) -> None:
    audited.capture.readouterr()
    assert run(["audit", str(audited.mirror), *audited.keys()]) == 0
    shown = audited.capture.readouterr().out
    assert "2 decisions asked again" in shown
    assert "no breaks, no warnings, no notes" in shown
    audited.flip(BETA, 3)
    assert run(["audit", str(audited.mirror), *audited.keys()]) == 1
    printed = audited.capture.readouterr()
    assert f"BREAK   pointer-altered: {BETA}" in printed.out
    assert "does not hold what it says" in printed.err


def test_over_plain_http_the_same_comes_out(audited: Audited) -> None:
    with served(audited.mirror) as url:
        assert audited.findings(url=url) == {("not-listed", "the mirror")}
        audited.flip(ledger_key(3))
        assert ("entry-altered", ledger_key(3)) in audited.findings(url=url)


def test_on_a_real_s3_server_the_same_comes_out(
    audited: Audited,
    seaweedfs: SeaweedFS,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = seaweedfs.new_bucket()
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL_S3": seaweedfs.endpoint_url,
    }.items():
        monkeypatch.setenv(name, value)
    store = S3Store(bucket=bucket, prefix="demo", options=S3Options(endpoint_url=seaweedfs.endpoint_url))
    here = DirectoryStore(audited.mirror)
    for key in here.list(""):
        data = here.read(key)
        store.create(key, data, sha256=Digest.sha256(data))
    url = f"s3://{bucket}/demo"
    assert audited.findings(url=url) == set()
    store.delete(ledger_key(2))
    store.replace("ledger/other", b"x")
    assert audited.findings(url=url) == {("entry-missing", ledger_key(2)), ("ledger-stray", "ledger/other")}


# --- the ledger ------------------------------------------------------------------------------------


def test_an_altered_entry(audited: Audited) -> None:
    path = audited.path(ledger_key(2))
    path.write_bytes(path.read_bytes().replace(b"payloads applied", b"payloads refused"))
    assert {("entry-forged", ledger_key(2)), ("entry-altered", ledger_key(2))} <= audited.findings()


def test_a_removed_entry_and_a_removed_end(audited: Audited) -> None:
    audited.path(ledger_key(2)).unlink()
    audited.path(ledger_key(audited.last + 1)).unlink()
    assert {("entry-missing", ledger_key(2)), ("head-ahead", "head.json")} <= audited.findings()


def test_swapped_and_doubled_entries(audited: Audited) -> None:
    one, other = audited.path(ledger_key(2)), audited.path(ledger_key(3))
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    audited.path(ledger_key(90)).write_bytes(data[0])
    audited.path("ledger/readme").write_text("hello")
    assert audited.findings() == {
        ("entry-misplaced", ledger_key(2)),
        ("entry-misplaced", ledger_key(3)),
        ("entry-doubled", ledger_key(90)),
        ("ledger-stray", "ledger/readme"),
    }


def resign(audited: Audited, forger: Forger, number: int, by: str, **changes: object) -> str:
    """Another entry of that number, signed by somebody."""
    key = ledger_key(number)
    body = write_body(replace(audited.entry(number), **changes))  # type: ignore[arg-type]  # single fields by name
    signature = forger.home.sign_bytes(body.encode(), forger.keys[by])
    audited.path(key).write_bytes(write_sealed(Sealed(body=body, signature=signature)))
    return key


def test_an_entry_that_was_signed_anew_by_the_pipeline(audited: Audited, forger: Forger) -> None:
    resign(audited, forger, 3, "pipeline", time=audited.entry(3).time + timedelta(seconds=1))
    assert audited.findings() == {("ledger-forked", ledger_key(3))}


def test_an_entry_by_a_stranger(audited: Audited, forger: Forger) -> None:
    resign(audited, forger, 3, "stranger")
    assert {("entry-forged", ledger_key(3)), ("entry-altered", ledger_key(3))} <= audited.findings()


def test_an_entry_of_the_pipelines_by_a_person(audited: Audited, forger: Forger) -> None:
    resign(audited, forger, 3, "ada")
    assert {("entry-unauthorised", ledger_key(3)), ("ledger-forked", ledger_key(3))} <= audited.findings()


def test_a_move_that_nobody_signed_for(promoted_yard: SmallYard, audited: Audited) -> None:
    """Whoever has the pipeline's key alone can record it, and no reader but the audit minds."""
    assert (
        promoted_yard.humpyard("promote", "request", str(NEW), "--to", "stable", *promoted_yard.secret("ada"))
        == 0
    )
    with open_yard(promoted_yard.settings) as yard:
        state, now = yard.ledger.state(), yard.clock()
        asked = [*state.requests.values()][-1]
        moved = PointerMoved(
            channel="stable",
            version=NEW,
            release=state.releases[NEW].release,
            request=asked.digest,
            generation=1,
            from_version=None,
            decided_at=now,
        )
        yard.ledger.append(lambda _state: moved, now=now)
    assert promoted_yard.humpyard("promote", "run") == 0, "pointers follow the ledger, and the head"
    key = ledger_key(state.sequence + 1)
    there = replace(audited, yard=promoted_yard, mirror=promoted_yard.mirror)
    assert there.findings() == {("decision-not-allowed", key)}


def test_a_decision_whose_sign_off_is_gone(audited: Audited) -> None:
    """The move to beta without Linus' go: the gate is asked again, and says no."""
    decided, missing = audited.decided, ledger_key(audited.of_kind("sign-off")[-1])
    audited.path(missing).unlink()
    assert audited.findings() == {("entry-missing", missing), ("decision-not-allowed", decided)}


def test_a_statement_in_the_mouth_of_another(audited: Audited, forger: Forger) -> None:
    number, decided = audited.of_kind("sign-off")[-1], audited.decided
    data = audited.entry(number).data
    statement = data["statement"].replace('"go"', '"no-go"')
    key = resign(audited, forger, number, "pipeline", data={**data, "statement": statement})
    assert {("statement-forged", key), ("decision-not-allowed", decided)} <= audited.findings()


def test_the_wrapping_of_a_signature(audited: Audited) -> None:
    """It holds with another checksum at its end; the digest that the next entry names does not."""
    path = audited.path(ledger_key(2))
    head, equals, checksum = path.read_text().rpartition("\\n=")
    assert equals
    path.write_text(head + equals + ("A" if checksum[0] != "A" else "B") + checksum[1:])
    assert {where for _, where in audited.findings()} == {ledger_key(2)}


# --- beside the ledger -----------------------------------------------------------------------------


def test_pointers_by_hand(audited: Audited) -> None:
    text = audited.path(ALPHA).read_text()
    audited.path(ALPHA).write_text(text + "MORE=1\n")
    audited.path(BETA).write_text(text.replace(str(NEW), "4700.0.0"))
    for channel in ("stable", "nightly"):
        audited.path(f"{channel}/{BOARD}/current").mkdir(parents=True)
        audited.path(f"{channel}/{BOARD}/current/version.txt").write_text(text)
    assert audited.findings() == {
        ("pointer-altered", ALPHA),
        ("pointer-forged", BETA),
        ("pointer-forged", f"stable/{BOARD}/current/version.txt"),
        ("pointer-unknown", f"nightly/{BOARD}/current/version.txt"),
    }


def test_a_pointer_that_was_put_back(audited: Audited) -> None:
    shutil.copy(audited.path(f"beta/{BOARD}/{OLD}/version.txt"), audited.path(BETA))
    assert audited.findings() == {("pointer-lagging", BETA)}


def test_policies_evidence_and_releases(audited: Audited) -> None:
    (policy,) = audited.path("policy").iterdir()
    policy.write_text(policy.read_text() + "\n")
    document = next(audited.path("evidence").iterdir())
    document.unlink()
    audited.flip(f"releases/{OLD}/release.json")
    assert {
        ("policy-altered", f"policy/{policy.name}"),
        ("decision-unchecked", audited.decided),
        ("evidence-missing", f"evidence/{document.name}"),
        ("release-altered", f"releases/{OLD}/release.json"),
    } <= audited.findings()


def test_the_files_of_releases_and_their_copies_in_channels(audited: Audited) -> None:
    audited.flip(f"update/{BOARD}/{NEW}/flatcar_production_update.gz")
    copy = audited.path(f"beta/{BOARD}/{NEW}/version.txt")
    copy.unlink()  # may be a hard link of the original
    copy.write_text("x")
    assert audited.findings() == set()
    assert {
        ("release-unverified", f"releases/{NEW}/"),
        ("release-unverified", "beta/"),
    } == audited.findings(*audited.release_keys())


def test_the_head(audited: Audited) -> None:
    head = audited.path("head.json")
    before = head.read_bytes()
    audited.flip("head.json", 60)
    assert audited.findings() == {("head-forged", "head.json")}
    head.unlink()
    assert audited.findings() == {("head-missing", "head.json")}
    head.write_bytes(before)
    assert audited.findings() == set()


def test_a_mirror_that_is_taken_back_in_time(
    audited: Audited, tmp_path: Path, released_template: Path
) -> None:
    """Signed and fresh, and older than what was seen: only who remembers can tell."""
    state = ["--state", str(tmp_path / "seen.json")]
    assert audited.findings(*state) == set()
    shutil.rmtree(audited.mirror)
    shutil.copytree(released_template / "mirror", audited.mirror)
    assert audited.findings() == set()
    assert {code for code, _ in audited.findings(*state)} == {"rolled-back"}
    assert {code for code, _ in audited.findings(*state)} == {"rolled-back"}, "still remembered"


# --- keys and usage --------------------------------------------------------------------------------


def test_keys_that_were_not_given_are_named(audited: Audited) -> None:
    keys = audited.yard.root / "keys"
    audited.capture.readouterr()
    given = ["--pipeline-key", str(keys / "pipeline.asc"), "--people-key", str(keys / "ada.asc")]
    assert run(["audit", str(audited.mirror), "--product", PRODUCT, *given, "--json"]) == 1
    report = json.loads(audited.capture.readouterr().out)
    codes = [one["code"] for one in report["findings"]]
    assert codes.count("key-unknown") == 2
    assert codes.count("entry-forged") == 2, "people write their own entries"
    wrong = ["--pipeline-key", str(keys / "build.asc"), "--people-key", str(keys / "ada.asc")]
    assert run(["audit", str(audited.mirror), "--product", PRODUCT, *wrong, "--json"]) == 1
    assert "entry-forged" in audited.capture.readouterr().out


def test_releases_need_the_keys_of_payloads(audited: Audited) -> None:
    assert run(["audit", str(audited.mirror), *audited.keys(), "--releases"]) == 2
    assert run(["audit", str(audited.mirror / "nowhere"), *audited.keys()]) == 1


@pytest.fixture
def promoted_yard(promoted_template: Path, tmp_path: Path) -> SmallYard:
    shutil.copytree(promoted_template, tmp_path / "yard")
    return SmallYard(tmp_path / "yard")


def test_the_job_tells_every_finding_and_fails_on_a_break(promoted_yard: SmallYard) -> None:
    told: list[str] = []
    with open_yard(promoted_yard.settings) as yard:
        (step,) = audit_job(yard, lambda finding: told.append(finding.code), releases=True)
        assert "2 decisions asked again" in step.run(lambda _done, _total: None)
        assert not told
        (promoted_yard.mirror / BETA).write_text("FLATCAR_VERSION=9999.0.0\n")
        with pytest.raises(NotVerifiedError, match="pointer-forged: beta"):
            step.run(lambda _done, _total: None)
        assert told == ["pointer-forged"]
