"""CVE identifiers in notes, and what notes say of them.

Form: https://www.cve.org/ResourcesSupport/AllResources/CNARules, section 4.3. How security items are written
was measured on Flatcar's 540 published notes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from release.bundle.change import ChangeKind
from release.memo import remembered
from release.notes.items import Passage, passages
from release.notes.sayings import Saying, is_open_matter, saying

SEVERITIES = ("critical", "high", "medium", "low")
"""The gravest first."""

_LIKE = re.compile(r"\bCVE-[0-9XN?]+(?:-[0-9XN?]+)?", re.IGNORECASE)
_EXACT = re.compile(r"CVE-([0-9]{4})-([0-9]{4,19})", re.IGNORECASE)
_MARK = re.compile(r"(?P<indent>\s*)[-*+]\s+")
_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9 ,:+._/`*-]*?)[ *`]*+"
    r"(?:[:-]?+[ ]*+(?:\((?:https?://[^\s()]*+\) ?\()?[ ]*+)?(?=\[|CVE-)|$)",
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
_TITLE = 60
"""Characters in a line that can be a title."""
_SEEN = 2048


@dataclass(frozen=True, slots=True)
class Fix:
    """A CVE that notes name.

    Attributes:
        cve: the identifier, in capital letters.
        package: what an item calls it, prefixes like ``SDK:`` included; None where the notes give none: the
            item is a sentence or begins with the identifier, or the CVE is named elsewhere.
        severity: ``critical``, ``high``, ``medium`` or ``low`` where the notes say it right after the
            identifier; None where they do not. It is asked of nobody else.
        claimed: the notes say that it is fixed. They may name it for another reason: to say that nobody
            is affected, or that it is not fixed yet. Alike for all packages of a CVE.
        undone: the notes say that there is no fix, or none any more, whatever was said before.
    """

    cve: str
    package: str | None = None
    severity: str | None = None
    claimed: bool = False
    undone: bool = False


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
    again without; one that is said to be fixed is told only of what it is fixed in. Takes any text.
    """
    return tuple(Fix(*fields) for fields in json.loads(_fixes(notes)))


def claimed_fixes(notes: str) -> tuple[Fix, ...]:
    """Of ``fixes_in`` what notes say is fixed, not what they only mention."""
    return tuple(fix for fix in fixes_in(notes) if fix.claimed)


def claimed_cves(notes: str) -> tuple[str, ...]:
    """The CVEs that notes say are fixed, each once, by year and number."""
    return tuple(dict.fromkeys(fix.cve for fix in claimed_fixes(notes)))


def gravest(severities: Iterable[str | None]) -> str | None:
    """The gravest that is given, None where none is."""
    given = set(severities)
    return next((word for word in SEVERITIES if word in given), None)


@remembered
def _fixes(notes: str) -> str:
    """The same as JSON, for a memo: a list of fields for each."""
    every = [(mention, cve_ids(mention.text)) for mention in _mentions(notes)]
    undone = {cve for mention, cves in every if mention.undone for cve in cves}
    claimed = {cve for mention, cves in every if mention.claimed for cve in cves} - undone
    severities: dict[tuple[str, str | None], str | None] = {}
    for mention, cves in every:
        said = _severities(mention.text)
        for cve in cves:
            if mention.claimed or cve not in claimed:
                key = cve, mention.package
                severities[key] = gravest([severities.get(key), said.get(cve)])
    for cve in {*cve_ids(notes)} - {cve for cve, _ in severities}:  # in headings
        severities[cve, None] = None
    known = {cve for cve, package in severities if package is not None}
    found = [
        (cve, package, severity, cve in claimed, cve in undone)
        for (cve, package), severity in severities.items()
        if package is not None or cve not in known
    ]
    return json.dumps(sorted(found, key=lambda fix: (_order(_parts(fix[0])), fix[1] or "")))


@dataclass(frozen=True, slots=True)
class _Mention:
    """Part of the notes with what it says of the CVEs in it."""

    package: str | None
    text: str
    claimed: bool
    undone: bool


def _mentions(notes: str) -> Iterator[_Mention]:
    """What is said where a CVE is named, and perhaps where none is."""
    for section, passage in _titled(notes):
        if not _LIKE.search(passage.text) and not _LIKE.search(section):
            continue
        heading = _heard(section)
        if passage.is_item:
            yield from _of_item(replace(passage, section=section), heading)
        else:
            said = heading | saying(passage.text)
            yield _Mention(None, passage.text, claimed=False, undone=said.undoes)
        yield _Mention(None, section, claimed=False, undone=heading.undoes)


_heard = lru_cache(maxsize=_SEEN)(saying)


def _titled(notes: str) -> Iterator[tuple[str, Passage]]:
    """Passages with what the last title says: a heading, or a line of its own that says no more."""
    heading, title = "", ""
    for passage in passages(notes):
        if passage.section != heading:
            heading = title = passage.section
        yield title, passage
        _, broken, last = passage.text.rpartition("\n")
        if (passage.is_item and not broken) or last.startswith(" ") or len(last) > _TITLE:
            continue
        line = " ".join(re.sub(r"[*_`:]+", " ", last).split()).lower()
        if is_open_matter(line) or Passage(line, "", is_item=False).kind:
            title = line


def _of_item(passage: Passage, heading: Saying) -> Iterator[_Mention]:
    """What an item says, and those below it, each of which says what is above it as well."""
    security = passage.kind is ChangeKind.SECURITY
    outer: str | None = None
    above: list[tuple[int, Saying]] = []
    for number, text in enumerate(_units(passage.text)):
        mark = _MARK.match(text)
        indent, body = (len(mark["indent"]), text[mark.end() :]) if mark else (0, text)
        while above and above[-1][0] >= indent:
            above.pop()
        said = (above[-1][1] if above else heading) | saying(body)
        above.append((indent, said))
        name = None if passage.kind in _OTHER_KINDS else _name(body.partition("\n")[0])
        outer = name if number == 0 else outer
        package = name or outer
        claims = security or said.fixes or (not passage.section and package is not None)
        yield _Mention(package, text, claimed=claims and not said.denies, undone=said.undoes)


def _units(text: str) -> Iterator[str]:
    """The items of a list in an item, each with its further lines."""
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and _MARK.match(line):
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    yield "\n".join(lines)


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
