"""Links: all of them by the pages' own check, and a sample of pages by a program of other makers."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from release.errors import ToolError
from tools.site_check.built import BuiltSite, Page
from tools.site_check.measure import Measure, none_of

_SECONDS = 300
_BROKEN = re.compile(r"^(?P<url>[^;]*);(?P<parent>[^;]*);", re.MULTILINE)


def linked(site: BuiltSite, examples: Sequence[Page]) -> Measure:
    """What Debian's linkchecker finds dead from one page of each kind and state, over HTTP, anchors too.

    Pages are served from here and links are followed for one step. Nothing outside is asked.

    Raises:
        ToolError: it is not installed, or did not come to an end.
    """
    program = shutil.which("linkchecker") or shutil.which("linkchecker", path="/usr/bin")
    if program is None:
        raise ToolError("linkchecker is not installed", hint="tools/setup site")
    paths = sorted({page.path for page in examples if page.kind not in {"CVE year", "not found"}})
    with _served(site.root) as address, tempfile.TemporaryDirectory(prefix="site-check-") as scratch:
        scratch_path = Path(scratch)
        scratch_path.chmod(0o755)  # started by root, it goes on as nobody
        settings = scratch_path / "linkcheckerrc"
        settings.write_text(
            "[AnchorCheck]\n[output]\nlog=csv\nwarnings=1\n[csv]\nparts=urlname,parentname,result\n"
        )
        settings.chmod(0o644)
        command = [program, "--config", str(settings), "--recursion-level=1", "--threads=8", "--no-status"]
        command += ["--ignore-url", f"!^{re.escape(address)}"]
        done = subprocess.run(
            [*command, *(f"{address}{path}" for path in paths)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env={"HOME": scratch, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"},
        )
    if done.returncode not in {0, 1}:
        raise ToolError(f"linkchecker: {done.returncode}: {done.stderr[-2000:]}")
    return none_of("dead links and anchors, by linkchecker", _faults(done.stdout), f"{len(paths)} pages")


def _faults(output: str) -> Iterator[str]:
    for line in output.splitlines():
        if line and not line.startswith(("#", "urlname")):
            yield line


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """The address that ``root`` is served at, on this machine alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's signature
        """Nothing."""
