"""`humpyard payload explain`: where the bytes of a delta come from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from release.atomic import check_place, replacing
from release.cli.options import AsJson, profile_of
from release.cli.output import emit, say, table, work
from release.explain.explain import explain_images
from release.explain.picture import draw
from release.explain.report import Advice, Explanation, Line
from release.line.steps import Report, Step
from release.payload.build import BuildOrder, OrderError, check_order
from release.payload.profile import FLATCAR, Profile


def explain(
    old_image: Annotated[
        Path, typer.Argument(metavar="OLD", exists=True, dir_okay=False, help="The raw partition before.")
    ],
    new_image: Annotated[
        Path, typer.Argument(metavar="NEW", exists=True, dir_okay=False, help="The raw partition to install.")
    ],
    profile: Annotated[str, typer.Option(help="Client profile: flatcar or positional-bspatch.")] = "flatcar",
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.svg", dir_okay=False, help="Also draw a map of the blocks of both images."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Files and regions to list, the dearest first.")] = 15,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Threads that build the delta.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Tell where the bytes of the delta from OLD to NEW come from, and what would make it smaller.

    Builds the delta in a temporary directory (TMPDIR) and removes it. Images are read without mounting
    them: files of ext2/3/4, squashfs, erofs and btrfs, regions of anything else. --json lists all files.
    """
    rules = profile_of(profile) or FLATCAR
    _check_usage(old_image, new_image, rules, picture)
    explanation = _explained(old_image, new_image, rules, workers)
    if picture is not None:
        with replacing(picture) as file:
            file.write(draw(explanation).encode())
    if as_json:
        emit(explanation.as_json())
        return
    _show(explanation, top)
    if picture is not None:
        say(f"\n{picture}: the blocks of both images")


def _explained(old: Path, new: Path, profile: Profile, workers: int) -> Explanation:
    found: list[Explanation] = []

    def run(report: Report) -> str:
        scratch = Path(tempfile.gettempdir())
        explanation = explain_images(
            old, new, profile=profile, workers=workers, scratch=scratch, progress=report
        )
        found.append(explanation)
        return f"{explanation.size:,} bytes"

    work((Step("explain", f"build the delta to {new.name} and look at it", run),))
    return found[0]


def _check_usage(old: Path, new: Path, profile: Profile, picture: Path | None) -> None:
    try:
        check_order(BuildOrder(new_image=new, out=new, old_image=old, profile=profile))
    except OrderError as error:
        raise typer.BadParameter(error.message, param_hint="--profile") from error
    if picture is None:
        return
    if picture.suffix != ".svg":
        raise typer.BadParameter(f"{picture}: expected a name that ends in .svg", param_hint="--picture")
    if picture.exists() and any(picture.samefile(image) for image in (old, new)):
        raise typer.BadParameter(f"{picture}: is one of the images", param_hint="--picture")
    check_place(picture)


def _show(explanation: Explanation, top: int) -> None:
    image = len(explanation.fates.fate) * explanation.block_size
    say(f"{explanation.old} -> {explanation.new}, client profile {explanation.profile}")
    say(
        f"payload {explanation.size:,} bytes without signatures, image {image:,} bytes\n\n"
        "How the blocks of the new image come to be"
    )
    fates = [
        (str(line["fate"]), *_numbers(line["blocks"], line["payload"])) for line in explanation.fate_lines()
    ]
    table(("fate", *_heads("blocks", "payload")), fates)
    say("\nWhat the payload's bytes belong to")
    manifest = (
        "header and manifest",
        *("",) * 3,
        *_numbers(explanation.manifest),
        _share(explanation.manifest, explanation.size),
    )
    classes = [_row(line, explanation.size) for line in explanation.classes]
    table(("class", *_heads("image", "rewritten", "moved", "payload"), "share"), [*classes, manifest])
    _show_items(explanation, top)
    _show_advice(explanation.advice)
    for note in explanation.notes:
        say(f"note: {note}")


def _show_items(explanation: Explanation, top: int) -> None:
    items = [line for line in explanation.items if line.payload]
    listed, rest = items[:top], items[top:]
    if not listed:
        return
    say("\nThe dearest files and regions")
    rows = [
        (*_numbers(line.payload, line.rewritten), _share(line.payload, explanation.size), line.title)
        for line in listed
    ]
    if rest:
        payload, rewritten = sum(line.payload for line in rest), sum(line.rewritten for line in rest)
        rows.append((*_numbers(payload, rewritten), _share(payload, explanation.size), f"{len(rest):,} more"))
    table((*_heads("payload", "rewritten"), "share", "file or region"), rows)


def _show_advice(advice: tuple[Advice, ...]) -> None:
    if not advice:
        return
    say("\nWhat would make it smaller (savings overlap, they do not add up)")
    for item in advice:
        saving = f"{item.saving:,} bytes, " if item.saving is not None else ""
        say(f"- {item.title}: {saving}{item.basis.value}\n    {item.how}")


def _row(line: Line, total: int) -> tuple[str, ...]:
    numbers = _numbers(line.size, line.rewritten, line.moved, line.payload)
    return (line.title, *numbers, _share(line.payload, total))


def _numbers(*values: object) -> tuple[str, ...]:
    return tuple(f"{value:>13,}" for value in values)


def _heads(*names: str) -> tuple[str, ...]:
    return tuple(f"{name:>13}" for name in names)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f}%"
