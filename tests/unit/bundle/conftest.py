"""A release on disk, staged once for each test that asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.bundle.assemble import BoardInputs, StagedFile, stage
from release.bundle.release import Release
from tests.unit.bundle.samples import BOARDS, FakeMirror, FakeSigner, board_inputs, release_of


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[BoardInputs, ...]:
    return tuple(board_inputs(tmp_path / "built", board) for board in BOARDS)


@pytest.fixture
def release(inputs: tuple[BoardInputs, ...]) -> Release:
    return release_of(inputs)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    return tmp_path / "staging"


@pytest.fixture
def staged(release: Release, inputs: tuple[BoardInputs, ...], staging: Path) -> tuple[StagedFile, ...]:
    return stage(release, inputs, staging, FakeSigner())


@pytest.fixture
def mirror(staged: tuple[StagedFile, ...]) -> FakeMirror:
    return FakeMirror.of(staged)
