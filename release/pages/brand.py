"""A distribution's colours: put into the style sheet, after it was measured that people can read them. Pure.

Contrast is that of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio. The colour of links is also
what buttons are filled with, under letters of the paper's colour: the ratio is the same.
"""

from __future__ import annotations

import re

from release.errors import InputError
from release.pages.records import Brand

LEAST = 4.5
"""WCAG 2.2, 1.4.3: what text of ordinary size needs at least."""

LIGHT = ("#fbfaf8", "#ffffff", "#f2f0ec")
DARK = ("#131518", "#1a1d21", "#1e2227")
"""What links stand on in each scheme: paper, cards and shaded blocks of ``style.css``."""

_COLOUR = re.compile(r"#[0-9a-f]{6}", re.ASCII | re.IGNORECASE)
_DEFAULT = Brand()


def brand_style(brand: Brand) -> str:
    """What to add to the style sheet; nothing for colours that it has anyway. Raises as ``check_brand``."""
    check_brand(brand)
    found = ""
    if brand.accent != _DEFAULT.accent:
        found += f"@media not print {{ :root {{ --link: {brand.accent}; }} }}\n"
    if (brand.accent, brand.accent_dark) != (_DEFAULT.accent, _DEFAULT.accent_dark):
        found += (
            f"@media screen and (prefers-color-scheme: dark) {{ :root {{ --link: {brand.accent_dark}; }} }}\n"
        )
    return found


def check_brand(brand: Brand) -> None:
    """Make sure that links can be read in both schemes.

    Raises:
        InputError: a colour is not ``#rrggbb``, or too close to what it stands on; says how close.
    """
    for name, colour, papers in (
        ("accent", brand.accent, LIGHT),
        ("accent_dark", brand.accent_dark, DARK),
    ):
        if not _COLOUR.fullmatch(colour):
            raise InputError(f"brand.{name}: expected a colour like #0b57a4, found {colour!r}")
        paper = min(papers, key=lambda paper: contrast(colour, paper))
        ratio = contrast(colour, paper)
        if ratio < LEAST:
            raise InputError(
                f"brand.{name}: {colour} has a contrast of {ratio:.2f} to {paper}, expected at least {LEAST}",
                hint=f"take a {'darker' if papers is LIGHT else 'lighter'} colour",
            )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (``#rrggbb``), from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
