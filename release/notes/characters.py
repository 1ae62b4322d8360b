"""Characters that have no place in notes, because they act on the reader instead of being read."""

from __future__ import annotations

import re

FORBIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 except tab and line feed: terminals obey them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: text that reads otherwise
    "\u2028\u2029\ufeff\ufffe\uffff"  # line separators, byte order mark, noncharacters
    "\ud800-\udfff"  # lone surrogates: not text, UTF-8 cannot hold them
    "]"
)
"""Refused in fragments, shown as U+FFFD on pages. Source: Unicode UAX #9, UTS #39; XML 1.0 section 2.2."""
