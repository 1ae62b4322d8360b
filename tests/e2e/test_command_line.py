"""The main job through the command line, on real files with real gpg."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.cli.main import run
from release.digests import Digest
from release.mirror.directory import DirectoryStore
from release.mirror.pointers import read_channel_pointer
from tests.small_yard import (
    BOARD,
    NEW,
    OLD,
    PRODUCT,
    SmallYard,
    fingerprint_in,
    image,
    kernel,
)


def head(yard: SmallYard, channel: str) -> str | None:
    pointer = read_channel_pointer(DirectoryStore(yard.mirror), channel, Board.parse(BOARD))
    return None if pointer is None else str(pointer.version)


def request(yard: SmallYard, channel: str, capsys: pytest.CaptureFixture[str], by: str = "ada") -> str:
    capsys.readouterr()
    assert yard.humpyard("promote", "request", str(NEW), "--to", channel, *yard.secret(by), "--json") == 0
    found: str = json.loads(capsys.readouterr().out)["request"]
    return found


def verify(yard: SmallYard, version: str, *more: str, product: str = PRODUCT) -> int:
    keys = yard.root / "keys"
    options = [f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc"]
    options.append(f"--payload-key={keys}/payload-2048.pub.pem")
    return run(["verify", str(yard.mirror), version, "--product", product, *options, *more])


def test_a_release_goes_from_an_image_set_to_beta_after_two_of_three(
    released_yard: SmallYard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    yard = released_yard
    assert (head(yard, "alpha"), head(yard, "beta")) == (str(OLD), str(OLD))
    request(yard, "alpha", capsys)
    assert yard.humpyard("promote", "run") == 0
    assert (head(yard, "alpha"), head(yard, "beta")) == (str(NEW), str(OLD))

    asked = request(yard, "beta", capsys)
    assert yard.humpyard("promote", "sign-off", asked, "--go", *yard.secret("grace")) == 0
    capsys.readouterr()
    assert yard.humpyard("promote", "run") == 1
    assert "missing 1 more go of role maintainer (can be given by Linus)" in capsys.readouterr().err
    assert head(yard, "beta") == str(OLD)

    assert yard.humpyard("promote", "sign-off", asked, "--go", *yard.secret("linus")) == 0
    assert yard.humpyard("promote", "run") == 0
    assert head(yard, "beta") == str(NEW)
    assert (yard.mirror / "beta" / BOARD / str(NEW) / "flatcar_production_update.bin.bz2.sig").is_file()
    page = (yard.mirror / "pages" / "releases" / str(NEW) / "index.html").read_text()
    assert str(NEW) in page


def test_the_requester_does_not_count(
    released_yard: SmallYard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    yard = released_yard
    request(yard, "alpha", capsys)
    assert yard.humpyard("promote", "run") == 0
    asked = request(yard, "beta", capsys)
    for name in ("ada", "grace"):
        assert yard.humpyard("promote", "sign-off", asked, "--go", *yard.secret(name)) == 0
    assert yard.humpyard("promote", "run") == 1
    assert "Ada asked for it" in capsys.readouterr().err
    assert head(yard, "beta") == str(OLD)


def test_who_built_it_does_not_count(small_yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> None:
    yard = small_yard
    yard.publish(OLD, offered_in=("alpha", "beta"))
    build = ["candidate", "build", str(yard.image_set(NEW)), "--version", str(NEW), "--channel", "alpha"]
    assert yard.humpyard(*build) == 0
    grace = fingerprint_in(yard.root / "keys" / "grace.asc")
    assert yard.humpyard("release", "publish", str(NEW), "--built-by", grace) == 0
    asked = request(yard, "beta", capsys)
    assert yard.humpyard("promote", "sign-off", asked, "--go", *yard.secret("grace")) == 0
    assert "(not counted: Grace asked for it or built it)" in capsys.readouterr().out


def test_a_no_go_vetoes_until_its_author_says_go(
    released_yard: SmallYard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    yard = released_yard
    asked = request(yard, "alpha", capsys)
    no = ["promote", "sign-off", asked, "--no-go", "--reason", "boot loop", *yard.secret("grace")]
    assert yard.humpyard(*no) == 0
    assert yard.humpyard("promote", "run") == 1
    assert "boot loop" in capsys.readouterr().err
    assert head(yard, "alpha") == str(OLD)


def test_verify_needs_public_keys_only_and_tells_every_step(
    released_yard: SmallYard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert verify(released_yard, str(NEW), "--prove", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verified"] is True
    assert [step["number"] for step in found["steps"]] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("suffix", [".gz", ".gz.sig", ".gz.DIGESTS"])
def test_verify_refuses_a_mirror_that_alters_a_file(
    released_yard: SmallYard,
    suffix: str,
) -> None:
    target = released_yard.mirror / "update" / BOARD / str(NEW) / f"flatcar_production_update{suffix}"
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.unlink()
    target.write_bytes(data)
    assert verify(released_yard, str(NEW)) == 1


def test_verify_refuses_another_product_and_an_unknown_version(
    released_yard: SmallYard,
) -> None:
    assert verify(released_yard, str(NEW), product="Other OS") == 1
    assert verify(released_yard, "9999.0.0") == 1


def test_what_machines_get_makes_the_very_image_and_kernel(
    released_yard: SmallYard,
    tmp_path: Path,
) -> None:
    update = released_yard.mirror / "update" / BOARD / str(NEW)
    old, key = tmp_path / "old.img", str(released_yard.root / "keys" / "payload-2048.pub.pem")
    old.write_bytes(image(OLD))
    old_kernel = tmp_path / "old.kernel"
    old_kernel.write_bytes(kernel(OLD))
    full = [str(update / "flatcar_production_update.gz")]
    delta = [str(update / f"flatcar_production_update-from-{OLD}.gz"), "--from", str(old)]
    delta += ["--old-kernel", str(old_kernel)]
    for number, payload in enumerate((full, delta)):
        out, kernel_out = tmp_path / f"out{number}", tmp_path / f"kernel{number}"
        command = ["payload", "apply", *payload, "--out", str(out), "--kernel-out", str(kernel_out)]
        assert run([*command, "--key", key, "--profile", "flatcar"]) == 0
        assert out.read_bytes() == image(NEW)
        assert kernel_out.read_bytes() == kernel(NEW)
    assert (update / f"flatcar_production_update-from-{OLD}.gz").stat().st_size < (
        update / "flatcar_production_update.gz"
    ).stat().st_size


def test_the_difference_of_two_releases_comes_from_their_own_lists(
    released_yard: SmallYard,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert released_yard.humpyard("release", "diff", str(OLD), str(NEW)) == 0
    assert "6.12.93" in capsys.readouterr().out
    assert released_yard.humpyard("release", "diff", str(OLD), str(NEW), "--json") == 0
    (board,) = json.loads(capsys.readouterr().out)
    assert board["packages"] == [
        {"name": "sys-kernel/coreos-kernel", "before": "6.12.93", "after": "6.12.0", "change": "down"}
    ]
    assert board["image_growth"] == len(image(NEW)) - len(image(OLD))


def test_people_are_told_what_comes_next_and_why_not(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is asked for an open channel; what was asked before is not asked anew."""
    yard = released_yard
    asking = ["promote", "request", str(NEW), *yard.secret("ada"), "--to"]
    assert yard.humpyard(*asking, "alpha") == 0
    assert "next: humpyard promote run" in capsys.readouterr().out
    asked = request(yard, "beta", capsys)
    assert yard.humpyard(*asking, "beta", "--reason", "changed my mind") == 0
    told = capsys.readouterr().out
    assert "you asked before" in told
    assert f"next: humpyard promote sign-off {asked.removeprefix('sha256:')[:12]} --go" in told
    assert yard.humpyard("promote", "sign-off", asked, "--overrule", *yard.secret("grace")) == 1
    assert "without an overrule quorum only authors take no-gos back" in capsys.readouterr().err
    assert yard.humpyard("stop", "pause", "stable", "--reason", "slow", *yard.secret("ada")) == 1
    assert "channel stable: offers nothing, so there is no rollout to pause" in capsys.readouterr().err
    assert yard.humpyard("log") == 0
    log = capsys.readouterr().out
    (built,) = re.findall(rf"{re.escape(str(NEW))} \((\w{{12}})\) built for alpha", log)
    assert f"payload-proven of {built} passed" in log


def test_the_status_of_no_channel_is_refused(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released_yard.humpyard("promote", "status", "--channel", "nowhere") == 1
    assert "channel 'nowhere': expected one of alpha, beta, stable, lts" in capsys.readouterr().err
    assert released_yard.humpyard("promote", "status", "--channel", "lts-2026") == 0


def test_running_everything_again_changes_nothing(
    released_yard: SmallYard,
) -> None:
    before = snapshot(released_yard.mirror)
    released_yard.publish(NEW, OLD)
    assert snapshot(released_yard.mirror) == before


def snapshot(root: Path) -> dict[str, str]:
    """Every file and what is in it."""
    return {
        str(path.relative_to(root)): str(Digest.sha256(path.read_bytes()))
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".humpyard" not in path.parts
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["payload", "show", "/nowhere"], 2),
        (["candidate", "build"], 2),
        (["payload", "build", "--out"], 2),
        (["promote", "status", "--settings", "/nowhere/humpyard.toml"], 1),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    assert run(arguments) == code


def test_every_command_has_a_help_that_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    nouns = ["payload", "candidate", "release", "promote", "pages", "ledger"]
    for noun in nouns:
        assert run([noun, "--help"]) == 0
        commands = re.findall(
            r"^  ([a-z-]+) {2,}\S", capsys.readouterr().out.split("Commands:")[1], re.MULTILINE
        )
        assert commands
        for command in commands:
            assert run([noun, command, "--help"]) == 0
            assert len(capsys.readouterr().out) > 300, (noun, command)
