"""What a mirror still leads to, as it answers now: a mirror that lags may lead to what was collected since.

Nothing is verified here: whoever forges a document can only hold deletion up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from release.audit.pointers import places_known
from release.catalog.board import Board
from release.catalog.naming import POINTER_FILE, NamingScheme
from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError
from release.ledger.state import State, base_of
from release.mirror.pointers import pointer_version
from release.mirror.store import POINTER_LIMIT, MissingObjectError, ObjectReader
from release.trust.channel_document import (
    CHANNEL_LIMIT,
    channel_document_key,
    read_channel_document,
    unseal_channel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What the pointers and documents of one place lead to.

    ``here`` are versions that must stay in that very place, each with the key that leads there;
    ``elsewhere`` names mirrors, by version, that a channel document sends machines to.
    """

    here: Mapping[Version, str]
    elsewhere: Mapping[Version, frozenset[str]]


def reached(reader: ObjectReader, state: State, naming: NamingScheme) -> Reached:
    """Read every pointer and every channel document that may be there.

    Raises:
        InputError, NotVerifiedError: one is there and cannot be understood, so nobody knows where it leads.
        UnavailableError: the place does not answer.
    """
    here: dict[Version, str] = {}
    elsewhere: dict[Version, frozenset[str]] = {}
    for key in _pointer_keys(state):
        data = _read(reader, key, POINTER_LIMIT)
        if data is not None:
            here.setdefault(pointer_version(data, naming.version_field, key), key)
    for place in places_known(state):
        key = channel_document_key(place.channel, place.board)
        data = _read(reader, key, CHANNEL_LIMIT)
        for version, names in () if data is None else _offered(data, key):
            here.setdefault(version, key)
            elsewhere[version] = elsewhere.get(version, frozenset()) | names
    return Reached(here=here, elsewhere=elsewhere)


def _pointer_keys(state: State) -> Iterator[str]:
    for place in places_known(state):
        yield place.key
        base = base_of(place.channel, state.streams)
        if base is not None:
            yield _alias(base, place.channel, place.board)


def _alias(base: str, stream: str, board: Board) -> str:
    """``lts/<board>/current-2024/version.txt`` shows the stream ``lts-2024``."""
    return f"{base}/{board}/current-{stream.removeprefix(base + '-')}/{POINTER_FILE}"


def _offered(data: bytes, key: str) -> Iterator[tuple[Version, frozenset[str]]]:
    document = read_channel_document(unseal_channel(data, key).body, key)
    releases = [one.release for one in document.offers] + [one.release for one in document.floors]
    for release in releases:
        yield release.version, frozenset(release.mirrors)


def _read(reader: ObjectReader, key: str, limit: int) -> bytes | None:
    try:
        return reader.read(key, limit)
    except MissingObjectError:
        return None
    except (InputError, NotVerifiedError) as error:
        raise InputError(f"{key}: where it leads cannot be told: {error.message}") from error
