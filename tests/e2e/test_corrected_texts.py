"""Texts of corrections on their way to mirrors: what the store lost, or holds altered, is not brought."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.digests import Digest
from tests.mirror_yard import NAMES, MirrorYard
from tests.small_yard import OLD, SmallYard


def said(yard: SmallYard, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command printed, errors included."""
    capsys.readouterr()
    assert yard.humpyard(*arguments) == 0
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_text_that_the_store_lost_or_holds_altered_is_brought_to_mirrors_once_it_is_restored(
    settled: MirrorYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    small, path, texts = settled.small, tmp_path / "notes.md", [b"# First\n", b"# Second\n"]
    keys = [f"releases/{OLD}/notes/{Digest.sha256(text).hex}.md" for text in texts]
    correct = ["notes", "correct", str(OLD), "--notes", str(path), "--summary", "Once more"]
    more = small.secret("ada")
    for text in texts:
        path.write_bytes(text)
        said(small, capsys, *correct, *more)
        more = [*small.secret("ada"), "--previous", Digest.sha256(text).hex]
    lost, altered = (small.mirror / key for key in keys)
    lost.unlink()
    altered.unlink()
    altered.write_bytes(b"# Another\n")
    told = said(small, capsys, "promote", "run")
    assert f"(without {keys[0]}: the store lacks it) (without {keys[1]}: the store has other bytes)" in told
    assert settled.head("a") == settled.head("origin"), "nobody waits for a text"
    assert not any((settled.root(name) / key).exists() for name in NAMES for key in keys)

    for file, text in zip((lost, altered), texts, strict=True):
        file.unlink(missing_ok=True)
        file.write_bytes(text)
    opened = ["issues", "open", "x", "--title", "T", "--text", "T", "--affects", str(OLD)]
    said(small, capsys, *opened, *small.secret("ada"))
    assert "without" not in said(small, capsys, "promote", "run")
    for name in NAMES:
        assert [(settled.root(name) / key).read_bytes() for key in keys] == texts
    assert "BEHIND" not in said(small, capsys, "mirrors", "sync", "--again")
