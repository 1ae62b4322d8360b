"""Pages weighed: compressed, with all that they fetch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from tools.site_check.built import BuiltSite, compressed, percentile
from tools.site_check.measure import Measure, at_most

_KIB = 1024
_LARGEST: Final[Mapping[str, float]] = MappingProxyType(
    {"home": 15, "channel": 20, "releases": 20, "compare": 40, "CVE index": 20, "CVE year": 30}
)
"""By kind of page, the most that any of them may weigh, in KiB."""

_P95_RELEASE, _MOST_RELEASE, _MEDIAN_RELEASE = 20, 50, 10
_STYLE, _SCRIPTS = 4, 5
_STYLE_ELEMENT = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_SCRIPT_ELEMENT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def weights(site: BuiltSite) -> Iterator[Measure]:
    """Every kind of page that has a budget, style and scripts; what the site lacks is a miss."""
    for kind, budget in _LARGEST.items():
        yield _largest(site, kind, budget)
    sizes = [site.weights[path] for path in site.pages["release"]]
    if sizes:
        for percent, budget in ((50, _MEDIAN_RELEASE), (95, _P95_RELEASE), (100, _MOST_RELEASE)):
            name = {50: "median", 95: "95 %", 100: "heaviest"}[percent]
            yield _kib(f"release pages, {name} of {len(sizes)}", percentile(sizes, percent), budget)
    rest = [kind for kind in site.pages if kind not in _LARGEST and kind != "release"]
    for kind in rest:
        if site.pages[kind] or kind != "other":
            yield _largest(site, kind, _MOST_RELEASE if kind == "from" else _P95_RELEASE)
    home = site.read("index.html")
    yield _kib("style sheet", sum(compressed(one) for one in _STYLE_ELEMENT.findall(home)), _STYLE)
    scripts = {one for path in _one_of_each(site) for one in _SCRIPT_ELEMENT.findall(site.read(path))}
    yield _kib(f"scripts, all {len(scripts)}", sum(compressed(one) for one in sorted(scripts)), _SCRIPTS)


def _one_of_each(site: BuiltSite) -> Iterator[str]:
    return (paths[-1] for paths in site.pages.values() if paths)


def _largest(site: BuiltSite, kind: str, budget: float) -> Measure:
    paths = site.pages[kind]
    if not paths:
        return Measure(what=f"{kind} page", found="there is none", budget="one", missed=True)
    heaviest = max(paths, key=lambda path: site.weights[path])
    name = f"{kind} page" if len(paths) == 1 else f"{kind} pages, heaviest of {len(paths)}"
    return _kib(name, site.weights[heaviest], budget)


def _kib(what: str, size: int, budget: float) -> Measure:
    return at_most(what, size / _KIB, budget, "KiB")
