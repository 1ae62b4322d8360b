"""What a release asked for that was withdrawn: the notes of the next one ask for it again."""

from __future__ import annotations

import pytest

from tests.small_yard import NEW, OLD, SmallYard

ASKED = "Run migrate-etcd before you update"


def test_what_only_a_withdrawn_release_told_is_in_the_notes_of_the_next_one(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most machines go past a withdrawn release, from the one before it to the one after it."""
    yard = small_yard
    yard.publish(OLD, offered_in=("alpha",))
    folder = yard.root / "changelog" / "action_required"
    folder.mkdir(exist_ok=True)
    (folder / "2026-01-02-etcd.md").write_text(f"- {ASKED}\n")
    yard.publish(NEW, offered_in=("alpha",))
    capsys.readouterr()
    assert yard.humpyard("notes", "preview", "alpha") == 0
    shown = capsys.readouterr().out
    assert f"Alpha {NEW}" in shown
    assert ASKED not in shown
    stop = ["stop", "withdraw", str(NEW), "--reason", "It eats disks", *yard.secret("ada")]
    assert yard.humpyard(*stop) == 0
    capsys.readouterr()
    assert yard.humpyard("notes", "preview", "alpha") == 0
    shown = capsys.readouterr().out
    assert f"Alpha {OLD}" in shown
    assert ASKED in shown
