"""Telling the demo: progress while it works, and at the end what was made and what to try next."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.demo.image_sets import MIB
from flows.demo.story import BOARD, GRACE, NEW, OLD, PRODUCT, Demo
from release.bundle.release import BoardRelease
from release.catalog.board import Board
from release.cli.output import ProgressDisplay, complain
from release.errors import HumpyardError
from release.ledger.state import State
from release.line.sources import registered_release
from release.wiring import open_yard

_console = Console(highlight=False)


def run(out: Path, content: int) -> int:
    """Run the demo in ``out`` with ``content`` MiB of files per image; returns the exit code."""
    begun = time.monotonic()
    try:
        with ProgressDisplay() as display:
            demo = Demo(out=out, observer=display, say=_say, content=content * MIB)
            state = demo.run()
        _summary(demo, state, time.monotonic() - begun)
    except HumpyardError as error:
        complain(error)
        return error.exit_code
    return 0


def _say(line: str) -> None:
    _console.print(Text(line, style="" if line.startswith(" ") else "bold"), soft_wrap=True)


def _summary(demo: Demo, state: State, seconds: float) -> None:
    with open_yard(demo.settings_file) as yard:
        release, _ = registered_release(yard.store, state, NEW)
    board = release.board(Board.parse(BOARD))
    _console.print()
    _console.print(_payloads(board))
    heads = ", ".join(f"{name} {head.version}" for name, head in state.heads.items())
    lines = (
        f"{PRODUCT}: {OLD} was there, {NEW} was built, signed with two keys, proven, published, promoted.",
        f"Channels: {heads}. Ledger: {state.sequence + 1} signed entries. It took {seconds:.0f} s.",
        f"Page:     {demo.out / 'mirror' / 'pages' / 'index.html'}",
        "Keys, store and Prefect are embedded defaults: for trying, never for production.",
    )
    _console.print()
    for line in lines:
        _console.print(Text(line), soft_wrap=True)
    _console.print()
    _console.print(Text("Try next:", style="bold"))
    for command in _next(demo):
        _console.print(Text(f"  {command}"), soft_wrap=True)


def _payloads(board: BoardRelease) -> Table:
    full = next(one.artifact.size for one in board.payloads if one.source is None)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("made", "bytes", "of the image", "of full"):
        shown.add_column(column, justify="left" if column == "made" else "right")
    shown.add_row("image (raw /usr partition)", f"{board.image.size:,}", "100 %", "")
    for one in board.payloads:
        size = one.artifact.size
        if one.extension is not None:
            shown.add_row(f"system extension {one.artifact.name}", f"{size:,}", "", "")
            continue
        name = "full payload" if one.source is None else f"delta payload from {one.source}"
        shown.add_row(name, f"{size:,}", f"{size / board.image.size:.1%}", f"{size / full:.1%}")
    return shown


def _next(demo: Demo) -> tuple[str, ...]:
    here, out = Path.cwd(), demo.out
    yard = shlex.quote(str(out.relative_to(here) if out.is_relative_to(here) else out))
    humpyard = ".venv/bin/humpyard"
    settings = f"--settings {yard}/humpyard.toml"
    release_keys = f"--release-key {yard}/keys/pipeline.asc --build-key {yard}/keys/build.asc"
    verify = f"{humpyard} verify {yard}/mirror {NEW} --product {shlex.quote(PRODUCT)} {release_keys}"
    request = f"{humpyard} promote request {NEW} --to stable {settings} --as {demo.person(GRACE).fingerprint}"
    return (
        f"{humpyard} promote status {settings}",
        f"{humpyard} ledger log {settings}",
        f"{verify} --payload-key {yard}/keys/payload-2048.pub.pem --prove",
        f"{humpyard} payload show {yard}/mirror/update/{BOARD}/{NEW}/flatcar_production_update.gz",
        f"{request} --secret-key {yard}/secret/{GRACE.lower()}.asc",
    )
