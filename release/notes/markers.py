"""Words that people leave where they meant to write something."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|TBD|TBA|XXX+|PLACEHOLDER)\b|(?i:lorem ipsum)")
"""Some of Flatcar's published notes, and one of its fragments, have one."""
