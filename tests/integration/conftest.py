"""What attacks on a mirror start from: one yard, its mirror at two times, and copies to tamper with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile_mirror import HostileMirror, Times, served
from tests.small_yard import NEW, SmallYard


@pytest.fixture(scope="session")
def times(released_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Times:
    root = tmp_path_factory.mktemp("attacks")
    yard = SmallYard(root / "yard")
    shutil.copytree(released_template, yard.root)
    shutil.copytree(yard.mirror, root / "before")
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert yard.humpyard("promote", "run") == 0
    shutil.copytree(yard.mirror, root / "after")
    return Times(yard, root / "before", root / "after")


@pytest.fixture
def mirror(
    times: Times, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[HostileMirror]:
    """A copy of the newer mirror, which nobody has touched yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served(times.yard, times.after, tmp_path / "mirror") as hostile:
        capsys.readouterr()
        yield hostile


@pytest.fixture
def own_yard(times: Times, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallYard:
    """A copy of the yard, for whoever has got hold of one of its keys."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    shutil.copytree(times.yard.root, tmp_path / "own")
    return SmallYard(tmp_path / "own")
