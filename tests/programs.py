"""What single tests need and is no part of the product; without it they skip, and fail where ``CI=true``."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def needed(name: str) -> str:
    """The path of the program. Skips the test where it is missing, fails it there when ``CI=true``."""
    return shutil.which(name) or missing(f"{name} is not installed")


def missing(reason: str) -> NoReturn:
    """Something that the test needs is not here: skips it, or fails it when ``CI=true``."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
