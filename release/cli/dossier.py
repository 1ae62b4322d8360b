"""The dossier on a terminal: everything about a request that a person must have seen, compactly.

What others wrote (notes, reasons, names) is shown behind a bar and folded here, so that none of it can
pass for a line of ours; what would act on the terminal is taken out of it.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import typer

from release.bundle.diff import Direction
from release.cli.acting import find_digest
from release.cli.evidence import show_known
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile
from release.cli.output import emit, printable, say, table
from release.digests import Digest
from release.errors import RefusedError
from release.line.comparison import BoardComparison
from release.line.dossier import Compared, Dossier, ReleaseDossier, dossier_of
from release.line.findings import package_rows
from release.line.yard import Yard
from release.promotion import evidence_names as names
from release.promotion.case import Case
from release.promotion.request import PromotionRequest
from release.wiring import open_yard

_WIDTH = 100
_FEW = 30
"""Rows, or lines of notes, that are shown unless all are asked for."""
_ORDER = ("down", "removed", "added", "sideways", "up")
"""What should be seen first."""


def dossier(
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help="The request's digest, or enough of it to be unique.")
    ],
    full: Annotated[bool, typer.Option("--full", help="Show long lists and notes to their end.")] = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show what to look at before signing off: changes, tests, CVEs, notes, sizes, signatures, the gate."""
    with open_yard(settings) as yard:
        digest = find_digest("request", yard.ledger.state().requests, request)
        found = dossier_of(yard, digest)
    if as_json:
        emit(found.as_json())
    else:
        show_dossier(found, full=full)


def review(yard: Yard, request: Digest, *, agreed: bool) -> None:
    """Show the dossier of a request that is about to be signed off; at a terminal, ask whether to go on.

    ``agreed`` leaves the question out. Raises RefusedError when the answer is no, and whatever reading
    the dossier raises: what cannot be seen is not signed.
    """
    show_dossier(dossier_of(yard, request))
    if not agreed and sys.stdin.isatty() and not typer.confirm("\nSign this?"):
        raise RefusedError("not signed")


def show_dossier(found: Dossier, *, full: bool = False) -> None:
    """Print a dossier; unless ``full``, long lists are cut with a line that says so."""
    _show_request(found)
    if found.release is not None:
        _show_release(found.release, full=full)
    if found.policy_changes:
        _head("The policy changes")
        _quote(found.policy_changes)
    _head("The gate")
    rules = found.status.decision.rules
    rows = [(one.name, "met" if one.met else "NOT MET", one.missing or one.detail) for one in rules]
    table(("rule", "", "found, or missing"), [(name, mark, _short(text)) for name, mark, text in rows])
    if found.afterwards:
        _head("The point of no return is the move")
        for line in found.afterwards:
            say(textwrap.fill(line, _WIDTH, initial_indent="- ", subsequent_indent="  "))


def _show_request(found: Dossier) -> None:
    case = found.status.case
    say(f"request {case.digest.hex[:12]}: {case.title} ({found.status.phase})")
    if not isinstance(case, Case):
        return
    asked = case.request
    say(f"asked by {found.asked_by} on {asked.requested_at:%Y-%m-%d %H:%M}, valid until"
        f" {asked.expires_at:%Y-%m-%d %H:%M} UTC")  # fmt: skip
    if isinstance(asked, PromotionRequest) and asked.hurry:
        say(f"IN A HURRY: skips {', '.join(asked.hurry)}; incident {asked.incident or 'not named'}")
    _quote(asked.reason.splitlines())
    for one in found.said:
        say(f"{one.who} said {one.verdict} as {one.role} on {one.at:%Y-%m-%d %H:%M}")
        _quote(one.reason.splitlines())


def _show_release(about: ReleaseDossier, *, full: bool) -> None:
    release = about.release
    derived = release.lineage.derives_from
    say(f"release {release.version}, built for {release.channel} on {release.created:%Y-%m-%d},"
        f" digest {about.digest}")  # fmt: skip
    if derived is not None:
        say(f"rebuilt; derives from {derived}")
    say(f"{about.channel} is at {about.head or 'nothing'}; it comes from {about.source or 'the build'}")
    for compared in about.compared:
        _show_compared(compared, str(release.version), full=full)
    if not about.compared:
        _head("Nothing to compare with")
    _head("Checks and tests")
    show_known(about.evidence)
    _show_notes(about, full=full)
    _show_payloads(about, full=full)


def _show_compared(compared: Compared, version: str, *, full: bool) -> None:
    _head(f"Changes since {compared.version}, {' and '.join(compared.why)}")
    facts = compared.finding.facts
    for line in compared.finding.failed:
        if not line.startswith(names.DOWNGRADE):
            say(f"MISSING: {line}")
    say("; ".join(_measures(facts)) or compared.finding.detail)
    for board in compared.boards:
        rows = sorted(package_rows(board), key=lambda row: (_ORDER.index(row[3]), row[0]))
        shown = rows if full else rows[:_FEW]
        say(f"{board.board}: {_counts(board)}")
        if shown:
            cells = [
                (_mark(change), name, before or "-", after or "-") for name, before, after, change in shown
            ]
            table(("", "package", "before", "after"), cells)
        if len(shown) < len(rows):
            say(f"and {len(rows) - len(shown)} more: humpyard release diff {compared.version} {version}")


def _measures(known: Mapping[str, int]) -> Iterator[str]:
    for label, size, permille in (
        ("image", names.IMAGE_GROWTH_BYTES, names.IMAGE_GROWTH_PERMILLE),
        ("full payload", names.FULL_GROWTH_BYTES, names.FULL_GROWTH_PERMILLE),
    ):
        if size in known and permille in known:
            yield f"{label} {known[size]:+,} bytes ({known[permille] / 10:+.1f} %)"
    if names.BOOT_GROWTH_BYTES in known:
        yield f"kernel {known[names.BOOT_GROWTH_BYTES]:+,} bytes"
    if names.FILES_GROWTH_BYTES in known:
        yield f"files {known[names.FILES_GROWTH_BYTES]:+,} bytes"
    if names.DELTA_PERMILLE in known:
        yield f"machines with it download {known[names.DELTA_PERMILLE] / 10:.1f} % of the full payload"


def _counts(board: BoardComparison) -> str:
    packages = board.packages
    ups = sum(change.direction is Direction.UP for change in packages.changed)
    return (
        f"{ups} packages up, {len(packages.downgrades)} down, {len(packages.added)} added,"
        f" {len(packages.removed)} removed; {len(board.files)} files of another size"
    )


def _mark(change: str) -> str:
    return "DOWN" if change == "down" else change


def _show_notes(about: ReleaseDossier, *, full: bool) -> None:
    every = list(dict.fromkeys(cve for _, found in about.cves for cve in found))
    since = about.compared[0].version if about.compared else None
    _head(f"CVEs fixed{f' since {since}' if since else ''}: {len(every)}, as the notes name them")
    for version, found in about.cves:
        shown = found if full else found[:_FEW]
        more = f" and {len(found) - len(shown)} more" if len(shown) < len(found) else ""
        text = f"{version}: {', '.join(shown)}{more}"
        say(textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    lines = about.release.notes.strip().splitlines()
    _head(f"Release notes, {len(lines)} lines")
    _quote(lines if full else lines[:_FEW])
    if not full and len(lines) > _FEW:
        say(f"and {len(lines) - _FEW} more: --full shows them")


def _show_payloads(about: ReleaseDossier, *, full: bool) -> None:
    _head("Payloads and who signed them")
    shown = about.payloads if full else about.payloads[:_FEW]
    trusted = {key for key, _ in about.key_names}
    rows = [
        (
            one.board,
            one.kind,
            f"{one.size:,}",
            "" if one.permille is None else f"{one.permille / 10:.1f} %",
            f"{len(trusted.intersection(one.keys))}, {about.needed_keys} needed",
        )
        for one in shown
    ]
    table(("board", "payload", "bytes", "of full", "trusted keys"), rows)
    if len(shown) < len(about.payloads):
        say(f"and {len(about.payloads) - len(shown)} more: --full shows them")
    signed = {key for one in about.payloads for key in one.keys}
    for key, name in about.key_names:
        say(f"key {name}: {'signed' if key in signed else 'signed none'}")
    for stranger in sorted(signed - trusted):
        say(f"key {stranger[:16]}: signed, and is not trusted for {about.channel}")


def _head(text: str) -> None:
    say("")
    say(f"== {text}")


def _quote(lines: Iterable[str]) -> None:
    """Somebody else's words, each line folded behind a bar."""
    for line in lines:
        clean = printable(line).replace("\n", " ").expandtabs(4)
        for part in textwrap.wrap(clean, _WIDTH - 2, replace_whitespace=False) or [""]:
            say(f"| {part}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 2 * _WIDTH else line[: 2 * _WIDTH - 1] + "…"
