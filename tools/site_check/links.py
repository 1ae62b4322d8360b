"""Links: all of them by the pages' own check, and a sample of pages by a program of other makers."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from release.errors import ToolError
from release.pages.check import check_site
from tools.site_check.built import BuiltSite, Page
from tools.site_check.measure import Measure, none_of

_SECONDS = 480
_MOST_LINKS: Final = 150
"""Links of a page that is in the sample: the program needs a tenth of a second for each."""
_LINK = re.compile(rb"<a [^>]*href=")


def checked(site: BuiltSite) -> Iterator[Measure]:
    """What `humpyard pages check` says: links and anchors of every page, ids, policies, data."""
    found = check_site({path: site.read(path) for path in site.files})
    yield none_of(
        "faults by `humpyard pages check`",
        map(str, found.findings),
        f"{found.links:,} links of {found.pages:,} pages",
    )


def linked(site: BuiltSite, mirror: Path, examples: Sequence[Page]) -> Measure:
    """What Debian's linkchecker finds dead on pages of most kinds and states, over HTTP. Not anchors.

    Pages are served as on a mirror, beside its files. Links are followed for one step, and nothing outside
    is asked.

    Raises:
        ToolError: it is not installed, or did not come to an end.
    """
    program = shutil.which("linkchecker") or shutil.which("linkchecker", path="/usr/bin")
    if program is None:
        raise ToolError("linkchecker is not installed", hint="tools/setup site")
    paths = sorted(
        {
            page.path
            for page in examples
            if page.kind != "not found" and len(_LINK.findall(site.read(page.path))) <= _MOST_LINKS
        }
    )
    with _served(site.root, mirror) as address, tempfile.TemporaryDirectory(prefix="site-check-") as scratch:
        scratch_path = Path(scratch)
        scratch_path.chmod(0o755)  # started by root, it goes on as nobody
        settings = scratch_path / "linkcheckerrc"
        settings.write_text("[output]\nlog=csv\nwarnings=1\n[csv]\nparts=urlname,parentname,result\n")
        settings.chmod(0o644)
        command = [program, "--config", str(settings), "--recursion-level=1", "--threads=8", "--no-status"]
        command += ["--ignore-url", f"!^{re.escape(address)}"]
        done = subprocess.run(
            [*command, *(f"{address}pages/{path}" for path in paths)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env={"HOME": scratch, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"},
        )
    if done.returncode not in {0, 1}:
        raise ToolError(f"linkchecker: {done.returncode}: {done.stderr[-2000:]}")
    return none_of("dead links by linkchecker, on a sample", _faults(done.stdout), f"{len(paths)} pages")


def _faults(output: str) -> Iterator[str]:
    for line in output.splitlines():
        if line and not line.startswith(("#", "urlname")):
            yield line


@contextmanager
def _served(pages: Path, mirror: Path) -> Iterator[str]:
    """The address of a mirror with these pages, on this machine alone."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            self.directory = str(pages.parent if path.startswith("/pages/") else mirror)
            found = super().translate_path(path)
            inside = Path(found).relative_to(self.directory)
            return found if not path.startswith("/pages/") else str(pages.joinpath(*inside.parts[1:]))

        def copyfile(self, source: Any, outputfile: Any) -> None:
            with suppress(ConnectionError):  # it does not wait for the end of what it needs no more of
                super().copyfile(source, outputfile)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
