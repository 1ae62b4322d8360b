"""One Prefect server, and one worker of its deployments, for all tests of flows."""

from __future__ import annotations

from tests.flows.deployments import deployed  # noqa: F401 - a fixture
from tests.prefect_server import prefect_server  # noqa: F401 - a fixture
