"""Converts many notes at once: a second process does half of the work where that pays.

The second process is a program of its own, given texts and giving HTML. It needs nothing of ours but the
modules, so it works below a server, an orchestrator or a test as well. Where it cannot run, one process does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from release.errors import HumpyardError, InputError
from release.pages.markdown import convert
from release.pages.memo import Memo
from release.process import run

WORTHWHILE = 200_000
"""Characters of Markdown from which on a second process pays: half a second's work (measured)."""

_PROGRAM = "from release.pages.crew import main; main()"


def convert_ahead(memo: Memo, texts: Sequence[str], processes: int | None = None) -> None:
    """Let ``memo`` know the HTML of all texts that it does not know and that can be converted.

    ``processes``: 1, or more for two. None for two where there is work for two and more than one processor.
    """
    missing = sorted(
        {text for text in texts if memo.find(_NAME, text) is None}, key=lambda one: (len(one), one)
    )
    if processes is None:
        alone = sum(map(len, missing)) < WORTHWHILE or len(os.sched_getaffinity(0)) < 2
        processes = 1 if alone else 2
    ours, theirs = (missing, []) if processes < 2 else (missing[::2], missing[1::2])
    with ThreadPoolExecutor(max_workers=1) as pool:
        answer = pool.submit(_elsewhere, theirs)
        found = dict(zip(ours, map(_html, ours), strict=True))
    found |= answer.result()
    for text, html in found.items():
        if html is not None:
            memo.add(_NAME, text, html)


def main() -> None:
    """The second process: a JSON list of texts in, a list of HTML out, null for what is refused."""
    texts = json.load(sys.stdin.buffer)
    json.dump([_html(text) for text in texts], sys.stdout)


_NAME = f"{convert.__module__}.{convert.__qualname__}"


def _html(text: str) -> str | None:
    """None for what is refused: whoever needs it, refuses it again."""
    try:
        return convert(text)
    except InputError:
        return None


def _elsewhere(texts: Sequence[str]) -> dict[str, str | None]:
    """By text, as another process has it. Nothing where that fails."""
    if not texts or not sys.executable:
        return {}
    found = os.pathsep.join(path or os.curdir for path in sys.path)
    try:
        done = run(
            [sys.executable, "-c", _PROGRAM],
            stdin=json.dumps(texts).encode(),
            environment={"PYTHONPATH": found},
        )
        return dict(zip(texts, json.loads(done.stdout), strict=True))
    except (HumpyardError, OSError, ValueError):
        return {}
