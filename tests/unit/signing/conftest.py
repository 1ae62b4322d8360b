"""Fixtures of the signing tests."""

from __future__ import annotations

from tests.openpgp_home import keyring

__all__ = ["keyring"]
