"""`humpyard mirrors audit`: every mirror of the policy, over its public address, as machines see it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from release.audit.finding import Finding, Severity
from release.audit.mirrors_report import MirrorsReport
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, say, table, work
from release.line.mirror_audit import Options
from release.line.mirror_audit_job import Findings, mirrors_audit_job
from release.line.mirror_audit_objects import Sample
from release.mirror.pace import Pace
from release.wiring import open_yard

_MARKS = {Severity.BREAK: "BREAK  ", Severity.WARNING: "warning", Severity.NOTE: "note   "}
_PACE = Pace()


def audit(
    settings: SettingsFile = DEFAULT_SETTINGS,
    full: Annotated[bool, typer.Option("--full", help="Read every byte, not only a sample.")] = False,
    sample: Annotated[
        int, typer.Option(metavar="COUNT", min=0, help="How many objects are read in full.")
    ] = 50,
    sample_mebibytes: Annotated[
        int, typer.Option(metavar="MIB", min=1, help="How much of them at most.")
    ] = 1024,
    seed: Annotated[
        int | None,
        typer.Option(help="Draws the sample, the same for the same. [default: a new one, which is told]"),
    ] = None,
    tls_authorities: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Certificates (PEM) that may vouch for the mirrors."),
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Take back in the ledger what does not hold: machines are not sent there for it."
        ),
    ] = False,
    patience: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, help="How long a mirror may be slower than it should be."),
    ] = _PACE.patience,
    minutes: Annotated[int, typer.Option(min=1, help="How long each mirror may take.")] = 240,
    as_json: AsJson = False,
) -> None:
    """Compare what each mirror serves with the ledger and with what was published, as machines see it.

    Head, pointers and channel documents: there, signed, fresh, and not behind. Every object: there, of the
    right length; its bytes in full with --full, else a sample, and always the payloads of what channels are
    at. Certificates, types, caches, parts of objects. A mirror that does not answer is a finding; the
    others are looked at all the same. Exit code 1 for any break, as `humpyard audit`.
    """
    drawn = Sample(
        seed=secrets.randbelow(1 << 32) if seed is None else seed, count=sample, size=sample_mebibytes << 20
    )
    options = Options(
        sample=None if full else drawn,
        authorities=tls_authorities,
        pace=Pace(patience=patience),
        limit=minutes * 60.0,
    )
    with open_yard(settings) as yard:
        found = Findings(yard=yard, options=options)
        try:
            work(mirrors_audit_job(yard, found, _silently, record=record))
        finally:
            _show(found.report(), as_json=as_json)


def _silently(_mirror: str, _finding: Finding) -> None:
    """All are shown in the end, the breaks first."""


def _show(report: MirrorsReport, *, as_json: bool) -> None:
    if as_json:
        emit(report.as_json())
        return
    for mirror, one in report.findings:
        say(f"{_MARKS[one.severity]} {one.code}: {mirror + ': ' if mirror else ''}{one.where}")
        say(f"          expected {one.expected}")
        say(f"          found    {one.found}")
        if one.hint:
            say(f"          hint     {one.hint}")
    columns = ("mirror", "objects", "read", "bytes read", "seconds", "behind", "breaks", "warnings")
    rows = [
        (
            mirror.name,
            str(mirror.looked.objects),
            str(mirror.looked.read),
            f"{mirror.looked.size:,}",
            f"{mirror.looked.seconds:.1f}",
            "?" if mirror.behind is None else str(mirror.behind),
            str(mirror.count(Severity.BREAK)),
            str(mirror.count(Severity.WARNING)),
        )
        for mirror in report.mirrors
    ]
    table(columns, rows)
    if report.seed is not None:
        say(f"sample drawn by --seed {report.seed}")
