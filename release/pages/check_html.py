"""What a check reads from a page: its links, its ids, and whether its policy fits what is in it. Pure.

Made for pages as this package writes them: lower-case tags, values in double quotes or none. It is no HTML
parser, and no validator: vnu is one.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_VALUE = r"""="[^"]*"|=[^\s"'=<>`]+"""
_TAG = re.compile(rf"<([a-z][a-z0-9]*)((?:\s+[a-z][a-z:-]*(?:{_VALUE})?)+)\s*/?>")
_ATTRIBUTE = re.compile(rf"([a-z][a-z:-]*)({_VALUE})?")
_INLINE = re.compile(r"<(script|style)((?:\s[^>]*)?)>(.*?)</\1>", re.DOTALL)
_LOADED = re.compile(r"@import|url\(\s*[\"']?(?!data:)", re.IGNORECASE)
_RELATIONS = frozenset({"stylesheet", "icon", "preload", "modulepreload", "manifest", "prefetch"})
"""Of ``<link>``: what is loaded. Others only say where something is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """A page as a check sees it.

    Attributes:
        links: addresses that people can follow, forms included; without duplicates.
        ids: every id.
        twice: ids that are there more than once.
        canonical: the address that it says it has.
        faults: what is wrong with the page by itself, in words.
        style: bytes of style sheets in it.
        script: its scripts.
    """

    links: tuple[str, ...]
    ids: frozenset[str]
    twice: tuple[str, ...]
    canonical: str | None
    faults: tuple[str, ...]
    style: bytes
    scripts: tuple[bytes, ...]


def read_page(data: bytes) -> PageFacts:
    """Read a page. What is no UTF-8 is a fault."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text, faults = data.decode(errors="replace"), [f"no UTF-8: {error}"]
    else:
        faults = []
    inline = [(kind, attributes, code) for kind, attributes, code in _INLINE.findall(text)]
    text = _INLINE.sub("", text)
    links: dict[str, None] = {}
    ids: Counter[str] = Counter()
    policy = canonical = None
    for tag, written in _TAG.findall(text):
        given = {name: _value(value) for name, value in _ATTRIBUTE.findall(written)}
        faults += _forbidden(tag, given)
        if "id" in given:
            ids[given["id"]] += 1
        if tag == "link":
            canonical = given.get("href") if given.get("rel") == "canonical" else canonical
            if given.get("rel") in {"alternate", "next", "prev"}:
                links.setdefault(given.get("href", ""))
        elif tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            policy = given.get("content", "")
        elif tag in {"a", "area"} and "href" in given:
            links.setdefault(given["href"])
        elif tag == "form":
            links.setdefault(given.get("action", "").partition("?")[0] or "#")
    faults += _against_policy(policy, inline)
    return PageFacts(
        links=tuple(links),
        ids=frozenset(ids),
        twice=tuple(sorted(name for name, count in ids.items() if count > 1)),
        canonical=canonical,
        faults=tuple(dict.fromkeys(faults)),
        style=b"".join(code.encode() for kind, _, code in inline if kind == "style"),
        scripts=tuple(code.encode() for kind, given, code in inline if kind == "script" and _runs(given)),
    )


def _value(written: str) -> str:
    return html.unescape(written[1:].strip('"'))


def _forbidden(tag: str, given: dict[str, str]) -> Iterator[str]:
    """What loads something, or acts, by itself."""
    for name in given:
        if name == "style" or name.startswith("on"):
            yield f"<{tag}> has an attribute {name!r}, which the policy forbids"
    for name in ("src", "srcset", "poster", "data"):
        if name in given and not given[name].startswith("data:"):
            yield f"<{tag}> loads {given[name]!r}"
    loads = tag == "link" and _RELATIONS & set(given.get("rel", "").split())
    if loads and not given.get("href", "").startswith("data:"):
        yield f"<link> loads {given.get('href')!r}"
    if tag in {"iframe", "object", "embed", "base"}:
        yield f"<{tag}> does not belong on a page"


def _runs(attributes: str) -> bool:
    """Whether a script is one: others hold data."""
    return "type=" not in attributes or "javascript" in attributes or "module" in attributes


def _against_policy(policy: str | None, inline: list[tuple[str, str, str]]) -> Iterator[str]:
    if policy is None:
        yield "no Content-Security-Policy"
        return
    allowed = {words[0]: set(words[1:]) for part in policy.split(";") if (words := part.split())}
    if allowed.get("default-src") != {"'none'"}:
        yield "the Content-Security-Policy does not begin by forbidding everything"
    for name, sources in sorted(allowed.items()):
        loose = sources & {"'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "https:", "http:"}
        if loose:
            yield f"the Content-Security-Policy allows {', '.join(sorted(loose))} for {name}"
    for kind, attributes, code in inline:
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        if (kind == "style" or _runs(attributes)) and f"'sha256-{digest}'" not in allowed.get(
            f"{kind}-src", ()
        ):
            yield f"the Content-Security-Policy does not allow the <{kind}> in the page"
        if kind == "style" and _LOADED.search(code):
            yield "the style sheet loads something"
