"""`humpyard notes correct|history|show`: the notes of published releases, and what became of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.acting import acting
from release.cli.options import (
    DEFAULT_SETTINGS,
    As,
    AsJson,
    GnupgHome,
    SecretKeys,
    SettingsFile,
    person_of,
    version_of,
)
from release.cli.output import emit, say, table
from release.digests import Digest
from release.errors import InputError, storage_errors
from release.ledger.fields import format_time
from release.line.corrections import (
    NotesHistory,
    Plan,
    correct_notes,
    new_revision,
    notes_history,
    plan_correction,
    text_of,
)
from release.line.notes_texts import NOTES_BYTES, notes_digest
from release.line.statements import find_role
from release.promotion.revision import told_by
from release.wiring import open_yard

_Release = Annotated[str, typer.Argument(metavar="VERSION", help="A published release.")]
Role = Annotated[
    str | None, typer.Option(help="In which role. [default: the first of yours that may correct]")
]


def correct(
    version: _Release,
    notes: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The whole new text, Markdown.")],
    summary: Annotated[str, typer.Option(help="What was corrected, in one line. Shown with the notes.")],
    fingerprint: As,
    previous: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST",
            help="The text you began with (notes show), where the notes were corrected before.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; record nothing.")
    ] = False,
    role: Role = None,
    gnupg_home: GnupgHome = None,
    secret_key: SecretKeys = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Correct the notes of a published release, alone. Shows what changes, and asks nothing.

    The release itself, its release.json included, stays what people signed off. Pages, feeds and lists show
    the new text, and that and when it was corrected.
    """
    with storage_errors(notes), notes.open("rb") as source:
        data = source.read(NOTES_BYTES + 1)
    wanted = version_of(version)
    person = person_of(fingerprint, gnupg_home, secret_key)
    with acting(settings, person) as (yard, author):
        plan = plan_correction(yard, wanted, data, str(notes), previous=previous)
        if not as_json:
            _show_diff(plan)
        policy = yard.policy()
        able = find_role(policy, author, role, policy.correction_roles)
        digest = None
        if dry_run:
            new_revision(yard, author, plan, summary=summary, role=able)  # refuses what would be refused
        else:
            digest = correct_notes(yard, author, plan, summary=summary, role=able)
    if as_json:
        emit(_plan_json(plan, None if digest is None else str(digest)))
    elif digest is None:
        say("nothing was recorded: --dry-run")
    else:
        say(f"correction {digest.hex[:12]}: the notes of {version} are {plan.notes.hex[:12]} from now on")
        say("the pipeline's next run takes it to pages, feeds and lists: humpyard pages render")


def history(version: _Release, settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List what became of the notes of a release: as published, and every correction since."""
    with open_yard(settings) as yard:
        found, policy = notes_history(yard, version_of(version)), yard.policy()
    if as_json:
        emit(_history_json(found))
        return
    rows = [(notes_digest(found.original).hex[:12], "", "", "as published")]
    rows += [
        (
            given.revision.notes.hex[:12],
            format_time(given.recorded),
            told_by(given.signer, policy),
            given.revision.summary,
        )
        for given in found.revisions
    ]
    table(("notes", "corrected (UTC)", "by", "what"), rows)


def show(
    version: _Release,
    at: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="One of `notes history`. [default: as it reads now]")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Byte by byte, to begin a correction with: for a file.")
    ] = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Print the notes of a release as they read now, or read once."""
    with open_yard(settings) as yard:
        found = notes_history(yard, version_of(version))
        wanted = found.current if at is None else _one_of(found, at)
        text = text_of(yard, found, wanted)
    if as_json:
        emit({"version": str(found.version), "notes": str(wanted), "text": text})
    elif raw:
        sys.stdout.buffer.write(text.encode())
    else:
        for line in text.splitlines():
            say(line.expandtabs(4))


def _one_of(found: NotesHistory, text: str) -> Digest:
    wanted = text.removeprefix("sha256:")
    known = {notes_digest(found.original), *(given.revision.notes for given in found.revisions)}
    fitting = [one for one in known if wanted and one.hex.startswith(wanted)]
    if len(fitting) != 1:
        raise InputError(
            f"notes {text!r}: expected the start of one digest, {len(fitting)} fit",
            hint=f"humpyard notes history {found.version} lists them",
        )
    return fitting[0]


def _show_diff(plan: Plan) -> None:
    for line in plan.diff():
        say(line.expandtabs(4))


def _plan_json(plan: Plan, correction: str | None) -> dict[str, Json]:
    return {
        "correction": correction,
        "version": str(plan.version),
        "previous": str(plan.previous),
        "notes": str(plan.notes),
        "diff": "\n".join(plan.diff()),
    }


def _history_json(found: NotesHistory) -> dict[str, Json]:
    return {
        "version": str(found.version),
        "published": str(notes_digest(found.original)),
        "current": str(found.current),
        "corrections": [
            {
                "correction": str(given.revision.digest),
                "notes": str(given.revision.notes),
                "previous": str(given.revision.previous),
                "recorded": format_time(given.recorded),
                "by": given.signer,
                "role": given.revision.role,
                "summary": given.revision.summary,
            }
            for given in found.revisions
        ],
    }
