"""`humpyard release`: publish candidates, list what is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from release.canonical import Json
from release.cli.options import DEFAULT_SETTINGS, AsJson, SettingsFile, version_of
from release.cli.output import emit, say, table, work
from release.ledger.state import State
from release.line.comparison import BoardComparison, compare
from release.line.publication import PublicationOrder, publication_job
from release.wiring import open_yard

app = typer.Typer(help="Publish candidates and list releases.", no_args_is_help=True)


@app.command()
def publish(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A candidate that was built.")],
    offered_in: Annotated[
        list[str],
        typer.Option(help="For history: a channel that offered it before the ledger began. Repeatable."),
    ] = [],
    settings: SettingsFile = DEFAULT_SETTINGS,
) -> None:
    """Upload a candidate, verify it from the mirror, record it in the ledger. No channel moves.

    Published bytes never change: publishing the same again does nothing, other bytes are refused.
    """
    order = PublicationOrder(version=version_of(version), offered_in=tuple(offered_in))
    with open_yard(settings) as yard:
        outcome = work(publication_job(yard, order))
    say(f"published {version}: {outcome[-1]}")
    say(f"next: humpyard promote request {version} --to CHANNEL --as FINGERPRINT")


@app.command("list")
def list_releases(settings: SettingsFile = DEFAULT_SETTINGS, as_json: AsJson = False) -> None:
    """List the releases that the ledger knows, and which channels offer them."""
    with open_yard(settings) as yard:
        state = yard.ledger.state()
    rows = [
        (version, release.built_for, release.release, _channels(state, str(version)))
        for version, release in sorted(state.releases.items(), reverse=True)
    ]
    if as_json:
        documents: list[Json] = [
            {"version": str(version), "built_for": built_for, "release": str(digest), "channels": [*channels]}
            for version, built_for, digest, channels in rows
        ]
        emit(documents)
        return
    table(
        ("version", "built for", "offered in", "release digest"),
        [(str(row[0]), row[1], ", ".join(row[3]) or "-", str(row[2])) for row in rows],
    )


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A published release.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A published release, usually the newer one.")],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two releases: packages, files, the size of the image.

    Everything comes from the releases' own lists, which are checked against what was registered.
    Which way a package's version went is judged by its text.
    """
    with open_yard(settings) as yard:
        boards = compare(yard, version_of(old), version_of(new))
    if as_json:
        emit([_as_json(one) for one in boards])
        return
    for one in boards:
        say(f"{one.board}: {old} to {new}, image {one.growth:+,} bytes")
        table(("package", "before", "after", ""), [*_package_rows(one)])
        sizes = [(file.name, *map(_bytes, (file.before, file.after))) for file in one.files]
        table(("file", "before", "after"), sizes)


def _package_rows(one: BoardComparison) -> Iterator[tuple[str, str, str, str]]:
    for package in one.packages.added:
        yield package.name, "-", package.version, "added"
    for package in one.packages.removed:
        yield package.name, package.version, "-", "removed"
    for change in one.packages.changed:
        yield change.name, change.before, change.after, change.direction.value


def _bytes(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"


def _as_json(one: BoardComparison) -> Json:
    packages: list[Json] = [
        {"name": name, "before": before, "after": after, "change": change}
        for name, before, after, change in _package_rows(one)
    ]
    files: list[Json] = [
        {"name": file.name, "before": file.before, "after": file.after} for file in one.files
    ]
    return {"board": str(one.board), "image_growth": one.growth, "packages": packages, "files": files}


def _channels(state: State, version: str) -> list[str]:
    return [channel for channel, head in state.heads.items() if str(head.version) == version]
