"""Policies in the store: each under its digest, written once, read back by it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from release.catalog.naming import POLICY_PREFIX
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.state import State
from release.ledger.statements import PolicySubject
from release.mirror.store import ObjectReader
from release.promotion.policy import Policy
from release.promotion.policy_file import POLICY_LIMIT, read_policy


def policy_key(digest: Digest) -> str:
    """Where a policy is in the store, named by its bytes."""
    return f"{POLICY_PREFIX}{digest.hex}.toml"


def stored_policy(store: ObjectReader, digest: Digest) -> Policy:
    """The policy of that digest.

    Raises:
        NotVerifiedError: the store holds other bytes.
        InputError: it is not there, or is no policy.
    """
    return read_policy(_read(store, digest), policy_key(digest))


def policy_reader(store: ObjectReader) -> Callable[[Digest], Policy]:
    """Reads policies by their digests, each once. What it returns raises as ``stored_policy``."""
    return lru_cache(maxsize=None)(lambda digest: stored_policy(store, digest))


def policy_text(store: ObjectReader, digest: Digest) -> str:
    """The file of that digest, which was read as a policy before. Raises as ``stored_policy``."""
    return _read(store, digest).decode()


def _read(store: ObjectReader, digest: Digest) -> bytes:
    key = policy_key(digest)
    data = store.read(key, POLICY_LIMIT)
    if Digest.sha256(data) != digest:
        raise NotVerifiedError(f"{key}: expected {digest}, found {Digest.sha256(data)}")
    return data


def policy_in_force(store: ObjectReader, state: State) -> Policy:
    """The policy that the ledger names. Raises as ``stored_policy``."""
    return stored_policy(store, state.policy)


def proposed_policies(store: ObjectReader, state: State) -> dict[Digest, Policy]:
    """The policies that open requests ask for, as far as they can be read; the gate refuses the others."""
    found = {}
    for record in state.open_requests():
        if isinstance(record.subject, PolicySubject):
            try:
                found[record.subject.proposed] = stored_policy(store, record.subject.proposed)
            except (InputError, NotVerifiedError):
                continue
    return found
