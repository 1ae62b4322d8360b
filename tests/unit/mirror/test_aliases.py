"""A stream beside the channel it belongs to."""

from __future__ import annotations

import pytest

from release.errors import InputError
from release.mirror.aliases import stream_alias
from tests.replica_conformance import BOARD, NEW, version_text, view


def test_an_alias_shows_the_files_where_they_are_and_the_pointer_alone() -> None:
    own = view(NEW, "lts-2024")
    alias = stream_alias("lts", own)
    assert alias.prefix == f"lts/{BOARD}/current-2024/"
    assert alias.files == own.files
    assert [(one.key, one.data) for one in alias.documents] == [
        (f"lts/{BOARD}/current-2024/version.txt", version_text(NEW))
    ]


def test_only_a_stream_has_one() -> None:
    with pytest.raises(InputError, match="expected a stream of lts"):
        stream_alias("lts", view(NEW, "stable"))
