"""What a person does with their own key: the yard as they see it, and their signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from release.digests import Digest
from release.errors import InputError
from release.ledger.chain import StatementSigner
from release.line.yard import Yard
from release.wiring import SecretKeySource, open_yard, person_signer


@contextmanager
def acting(settings: Path, person: SecretKeySource) -> Iterator[tuple[Yard, StatementSigner]]:
    """The yard, writing into the ledger as ``person``, and what signs their statements."""
    with ExitStack() as stack:
        yard = stack.enter_context(open_yard(settings, person=person))
        yield yard, person_signer(person, stack)


def find_digest(what: str, known: Mapping[Digest, object], text: str) -> Digest:
    """The one of ``known`` whose hexadecimal digits begin with ``text``. Raises InputError for any other."""
    wanted = text.removeprefix("sha256:")
    found = [digest for digest in known if digest.hex.startswith(wanted)]
    if len(found) != 1 or not wanted:
        raise InputError(
            f"{what} {text!r}: expected the start of one {what}'s digest, {len(found)} fit",
            hint="humpyard promote status lists requests, humpyard stop list stops",
        )
    return found[0]
