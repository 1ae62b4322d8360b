"""The attack table of docs/adr/0015-own-signed-head.md: a real mirror, over HTTP, with real keys.

Every test alters a mirror that verifies before, and says by which words the attack is refused.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.catalog.naming import HEAD_FILE, ledger_key
from release.ledger.kinds import StopOrdered
from release.ledger.statements import StopAction
from release.line.head import sign_head
from release.promotion.stop import StopOrder
from release.wiring import open_yard, simulated_clock
from tests.hostile_mirror import HostileMirror, Times, dripping, endless, flip, refused, served
from tests.small_yard import BOARD, NEW, OLD, SmallYard, fingerprint_in

OTHER_BOARD = "arm64-usr"
PAYLOAD = "flatcar_production_update.gz"
NEW_PAYLOAD = f"update/{BOARD}/{NEW}/{PAYLOAD}"
POINTER = f"alpha/{BOARD}/current/version.txt"


def test_a_mirror_that_nobody_touched_is_verified(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seen = f"--state={tmp_path}/seen.json"
    people = [f"--people-key={mirror.yard.root}/keys/{name}.asc" for name in ("ada", "grace", "linus")]
    for channel in ("alpha", "beta"):
        assert mirror.verify(seen, *people, f"--board={BOARD}", channel=channel) == 0
    said = capsys.readouterr().out
    assert f"alpha is verified: offered is {NEW}" in said
    assert f"beta is verified: offered is {OLD}" in said
    assert "every signature verified" in said
    assert mirror.verify("--json", str(NEW)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], told["channel"], told["status"]) == (True, "alpha", "offered")
    assert mirror.verify(str(OLD)) == 1
    assert f"alpha: expected it to be at {OLD}, it is at {NEW}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "expected a version, or a --channel"),
        ((str(NEW), f"--board={BOARD}"), "is about a channel: say which with --channel"),
        ((str(NEW), "--state=seen.json"), "is about a channel: say which with --channel"),
        (("--channel=alpha", "--board=?"), "board '?'"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_usage_error(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert mirror.verify(*options, channel=None) == 2
    assert said in " ".join(refused(capsys).replace("│", " ").split())


# Altered file


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (NEW_PAYLOAD, "FAILED 3. every file is there, with the recorded size and digests"),
        (f"{NEW_PAYLOAD}.sig", "FAILED 4. every file is signed"),
        (f"{NEW_PAYLOAD}.DIGESTS", "FAILED 5. DIGESTS and checksums agree"),
        (f"alpha/{BOARD}/{NEW}/flatcar_production_image.vmlinuz", "FAILED 3."),
        (f"releases/{NEW}/release.json", "FAILED 1. release.json is signed by the pipeline"),
        (ledger_key(2), "ledger"),
        (HEAD_FILE, "error: "),
    ],
)
def test_altered_file(mirror: HostileMirror, capsys: pytest.CaptureFixture[str], key: str, said: str) -> None:
    """One bit of any file."""
    flip(mirror.path(key), 100 if key.endswith((".json", ".DIGESTS", ".sig")) else -1)
    assert mirror.verify() == 1
    assert said in refused(capsys)


def test_altered_file_of_a_channel_that_it_was_copied_to(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    """Installers of beta read beta's own copies; the originals under alpha are untouched."""
    flip(mirror.path(f"beta/{BOARD}/{OLD}/flatcar_production_image.vmlinuz"))
    assert mirror.verify(channel="beta") == 1
    assert f"beta/{BOARD}/{OLD}/flatcar_production_image.vmlinuz: expected" in refused(capsys)
    mirror.path(f"beta/{BOARD}/{OLD}/flatcar_production_image.vmlinuz").unlink()
    assert mirror.verify(channel="beta") == 1
    assert f"beta/{BOARD}/{OLD}/flatcar_production_image.vmlinuz: there is no such object" in refused(capsys)
    assert mirror.verify(channel="alpha") == 0


# Altered pointer


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"FLATCAR_VERSION={OLD}\n", f"leads to {OLD}, head.json says {NEW}"),
        ("FLATCAR_VERSION=9999.0.0\n", "leads to 9999.0.0"),
        (f"FLATCAR_VERSION={NEW}\nFLATCAR_BOARD=x\n", "is not the version file of its release"),
        ("", "expected one line"),
    ],
)
def test_altered_pointer(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    mirror.write(POINTER, text.encode())
    assert mirror.verify() == 1
    assert said in refused(capsys)


# Rollback


def test_rollback_of_a_pointer(
    mirror: HostileMirror, times: Times, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pointer as it was before, byte for byte, with the newer head."""
    mirror.take_from(times.before, POINTER)
    assert mirror.verify() == 1
    assert f"leads to {OLD}, head.json says {NEW}" in refused(capsys)


def test_rollback_of_everything(
    mirror: HostileMirror, times: Times, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All of the mirror as it was before, head included, still fresh: who was here since remembers."""
    seen = f"--state={tmp_path}/seen.json"
    assert mirror.verify(seen) == 0
    mirror.take_from(times.before, HEAD_FILE, "ledger", POINTER)
    assert mirror.verify(seen) == 1
    said = refused(capsys)
    assert "head.json: of " in said
    assert "seen before was one of" in said
    assert mirror.verify() == 0, "a first visitor can be shown an old state, for as long as it is fresh"


# Freeze


def test_freeze(mirror: HostileMirror, capsys: pytest.CaptureFixture[str]) -> None:
    """The mirror serves what was true, and keeps serving it."""
    now = datetime.now(UTC)
    with simulated_clock(lambda: now + timedelta(hours=23)):
        assert mirror.verify() == 0
    with simulated_clock(lambda: now + timedelta(hours=25)):
        assert mirror.verify() == 1
    assert "expired" in refused(capsys)


def test_freeze_by_leaving_the_head_out(mirror: HostileMirror, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.path(HEAD_FILE).unlink()
    assert mirror.verify() == 1
    assert "this mirror has none, so nobody knows how old it is" in refused(capsys)


def test_freeze_by_taking_the_head_of_another_product(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirror.verify("--product=Another OS") == 1
    assert "expected the product 'Another OS', found 'Small OS'" in refused(capsys)


# Mix and match


def test_mix_of_a_payload_of_another_version(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    """Payload, checksum, DIGESTS and all their good signatures of the old version, under the new one."""
    for suffix in ("", ".sig", ".sha256", ".sha256.sig", ".DIGESTS", ".DIGESTS.sig"):
        source = f"update/{BOARD}/{OLD}/{PAYLOAD}{suffix}"
        if mirror.path(source).exists():
            mirror.copy(source, NEW_PAYLOAD + suffix)
    assert mirror.verify() == 1
    said = refused(capsys)
    assert "FAILED 3." in said
    assert f"{NEW_PAYLOAD}: expected" in said


def test_mix_of_a_whole_release_under_another_version(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    """The old release.json with its good signature, where the new one belongs."""
    mirror.copy(f"releases/{OLD}", f"releases/{NEW}")
    assert mirror.verify() == 1
    assert f"release {NEW}: expected" in refused(capsys)
    assert mirror.verify(str(NEW), channel=None) == 1, "nor without a head"
    assert "FAILED 2. release.json is canonical, of a known schema, and the release asked for" in refused(
        capsys
    )


def test_mix_of_a_newer_head_with_an_older_ledger(
    mirror: HostileMirror, times: Times, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.take_from(times.before, "ledger")
    assert mirror.verify() == 1
    assert "though head.json says that it goes on to entry" in refused(capsys)


def test_mix_of_an_older_head_with_newer_pointers(
    mirror: HostileMirror, times: Times, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.take_from(times.before, HEAD_FILE)
    assert mirror.verify() == 1
    assert f"leads to {NEW}, head.json says {OLD}" in refused(capsys)


def test_mix_of_another_policy(mirror: HostileMirror, capsys: pytest.CaptureFixture[str]) -> None:
    (policy,) = mirror.path("policy").iterdir()
    mirror.write(f"policy/{policy.name}", policy.read_bytes().replace(b"count = 2", b"count = 1"))
    assert mirror.verify() == 1
    assert f"policy/{policy.name}: expected" in refused(capsys)


# Wrong board, wrong channel, withdrawn


def test_wrong_board(mirror: HostileMirror, capsys: pytest.CaptureFixture[str]) -> None:
    """The files of one board, and its pointer, served as those of another."""
    mirror.copy(f"alpha/{BOARD}", f"alpha/{OTHER_BOARD}")
    mirror.copy(f"update/{BOARD}", f"update/{OTHER_BOARD}")
    assert mirror.verify(f"--board={OTHER_BOARD}") == 1
    assert f"alpha: {NEW} is not made for {OTHER_BOARD}, only for {BOARD}" in refused(capsys)


def test_wrong_channel(mirror: HostileMirror, capsys: pytest.CaptureFixture[str]) -> None:
    """Alpha's pointer and files, all of them good, served as beta's, and as those of a channel to come."""
    for channel in ("beta", "stable"):
        mirror.copy(f"alpha/{BOARD}", f"{channel}/{BOARD}")
    assert mirror.verify(channel="beta") == 1
    assert f"leads to {NEW}, head.json says {OLD}" in refused(capsys)
    assert mirror.verify(channel="stable") == 1
    assert "channel 'stable': has no release here" in refused(capsys)


def record_stop(yard: SmallYard, action: StopAction, channel: str | None = None) -> None:
    """Stop the new release, past the gate, and sign the head."""
    with open_yard(yard.settings) as opened:
        state = opened.ledger.state()
        order = StopOrder(
            product=state.product,
            action=action,
            channel=channel,
            version=NEW,
            release=state.releases[NEW].release,
            role="maintainer",
            by=fingerprint_in(yard.root / "keys" / "pipeline.asc"),
            at=opened.clock(),
            reason="eats disks",
        )
        text = order.statement()
        stop = StopOrdered(statement=text, statement_signature=opened.signer.sign(text.encode()))
        opened.ledger.append(lambda _state: stop, now=opened.clock())
        sign_head(opened)


def test_withdrawn_release(
    times: Times, own_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release that was withdrawn is refused, whatever the pointers still say."""
    record_stop(own_yard, StopAction.WITHDRAW)
    with served(times.yard, own_yard.mirror, tmp_path / "withdrawn") as mirror:
        assert mirror.verify() == 1
        assert f"alpha: {NEW} is withdrawn: eats disks" in refused(capsys)
        assert mirror.verify(channel="beta") == 0


def test_paused_rollout_is_told_and_verifies(
    times: Times, own_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Machines are not offered it at the moment, and what the mirror has is right."""
    record_stop(own_yard, StopAction.PAUSE, "alpha")
    with served(times.yard, own_yard.mirror, tmp_path / "paused") as mirror:
        assert mirror.verify() == 0
        assert f"PAUSED alpha: machines are not offered {NEW} at the moment" in capsys.readouterr().out


# Endless and slow data


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (HEAD_FILE, "expected at most 65536 bytes, found more"),
        (ledger_key(3), "expected at most 1048576 bytes, found more"),
        (POINTER, "expected at most 262144 bytes, found more"),
        (f"releases/{NEW}/release.json", "found more"),
        (NEW_PAYLOAD, "bytes, found more"),
        (f"{NEW_PAYLOAD}.sig", "found more"),
    ],
)
def test_endless_data(mirror: HostileMirror, capsys: pytest.CaptureFixture[str], key: str, said: str) -> None:
    mirror.talks[key] = endless
    assert mirror.verify() == 1
    assert said in refused(capsys)


def test_endless_data_of_a_copy(mirror: HostileMirror, capsys: pytest.CaptureFixture[str]) -> None:
    key = f"beta/{BOARD}/{OLD}/flatcar_production_image.vmlinuz"
    mirror.talks[key] = endless
    assert mirror.verify(channel="beta") == 1
    assert f"{key}: expected 9001 bytes" in refused(capsys)


@pytest.mark.parametrize("key", [HEAD_FILE, ledger_key(3), POINTER, NEW_PAYLOAD])
def test_slow_data(mirror: HostileMirror, capsys: pytest.CaptureFixture[str], key: str) -> None:
    """Twenty bytes a second reach no timeout of a single read, and are left alone after our patience."""
    mirror.talks[key] = dripping
    assert mirror.verify("--patience=1") == 3
    assert "the server sends less than 10000 bytes/s, for longer than 1 s" in refused(capsys)
