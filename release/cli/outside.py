"""What commands need that look at a mirror from outside: given public keys, and temporary space."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from release.errors import storage_errors
from release.signing.openpgp import OpenPgpHome
from release.signing.verifying import verifier_from_keys


def open_keyring(files: Sequence[Path], stack: ExitStack) -> tuple[OpenPgpHome, frozenset[str]]:
    """A temporary keyring of these files, which ``stack`` closes, and the primary fingerprints in it."""
    home, known = verifier_from_keys(files)
    return stack.enter_context(home), frozenset(known)


@contextmanager
def scratch_space() -> Iterator[Path]:
    """A temporary directory, removed in the end."""
    temporary = Path(tempfile.gettempdir())
    with storage_errors(temporary), tempfile.TemporaryDirectory(prefix="humpyard-") as scratch:
        yield Path(scratch)
