"""Beginning a ledger: the first policy goes into the store, and the genesis entry names it."""

from __future__ import annotations

from release.catalog.naming import POLICY_PREFIX
from release.digests import Digest
from release.errors import InputError, NotVerifiedError
from release.ledger.kinds import Genesis
from release.ledger.state import State
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.mirror.store import ObjectReader
from release.promotion.policy import POLICY_LIMIT, Policy, read_policy


def beginning_job(yard: Yard, policy: bytes, pipeline: tuple[str, ...]) -> Job:
    """The step that begins the ledger. Safe to repeat; refused when it began otherwise."""
    return (Step("begin-ledger", "begin the ledger", lambda _: _begin(yard, policy, pipeline)),)


def policy_key(digest: Digest) -> str:
    """Where a policy is in the store, named by its bytes."""
    return f"{POLICY_PREFIX}{digest.hex}.toml"


def policy_in_force(store: ObjectReader, state: State) -> Policy:
    """The policy that the ledger names. Raises NotVerifiedError when the store holds another."""
    key = policy_key(state.policy)
    data = store.read(key, POLICY_LIMIT)
    if Digest.sha256(data) != state.policy:
        raise NotVerifiedError(f"{key}: expected {state.policy}, found {Digest.sha256(data)}")
    return read_policy(data, key)


def _begin(yard: Yard, data: bytes, pipeline: tuple[str, ...]) -> str:
    policy = read_policy(data, "policy")
    if policy.product != yard.product:
        raise InputError(f"policy: it is for {policy.product!r}, the settings are for {yard.product!r}")
    yard.store.create(policy_key(policy.digest), data, sha256=policy.digest)
    genesis = Genesis(
        product=yard.product,
        pipeline_keys=pipeline,
        policy=policy.digest,
        channels=tuple(channel.name for channel in policy.channels),
    )
    state = yard.ledger.start(genesis, now=yard.clock())
    return f"{len(policy.people)} people, channels {', '.join(state.channels)}"
