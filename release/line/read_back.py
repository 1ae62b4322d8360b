"""Reading a mirror back: every file, in full, from its public address, as machines get it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from release.digests import FileDigests, Hasher, chunks
from release.errors import InputError, NotVerifiedError
from release.mirror.plan import Wanted
from release.mirror.store import MissingObjectError, ObjectReader

_TOLD = 5
"""How many wrong files are told; what comes after them is not read."""


class ReadBackError(NotVerifiedError):
    """A mirror does not give what it was given, to whoever asks its public address."""


def read_back(
    public: ObjectReader, url: str, wanted: Iterable[Wanted], tell: Callable[[str, int], None]
) -> None:
    """Read each wanted object and compare size and SHA-256.

    Args:
        public: the mirror's public address, over HTTP.
        url: the same address, with its slash, for messages.
        wanted: what must be there.
        tell: is given each key with the bytes read of it so far, and may raise to end it.

    Raises:
        ReadBackError: names URLs, what was expected, what was found.
        UnavailableError: the mirror does not answer, too slowly, or broke off; that proves nothing.
    """
    wrong: list[str] = []
    for one in wanted:
        found = _found(public, one, tell)
        if found is None:
            continue
        wrong.append(f"{url}{one.key}: expected {one.size} bytes, {one.sha256}; found {found}")
        if len(wrong) == _TOLD:
            break
    if wrong:
        raise ReadBackError(
            "the public address does not give what was brought there:\n"
            + "\n".join(f"  {text}" for text in wrong),
            hint="look at the mirror, its web server and its caches; remove what is wrong there, then:"
            " humpyard mirrors sync",
        )


def _found(public: ObjectReader, wanted: Wanted, tell: Callable[[str, int], None]) -> str | None:
    """What is there instead of the wanted object, in words; None when it is the wanted one."""
    try:
        found = _hash(public, wanted, tell)
    except MissingObjectError:
        return "nothing"
    except InputError as error:
        return error.message
    if (found.size, found.sha256) == (wanted.size, wanted.sha256):
        return None
    more = "more than " if found.size > wanted.size else ""
    return f"{more}{min(found.size, wanted.size)} bytes, {found.sha256}"


def _hash(public: ObjectReader, wanted: Wanted, tell: Callable[[str, int], None]) -> FileDigests:
    hasher, done = Hasher(), 0
    with public.open(wanted.key) as stream:
        for data in chunks(stream, wanted.size + 1):  # endless data ends here
            hasher.update(data)
            done += len(data)
            tell(wanted.key, done)
    return hasher.result()
