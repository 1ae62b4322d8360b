"""One Prefect server, and one worker of its deployments, for all tests of flows."""

from __future__ import annotations

from tests.audited_mirrors import audited, audited_template, served_mirrors  # noqa: F401 - fixtures
from tests.flows.deployments import deployed  # noqa: F401 - a fixture
from tests.keeping_policy import kept, kept_template  # noqa: F401 - fixtures
from tests.prefect_server import prefect_server  # noqa: F401 - a fixture
