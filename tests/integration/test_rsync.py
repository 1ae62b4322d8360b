"""Replicas that a real rsync fills, at a real daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.mirror.replica import Replica
from release.mirror.rsync import RsyncReplica
from tests.replica_conformance import ReplicaConformance
from tests.rsync_daemon import RsyncDaemon, rsync_daemon  # noqa: F401 - fixture


class TestCopies(ReplicaConformance):
    @pytest.fixture
    def replica(self, rsync_daemon: RsyncDaemon, tmp_path: Path) -> Replica:  # noqa: F811
        return RsyncReplica(rsync_daemon.rsync(), tmp_path / "work")


class TestLinks(ReplicaConformance):
    @pytest.fixture
    def replica(self, rsync_daemon: RsyncDaemon, tmp_path: Path) -> Replica:  # noqa: F811
        return RsyncReplica(rsync_daemon.rsync(), tmp_path / "work", links=True)
