"""No payload makes a reader take more memory than it says. Each is read under a limit of the kernel's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ALLOWANCE = 320 << 20
"""What ``apply_payload`` says for two workers: 48 MiB each and 192 MiB for the largest control data."""

EXPECTED = """\
64 MiB of zeros at once: fine fine result-hash result-hash
64 MiB of zeros in 16 operations: fine fine result-hash result-hash
more than its extents: fine blob-length blob-length blob-length
zeros for a hole: fine fine source-needed result-hash
control data: fine patch source-needed patch
control data of a large patch: fine patch source-needed patch
more diff than the result: fine patch source-needed patch
a source listed again and again: fine fine source-needed work
a move listed again and again: fine fine source-needed work
an image of 256 GiB: fine fine source-needed source-needed
the last block of 256 GiB: fine fine source-needed source-needed
a million extents: fine operation operation operation
a patch of 128 MiB for one block: fine patch source-needed patch
"""
"""For each: described, checked, applied without and with a source."""


def test_no_payload_takes_more_memory_than_that(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.property.hostile_payloads", str(tmp_path), str(ALLOWANCE)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert done.stderr == ""
    assert done.stdout == EXPECTED
    assert done.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"p", "old"}
