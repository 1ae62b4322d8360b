"""Telling the delivery: servers start, the story runs, and everything ends."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flows.delivery.story import Delivery
from flows.delivery.web import Behind, need_nginx, nginx
from flows.delivery.yard import Furnishing
from flows.demo.image_sets import MIB
from flows.demo.story import Demo
from flows.own_directory import claim, clear
from flows.rehearsal.s3_server import free_port, need_server, s3_server
from release.cli.output import ProgressDisplay, complain
from release.errors import HumpyardError, RefusedError

_MARKER = ".humpyard-delivery"
_SERVERS = 2
_INTERRUPTED = 130
_console = Console(highlight=False)


def run(out: Path, content: int) -> int:
    """Deliver in ``out``, with ``content`` MiB of files per image; returns the exit code."""
    begun = time.monotonic()
    try:
        _deliver(out, content * MIB)
    except HumpyardError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    _console.print()
    _say(f"Delivered in {time.monotonic() - begun:.0f} s. All servers have ended.")
    _tell(f"the directory mirror: {out / 'www'}; what servers said: {out}/serve-*.log, {out / 'nginx'}")
    _tell("Keys, stores and addresses are for trying, never for production.")
    return 0


def _deliver(out: Path, content: int) -> None:
    need_server()
    need_nginx()
    clear(out, _MARKER)
    if not claim(out, _MARKER):
        raise RefusedError(f"{out}: something else is there", hint="name another directory with --out")
    with ExitStack() as stack:
        bucket = stack.enter_context(ExitStack())
        s3 = bucket.enter_context(s3_server(out / "s3", os.environ.update, public=True))
        servers = tuple(free_port() for _ in range(_SERVERS))
        behind = Behind(root=out / "www", s3=s3.endpoint, servers=servers)
        web = stack.enter_context(nginx(out / "nginx", behind))
        _say(f"Mirrors: {web.bucket} (SeaweedFS behind nginx) and {web.directory} (a directory, nginx)")
        display = stack.enter_context(ProgressDisplay())
        demo = Demo(
            out=out,
            observer=display,
            say=_say,
            content=content,
            furnish=Furnishing(web=web, endpoint=s3.endpoint),
        )
        Delivery(
            demo=demo,
            web=web,
            servers=servers,
            environment=s3.environment,
            say=_say,
            tell=_tell,
            stop_bucket=bucket.close,
        ).run()


def _say(line: str) -> None:
    _console.print(Text(line, style="" if line.startswith(" ") else "bold"), soft_wrap=True)


def _tell(line: str) -> None:
    _console.print(Text(f"   {line}"), soft_wrap=True)
