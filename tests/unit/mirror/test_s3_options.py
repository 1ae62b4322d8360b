"""Options of S3 mirrors as values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import InputError
from release.mirror.s3_options import MAX_PART, MAX_PARTS, MIN_PART, Encryption, S3Options


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"request_rate": 0}, "request_rate 0: expected more than 0"),
        ({"request_rate": float("nan")}, "request_rate nan"),
        ({"bandwidth": -1}, "bandwidth -1"),
        ({"attempts": 0}, "attempts 0"),
        ({"parallel": 0}, "parallel 0"),
        ({"parallel": 65}, "parallel 65"),
        ({"part_size": MIN_PART - 1}, "part_size 5242879: expected 5242880"),
        ({"part_size": MAX_PART}, "part_size"),
        ({"copy_size": MAX_PART + 1}, "copy_size"),
        ({"copy_size": 1}, "copy_size"),
        ({"storage_class": "DEEP_ARCHIVE"}, "nobody could read the objects back"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        S3Options(**options)


def test_only_kms_keys_have_names() -> None:
    assert Encryption(algorithm="aws:kms", key="alias/release").key == "alias/release"
    with pytest.raises(InputError, match="only aws:kms has named keys"):
        Encryption(algorithm="AES256", key="alias/release")


@given(size=st.integers(0, 5 << 40), identity=st.text())
def test_parts_are_few_and_long_enough_and_always_cut_alike(size: int, identity: str) -> None:
    """S3 objects have up to 5 TiB."""
    options = S3Options()
    length = options.part_length(size, identity)
    assert options.part_size <= length <= MAX_PART
    assert length * MAX_PARTS >= size
    assert options.part_length(size, identity) == length


def test_other_content_is_cut_otherwise() -> None:
    lengths = {S3Options().part_length(0, f"content {number}") for number in range(100)}
    assert len(lengths) == 100
