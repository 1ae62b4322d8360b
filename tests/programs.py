"""Programs that single tests need and that are no part of the product."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(name: str) -> str:
    """The path of the program. Skips the test where it is missing, fails it there when ``CI=true``."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
