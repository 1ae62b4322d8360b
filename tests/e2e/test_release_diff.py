"""`humpyard release diff` as its users see it: counts first, and words for what must not be missed."""

from __future__ import annotations

import json

import pytest

from release.bundle.diff import PackageDiff
from release.bundle.difference import BoardDifference, sbom_difference
from release.catalog.board import Board
from release.cli.difference import Part, board_json, show_board
from release.image.sbom import Component, Sbom, SbomFormat
from release.line.release_difference import ComparedBoard
from tests.small_yard import NEW, OLD, SmallYard

_NO_SBOM = "flatcar_production_image_sbom.json"


def test_counts_come_first_and_downgrades_are_marked(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    diff = ["release", "diff", str(OLD), str(NEW)]
    capsys.readouterr()
    assert released_yard.humpyard(*diff) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4593.0.0 (built for alpha) to 4600.0.0 (built for alpha)"
    assert lines[2:8] == [
        "== amd64-usr",
        "packages    0 added, 0 removed, 0 up, 1 DOWN",
        "files       0 added, 0 removed, 0 changed; together 26,936 to 26,936 bytes (no change)",
        "image       294,912 to 294,912 bytes (no change)",
        next(line for line in lines if line.startswith("payload     ")),
        f"not compared: release 4593.0.0 has no bill of materials ({_NO_SBOM})",
    ]
    assert any(line.split() == ["DOWN", "sys-kernel/coreos-kernel", "6.12.93", "6.12.0"] for line in lines)
    assert released_yard.humpyard(*diff, "--only", "packages", "--board", "amd64-usr") == 0
    only = capsys.readouterr().out
    assert "image" not in only
    assert "DOWN" in only
    assert released_yard.humpyard("release", "diff", str(NEW), str(OLD), "--only", "sizes") == 0
    assert "4593.0.0 is the older one" in capsys.readouterr().out


def test_scripts_get_the_parts_that_they_ask_for(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    diff = ["release", "diff", str(OLD), str(NEW), "--json"]
    capsys.readouterr()
    assert released_yard.humpyard(*diff, "--only", "files") == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "board": "amd64-usr",
            "tree": {
                "added": 0,
                "removed": 0,
                "changed": 0,
                "before": 26_936,
                "after": 26_936,
                "largest": [],
            },
            "not_compared": [],
        }
    ]
    assert released_yard.humpyard(*diff) == 0
    (board,) = json.loads(capsys.readouterr().out)
    assert board["sbom"] is None
    assert len(board["not_compared"]) == 2
    assert set(board["payload"]) == {"before", "after"}
    assert released_yard.humpyard(*diff, "--board", "arm64-usr") == 1
    assert "nothing for board arm64-usr" in capsys.readouterr().err


def _sbom(**licences: str) -> Sbom:
    return Sbom(
        format=SbomFormat.SPDX,
        name="image",
        components=tuple(
            Component(name=name, version="1", purl=None, licences=tuple(text.split()))
            for name, text in sorted(licences.items())
        ),
    )


def test_licences_that_came_are_told_with_what_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Names are others' words: what would act on the terminal is taken out of them."""
    many = {f"part{number}": "BUSL-1.1" for number in range(8)}
    found = BoardDifference(
        board=Board("amd64"),
        packages=PackageDiff(added=(), removed=(), changed=()),
        tree=None,
        image_before=1000,
        image_after=1100,
        payload_after=5,
        sbom=sbom_difference(_sbom(a="MIT", b=""), _sbom(a="Evil\x1b[2J", b="", **many)),
    )
    compared = ComparedBoard(difference=found, files=())
    show_board(compared, frozenset(Part))
    lines = capsys.readouterr().out.splitlines()
    assert "image       1,000 to 1,100 bytes (+100, +10.0 %)" in lines
    assert "payload     - to 5 bytes" in lines
    assert "licences    2 came, 1 gone; 1 component relicensed" in lines
    assert "came  BUSL-1.1  part0, part1, part2, part3, part4, part5 and 2 more" in lines
    assert "came  Evil\ufffd[2J  a" in lines
    document = board_json(compared, frozenset({Part.SBOM}))
    assert json.loads(json.dumps(document))["sbom"]["licences_gone"] == [{"name": "MIT", "components": ["a"]}]
