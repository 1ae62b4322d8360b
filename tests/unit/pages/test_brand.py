"""Colours of a distribution: put into the style, if they can be read."""

from __future__ import annotations

import re

import pytest

from release.errors import InputError
from release.pages.brand import DARK, LEAST, LIGHT, brand_style, contrast
from release.pages.press import template_directory
from release.pages.records import Brand

STYLE = (template_directory() / "style.css").read_text()


def schemes() -> list[dict[str, str]]:
    """The colours of the style sheet: light, dark."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block)) for block in blocks]


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#ffffff", "#ffffff") == 1


def test_what_is_measured_against_is_what_the_style_sheet_has() -> None:
    for papers, colours in zip((LIGHT, DARK), schemes(), strict=True):
        found = tuple(colours[name].replace("#fff", "#ffffff") for name in ("paper", "card", "shade"))
        assert found == papers


def test_every_colour_of_text_can_be_read_on_all_that_it_stands_on() -> None:
    for papers, colours in zip((LIGHT, DARK), schemes(), strict=True):
        for name in ("ink", "soft", "link"):
            assert min(contrast(colours[name], paper) for paper in papers) >= LEAST, name
        for name in ("good", "warn", "bad", "info"):
            assert contrast(colours[name], colours[f"{name}-bg"]) >= LEAST, name
            assert contrast(colours["soft"], colours[f"{name}-bg"]) >= LEAST, name
        assert min(contrast(colours["edge"], paper) for paper in papers[:2]) >= 3  # 1.4.11, of fields


def test_the_default_adds_nothing_and_is_what_the_style_sheet_has() -> None:
    assert not brand_style(Brand())
    assert [colours["link"] for colours in schemes()] == [Brand().accent, Brand().accent_dark]


def test_other_colours_are_set_in_each_scheme_but_not_in_print() -> None:
    assert brand_style(Brand(accent="#7a1fa2", accent_dark="#e1bee7")) == (
        "@media not print { :root { --link: #7a1fa2; } }\n"
        "@media screen and (prefers-color-scheme: dark) { :root { --link: #e1bee7; } }\n"
    )


@pytest.mark.parametrize(
    ("brand", "message"),
    [
        (Brand(accent="#88aaff"), r"brand.accent: #88aaff has a contrast of 2\.00 to #f2f0ec, expected"),
        (Brand(accent_dark="#0b57a4"), r"brand.accent_dark: #0b57a4 has a contrast of 2\.\d\d to #1e2227"),
        (Brand(accent="red"), "brand.accent: expected a colour like #0b57a4, found 'red'"),
        (Brand(accent="#0b57a4;}</style>"), "brand.accent: expected a colour"),
    ],
)
def test_a_colour_that_cannot_be_read_is_refused_with_the_measured_ratio(brand: Brand, message: str) -> None:
    with pytest.raises(InputError, match=message):
        brand_style(brand)
