"""When a delta pays."""

from __future__ import annotations

import pytest

from release.line.worth import Worth


@pytest.mark.parametrize(
    ("delta", "full", "threshold", "pays"),
    [
        (69, 100, 0.7, True),
        (70, 100, 0.7, True),
        (71, 100, 0.7, False),
        (100, 100, 1.0, True),
        (101, 100, 1.0, False),
        (1, 100, 0.001, False),
    ],
)
def test_a_delta_pays_up_to_the_threshold(delta: int, full: int, threshold: float, *, pays: bool) -> None:
    assert Worth(delta=delta, full=full, threshold=threshold).pays is pays


def test_what_does_not_pay_says_sizes_ratio_threshold_and_what_to_do() -> None:
    said = str(Worth(delta=9_000, full=10_000, threshold=0.7))
    for part in (
        "90.0%",
        "10,000 bytes",
        "payload.delta_threshold is 0.7",
        "not shipped",
        "raise the threshold",
    ):
        assert part in said
    assert str(Worth(delta=1_000, full=10_000, threshold=0.7)) == "10.0% of the full payload's 10,000 bytes"
