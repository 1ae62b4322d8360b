"""The command `humpyard`: its nouns, and how errors become exit codes.

0 done · 1 refused or not verified · 2 usage · 3 unavailable, try again · 4 a tool or the program failed.
Two more come from outside, as for any program: 130 interrupted by a person, 141 nobody reads the output
any more (`humpyard ... | head -1`).
"""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version
from typing import Annotated, Protocol, runtime_checkable

import typer

from release.cli import (
    audit,
    candidate,
    evidence,
    garbage,
    head,
    init,
    issues,
    ledger,
    mirror,
    mirrors,
    mirrors_audit,
    nebraska,
    notes,
    pages,
    payload,
    policy,
    promote,
    releases,
    rollout,
    serve,
    signing,
    status,
    stop,
)
from release.cli.output import complain, drop_output, say, stderr
from release.errors import HumpyardError

EXIT_USAGE = 2
EXIT_FAILED = 4
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141

app = typer.Typer(
    help="Release pipeline for image-based Linux: payloads, signing, mirrors, pages, gated promotion.",
    epilog="Exit codes: 0 done, 1 refused or not verified, 2 usage, 3 unavailable (try again), 4 failed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.add_typer(candidate.app, name="candidate")
app.add_typer(releases.app, name="release")
app.add_typer(evidence.app, name="evidence")
app.add_typer(promote.app, name="promote")
app.add_typer(stop.app, name="stop")
app.add_typer(rollout.app, name="rollout")
app.add_typer(notes.app, name="notes")
app.add_typer(issues.app, name="issues")
app.add_typer(policy.app, name="policy")
app.add_typer(pages.app, name="pages")
app.add_typer(garbage.app, name="garbage")
app.add_typer(ledger.app, name="ledger")
app.add_typer(head.app, name="head")
app.add_typer(mirrors.app, name="mirrors")
mirrors.app.command("audit")(mirrors_audit.audit)
app.command("log")(ledger.log)
app.command("status")(status.status)
app.command("verify")(mirror.verify)
app.command("audit")(audit.audit_mirror)
app.command("serve")(serve.serve_updates)
app.add_typer(nebraska.app, name="nebraska")
app.add_typer(payload.app, name="payload")
app.add_typer(signing.app, name="signing")


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"humpyard {version('humpyard')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Image sets in, signed and proven releases out, promoted by people who signed for it."""


@runtime_checkable
class _UsageError(Protocol):
    """What typer raises for a wrong command line. Its class is not public (typer 0.29)."""

    exit_code: int

    def show(self) -> None: ...


def run(arguments: list[str] | None = None) -> int:
    """Run one command line; returns its exit code and never raises."""
    try:
        outcome = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - every ending has an exit code
        return _ending(error)
    if outcome == EXIT_INTERRUPTED:  # what typer makes of a KeyboardInterrupt (0.29)
        return _ending(KeyboardInterrupt())
    return outcome if isinstance(outcome, int) else 0


def _ending(error: BaseException) -> int:
    """Say what went wrong; returns the exit code."""
    code = EXIT_FAILED
    match error:
        case HumpyardError():
            complain(error)
            code = error.exit_code
        case typer.Exit():
            code = int(error.exit_code)
        case _UsageError():
            error.show()
            code = EXIT_USAGE
        case KeyboardInterrupt() | typer.Abort():
            stderr.print("interrupted: run the same command again to go on")
            code = EXIT_INTERRUPTED
        case _ if _is_unread(error):
            drop_output()
            code = EXIT_UNREAD
        case SystemExit(code=int(wanted)):
            code = wanted
        case _:
            traceback.print_exception(error)
            stderr.print("error: this is a fault of humpyard; please report it with the lines above")
    return code


def _is_unread(error: BaseException | None) -> bool:
    """Whether the reader of our output has gone; rich and click make a SystemExit of that."""
    if isinstance(error, SystemExit):
        return _is_unread(error.__context__)
    return isinstance(error, BrokenPipeError)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())
