"""The steps that keep mirrors at what the ledger says, for each job that has some.

None of them fails because a mirror does: it is told of, and the next run goes on. Where the policy has no
mirrors there are no steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from release.catalog.version import Version
from release.ledger.state import State
from release.line.mirror_wishes import Place, everything, heads, lacking, quorum_met
from release.line.mirrors import Behind, mirrors_of
from release.line.replication import Brought, Errand, bring
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.promotion.delivery import MirrorSite
from release.promotion.policy import Policy

Wanted = Callable[[State, MirrorSite], tuple[Place, ...]]
"""What a mirror is to have, the most urgent first."""


def promoted_job(yard: Yard, name: str, place: Place, behind: list[Behind]) -> Job:
    """The step that brings a release to the mirrors of the channel that shall move to it.

    Whether enough of them have it is asked at the move. ``behind`` holds then who has not, and why.
    """
    policy = yard.policy()
    if not policy.mirrors_of(place.channel):
        return ()

    def run(report: Report) -> str:
        wanted = _only(place)
        found = bring_lacking(yard, policy, wanted, report, lambda state: quorum_met(state, policy, place))
        behind[:] = found.behind
        return found.line(f"every mirror has {place}")

    return (Step(f"mirrors-{name}", "bring the release to the mirrors and read it back", run),)


def published_job(yard: Yard, version: Version, offered_in: Sequence[str]) -> Job:
    """The step that brings a published release to mirrors, so that promoting it is quick.

    It goes to those of the channel that it was built for, and of those that offered it before the ledger.
    """
    if not yard.policy().mirrors:
        return ()

    def run(report: Report) -> str:
        channels = dict.fromkeys((yard.ledger.state().releases[version].built_for, *offered_in))
        wanted = _only(*(Place(channel=channel, version=version) for channel in channels))
        found = bring_lacking(yard, yard.policy(), wanted, report, lambda _state: True)
        return found.line(f"every mirror has {version}")

    return (Step("bring-mirrors", "bring the release to the mirrors and read it back", run),)


def heads_job(yard: Yard) -> Job:
    """The step that brings mirrors what channels are at; of the past they get nothing here."""
    if not yard.policy().mirrors:
        return ()

    def run(report: Report) -> str:
        policy = yard.policy()

        def enough(state: State) -> bool:
            at = (Place(channel=head.channel, version=head.version) for head in state.heads.values())
            return all(quorum_met(state, policy, place) for place in at)

        found = bring_lacking(yard, policy, heads, report, enough)
        return found.line("every mirror has what channels are at")

    return (Step("bring-heads", "bring the mirrors what channels are at", run),)


def bring_everything(yard: Yard, report: Report, *, again: bool = False) -> Brought:
    """Bring mirrors all that they are to have, however long it takes; ``again``: what they have, too."""

    def wanted(state: State, site: MirrorSite) -> tuple[Place, ...]:
        places = everything(state, site)
        return places if again else lacking(state, site, places)

    state, policy = yard.ledger.state(), yard.policy()
    errands = [Errand(mirror=one, places=wanted(state, one.site)) for one in mirrors_of(yard, policy)]
    return bring(yard, errands, report)


def bring_lacking(
    yard: Yard, policy: Policy, wanted: Wanted, report: Report, enough: Callable[[State], bool]
) -> Brought:
    """Bring mirrors those of the wanted releases that they do not have. Raises as ``bring``."""
    state = yard.ledger.state()
    errands = [
        Errand(mirror=one, places=lacking(state, one.site, wanted(state, one.site)))
        for one in mirrors_of(yard, policy)
    ]
    return bring(yard, errands, report, enough=enough)


def _only(*places: Place) -> Wanted:
    return lambda _state, site: tuple(place for place in places if site.serves(place.channel))
