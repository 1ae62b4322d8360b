"""How commands end when it is not for them to say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from release.cli.main import _ending, run
from release.payload.build import BuildOrder, build_payload
from tests.small_yard import NEW, image


@pytest.mark.parametrize("arguments", [["show", "payload.gz"], ["show", "payload.gz", "--json"], ["--help"]])
def test_a_reader_that_has_gone_ends_a_command_without_a_word(arguments: list[str], tmp_path: Path) -> None:
    """Printed by rich, by hand and by the parser of command lines."""
    (tmp_path / "new.img").write_bytes(image(NEW))
    build_payload(BuildOrder(new_image=tmp_path / "new.img", out=tmp_path / "payload.gz"))
    command = [sys.executable, "-c", "from release.cli.main import main; main()", "payload", *arguments]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("error", "code"), [(SystemExit(5), 5), (SystemExit(0), 0), (BrokenPipeError(), 141), (OSError(), 4)]
)
def test_every_ending_has_its_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ending(error) == code
    assert ("fault of humpyard" in capsys.readouterr().err) is (code == 4)


def test_an_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(_: Path) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("release.cli.payload.describe", interrupted)
    (tmp_path / "p").touch()
    assert run(["payload", "show", str(tmp_path / "p")]) == 130
    assert "run the same command again" in capsys.readouterr().err
