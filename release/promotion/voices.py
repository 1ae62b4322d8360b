"""Where everybody stands in a case: whose go counts, whose no-go holds, and who sets no-gos aside. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from release.ledger.entries import CLOCK_SKEW
from release.ledger.verified import REVOKED
from release.promotion.case import Case, GivenSignOff, UnreadableSignOff
from release.promotion.policy import Person, Quorum
from release.promotion.sign_off import SignOff, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Where one person stands.

    ``role`` is the one their go counts for. Without one ``silent_because`` says why it does not
    count; both None means that they said nothing. ``veto`` is their newest no-go that holds, or what may
    be one; ``overruled`` one that enough others have set aside.
    """

    person: Person
    veto: SignOff | UnreadableSignOff | None
    overruled: SignOff | UnreadableSignOff | None
    role: str | None
    silent_because: str | None


def voices(case: Case) -> tuple[Voice, ...]:
    """Where everybody in the policy stands. Sign-offs by others, or for other requests, are nothing.

    The newest go of a person is the one that may count, in its one role, unless they withdrew made or
    recorded later. A no-go stands, expired or not, until a go or a withdrawal of the same person that is
    both made and recorded later, or until it is overruled. A person overrules in one role, too.
    """
    before = overruled_before(case)
    return tuple(_voice(case, person, before) for person in case.policy.people)


def overruled_before(case: Case) -> int:
    """No-gos recorded before this place in the ledger are set aside; 0 when none are."""
    quorums = case.terms.overrule if case.terms else ()
    return min((_agreed_at(case, quorum) for quorum in quorums), default=0)


def overruling(case: Case, quorum: Quorum) -> tuple[str, ...]:
    """The people of the quorum's role whose overruling counts, by name."""
    return tuple(
        person.name for person in case.policy.holders(quorum.role) if _overruled_at(case, person, quorum.role)
    )


def _agreed_at(case: Case, quorum: Quorum) -> int:
    """Where the last of those that the quorum needs spoke; 0 when there are too few."""
    holders = case.policy.holders(quorum.role)
    places = sorted((_overruled_at(case, person, quorum.role) for person in holders), reverse=True)
    needed = quorum.needed(len(holders))
    return places[needed - 1] if needed <= len(places) else 0


def _overruled_at(case: Case, person: Person, role: str) -> int:
    """Where the person's newest overruling is in the ledger; 0 unless it counts, and for this role."""
    if not case.interested.isdisjoint(person.fingerprints) or role not in person.roles:
        return 0
    newest = _newest(_spoken(case, person), Verdict.OVERRULE)
    if newest is None or newest.sign_off.role != role:
        return 0
    counts = not _expired(case, newest.sign_off) and not _taken_back(newest, _signed(case, person))
    return newest.sequence if counts else 0


def _spoken(case: Case, person: Person) -> list[GivenSignOff]:
    """What the person said to this request in their own name, and not in the future."""
    return [one for one in _signed(case, person) if _is_spoken(case, one)]


def _signed(case: Case, person: Person) -> list[GivenSignOff]:
    return [
        given
        for given in case.sign_offs
        if _is_theirs(given.signer, person) and given.sign_off.request == case.digest
    ]


def _is_theirs(signer: str, person: Person) -> bool:
    """Whether a key of the person signed, revoked ones included: a no-go by one still holds.

    Nothing else that one said counts, because nobody says it in that name; see ``_is_spoken``.
    """
    return signer.removeprefix(REVOKED) in person.fingerprints


def _is_spoken(case: Case, given: GivenSignOff) -> bool:
    return given.sign_off.by == given.signer and given.sign_off.at - case.now <= CLOCK_SKEW


def _newest(spoken: Iterable[GivenSignOff], verdict: Verdict) -> GivenSignOff | None:
    """The one made last, and of those made at once the one recorded last: it says for which role."""
    said = (one for one in spoken if one.sign_off.verdict is verdict)
    return max(said, key=lambda one: (one.sign_off.at, one.sequence), default=None)


def _voice(case: Case, person: Person, overruled: int) -> Voice:
    theirs = _signed(case, person)
    spoken = _spoken(case, person)
    go = _newest(spoken, Verdict.GO)
    vetoes = _vetoes(case, person, theirs, spoken)
    holding = [said for said, sequence in vetoes if sequence >= overruled]
    if go is not None:
        objection = _objection(case, person, go, theirs)
    else:
        forged = any(given.sign_off.verdict is Verdict.GO for given in theirs)
        objection = "forged, by a revoked key, or dated in the future" if forged else None
    counts = go is not None and objection is None and not vetoes
    return Voice(
        person=person,
        veto=holding[-1] if holding else None,
        overruled=vetoes[-1][0] if vetoes and not holding else None,
        role=go.sign_off.role if go is not None and counts else None,
        silent_because="said no-go" if vetoes else objection,
    )


def _vetoes(
    case: Case, person: Person, theirs: Iterable[GivenSignOff], spoken: Iterable[GivenSignOff]
) -> list[tuple[SignOff | UnreadableSignOff, int]]:
    """Their no-gos, and what may be one, with their places, in that order; without those they took back."""
    against: list[tuple[SignOff | UnreadableSignOff, datetime, int]] = [
        (given.sign_off, given.sign_off.at, given.sequence)
        for given in theirs
        if given.sign_off.verdict is Verdict.NO_GO
    ]
    against += [
        (given, given.recorded, given.sequence)
        for given in case.unreadable
        if _is_theirs(given.signer, person)
    ]
    against.sort(key=lambda one: one[2])
    return [(said, place) for said, at, place in against if not _mended(at, place, spoken)]


def _mended(at: datetime, place: int, spoken: Iterable[GivenSignOff]) -> bool:
    """Whether the author of a no-go said go, or withdrew, both made and recorded later.

    What opens the gate must be later in every respect; ``_taken_back``, which closes it, in one.
    """
    later = {Verdict.GO, Verdict.WITHDRAW}
    return any(
        one.sign_off.verdict in later and one.sign_off.at > at and one.sequence > place for one in spoken
    )


def _taken_back(given: GivenSignOff, theirs: Iterable[GivenSignOff]) -> bool:
    """Whether the same person withdrew: in the same moment or later, or recorded later.

    So a go that was kept back does not count.
    """
    return any(
        one.sign_off.verdict is Verdict.WITHDRAW
        and (one.sign_off.at >= given.sign_off.at or one.sequence > given.sequence)
        for one in theirs
    )


def _objection(case: Case, person: Person, given: GivenSignOff, theirs: Iterable[GivenSignOff]) -> str | None:
    go = given.sign_off
    if _taken_back(given, theirs):
        return "took it back"
    if not case.interested.isdisjoint(person.fingerprints):
        return "asked for it or built it"
    if go.role not in person.roles:
        return f"does not have the role {go.role}"
    return "sign-off expired" if _expired(case, go) else None


def _expired(case: Case, said: SignOff) -> bool:
    terms = case.terms
    if terms is None:
        return True
    return case.now >= said.expires_at or case.now - said.at >= terms.sign_off_valid_for
