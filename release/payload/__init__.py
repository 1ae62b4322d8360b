"""Payloads: the CrAU format and the engine that builds and applies them. Knows no keys."""
