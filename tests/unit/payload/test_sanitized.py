"""The compiled parts under the compiler's own checks: no access outside of a buffer, nothing undefined."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.compile import DIRECTORY, FLAGS, compile_library, compiler

ROOT = Path(__file__).resolve().parents[3]
SANITIZED = """
import ctypes, sys
import pytest
from release.payload import native
native._LIBRARY = native.open_library(sys.argv[1])
sys.exit(pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-p", "no:cov", *sys.argv[2:]]))
"""


def test_the_compiled_parts_touch_nothing_that_is_not_theirs(tmp_path: Path) -> None:
    """Their own tests, once more, with AddressSanitizer and UndefinedBehaviorSanitizer in the library."""
    shutil.copytree(ROOT / DIRECTORY, tmp_path / DIRECTORY, ignore=shutil.ignore_patterns("*.so", "*.py"))
    checks = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    library = compile_library(tmp_path, *checks)
    runtime = subprocess.run(
        [compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    tests = sorted(str(path) for path in (ROOT / "tests").glob("*/**/test_native.py"))
    tests += sorted(str(path) for path in (ROOT / "tests").glob("**/test_bzip2*.py"))
    tests += [str(ROOT / "tests/property/test_payload_images.py")]
    assert len(tests) >= 4
    done = subprocess.run(
        [sys.executable, "-c", SANITIZED, str(library), *tests, "-k", "not several_groups"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    assert "passed" in done.stdout


def test_warnings_are_errors(tmp_path: Path) -> None:
    shutil.copytree(ROOT / DIRECTORY, tmp_path / DIRECTORY, ignore=shutil.ignore_patterns("*.so", "*.py"))
    assert compile_library(tmp_path, "-Werror", "-Wconversion", "-Wno-sign-conversion").is_file()
    assert not any(flag.startswith(("-march", "-mtune", "-ffast")) for flag in FLAGS)
