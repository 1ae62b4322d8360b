"""Fixtures of the image tests."""

from __future__ import annotations

from tests.openpgp_home import keyring

__all__ = ["keyring"]
