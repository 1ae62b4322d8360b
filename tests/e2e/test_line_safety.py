"""What must never be published, and what must go on after the worst moment to be interrupted."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.build_candidate import build_candidate
from release import canonical
from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE
from release.catalog.version import Version
from release.cli.main import run
from release.errors import NotVerifiedError, RefusedError
from release.ledger.kinds import EvidenceFound
from release.line.checking import verify_on
from release.line.promotion import _align_head, copy_to_channel, run_round
from release.line.requests import open_requests
from release.line.sources import registered_release
from release.line.steps import Job
from release.mirror.directory import DirectoryStore
from release.mirror.pointers import read_channel_pointer
from release.promotion.proposals import evidence
from release.signing.openpgp import OpenPgpHome
from release.wiring import open_yard, utc_now
from tests.small_yard import BOARD, NEW, OLD, SmallYard, write_image_set

NEWER = Version(4610, 0, 0)


def head(yard: SmallYard, channel: str) -> str | None:
    pointer = read_channel_pointer(DirectoryStore(yard.mirror), channel, Board.parse(BOARD))
    return None if pointer is None else str(pointer.version)


def build(yard: SmallYard, version: Version, *sources: Version) -> int:
    deltas = [option for source in sources for option in ("--from", str(source))]
    command = ["candidate", "build", str(yard.image_set(version)), "--version", str(version)]
    return yard.humpyard(*command, "--channel", "alpha", *deltas)


def add_image_set(yard: SmallYard, version: Version) -> None:
    with OpenPgpHome() as home:
        (key,) = home.import_keys((yard.root / "secret" / "build.asc").read_bytes())
        write_image_set(
            yard.image_set(version), version, lambda data, signature: home.sign_file(data, signature, key)
        )


def request(yard: SmallYard, version: Version, channel: str, by: str = "ada") -> None:
    assert yard.humpyard("promote", "request", str(version), "--to", channel, *yard.secret(by)) == 0


def everything(job: Job) -> list[str]:
    return [step.run(lambda _done, _total: None) for step in job]


@pytest.mark.parametrize("kind", ["raw", "kernel"])
def test_a_delta_starts_from_the_released_source_whatever_lies_in_the_workspace(
    small_yard: SmallYard, kind: str
) -> None:
    """A source that was altered is fetched again, so the delta applies to what machines have."""
    yard = small_yard
    yard.publish(OLD, offered_in=("alpha",))
    board = yard.root / "work" / str(NEW) / BOARD
    assert build(yard, NEW, OLD) == 0
    shutil.rmtree(board / "payloads")
    source = board / f"source-{OLD}.{kind}"
    right = source.read_bytes()
    source.write_bytes(bytes(len(right)))
    assert build(yard, NEW, OLD) == 0
    assert source.read_bytes() == right


def test_a_delta_built_from_an_altered_source_is_never_assembled(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """The proof is for one origin: with another source in the workspace it does not count."""
    yard = small_yard
    yard.publish(OLD, offered_in=("alpha",))
    assert build(yard, NEW, OLD) == 0
    proof = yard.root / "work" / str(NEW) / BOARD / "proofs" / f"flatcar_production_update-from-{OLD}.gz.json"
    record = json.loads(proof.read_text())
    record["source_image"] = "sha256:" + "0" * 64
    proof.write_text(json.dumps(record))
    capsys.readouterr()
    assert build(yard, NEW, OLD) == 0  # proven anew, for the registered source
    assert json.loads(proof.read_text())["source_image"] != record["source_image"]


def test_two_requests_for_one_channel_move_it_once_and_the_pointer_with_it(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    add_image_set(yard, NEWER)
    yard.publish(NEWER, NEW)
    request(yard, NEW, "alpha")
    request(yard, NEWER, "alpha", by="grace")
    capsys.readouterr()
    assert yard.humpyard("promote", "run") == 1
    assert "void" in capsys.readouterr().err
    assert head(yard, "alpha") == str(NEW)
    assert str(NEW) in (yard.mirror / "pages" / "index.html").read_text()
    assert yard.humpyard("promote", "run") == 0


def test_a_bad_signature_in_the_candidate_is_found_before_anything_is_uploaded(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = small_yard
    assert build(yard, OLD) == 0
    before = sorted(yard.mirror.rglob("*"))
    signature = next((yard.root / "work" / str(OLD) / "staging").rglob("version.txt.sig"))
    right = signature.read_bytes()
    signature.unlink()
    signature.write_bytes(b"junk")
    capsys.readouterr()
    assert yard.humpyard("release", "publish", str(OLD)) == 1
    assert "version.txt" in capsys.readouterr().err
    assert sorted(yard.mirror.rglob("*")) == before
    signature.write_bytes(right)
    assert yard.humpyard("release", "publish", str(OLD)) == 0


def test_a_release_that_was_uploaded_goes_on_when_its_workspace_is_lost(small_yard: SmallYard) -> None:
    """Killed after the upload, on a worker whose disk is gone: the ledger does not know it yet."""
    yard = small_yard
    before = {path.name for path in (yard.mirror / "ledger").iterdir()}
    yard.publish(OLD, offered_in=("alpha",))
    for path in (yard.mirror / "ledger").iterdir():
        if path.name not in before:
            path.unlink()
    (yard.mirror / HEAD_FILE).unlink()  # it was signed after the entries that are gone
    shutil.rmtree(yard.root / "work")
    assert yard.humpyard("release", "publish", str(OLD), "--offered-in", "alpha") == 0
    assert head(yard, "alpha") == str(OLD)


def test_a_candidate_made_anew_does_not_replace_what_was_uploaded(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = small_yard
    before = {path.name for path in (yard.mirror / "ledger").iterdir()}
    yard.publish(OLD)
    for path in (yard.mirror / "ledger").iterdir():
        if path.name not in before:
            path.unlink()
    shutil.rmtree(yard.root / "work")
    document = yard.mirror / "releases" / str(OLD) / "release.json"
    published = document.read_bytes()
    assert build(yard, OLD) == 0
    order = yard.root / "work" / str(OLD) / "order.json"
    order.write_text(order.read_text().replace('"ordered":"20', '"ordered":"19'))  # another time, surely
    assert build(yard, OLD) == 0
    capsys.readouterr()
    assert yard.humpyard("release", "publish", str(OLD)) == 1
    assert "the mirror holds another one already" in capsys.readouterr().err
    assert document.read_bytes() == published


@pytest.mark.parametrize("name", ["secret/id", "policy.toml", "keys/somebody.asc"])
def test_init_overwrites_and_deletes_nothing(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    assert run(["init", str(tmp_path), "--throw-away-keys"]) == 1
    assert mine.read_text() == "mine"
    assert not (tmp_path / "humpyard.toml").exists()


def test_a_pipeline_that_comes_late_accuses_nobody(released_yard: SmallYard) -> None:
    """It read the ledger before another one promoted: it leaves the newer pointer alone."""
    yard = released_yard
    with open_yard(yard.settings) as late:
        stale = late.ledger.state().heads["alpha"]
        request(yard, NEW, "alpha")
        assert yard.humpyard("promote", "run") == 0
        assert _align_head(late, stale) == []
    assert head(yard, "alpha") == str(NEW)


def test_a_pointer_moved_by_hand_is_reported_and_not_touched(released_yard: SmallYard) -> None:
    pointer = released_yard.mirror / "alpha" / BOARD / "current" / "version.txt"
    pointer.write_text(pointer.read_text().replace(str(OLD), "9999.0.0"))
    with (
        open_yard(released_yard.settings) as yard,
        pytest.raises(NotVerifiedError, match="no decision in the ledger backs"),
    ):
        run_round(yard, everything)
    assert "9999.0.0" in pointer.read_text()


def test_the_mirror_is_verified_again_before_a_channel_offers_a_release(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    request(yard, NEW, "alpha")
    target = yard.mirror / "update" / BOARD / str(NEW) / "flatcar_production_update.gz"
    data = bytearray(target.read_bytes())
    data[-1] ^= 1
    target.unlink()
    target.write_bytes(data)
    capsys.readouterr()
    assert yard.humpyard("promote", "run") == 1
    assert "is not verified" in capsys.readouterr().err
    assert head(yard, "alpha") == str(OLD)
    with open_yard(yard.settings) as opened:
        assert len(open_requests(opened)) == 1


def test_the_nightly_goes_on_with_the_sources_it_began_with(
    small_yard: SmallYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel moved while a candidate was being built; its deltas stay those of its order."""
    yard = small_yard
    yard.publish(OLD, offered_in=("alpha",))
    settings = str(yard.settings)
    monkeypatch.setattr("flows.build_candidate.run_as_tasks", lambda job: [job[0].run(lambda _d, _t: None)])
    build_candidate.fn(settings, channel="alpha")
    order = json.loads((yard.root / "work" / str(NEW) / "order.json").read_text())
    assert order["sources"] == [str(OLD)]
    monkeypatch.setattr("flows.build_candidate.run_as_tasks", everything)
    assert "digest" in build_candidate.fn(settings, channel="alpha")
    assert build_candidate.fn(settings, channel="alpha") == "nothing new in the incoming directory"


def test_clients_that_install_no_kernel_get_a_release_without_one(
    small_yard: SmallYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUMPYARD_PAYLOAD__PROFILE", "replace-only")
    small_yard.publish(OLD)
    document = json.loads((small_yard.mirror / "releases" / str(OLD) / "release.json").read_bytes())
    assert document["boards"][0]["kernel"] is None


def test_two_image_sets_for_one_board_are_a_usage_error(small_yard: SmallYard) -> None:
    sets = [str(small_yard.image_set(version)) for version in (OLD, NEW)]
    assert small_yard.humpyard("candidate", "build", *sets, "--version", str(NEW), "--channel", "alpha") == 2


def test_notes_are_fixed_when_a_candidate_is_ordered_and_may_be_edited_in_its_workspace(
    small_yard: SmallYard,
) -> None:
    """A fragment that comes later belongs to the next release; publishing again stays a no-op."""
    yard = small_yard
    yard.publish(OLD)
    (yard.root / "changelog" / "changes" / "2026-01-02-later.md").write_text("- Something later\n")
    yard.publish(OLD)
    notes = yard.root / "work" / str(NEW) / "notes.md"
    assert build(yard, NEW) == 0
    assert "Something later" in notes.read_text()
    notes.write_text("Edited by hand\n")
    yard.publish(NEW)
    document = json.loads((yard.mirror / "releases" / str(NEW) / "release.json").read_bytes())
    assert document["notes"] == "Edited by hand\n"


def test_a_pipeline_clock_that_was_wrong_once_stops_nobody(released_yard: SmallYard) -> None:
    """An entry of a month ahead: people and pipeline go on with the right time."""
    yard = released_yard
    ahead = utc_now() + timedelta(days=30)
    with open_yard(yard.settings) as opened:
        release = opened.ledger.state().releases[NEW].release
        found = EvidenceFound(release=release, name="tests-passed", passed=True)
        opened.ledger.append(evidence(found), now=ahead)
    request(yard, NEW, "alpha")
    assert yard.humpyard("promote", "run") == 0
    assert head(yard, "alpha") == str(NEW)


def test_a_signature_that_got_lost_is_not_replaced_by_an_unverified_one(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Publishing again verifies what it would put there, registered or not."""
    yard = released_yard
    name = f"alpha/{BOARD}/{NEW}/flatcar_production_image.vmlinuz.DIGESTS.sig"
    (yard.mirror / name).unlink()
    staged = yard.root / "work" / str(NEW) / "staging" / name
    staged.unlink()
    staged.write_bytes(b"junk")
    capsys.readouterr()
    assert yard.humpyard("release", "publish", str(NEW)) == 1
    assert "DIGESTS" in capsys.readouterr().err
    assert not (yard.mirror / name).exists()


def test_a_release_stays_verified_when_the_key_that_signed_its_images_expires(
    small_yard: SmallYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger says that all was right while the key was valid, and names every byte."""
    yard = small_yard
    created = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    with OpenPgpHome() as home:
        key = home.generate_key("Build", created=created, expires=datetime.now(UTC) + timedelta(minutes=30))
        public = yard.root / "keys" / "build.asc"
        public.write_bytes(home.export_public(key))
        shutil.rmtree(yard.image_set(OLD))
        write_image_set(yard.image_set(OLD), OLD, lambda data, sig: home.sign_file(data, sig, key))
    settings = yard.settings.read_text()
    start = settings.index("[image]")
    section = settings[start : settings.index("[payload]")]
    image = f'[image]\nkeys = ["keys/build.asc"]\nsigners = ["{key}"]\n\n'
    yard.settings.write_text(settings.replace(section, image))
    yard.publish(OLD)
    request(yard, OLD, "alpha")
    later = datetime.now(UTC) + timedelta(hours=1)

    def in_an_hour(home: OpenPgpHome, *arguments: object, at: datetime | None = None) -> object:
        return verify_file(home, *arguments, at=at or later)  # type: ignore[arg-type]

    verify_file = OpenPgpHome.verify_file
    monkeypatch.setattr(OpenPgpHome, "verify_file", in_an_hour)
    assert yard.humpyard("promote", "run") == 0
    assert head(yard, "alpha") == str(OLD)


def test_what_is_copied_to_a_channel_is_read_back(released_yard: SmallYard) -> None:
    """A store that gives other bytes under the second channel moves no pointer there."""
    yard = released_yard
    request(yard, NEW, "alpha")
    assert yard.humpyard("promote", "run") == 0
    with open_yard(yard.settings) as opened:
        release, _ = registered_release(opened.store, opened.ledger.state(), NEW)
        copy_to_channel(opened, release, "beta")
        target = yard.mirror / "beta" / BOARD / str(NEW) / "version.txt.sig"
        target.unlink()
        target.write_bytes(b"other")
        with pytest.raises(RefusedError, match=r"version\.txt\.sig"):
            copy_to_channel(opened, release, "beta")


def test_an_interrupted_init_is_completed_and_keeps_its_keys(tmp_path: Path) -> None:
    command = ["init", str(tmp_path / "yard"), "--throw-away-keys"]
    assert run(command) == 0
    secret = (tmp_path / "yard" / "secret" / "pipeline.asc").read_bytes()
    (tmp_path / "yard" / ".humpyard-init").touch()  # killed just before it was removed
    assert run(command) == 0
    assert run(command) == 1
    assert (tmp_path / "yard" / "secret" / "pipeline.asc").read_bytes() == secret


def test_a_signed_document_that_is_not_the_registered_one_is_refused(released_yard: SmallYard) -> None:
    """Signed by the pipeline once is not enough: the ledger names one digest for a version."""
    yard = released_yard
    request(yard, NEW, "alpha")
    folder = yard.mirror / "releases" / str(NEW)
    other = json.loads((folder / "release.json").read_bytes())
    other["notes"] = "Another candidate, signed and never registered\n"
    with OpenPgpHome() as home:
        (key,) = home.import_keys((yard.root / "secret" / "pipeline.asc").read_bytes())
        for path in (folder / "release.json", folder / "release.json.sig"):
            path.unlink()
        (folder / "release.json").write_bytes(canonical.dump(other))
        home.sign_file(folder / "release.json", folder / "release.json.sig", key)
    with open_yard(yard.settings) as opened, pytest.raises(NotVerifiedError, match="registered is"):
        verify_on(opened, opened.store, NEW, channel="alpha")
    assert yard.humpyard("promote", "run") == 1
    assert head(yard, "alpha") == str(OLD)
