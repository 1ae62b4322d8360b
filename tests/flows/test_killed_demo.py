"""Whatever is killed, wherever, is completed by running the same command again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from release.cli.main import run
from release.mirror.directory import DirectoryStore
from tests.e2e.refusal import tree
from tests.prefect_server import PrefectServer

CONTENT = 2 << 20
"""Bytes of files in each image: the steps are the demo's own, the images are small."""


def _channels(out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert run(["promote", "status", "--settings", str(out / "humpyard.toml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["requests"] == []
    channels: dict[str, str] = found["channels"]
    return channels


def _verify(out: Path, version: str) -> int:
    keys = out / "keys"
    options = ["--product", "Humpyard Demo OS", f"--payload-key={keys / 'payload-2048.pub.pem'}"]
    options += [f"--release-key={keys / 'pipeline.asc'}", f"--build-key={keys / 'build.asc'}"]
    return run(["verify", str(out / "mirror"), version, *options, "--prove"])


def _check_finished(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    channels = _channels(out, capsys)
    assert (channels["alpha"], channels["beta"]) == ("4600.0.0", "4600.0.0")
    for version in ("4593.0.0", "4600.0.0"):
        assert _verify(out, version) == 0
    for channel in ("alpha", "beta"):
        pointer = out / "mirror" / channel / "amd64-usr" / "current" / "version.txt"
        assert "FLATCAR_VERSION=4600.0.0\n" in pointer.read_text()
    assert (out / "mirror" / "pages" / "index.html").is_file()
    assert not [key for key in DirectoryStore(out / "mirror").list("") if "tmp" in key or "partial" in key]


def test_the_demo_killed_after_every_single_step_is_completed_by_running_it_again(
    prefect_server: PrefectServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, record = tmp_path / "demo", tmp_path / "kills"
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.killed_demo", str(out), str(CONTENT), str(record)],
        env=prefect_server.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    kills = record.read_text().splitlines()
    assert len(kills) == len(set(kills)) >= 40
    _check_finished(out, capsys)


def test_the_demo_killed_in_the_middle_of_steps_is_completed_and_a_second_run_changes_nothing(
    prefect_server: PrefectServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "flows.demo", "--out", str(out), "--content", "4"]
    for seconds in (5, 7, 9, 11):
        process = subprocess.Popen(
            command, env=prefect_server.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    done = subprocess.run(
        command, env=prefect_server.environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Try next:" in done.stdout
    _check_finished(out, capsys)

    before = tree(out / "mirror")
    again = subprocess.run(
        command, env=prefect_server.environment, check=False, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stdout[-4000:] + again.stderr[-2000:]
    assert tree(out / "mirror") == before
