"""What the pipeline records of delivery, compared with the policy of its time: mirrors, halts, collections.

None of it needs a request, so no gate was asked. A move below the quorum of mirrors is told with the other
decisions: ``release.audit.deciding`` asks for it as the pipeline had to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from release.audit.documents import JudgedRelease
from release.audit.finding import Code, Finding
from release.audit.walking import Folded
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.ledger.kinds import MirrorVerified, ReleaseCollected, RolloutHalted
from release.ledger.state import base_of
from release.promotion.policy import Policy
from release.promotion.retention import Holdings, keep


def delivery_findings(folded: Folded, policies: Mapping[Digest, Policy]) -> Iterator[Finding]:
    """Entries that the policy in force then gave no occasion for; nothing for any other entry."""
    content = folded.content
    if folded.refused or not isinstance(content, MirrorVerified | RolloutHalted):
        return
    policy = policies.get(folded.before.policy)
    if policy is None:
        yield _unchecked(folded, f"the policy that was in force: {folded.before.policy}")
    elif isinstance(content, MirrorVerified):
        yield from _mirror(folded, content, policy)
    else:
        yield from _halt(folded, content, policy)


def _mirror(folded: Folded, content: MirrorVerified, policy: Policy) -> Iterator[Finding]:
    names = [mirror.name for mirror in policy.mirrors_of(content.channel)]
    if content.passed and content.mirror not in names:
        yield Finding(
            code=Code.MIRROR_UNKNOWN,
            where=folded.key,
            expected=f"one of the mirrors of {content.channel}: {', '.join(names) or 'none'}",
            found=content.mirror,
            hint=folded.hint or "it counts for nothing while the policy does not name it",
        )


def _halt(folded: Folded, content: RolloutHalted, policy: Policy) -> Iterator[Finding]:
    names = {content.channel, base_of(content.channel, policy.streams)}
    rules = [edge.rollout.halt for edge in policy.edges if edge.channel.name in names]
    if not any(rules):
        yield Finding(
            code=Code.HALT_WITHOUT_RULES,
            where=folded.key,
            expected=f"rules of {content.channel} by which a rollout halts",
            found=f"none, and {content.version} was halted: {content.reason}",
            hint=folded.hint or "it holds all the same; the resume quorum lets it go on",
        )


def collection_findings(
    collections: Iterable[Folded],
    policies: Mapping[Digest, Policy],
    releases: Mapping[Version, JudgedRelease],
) -> Iterator[Finding]:
    """Releases that were collected though the policy in force then keeps them.

    ``releases`` are the documents as the mirror has them. Floors that changes of the payload key make are
    in the pipeline's settings, and not known here.
    """
    documents = {version: one.release for version, one in releases.items() if one.release is not None}
    for folded in collections:
        content, state = folded.content, folded.before
        policy = policies.get(state.policy)
        if not isinstance(content, ReleaseCollected) or policy is None:
            yield _unchecked(folded, f"the policy that was in force: {state.policy}")
            continue
        known = Holdings(
            state=state,
            policy=policy,
            releases={version: one for version, one in documents.items() if version in state.releases},
            now=folded.verified.entry.time,
            proposed=policies,
        )
        try:
            reasons = keep(known).get(content.version)
        except InputError as error:
            yield _unchecked(folded, error.message)
            continue
        if reasons is not None:
            yield Finding(
                code=Code.COLLECTED_TOO_EARLY,
                where=folded.key,
                expected=f"{content.version} kept: {'; '.join(reasons)}",
                found="collected: its files may be gone",
                hint=folded.hint or "the pipeline recorded it: its key may be in wrong hands",
            )


def _unchecked(folded: Folded, found: str) -> Finding:
    return Finding(
        code=Code.DECISION_UNCHECKED,
        where=folded.key,
        expected="all that it must be judged by",
        found=found,
        hint=folded.hint,
    )
