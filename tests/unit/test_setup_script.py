"""`tools/setup` with programs that only pretend: what it makes anew, what it keeps, what it asks for."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PYTHON = r"""#!/bin/sh
case "$*" in
    "-m venv --clear .bootstrap")
        echo "bootstrap" >> log
        rm -rf .bootstrap
        mkdir -p .bootstrap/bin
        cp "$0" .bootstrap/bin/python ;;
    "-m pip install"*)
        cp uv .bootstrap/bin/uv ;;
esac
"""
UV = r"""#!/bin/sh
case "$*" in
    "venv "*) [ ! -e .venv ] || exit 1; echo "venv" >> log; mkdir -p .venv/bin; cp python .venv/bin/python ;;
    "pip sync "*) echo "sync" >> log; [ ! -e broken ] ;;
    "pip install "*) cp python .venv/bin/humpyard ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A directory with the script, its inputs, and programs that pretend."""

    root: Path

    def setup(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script. ``PATH`` has what Debian's minimal image has, and the programs it wants."""
        variables = {"PATH": str(self.root / "bin"), "PYTHON": str(self.root / "python"), **environment}
        return subprocess.run(
            ["/bin/sh", self.root / "tools/setup"], capture_output=True, text=True, check=False, env=variables
        )

    def done(self) -> list[str]:
        """What was made by one run that ended well."""
        (self.root / "log").write_text("")
        ended = self.setup()
        assert (ended.returncode, ended.stderr) == (0, "")
        return (self.root / "log").read_text().split()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "tools").mkdir()
    text = (ROOT / "tools/setup").read_text().replace("/usr/bin/python3", "/nowhere/python3")
    (tmp_path / "tools/setup").write_text(text)
    compiled = "release/payload/native"
    (tmp_path / compiled).mkdir(parents=True)
    read = ("requirements.lock", "pyproject.toml", "tools/uv.lock", "tools/compile.py")
    for name in (*read, f"{compiled}/one.c", f"{compiled}/one.h"):
        (tmp_path / name).write_text(name)
    (tmp_path / "bin").mkdir()
    for name in ("cat", "cksum", "cp", "dirname", "flock", "mkdir", "rm"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / "bin" / name).symlink_to(program)
    programs = {"python": PYTHON, "uv": UV, "bin/gpg": "#!/bin/sh\n", "bin/mke2fs": "#!/bin/sh\n"}
    programs["bin/cc"] = "#!/bin/sh\n"
    programs["bin/id"] = "#!/bin/sh\necho 1000\n"
    for name, content in programs.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    return Checkout(tmp_path)


def no_pip(root: Path) -> None:
    """The bootstrap environment has its Python and nothing else."""
    shutil.rmtree(root / ".bootstrap")
    shutil.copytree(root / ".venv/bin", root / ".bootstrap/bin")
    (root / ".bootstrap/bin/python").write_text("#!/bin/sh\nexit 1\n")


def no_uv(root: Path) -> None:
    """The bootstrap environment was to get uv."""
    (root / ".bootstrap/.ready").unlink()
    (root / ".bootstrap/bin/uv").write_text("")


def no_packages(root: Path) -> None:
    """The environment has its Python and some packages."""
    (root / ".venv/.ready").unlink()


def no_python(root: Path) -> None:
    """The environment's Python was taken away by an upgrade."""
    (root / ".venv/bin/python").unlink()


def test_everything_is_made_once(checkout: Checkout) -> None:
    assert checkout.done() == ["bootstrap", "venv", "sync"]
    assert checkout.done() == []


def test_what_changed_is_brought_up_to_date_and_not_made_anew(checkout: Checkout) -> None:
    checkout.done()
    for name in ("requirements.lock", "release/payload/native/one.c"):
        (checkout.root / name).write_text("other")
        assert checkout.done() == ["sync"]
    (checkout.root / "tools/uv.lock").write_text("other")
    assert checkout.done() == ["bootstrap", "sync"]


@pytest.mark.parametrize(
    ("kill", "made"),
    [
        (no_pip, ["bootstrap", "sync"]),
        (no_uv, ["bootstrap", "sync"]),
        (no_packages, ["venv", "sync"]),
        (no_python, ["venv", "sync"]),
    ],
)
def test_what_a_killed_run_left_half_made_is_made_anew(
    kill: Callable[[Path], None], made: list[str], checkout: Checkout
) -> None:
    checkout.done()
    kill(checkout.root)
    (checkout.root / "requirements.lock").write_text("other")
    assert checkout.done() == made
    assert checkout.done() == []


def test_a_second_run_waits_for_the_first(checkout: Checkout) -> None:
    with (checkout.root / "tools/setup").open("rb") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(checkout.done)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
            fcntl.flock(first, fcntl.LOCK_UN)
            assert second.result() == ["bootstrap", "venv", "sync"]


def test_packages_that_could_not_be_installed_are_not_taken_for_whole(checkout: Checkout) -> None:
    """Even when the lock file is then put back to what it was."""
    checkout.done()
    (checkout.root / "broken").touch()
    (checkout.root / "requirements.lock").write_text("other")
    assert checkout.setup().returncode != 0
    (checkout.root / "broken").unlink()
    (checkout.root / "requirements.lock").write_text("requirements.lock")
    assert checkout.done() == ["venv", "sync"]


def test_without_any_python_both_of_its_packages_are_named(checkout: Checkout) -> None:
    ended = checkout.setup(PYTHON="")
    assert ended.returncode == 4
    assert "these packages are missing: python3 python3-venv. Install them as root" in ended.stdout
    assert "apt-get install -y --no-install-recommends python3 python3-venv\n" in ended.stdout


def test_an_old_python_is_said_to_be_too_old(checkout: Checkout) -> None:
    old = checkout.root / "bin/python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ended = checkout.setup(PYTHON="")
    assert (ended.returncode, ended.stdout) == (
        4,
        "setup: Python 3.11 or newer is needed and was not found\n",
    )
