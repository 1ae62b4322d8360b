"""The memory and the directory store keep the promises of stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.mirror.directory import DirectoryStore
from release.mirror.store import Store
from tests.memory_store import MemoryStore
from tests.store_conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestDirectoryStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return DirectoryStore(tmp_path / "mirror")
