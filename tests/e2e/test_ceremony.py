"""The whole offline ceremony through the real commands: one yard, two people, three directories.

What they share is the bundle on its way there and the answers on their way back. The signing machines
run in processes that have no network, and nothing to import but what signing needs.
"""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.catalog.naming import update_prefix
from release.cli.main import run
from release.errors import HumpyardError
from release.line.ceremony import import_answers
from release.line.workspace import Workspace
from release.signing import open_signer
from release.signing.ceremony import open_bundle, sign_bundle
from release.signing.ceremony_bundle import encode_bundle
from release.signing.payload_signature import verify_payload
from release.signing.trusted_keys import load_payload_key
from release.wiring import open_yard, simulated_clock, utc_now
from tests.e2e.ceremony_yard import BOARDS, NEXT, Ceremony, use_signers
from tests.e2e.refusal import REFUSED, Terminal
from tests.signing_machine import SigningMachine
from tests.small_yard import NEW, OLD, PRODUCT

PAYLOADS = ("flatcar_production_update.gz", f"flatcar_production_update-from-{OLD}.gz", "oem-azure.gz")


def code_of(bundle: Path) -> str:
    """What whoever exported reads out over the telephone."""
    return open_bundle(bundle).code


def signed(ceremony: Ceremony, machine: SigningMachine, bundle: Path, *options: str) -> Path:
    """Carry a bundle to a machine, type its code there, and bring the answer back as the yard's file."""
    name = ceremony.carry(bundle, machine)
    machine.sign(name, "--out", "answer", *options, typed=code_of(bundle) + "\n")
    back = ceremony.yard.root / f"{machine.folder.name}-{bundle.name}.answer"
    shutil.copy(machine.folder / "answer", back)
    return back


def kept(ceremony: Ceremony) -> list[str]:
    """The names of answers that the yard keeps."""
    folder = Workspace.of(ceremony.yard.root / "work", NEW).exports.parent
    return sorted(path.name for path in folder.glob("*.answer"))


@pytest.fixture
def bundle(ceremony: Ceremony, tmp_path: Path) -> Path:
    """An exported bundle, on the stick that is carried."""
    path = tmp_path / "bundle"
    ceremony.export(path)
    return path


@pytest.mark.parametrize("order", [("ada", "grace"), ("grace", "ada")])
def test_two_people_sign_for_all_boards_in_either_order_and_the_release_is_published(
    ceremony: Ceremony, bundle: Path, terminal: Terminal, order: tuple[str, str]
) -> None:
    yard = ceremony.yard
    machines = {"ada": ceremony.ada, "grace": ceremony.grace}
    first, second = (signed(ceremony, machines[name], bundle) for name in order)
    assert f"still missing: {order[1]}" in terminal.works(lambda: ceremony.import_(first))
    terminal.fails(REFUSED, f"waiting for signatures by {order[1]}", code_of(bundle), by=ceremony.build)
    assert "everybody signed" in terminal.works(lambda: ceremony.import_(second))
    terminal.works(ceremony.build)
    terminal.works(lambda: yard.humpyard("release", "publish", str(NEW)))
    keys = [load_payload_key(yard.root / "keys" / f"payload-{name}.pub.pem") for name in ("ada", "grace")]
    for board in BOARDS:
        for name in PAYLOADS:
            payload = yard.mirror / update_prefix(Board.parse(board), NEW) / name
            slots = verify_payload(payload, keys, needed=2)
            assert [(slot.version, slot.key) for slot in slots] == [(1, keys[0]), (2, keys[1])]
    public = [str(yard.root / "keys" / f"payload-{name}.pub.pem") for name in ("ada", "grace")]
    told = [f"--release-key={yard.root / 'keys' / 'pipeline.asc'}", f"--product={PRODUCT}"]
    told += [f"--build-key={yard.root / 'keys' / 'build.asc'}", "--payload-signatures=2"]
    check = ["verify", str(yard.mirror), str(NEW), *told]
    both = [f"--payload-key={path}" for path in public]
    assert "is verified" in terminal.works(lambda: run([*check, *both]))
    few = "signatures by 2 different keys are asked for, but only 1 are known"
    terminal.fails(REFUSED, few, by=lambda: run([*check, both[1]]))
    one = ["payload", "verify", str(payload), "--signatures", "2", *(f"--key={path}" for path in public)]
    assert "verified, signed by 2 of the given keys" in terminal.works(lambda: run(one))


def test_the_bundle_is_small_and_names_every_payload_that_is_shipped(bundle: Path) -> None:
    assert bundle.stat().st_size < 5000
    found = open_bundle(bundle).bundle.candidate
    assert {(str(one.board), one.name) for one in found.payloads} == {
        (board, name) for board in BOARDS for name in PAYLOADS
    }
    assert len({one.digest for one in found.payloads}) == len(found.payloads)
    assert [one.source for one in found.payloads if one.source is not None] == [OLD, OLD]


def test_the_candidate_waits_before_any_key_is_opened_or_any_payload_signed(
    ceremony: Ceremony, terminal: Terminal
) -> None:
    """The key in a file is not even there; nobody is asked for it while people are to sign."""
    yard = ceremony.yard
    terminal.fails(
        REFUSED,
        "waiting for signatures by ada, grace",
        f"humpyard signing export {NEW}",
        by=ceremony.build,
    )
    assert not [*yard.root.glob(f"work/{NEW}/*/payloads/*")]
    shutil.rmtree(yard.root / "work" / str(NEW))
    use_signers(yard, ["file:secret/gone.pem", "offline:grace"], ["2048", "grace"])
    terminal.fails(REFUSED, "waiting for signatures by grace", by=ceremony.build)


def test_keys_here_and_keys_elsewhere_sign_one_candidate(ceremony: Ceremony, tmp_path: Path) -> None:
    yard = ceremony.yard
    shutil.rmtree(yard.root / "work" / str(NEW))
    use_signers(yard, ["file:secret/payload-2048.pem", "offline:grace"], ["2048", "grace"])
    assert ceremony.build() == 1
    ceremony.export(tmp_path / "bundle")
    asked = open_bundle(tmp_path / "bundle").bundle.keys
    assert [(key.slot, key.name, key.offline) for key in asked] == [
        (1, "payload-2048.pub.pem", False),
        (2, "grace", True),
    ]
    done = ceremony.ada.run(
        "sign",
        ceremony.carry(tmp_path / "bundle", ceremony.ada),
        "--key",
        ceremony.ada.key,
        "--code",
        code_of(tmp_path / "bundle"),
    )
    assert done.returncode == 1
    assert "the bundle does not ask" in done.stderr
    assert ceremony.import_(signed(ceremony, ceremony.grace, tmp_path / "bundle")) == 0
    assert ceremony.build() == 0


def test_lost_on_the_way_a_bundle_is_exported_again_the_same_to_the_byte(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    data, code = bundle.read_bytes(), code_of(bundle)
    answer = signed(ceremony, ceremony.ada, bundle)
    bundle.unlink()
    told = terminal.works(
        lambda: ceremony.yard.humpyard("signing", "export", str(NEW), "--out", str(tmp_path / "again"))
    )
    assert "the same as before" in told
    assert f"code {code}" in told
    assert (tmp_path / "again").read_bytes() == data
    assert ceremony.import_(answer) == 0, "what was signed before the loss still counts"


def test_lost_on_the_way_an_answer_is_made_again_and_the_machine_says_that_it_signed_before(
    ceremony: Ceremony, bundle: Path
) -> None:
    signed(ceremony, ceremony.ada, bundle).unlink()
    told = ceremony.ada.sign(bundle.name, "--out", "answer", typed=code_of(bundle) + "\n")
    assert "this key signed this very bundle before" in told
    assert ceremony.import_(ceremony.ada.folder / "answer") == 0


def test_repeated_an_import_changes_nothing(ceremony: Ceremony, bundle: Path, terminal: Terminal) -> None:
    answer = signed(ceremony, ceremony.ada, bundle)
    terminal.works(lambda: ceremony.import_(answer, answer))
    before = kept(ceremony)
    assert "ada signed, as imported before" in terminal.works(lambda: ceremony.import_(answer))
    assert kept(ceremony) == before
    assert len(before) == 1


def test_mixed_up_an_answer_for_another_version_is_refused(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    """Somebody signs the next version's bundle; its candidate was built elsewhere, too."""
    other = tmp_path / "elsewhere"
    shutil.copytree(ceremony.yard.root, other)
    elsewhere = Ceremony(type(ceremony.yard)(other), ceremony.ada, ceremony.grace)
    assert elsewhere.build(NEXT) == 1
    elsewhere.export(tmp_path / "next", version=NEXT)
    answer = signed(elsewhere, ceremony.ada, tmp_path / "next")
    terminal.fails(
        REFUSED,
        f"answers for {NEXT}, of which nothing was exported here",
        "import it where the bundle was exported",
        by=lambda: ceremony.import_(answer),
    )
    assert bundle.is_file()
    assert kept(ceremony) == []


def test_mixed_up_an_answer_to_somebody_elses_export_is_refused(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    """The same version, the same bytes, but another yard: its bundle is not ours."""
    other = tmp_path / "elsewhere"
    shutil.copytree(ceremony.yard.root, other)
    elsewhere = Ceremony(type(ceremony.yard)(other), ceremony.ada, ceremony.grace)
    elsewhere.export(tmp_path / "theirs", "--anew")
    answer = signed(elsewhere, ceremony.ada, tmp_path / "theirs")
    terminal.fails(
        REFUSED,
        "answers a bundle that was not exported here",
        code_of(bundle),
        by=lambda: ceremony.import_(answer),
    )


@pytest.mark.parametrize("what", ["boards", "digests"])
def test_mixed_up_inside_a_bundle_with_swapped_boards_or_digests_is_caught_twice(
    ceremony: Ceremony, bundle: Path, terminal: Terminal, what: str
) -> None:
    """By its code where it is signed; and where that was ignored, when the answer comes back."""
    right, opened = code_of(bundle), open_bundle(bundle).bundle
    first, *rest, last = opened.candidate.payloads
    other = {Board.parse(one): Board.parse(two) for one, two in (BOARDS, BOARDS[::-1])}
    swapped = (replace(first, digest=last.digest), *rest, replace(last, digest=first.digest))
    if what == "boards":
        swapped = tuple(replace(one, board=other[one.board]) for one in (first, *rest, last))
    ordered = tuple(sorted(swapped, key=lambda one: (one.board, one.name)))
    forged = replace(opened, candidate=replace(opened.candidate, payloads=ordered))
    bundle.write_bytes(encode_bundle(forged))
    name = ceremony.carry(bundle, ceremony.ada)
    refused = ceremony.ada.run("sign", name, "--key", ceremony.ada.key, typed=right + "\n")
    assert refused.returncode == 1
    assert "0 of its 4 groups fit" in refused.stderr
    answer = signed(ceremony, ceremony.ada, bundle)  # somebody types the forged bundle's own code
    terminal.fails(
        REFUSED, "answers a bundle that was not exported here", right, by=lambda: ceremony.import_(answer)
    )


def test_altered_in_any_byte_an_answer_is_refused_and_nothing_is_kept(
    ceremony: Ceremony, bundle: Path, tmp_path: Path
) -> None:
    data = signed(ceremony, ceremony.ada, bundle).read_bytes()
    path = tmp_path / "altered"
    with open_yard(ceremony.yard.settings) as yard:
        for at in range(0, len(data), 29):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(HumpyardError):
                import_answers(yard, [path])
    assert kept(ceremony) == []


def test_altered_a_bad_answer_keeps_a_good_one_beside_it_out(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    good = signed(ceremony, ceremony.ada, bundle)
    bad = tmp_path / "bad"
    bad.write_bytes(signed(ceremony, ceremony.grace, bundle).read_bytes()[:-30] + b"0" * 28 + b'"}')
    terminal.fails(REFUSED, "bad: its seal does not verify", by=lambda: ceremony.import_(good, bad))
    assert kept(ceremony) == []


def test_replayed_an_answer_to_an_older_export_is_refused(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    """The signatures in it are good, and over the same bytes; it is the export that is void."""
    answer = signed(ceremony, ceremony.ada, bundle)
    ceremony.export(tmp_path / "newer", "--anew")
    newer = code_of(tmp_path / "newer")
    terminal.fails(REFUSED, "answers an older export", newer, by=lambda: ceremony.import_(answer))
    machine = ceremony.ada
    name = ceremony.carry(tmp_path / "newer", machine)
    refused = machine.run("sign", name, "--key", machine.key, "--code", newer)
    assert "the same payloads, exported again" in refused.stderr
    assert ceremony.import_(signed(ceremony, machine, tmp_path / "newer", "--again")) == 0


def test_too_late_an_answer_is_refused_by_the_yards_clock_and_the_next_export_is_another(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    answer = signed(ceremony, ceremony.ada, bundle)
    later = utc_now() + timedelta(days=8)
    with simulated_clock(lambda: later):
        terminal.fails(REFUSED, "the bundle that it answers expired", by=lambda: ceremony.import_(answer))
        ceremony.export(tmp_path / "next")
    assert code_of(tmp_path / "next") != code_of(bundle)


def test_an_answer_that_was_taken_in_time_stays_good(ceremony: Ceremony, bundle: Path) -> None:
    answer = signed(ceremony, ceremony.ada, bundle)
    assert ceremony.import_(answer) == 0
    later = utc_now() + timedelta(days=8)
    with simulated_clock(lambda: later):
        assert ceremony.import_(answer) == 0


def test_a_stranger_cannot_answer_even_with_a_bundle_that_asks_them(
    ceremony: Ceremony, bundle: Path, tmp_path: Path, terminal: Terminal
) -> None:
    stranger = open_signer(f"file:{ceremony.yard.root / 'secret' / 'payload-2048.pem'}")
    (tmp_path / "theirs").write_bytes(sign_bundle(open_bundle(bundle), stranger, utc_now()))
    terminal.fails(
        REFUSED,
        f"by key {stranger.key.fingerprint}, which is none of the trusted offline keys: ada",
        by=lambda: ceremony.import_(tmp_path / "theirs"),
    )


def test_a_payload_that_changed_after_the_export_makes_answers_useless(
    ceremony: Ceremony, bundle: Path, terminal: Terminal
) -> None:
    answer = signed(ceremony, ceremony.ada, bundle)
    payload = next(ceremony.yard.root.glob(f"work/{NEW}/arm64-usr/unsigned/oem-azure.gz"))
    data = bytearray(payload.read_bytes())
    data[-1000] ^= 1
    payload.write_bytes(data)
    terminal.fails(
        REFUSED,
        "its payloads are not those that were exported any more",
        f"humpyard signing export {NEW}",
        by=lambda: ceremony.import_(answer),
    )


def test_a_payload_that_changed_after_the_import_is_not_signed(
    ceremony: Ceremony, bundle: Path, terminal: Terminal
) -> None:
    answers = [signed(ceremony, machine, bundle) for machine in (ceremony.ada, ceremony.grace)]
    assert ceremony.import_(*answers) == 0
    payload = next(ceremony.yard.root.glob(f"work/{NEW}/arm64-usr/unsigned/oem-azure.gz"))
    data = bytearray(payload.read_bytes())
    data[-1000] ^= 1
    payload.write_bytes(data)
    terminal.fails(REFUSED, "offline:ada: no imported signature over sha256:", by=ceremony.build)


def test_nothing_is_exported_without_a_candidate_or_without_offline_keys(
    ceremony: Ceremony, tmp_path: Path, terminal: Terminal
) -> None:
    yard, out = ceremony.yard, str(tmp_path / "bundle")
    terminal.fails(
        REFUSED, "no candidate", by=lambda: yard.humpyard("signing", "export", "1.2.3", "--out", out)
    )
    use_signers(yard, ["file:secret/payload-2048.pem"], ["2048"])
    told = f"candidate {OLD}: no offline keys are configured"
    terminal.fails(REFUSED, told, by=lambda: yard.humpyard("signing", "export", str(OLD), "--out", out))
    assert not Path(out).exists()


def test_a_signing_machine_has_nothing_else_to_import_and_no_network(
    ceremony: Ceremony, bundle: Path
) -> None:
    """What it needs is in ``tests.signing_machine``; a signature is made with that and nothing more."""
    machine = ceremony.ada
    missing = ("boto3", "gnupg", "jinja2", "numpy", "prefect", "pydantic", "requests", "rich", "typer")
    for module in (*missing, "google.protobuf", "release.line", "release.payload", "release.cli"):
        assert f"No module named '{module.split('.')[0]}" in machine.python(f"import {module}").stderr
    assert machine.python("import release.signing").stderr == ""
    assert "no network" in machine.python("socket.create_connection(('127.0.0.1', 9))").stderr
    signed(ceremony, machine, bundle)


def test_status_tells_who_signed_and_what_is_next(
    ceremony: Ceremony, bundle: Path, terminal: Terminal
) -> None:
    yard = ceremony.yard
    assert ceremony.import_(signed(ceremony, ceremony.grace, bundle)) == 0
    told = terminal.works(lambda: yard.humpyard("signing", "status", str(NEW)))
    assert f"code {code_of(bundle)}" in told
    assert "1     ada    missing" in told
    assert "2     grace  signed" in told
    told = terminal.works(lambda: yard.humpyard("signing", "status", str(NEW), "--json"))
    assert [one["name"] for one in json.loads(told)["missing"]] == ["ada"]


def test_a_desk_with_the_whole_of_humpyard_signs_a_bundle_too(
    ceremony: Ceremony, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For those who keep a key on a machine that is not quite so lonely. The code is asked there, too."""
    yard, bundle, answer = ceremony.yard, tmp_path / "bundle", tmp_path / "answer"
    shutil.rmtree(yard.root / "work" / str(NEW))
    use_signers(yard, ["offline:desk"], ["2048"])
    assert ceremony.build() == 1
    ceremony.export(bundle)
    assert f"code {code_of(bundle)}" in terminal.works(lambda: run(["signing", "show", str(bundle)]))
    key = f"file:{yard.root / 'secret' / 'payload-2048.pem'}"
    command = ["signing", "sign", str(bundle), "--key", key, "--out", str(answer)]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    terminal.fails(REFUSED, "no code was given, so nothing was signed", by=lambda: run(command))
    assert not answer.exists()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{code_of(bundle).lower()}\n"))
    told = terminal.works(lambda: run(command))
    assert f"signed: {answer}" in told
    assert "code " not in told
    assert ceremony.import_(answer) == 0
    assert ceremony.build() == 0
