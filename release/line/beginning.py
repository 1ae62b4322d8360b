"""Beginning a ledger: the first policy goes into the store, and the genesis entry names it."""

from __future__ import annotations

from release.errors import InputError
from release.ledger.kinds import Genesis
from release.line.policies import policy_key
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.promotion.policy_file import read_policy


def beginning_job(yard: Yard, policy: bytes, pipeline: tuple[str, ...]) -> Job:
    """The step that begins the ledger. Safe to repeat; refused when it began otherwise."""
    return (Step("begin-ledger", "begin the ledger", lambda _: _begin(yard, policy, pipeline)),)


def _begin(yard: Yard, data: bytes, pipeline: tuple[str, ...]) -> str:
    policy = read_policy(data, "policy")
    if policy.product != yard.product:
        raise InputError(f"policy: it is for {policy.product!r}, the settings are for {yard.product!r}")
    if policy.pipeline_keys and set(policy.pipeline_keys) != set(pipeline):
        raise InputError(
            f"policy: pipeline.fingerprints are {', '.join(policy.pipeline_keys)}, the settings say"
            f" {', '.join(pipeline)}"
        )
    yard.store.create(policy_key(policy.digest), data, sha256=policy.digest)
    genesis = Genesis(
        product=yard.product,
        pipeline_keys=pipeline,
        policy=policy.digest,
        channels=tuple(channel.name for channel in policy.channels),
        streams=policy.streams,
    )
    state = yard.ledger.start(genesis, now=yard.clock())
    return f"{len(policy.people)} people, channels {', '.join(state.channels)}"
