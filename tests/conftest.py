"""What every test shares: a scrubbed environment and the reference data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.evidence_yard import evidence_template, evidence_yard  # noqa: F401 - fixtures
from tests.programs import missing
from tests.small_yard import (  # noqa: F401 - fixtures for every test
    released_template,
    released_yard,
    small_yard,
    yard_template,
)

_SCRUBBED = ("AWS_", "GNUPGHOME", "HUMPYARD_", "PREFECT_", "GPG_AGENT_INFO")
for _name in list(os.environ):
    if _name.startswith(_SCRUBBED):
        del os.environ[_name]

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference data. Skips where it is missing, fails there when ``CI=true``."""
    if not SHARED.is_dir():
        missing(f"reference data not found at {SHARED}")
    return SHARED
