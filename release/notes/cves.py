"""CVE identifiers in notes, and what notes say of them.

Form: https://www.cve.org/ResourcesSupport/AllResources/CNARules, section 4.3. How security items are written
was measured on Flatcar's 540 published notes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from release.bundle.change import ChangeKind
from release.memo import remembered
from release.notes.items import Passage, passages

_LIKE = re.compile(r"\bCVE-[0-9XN?]+(?:-[0-9XN?]+)?", re.IGNORECASE)
_EXACT = re.compile(r"CVE-([0-9]{4})-([0-9]{4,19})", re.IGNORECASE)
_MARK = re.compile(r"(?P<indent>\s*)[-*+]\s+")
_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9 ,:+._/`*-]*?)[ *`]*"
    r"(?:[:-]?[ ]*(?:\((?:https?://[^\s()]*\) ?\()?[ ]*)?(?=\[|CVE-)|$)",
    re.IGNORECASE,
)
_SEVERITY = re.compile(
    r"CVE-[0-9]{4}-[0-9]{4,19}(?:\]\([^()\s]*\))?[,:]? ?\(?(?P<severity>critical|high|medium|moderate|low)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?:fix|fixes|fixed|similar|malicious)\b", re.IGNORECASE)
_OTHER_KINDS = frozenset(ChangeKind) - {ChangeKind.SECURITY}
_WORDS = 3
"""In a package's name without prefix: ``tcpdump and libpcap``. What is longer is a sentence."""
_NEAR = 400
"""Characters at the beginning of an item that are looked at for its name."""
_SEEN = 2048


@dataclass(frozen=True, slots=True)
class Fix:
    """A CVE that notes name.

    Attributes:
        cve: the identifier, in capital letters.
        package: what a security item calls it, prefixes like ``SDK:`` included; None where the CVE is
            named in other text, which may even say that nobody is affected.
        severity: ``critical``, ``high``, ``medium`` or ``low`` where the notes say it right after the
            identifier; None where they do not. It is asked of nobody else.
    """

    cve: str
    package: str | None = None
    severity: str | None = None


def cve_ids(text: str) -> tuple[str, ...]:
    """The identifiers that a text names, each once, by year and number. Whether they exist is not checked."""
    found = {(match[1], match[2]) for like in _LIKE.findall(text) if (match := _EXACT.fullmatch(like))}
    return tuple(f"CVE-{year}-{number}" for year, number in sorted(found, key=_order))


def malformed_cve_ids(text: str) -> tuple[str, ...]:
    """What looks like an identifier and is none, a place kept for one (``CVE-2026-XXXX``) included."""
    return tuple(dict.fromkeys(like for like in _LIKE.findall(text) if not _EXACT.fullmatch(like)))


@lru_cache(maxsize=_SEEN)
def fixes_in(notes: str) -> tuple[Fix, ...]:
    """The CVEs that notes name, by year and number, then package: each once for a package.

    The identifiers are exactly those of ``cve_ids``. One that an item names with a package is not told
    again without. Takes any text.
    """
    return tuple(Fix(*fields) for fields in json.loads(_fixes(notes)))


@remembered
def _fixes(notes: str) -> str:
    """The same as JSON, for a memo: a list of fields for each."""
    severities: dict[tuple[str, str | None], str | None] = {}
    for passage in passages(notes):
        if _LIKE.search(passage.text):
            for package, text in _told(passage):
                said = _severities(text)
                for cve in cve_ids(text):
                    severities[cve, package] = severities.get((cve, package)) or said.get(cve)
    for cve in cve_ids(notes):  # in headings, too
        severities.setdefault((cve, None), None)
    known = {cve for cve, package in severities if package is not None}
    found = [
        (cve, package, severity)
        for (cve, package), severity in severities.items()
        if package is not None or cve not in known
    ]
    return json.dumps(sorted(found, key=lambda fix: (_order(_parts(fix[0])), fix[1] or "")))


def _told(passage: Passage) -> Iterator[tuple[str | None, str]]:
    """The parts of a passage that name CVEs, with the package that they name them for."""
    if not passage.is_item or passage.kind in _OTHER_KINDS:
        yield None, passage.text
        return
    outer: str | None = None
    for number, line in enumerate(passage.text.split("\n")):
        mark = _MARK.match(line)
        body = line[mark.end() :] if mark else line.strip()
        name = _name(body) if mark else None
        if number == 0:
            outer = name
        yield name or outer, line


def _name(body: str) -> str | None:
    """The package that an item is about; None where it begins with an identifier, or with a sentence."""
    match = _NAMED.match(body[:_NEAR].lstrip("*` "))
    if match is None or _LIKE.match(body):
        return None
    name = " ".join(match["name"].replace("*", "").replace("`", "").strip(" :-").split())
    words = name.rpartition(": ")[2].split()
    return name if 0 < len(words) <= _WORDS and not any(map(_SENTENCE.match, words)) else None


def _severities(text: str) -> dict[str, str]:
    found = {}
    for match in _SEVERITY.finditer(text):
        exact = _EXACT.match(match.group())
        if exact is not None:
            said = match["severity"].lower()
            found[f"CVE-{exact[1]}-{exact[2]}"] = "medium" if said == "moderate" else said
    return found


def _parts(cve: str) -> tuple[str, str]:
    _, year, number = cve.split("-")
    return year, number


def _order(parts: tuple[str, str]) -> tuple[str, int, str]:
    year, number = parts
    return year, len(number), number
