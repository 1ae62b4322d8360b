"""What a reader remembers: atomic, never backwards, and refused when it cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from release.errors import InputError
from release.trust.head import LedgerPosition
from release.trust.seen import Seen, read_seen, remember
from tests.unit.ledger.fakes import NOW, digest_of

SEEN = Seen(product="demo", ledger=LedgerPosition(sequence=7, digest=digest_of("7")), issued=NOW)
NEWER = replace(SEEN, ledger=LedgerPosition(sequence=8, digest=digest_of("8")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seen.json"


def test_what_is_remembered_is_read_back(path: Path) -> None:
    assert read_seen(path) is None
    remember(path, SEEN)
    assert read_seen(path) == SEEN
    assert [one.name for one in path.parent.iterdir()] == ["seen.json"]


def test_memory_goes_forward_only(path: Path) -> None:
    remember(path, NEWER)
    remember(path, SEEN)
    assert read_seen(path) == NEWER
    later = replace(NEWER, issued=NOW + timedelta(hours=1))
    remember(path, later)
    assert read_seen(path) == later


def test_two_products_do_not_share_a_memory(path: Path) -> None:
    remember(path, SEEN)
    with pytest.raises(InputError, match="is about 'demo', not 'another'"):
        remember(path, replace(SEEN, product="another"))
    assert read_seen(path) == SEEN


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"format":"humpyard-seen-1"}', b'{"format":"other"}', b"x" * 99999]
)
def test_a_memory_that_cannot_be_read_is_no_first_visit(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(InputError):
        read_seen(path)
    with pytest.raises(InputError):
        remember(path, SEEN)
    assert path.read_bytes() == data


def test_a_memory_is_a_file_in_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no directory"):
        remember(tmp_path / "absent" / "seen.json", SEEN)
    with pytest.raises(InputError, match="Is a directory"):
        read_seen(tmp_path)
