"""What no policy may be: one that nobody could ever meet, or that says two things at once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from release.errors import InputError
from release.ledger.state import State, base_of
from release.promotion.policy import Edge, Person, Policy, Quorum, Terms

_HALF = Decimal("0.5")


def default_governance(people: Sequence[Person], edges: Sequence[Edge]) -> Terms:
    """What changing a policy takes that does not say.

    More than half of every role that moves a channel, and never fewer than a channel asks of it, so that
    nobody gets around a channel's quorum by changing it; of every role there is where none moves one.
    """
    held = Counter(role for person in people for role in dict.fromkeys(person.roles))
    asked = [quorum for edge in edges for quorum in edge.quorum if quorum.role in held]
    needed = {role: Quorum(role=role, share=_HALF).needed(held[role]) for role in held}
    for quorum in asked:
        needed[quorum.role] = max(needed[quorum.role], quorum.needed(held[quorum.role]))
    roles = dict.fromkeys(quorum.role for quorum in asked) or held
    return Terms(quorum=tuple(Quorum(role=role, count=needed[role]) for role in roles))


def check_policy(policy: Policy, is_open: Sequence[bool], where: str) -> None:
    """Refuse what could not work: ``is_open`` says of each edge whether it asks for nobody's go.

    Raises InputError that names the place and the fault.
    """
    _check_people(policy, where)
    for index, (edge, free) in enumerate(zip(policy.edges, is_open, strict=True)):
        _check_edge(policy, edge, f"{where}: channels.{index} ({edge.channel.name})", is_open=free)
    _check_terms(policy, policy.governance, f"{where}: governance")
    _check_terms(policy, policy.emergency.resume, f"{where}: emergency")
    _check_roles(policy, policy.emergency.stop, f"{where}: emergency.stop")
    _check_roles(policy, policy.waiver_roles, f"{where}: waivers.roles")
    _check_roles(policy, policy.correction_roles, f"{where}: corrections.roles")
    _check_keys(policy, where)
    try:
        policy.channels  # noqa: B018  Channels checks names, order and feeders
    except InputError as error:
        raise InputError(f"{where}: channels: {error.message}") from error
    _check_streams(policy, where)
    _check_freezes(policy, where)
    _check_mirrors(policy, where)
    _check_floors(policy, where)


def _check_people(policy: Policy, where: str) -> None:
    names = [person.name for person in policy.people]
    keys = [key for person in policy.people for key in person.fingerprints]
    for what, values in (("name", names), ("fingerprint", keys)):
        twice = _repeated(values)
        if twice:
            raise InputError(
                f"{where}: people: {what} {twice[0]!r} appears twice",
                hint="list every person once, with all fingerprints",
            )


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _check_keys(policy: Policy, where: str) -> None:
    both = policy.fingerprints.intersection(policy.pipeline_keys)
    if both:
        raise InputError(
            f"{where}: pipeline.fingerprints: {', '.join(sorted(both))} is a person's key",
            hint="the pipeline has a key of its own, which counts as nobody's go",
        )


def _check_edge(policy: Policy, edge: Edge, where: str, *, is_open: bool) -> None:
    if bool(edge.quorum) == is_open:
        found = "both" if is_open else "neither"
        raise InputError(
            f"{where}: expected either a quorum or open = true, found {found}",
            hint="open = true lets releases in without anybody's sign-off",
        )
    _check_terms(policy, edge.terms, where)
    _check_quorums(policy, edge.hurry, f"{where}.hurry")
    _check_together(policy, (*edge.quorum, *edge.hurry), f"{where}.hurry")
    if edge.hurry and not _is_higher(policy, edge.hurry, edge.quorum):
        raise InputError(
            f"{where}.hurry: expected a higher quorum than the channel's own",
            hint="skipping soak and freeze windows takes more people, or people of another role as well",
        )
    if edge.streams is not None and edge.streams.overlap_months >= edge.streams.support_months:
        raise InputError(f"{where}.streams: expected an overlap shorter than the support")


def _is_higher(policy: Policy, higher: Sequence[Quorum], base: Sequence[Quorum]) -> bool:
    """Whether meeting ``higher`` besides ``base`` takes more than meeting ``base``."""
    return any(
        _needed(policy, quorum)
        > max((_needed(policy, one) for one in base if one.role == quorum.role), default=0)
        for quorum in higher
    )


def _needed(policy: Policy, quorum: Quorum) -> int:
    return quorum.needed(len(policy.holders(quorum.role)))


def _check_terms(policy: Policy, terms: Terms, where: str) -> None:
    _check_quorums(policy, terms.quorum, f"{where}.quorum")
    _check_quorums(policy, terms.overrule, f"{where}.overrule")


def _check_quorums(policy: Policy, quorums: Sequence[Quorum], where: str) -> None:
    twice = _repeated(quorum.role for quorum in quorums)
    if twice:
        raise InputError(f"{where}: role {twice[0]!r} appears twice")
    for index, quorum in enumerate(quorums):
        _check_quorum(policy, quorum, f"{where}.{index}")
    _check_together(policy, quorums, where)


def _check_together(policy: Policy, quorums: Sequence[Quorum], where: str) -> None:
    """Each person speaks in one role: there must be enough of them for all roles at once."""
    needed: dict[str, int] = {}
    for quorum in quorums:
        needed[quorum.role] = max(needed.get(quorum.role, 0), _needed(policy, quorum))
    seated: dict[str, str] = {}
    if not all(_seat(policy, role, seated, set()) for role, count in needed.items() for _ in range(count)):
        wanted = ", ".join(f"{count} of role {role!r}" for role, count in needed.items())
        raise InputError(
            f"{where}: nobody speaks in two roles, and there are too few people for {wanted}",
            hint="give roles to more people, or ask for fewer; write a governance that was left out",
        )


def _seat(policy: Policy, role: str, seated: dict[str, str], tried: set[str]) -> bool:
    """Find one more person to speak in ``role``; others may change theirs (an augmenting path)."""
    tried.add(role)
    holders = [person.name for person in policy.holders(role)]
    for name in holders:
        if name not in seated:
            seated[name] = role
            return True
    for name in holders:
        if seated[name] not in tried and _seat(policy, seated[name], seated, tried):
            seated[name] = role
            return True
    return False


def _check_quorum(policy: Policy, quorum: Quorum, where: str) -> None:
    if (quorum.count is None) == (quorum.share is None):
        raise InputError(f"{where}: expected either count or share")
    holders = len(policy.holders(quorum.role))
    if holders == 0:
        raise InputError(f"{where}.role: nobody has the role {quorum.role!r}")
    if quorum.count is not None and quorum.count > holders:
        raise InputError(
            f"{where}.count: asks for {quorum.count} of role {quorum.role!r}, which only {holders} have"
        )


def _check_roles(policy: Policy, roles: Iterable[str], where: str) -> None:
    for role in roles:
        if not policy.holders(role):
            raise InputError(f"{where}: nobody has the role {role!r}")


def _check_streams(policy: Policy, where: str) -> None:
    """A channel has rules of its own, or is a stream of another."""
    for edge in policy.edges:
        base = base_of(edge.channel.name, policy.streams)
        if base is not None:
            raise InputError(f"{where}: channels: {edge.channel.name!r} is a stream of {base!r} already")


def _check_freezes(policy: Policy, where: str) -> None:
    known = {edge.channel.name for edge in policy.edges}
    for freeze in policy.freezes:
        unknown = [name for name in freeze.channels if not _is_known(policy, known, name)]
        if unknown:
            raise InputError(
                f"{where}: freezes: {freeze.name!r} names unknown channels: {', '.join(unknown)}"
            )


def _check_mirrors(policy: Policy, where: str) -> None:
    for what, values in (
        ("name", [mirror.name for mirror in policy.mirrors]),
        ("url", [mirror.url for mirror in policy.mirrors]),
    ):
        twice = _repeated(values)
        if twice:
            raise InputError(f"{where}: mirrors: {what} {twice[0]!r} appears twice")
    known = {edge.channel.name for edge in policy.edges}
    for mirror in policy.mirrors:
        unknown = [name for name in mirror.channels if not _is_known(policy, known, name)]
        if unknown:
            raise InputError(
                f"{where}: mirrors: {mirror.name!r} names unknown channels: {', '.join(unknown)}"
            )
    for index, edge in enumerate(policy.edges):
        there_are = len(policy.mirrors_of(edge.channel.name))
        if edge.mirrors > there_are:
            raise InputError(
                f"{where}: channels.{index} ({edge.channel.name}): mirrors: asks for {edge.mirrors},"
                f" of which there are only {there_are}"
            )


def _check_floors(policy: Policy, where: str) -> None:
    known = {edge.channel.name for edge in policy.edges}
    for floor in policy.floors:
        if not _is_known(policy, known, floor.channel):
            raise InputError(f"{where}: floors: {floor.version} names the unknown channel {floor.channel!r}")
    twice = _repeated(f"{floor.version} in {floor.channel}" for floor in policy.floors)
    if twice:
        raise InputError(f"{where}: floors: {twice[0]} appears twice")


def _is_known(policy: Policy, known: set[str], name: str) -> bool:
    return name in known or base_of(name, policy.streams) is not None


def homeless(state: State, new: Policy) -> Iterator[str]:
    """Channels that machines follow and ``new`` has no place for."""
    known = {edge.channel.name for edge in new.edges}
    for name in state.heads:
        if not _is_known(new, known, name):
            yield f"{name}, which machines follow, is not in it"


def lockouts(old: Policy, new: Policy) -> Iterator[str]:
    """What adopting ``new`` would make impossible for ever; nothing when it can be changed again.

    ``read_policy`` has refused quorums above the number of holders, and roles without holders, already.
    """
    if new.product != old.product:
        yield f"it is for {new.product!r}, not for {old.product!r}"
    if not new.governance.quorum:
        yield "nobody could change it again: it has no governance quorum, and no role moves a channel"
    if not new.emergency.resume.quorum:
        yield "nobody could lift a stop under it"
    if not new.emergency.stop:
        yield "nobody could stop anything under it"
