"""`python -m tools.site_check.increment HISTORY`: the seconds that one more release costs, printed.

As in a pipeline that runs: its modules are there, a site was built, and a memo has what that one needed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from release.notes.imported import ImportedRelease, read_history
from release.pages.directory import write_site
from release.pages.history_merge import site_of_history
from release.pages.render import render_site


def main(history: Path) -> float:
    """Build without the release that was published last, then with it."""
    with tempfile.TemporaryDirectory(prefix="site-check-") as scratch:
        memo, out = Path(scratch) / "memo", Path(scratch) / "site"
        newest = max(read_history(history), key=lambda release: (release.created, release.version))
        _build([one for one in read_history(history) if one != newest], memo, out)
        begun = time.monotonic()
        _build(read_history(history), memo, out)
        return time.monotonic() - begun


def _build(releases: Sequence[ImportedRelease], memo: Path, out: Path) -> None:
    site = site_of_history("Example OS", tuple(releases), base_url="https://releases.example.org/")
    write_site(out, render_site(site, memo=memo))


if __name__ == "__main__":
    print(f"{main(Path(sys.argv[1])):.2f}")
