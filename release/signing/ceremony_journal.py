"""The signing journal: what was signed on this machine, so that it is noticed when asked again.

A memory aid beside the answers, for the people who hold keys; nothing trusts it, and whoever can write
there can change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from release import canonical
from release.atomic import replacing
from release.canonical import Json
from release.catalog.version import Version
from release.digests import Digest
from release.errors import RefusedError
from release.signing.ceremony_fields import Fields, format_time, read_bounded, read_canonical

JOURNAL_FORMAT = "humpyard-signing-journal-1"
JOURNAL_NAME = "signing-journal.json"
JOURNAL_LIMIT = 4 << 20
_MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One signing: which bundle, of what, with which key, when. ``code`` is what people compared."""

    bundle: Digest
    code: str
    product: str
    version: Version
    candidate: Digest
    fingerprint: str
    signed: datetime


def read_journal(path: Path) -> tuple[JournalEntry, ...]:
    """All entries, oldest first; none when there is no file.

    Raises InputError when it cannot be read or is no journal: then nothing should be signed unasked.
    """
    if not path.exists():
        return ()
    fields = read_canonical(
        read_bounded(path, JOURNAL_LIMIT), JOURNAL_FORMAT, "signing journal", str(path), JOURNAL_LIMIT
    )
    entries = tuple(_read(one) for one in fields.objects("entries", _MOST_ENTRIES))
    fields.end()
    return entries


def add_entry(path: Path, entry: JournalEntry) -> None:
    """Write ``entry`` behind the others, atomically. Raises as ``read_journal``, and for a full disk."""
    entries = (*read_journal(path), entry)[-_MOST_ENTRIES:]
    with replacing(path) as target:
        target.write(canonical.dump({"format": JOURNAL_FORMAT, "entries": [_write(one) for one in entries]}))


def signed_before(entries: Iterable[JournalEntry], bundle: Digest, fingerprint: str) -> JournalEntry | None:
    """The last time this key signed this very bundle; None if it never did."""
    found = [one for one in entries if (one.bundle, one.fingerprint) == (bundle, fingerprint)]
    return found[-1] if found else None


def check_journal(
    entries: Iterable[JournalEntry], bundle: Digest, product: str, version: Version, candidate: Digest
) -> None:
    """Refuse a bundle when another one for the same version was signed here, with whatever key.

    Raises:
        RefusedError: says which one that was, and whether it was for the same bytes.
    """
    others = [one for one in entries if (one.product, one.version) == (product, version)]
    if not others or others[-1].bundle == bundle:
        return
    last = others[-1]
    same = last.candidate == candidate
    what = "the same payloads, exported again" if same else "OTHER PAYLOADS under the same version"
    raise RefusedError(
        f"{product} {version}: on {format_time(last.signed)} the bundle {last.code} was signed here;"
        f" this one is {what}",
        hint="expected if the bundle was lost or expired: then sign with --again"
        if same
        else "ask why there are two candidates of one version; if the new one is right, sign with --again",
    )


def _write(entry: JournalEntry) -> Json:
    return {
        "bundle": str(entry.bundle),
        "code": entry.code,
        "product": entry.product,
        "version": str(entry.version),
        "candidate": str(entry.candidate),
        "fingerprint": entry.fingerprint,
        "signed": format_time(entry.signed),
    }


def _read(fields: Fields) -> JournalEntry:
    entry = JournalEntry(
        bundle=fields.sha256("bundle"),
        code=fields.text("code"),
        product=fields.text("product"),
        version=fields.parsed("version", Version.parse),
        candidate=fields.sha256("candidate"),
        fingerprint=fields.octets("fingerprint", 32).hex(),
        signed=fields.time("signed"),
    )
    fields.end()
    return entry
