"""Payload sizes and speed beside public tools, measured in one run and given as ratios."""
