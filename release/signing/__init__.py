"""Signatures: RSA keys by URI, payload signatures, OpenPGP signatures, trusted keys."""
