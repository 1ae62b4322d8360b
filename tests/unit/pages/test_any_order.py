"""Values that are equal but for the order in which they come give equal pages."""

from __future__ import annotations

from dataclasses import replace

from release.pages.render import render_site
from tests.unit.pages.samples import stopped_site


def test_the_same_site_gives_the_same_bytes_in_any_order() -> None:
    sample = stopped_site("https://releases.example.org/")
    other = replace(
        sample,
        releases=tuple(
            replace(item, channels=item.channels[::-1], withdrawals=item.withdrawals[::-1])
            for item in sample.releases[::-1]
        ),
        heads=dict(reversed([*sample.heads.items()])),
        support=dict(reversed([*sample.support.items()])),
    )
    assert render_site(sample) == render_site(other)
