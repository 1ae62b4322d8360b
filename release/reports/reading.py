"""Reading a test report of either format, told by its content: XML begins with ``<``."""

from __future__ import annotations

from release.reports.junit import read_junit
from release.reports.report import TestReport
from release.reports.tap import read_tap

_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_report(data: bytes, where: str) -> TestReport:
    """Read TAP or JUnit XML. Raises InputError as ``read_tap`` and ``read_junit`` do."""
    if data.removeprefix(_UTF_8_MARK).lstrip().startswith(b"<") or data.startswith(_UTF_16_MARKS):
        return read_junit(data, where)
    return read_tap(data, where)
