"""The offline signing ceremony where the candidate is: export, import, and what is still missing.

Everything it keeps is in the candidate's workspace: what is to be signed, the newest export, one answer
for each offline key. An answer belongs to a candidate digest; when the candidate becomes another one,
what was answered for the old one is no answer any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_bytes

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, RefusedError
from release.line.signables import measure_candidate
from release.line.workspace import Workspace, read_record, write_file, write_record
from release.line.yard import PayloadTools, Yard
from release.payload.signature_blob import CLIENT_VERSION
from release.signing.ceremony import OpenBundle
from release.signing.ceremony_answer import (
    ANSWER_LIMIT,
    SealedAnswer,
    check_answer,
    check_seal,
    decode_answer,
)
from release.signing.ceremony_bundle import (
    NONCE_BYTES,
    KeySlot,
    SigningBundle,
    decode_bundle,
    encode_bundle,
)
from release.signing.ceremony_fields import format_time, read_bounded
from release.signing.offline import OfflineAnswers, WaitingForSignaturesError
from release.signing.trusted_keys import PayloadKey

LIFETIME = timedelta(days=7)
"""How long a bundle may be signed and answered, unless somebody says otherwise."""

LONGEST_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """What was exported of a candidate: the newest bundle, and the digests of all older ones."""

    newest: OpenBundle
    older: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a ceremony stands. ``answered`` and ``missing`` are offline keys, in slot order."""

    exported: OpenBundle | None
    answered: tuple[KeySlot, ...]
    missing: tuple[KeySlot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An answer that was checked and is kept. ``before``: it was there already, to the byte."""

    version: Version
    key: KeySlot
    before: bool


def export(
    yard: Yard, version: Version, *, lifetime: timedelta = LIFETIME, anew: bool = False
) -> tuple[OpenBundle, bool]:
    """The bundle for a candidate, and whether it is the one that was exported before.

    As long as the newest export is for these bytes and these keys and has not expired, it is given out
    again, so that a lost bundle costs nobody a second signature. ``anew`` makes another one, after which
    the older ones may not be answered any more.

    Raises:
        InputError: no candidate, or its payloads are not all built, or changed since.
        RefusedError: the settings name no offline keys.
    """
    space = Workspace.of(yard.work, version)
    candidate, keys, now = measure_candidate(space, version), key_slots(_tools(yard, space)), yard.clock()
    if not any(key.offline for key in keys):
        raise RefusedError(
            f"candidate {version}: no offline keys are configured, so nobody is to be asked",
            hint='name one in payload.signers: "offline:NAME", with its public half in payload.keys',
        )
    before = read_exports(space)
    if before is not None and not anew:
        last = before.newest.bundle
        if (last.candidate, last.keys) == (candidate, keys) and now < last.expires:
            return before.newest, True
    bundle = SigningBundle(
        candidate=candidate,
        keys=keys,
        nonce=token_bytes(NONCE_BYTES),
        created=now,
        expires=now + lifetime,
    )
    data = encode_bundle(bundle)
    older = [] if before is None else [str(one) for one in (*before.older, before.newest.digest)]
    write_record(space.exports, {"newest": data.decode(), "older": [*older]})
    return OpenBundle(space.exports, data, bundle), False


def _tools(yard: Yard, space: Workspace) -> PayloadTools:
    """How payloads are signed for the channel that the candidate was ordered for."""
    ordered = read_record(space.order)
    if ordered is None:
        raise InputError(f"{space.root}: no candidate here", hint="humpyard candidate build begins one")
    return yard.payload_for(str(ordered.get("channel")))


def key_slots(tools: PayloadTools) -> tuple[KeySlot, ...]:
    """The keys that sign, in slot order, with the version that each one's signature has."""
    first = CLIENT_VERSION + 1 - len(tools.keys)
    return tuple(
        KeySlot(
            slot=first + index,
            name=tools.offline.get(key.fingerprint, key.name),
            fingerprint=key.fingerprint,
            bits=8 * key.size,
            offline=key.fingerprint in tools.offline,
        )
        for index, key in enumerate(tools.keys)
    )


def read_exports(space: Workspace) -> Exports | None:
    """What was exported of the candidate, None for nothing. Raises InputError for a damaged record."""
    record = read_record(space.exports)
    if record is None:
        return None
    newest, older = record.get("newest"), record.get("older")
    if not isinstance(newest, str) or not isinstance(older, list):
        raise InputError(f"{space.exports}: not a record of exports", hint="remove it and export again")
    data = newest.encode()
    opened = OpenBundle(space.exports, data, decode_bundle(data, str(space.exports)))
    return Exports(newest=opened, older=tuple(Digest.parse(str(one)) for one in older))


def import_answers(yard: Yard, paths: Sequence[Path]) -> tuple[Imported, ...]:
    """Check answers and keep them for the candidates they are for: all of them, or none.

    Raises:
        InputError: no answer, or no such candidate here.
        NotVerifiedError: altered, by another key, or not what was asked.
        RefusedError: answers an older export or one that is not ours, or comes too late.
    """
    files = [(path, read_bounded(path, ANSWER_LIMIT)) for path in paths]
    checked = [(data, _check(yard, decode_answer(data, str(path)), data)) for path, data in files]
    for data, one in checked:
        if not one.before:
            write_file(Workspace.of(yard.work, one.version).answer(one.key.fingerprint), data)
    return tuple(one for _, one in checked)


def standing(yard: Yard, version: Version) -> Standing:
    """Where the ceremony of a candidate stands, by what is kept; nothing is measured or verified anew."""
    space = Workspace.of(yard.work, version)
    exports = read_exports(space)
    tools = _tools(yard, space)
    offline = [key for key in key_slots(tools) if key.offline]
    answers = {} if exports is None else answers_for(tools, space)
    return Standing(
        exported=None if exports is None else exports.newest,
        answered=tuple(key for key in offline if key.fingerprint in answers),
        missing=tuple(key for key in offline if key.fingerprint not in answers),
    )


def answers_for(tools: PayloadTools, space: Workspace) -> OfflineAnswers:
    """The signatures that were imported for the candidate as it was last exported.

    Whoever uses one verifies it with the trusted key; here only the seals are.
    """
    exports = read_exports(space)
    found: dict[str, dict[Digest, bytes]] = {}
    for key in tools.keys:
        path = space.answer(key.fingerprint)
        if exports is None or key.fingerprint not in tools.offline or not path.is_file():
            continue
        sealed = decode_answer(read_bounded(path, ANSWER_LIMIT), str(path))
        if sealed.answer.candidate == exports.newest.bundle.candidate.digest:
            check_seal(sealed, key)
            found[key.fingerprint] = dict(sealed.answer.by_digest())
    return found


def await_signatures(yard: Yard, version: Version) -> str:
    """Go on when every offline key has answered.

    Raises:
        WaitingForSignaturesError: says who has not, and what to do.
    """
    found = standing(yard, version)
    if not found.missing:
        names = ", ".join(key.name for key in found.answered)
        return f"all are here: {names}" if names else "no offline keys are configured"
    names = ", ".join(key.name for key in found.missing)
    hint = f"humpyard signing export {version} --out BUNDLE"
    if found.exported is not None and yard.clock() < found.exported.bundle.expires:
        hint = f"exported {format_time(found.exported.bundle.created)}, code {found.exported.code}"
    raise WaitingForSignaturesError(
        f"candidate {version}: waiting for signatures by {names}",
        hint=f"{hint}; when signed: humpyard signing import ANSWER..., then the same command as now again",
    )


def _check(yard: Yard, sealed: SealedAnswer, data: bytes) -> Imported:
    """Everything that an answer must be, the most telling first."""
    answer, where = sealed.answer, sealed.where
    if answer.product != yard.product:
        raise RefusedError(f"{where}: expected an answer for {yard.product}, found one for {answer.product}")
    space = Workspace.of(yard.work, answer.version)
    exports = read_exports(space)
    if exports is None:
        raise InputError(
            f"{where}: answers for {answer.version}, of which nothing was exported here",
            hint="import it where the bundle was exported: it is for the candidate in that workspace",
        )
    key = _trusted(_tools(yard, space), sealed)
    check_seal(sealed, key)
    newest = exports.newest.bundle
    kept = space.answer(key.fingerprint)
    before = kept.is_file() and kept.read_bytes() == data
    if not before or answer.candidate != newest.candidate.digest:
        _check_newest(sealed, exports)
        _check_in_time(sealed, newest, yard.clock())
    if measure_candidate(space, answer.version) != newest.candidate:
        raise RefusedError(
            f"candidate {answer.version}: its payloads are not those that were exported any more",
            hint=f"export again: humpyard signing export {answer.version}",
        )
    check_answer(sealed, newest, key)
    slot = newest.key(key.fingerprint)
    if slot is None:
        raise RefusedError(f"{where}: {key} was not asked to sign {answer.version}")
    return Imported(version=answer.version, key=slot, before=before)


def _trusted(tools: PayloadTools, sealed: SealedAnswer) -> PayloadKey:
    """The trusted public key of whoever says to have answered."""
    for key in tools.keys:
        if key.fingerprint == sealed.answer.fingerprint and key.fingerprint in tools.offline:
            return key
    known = ", ".join(f"{name} ({fingerprint})" for fingerprint, name in tools.offline.items()) or "none"
    raise NotVerifiedError(
        f"{sealed.where}: by key {sealed.answer.fingerprint}, which is none of the trusted offline keys:"
        f" {known}"
    )


def _check_newest(sealed: SealedAnswer, exports: Exports) -> None:
    """Whether it answers the newest export."""
    answered, newest = sealed.answer.bundle, exports.newest
    if answered == newest.digest:
        return
    now_asked = f"the newest, of {format_time(newest.bundle.created)}, has the code {newest.code}"
    if answered in exports.older:
        raise RefusedError(
            f"{sealed.where}: answers an older export of {sealed.answer.version}; {now_asked}",
            hint="have the newest bundle signed; answers to older ones are not taken",
        )
    raise RefusedError(
        f"{sealed.where}: answers a bundle that was not exported here; {now_asked}",
        hint="bundles were mixed up, or somebody made one: find out which was signed before you go on",
    )


def _check_in_time(sealed: SealedAnswer, bundle: SigningBundle, now: datetime) -> None:
    if now >= bundle.expires:
        raise RefusedError(
            f"{sealed.where}: the bundle that it answers expired {format_time(bundle.expires)}",
            hint=f"export again: humpyard signing export {sealed.answer.version}",
        )
