"""Short-lived private directories for gpg homes, and the remains of those whose owner was killed.

A killed process can neither remove its home, which may hold secret keys, nor end its agent. The next
one does: the directory's name carries the process id.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from release.errors import HumpyardError, storage_errors
from release.process import run

ROOT = Path("/tmp")  # noqa: S108 - sockets need a short path, TMPDIR may be long; mkdtemp is private
_NAME = re.compile(r"hy-([0-9]{1,10})-\w+", re.ASCII)


def make_scratch() -> Path:
    """A new directory of mode 0700 and a short path. Sweeps what killed processes of ours left.

    Another process may sweep the same remains at the same moment, and gpgconf then finds half of a
    home: that is no reason to fail here. An agent that nobody could end does so when its home is gone.
    """
    for directory in ROOT.glob("hy-*"):
        if _is_abandoned(directory):
            with contextlib.suppress(HumpyardError):
                remove_home(directory, directory)
    with storage_errors(ROOT):
        return Path(tempfile.mkdtemp(prefix=f"hy-{os.getpid()}-", dir=ROOT))


def remove_home(home: Path, scratch: Path, *, end_agents: bool = True) -> None:
    """End the agents of ``home`` and remove ``scratch``."""
    try:
        if end_agents:
            run(["gpgconf", "--homedir", home, "--kill", "all"])
    except HumpyardError:
        if home.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    """Whether it is a directory of ours whose process is no more. A reused process id keeps it."""
    match = _NAME.fullmatch(directory.name)
    try:
        if match is None or directory.lstat().st_uid != os.geteuid() or directory.is_symlink():
            return False
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
