"""Where everybody stands in a case: whose go counts, whose no-go holds, and who sets no-gos aside. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from release.ledger.entries import CLOCK_SKEW
from release.promotion.case import Case, GivenSignOff, UnreadableSignOff
from release.promotion.policy import Person, Quorum
from release.promotion.sign_off import SignOff, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Where one person stands.

    ``role`` is the one their go counts for. Without one ``silent_because`` says why it does not
    count; both None means that they said nothing. ``veto`` is their no-go that holds, or what may be
    one; ``overruled`` one that enough others have set aside.
    """

    person: Person
    veto: SignOff | UnreadableSignOff | None
    overruled: SignOff | UnreadableSignOff | None
    role: str | None
    silent_because: str | None


def voices(case: Case) -> tuple[Voice, ...]:
    """Where everybody in the policy stands. Sign-offs by others, or for other requests, are nothing.

    The newest go of a person is the one that may count. A no-go stands, expired or not, until a go or a
    withdrawal of the same person that is both made and recorded later, or until it is overruled.
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
    return places[quorum.needed(len(holders)) - 1] if quorum.needed(len(holders)) <= len(places) else 0


def _overruled_at(case: Case, person: Person, role: str) -> int:
    """Where the person's newest overruling in this role is in the ledger; 0 when none counts."""
    if not case.interested.isdisjoint(person.fingerprints) or role not in person.roles:
        return 0
    theirs = _spoken(case, person)
    given = [
        one
        for one in theirs
        if one.sign_off.verdict is Verdict.OVERRULE
        and one.sign_off.role == role
        and not _expired(case, one.sign_off)
        and not _taken_back(one.sign_off.at, one.sequence, theirs, {Verdict.WITHDRAW})
    ]
    return max((one.sequence for one in given), default=0)


def _spoken(case: Case, person: Person) -> list[GivenSignOff]:
    """What the person said to this request in their own name, and not in the future."""
    return [one for one in _signed(case, person) if _is_spoken(case, one)]


def _signed(case: Case, person: Person) -> list[GivenSignOff]:
    return [
        given
        for given in case.sign_offs
        if given.signer in person.fingerprints and given.sign_off.request == case.digest
    ]


def _is_spoken(case: Case, given: GivenSignOff) -> bool:
    return given.sign_off.by == given.signer and given.sign_off.at <= case.now + CLOCK_SKEW


def _voice(case: Case, person: Person, overruled: int) -> Voice:
    theirs = _signed(case, person)
    spoken = _spoken(case, person)
    gos = sorted(
        (given for given in spoken if given.sign_off.verdict is Verdict.GO),
        key=lambda given: (given.sign_off.at, given.sequence),
    )
    vetoes = _vetoes(case, person, theirs, spoken)
    holding = [said for said, sequence in vetoes if sequence >= overruled]
    if gos:
        objection = _objection(case, person, gos[-1], spoken)
    else:
        forged = any(given.sign_off.verdict is Verdict.GO for given in theirs)
        objection = "forged, or dated in the future" if forged else None
    counts = bool(gos) and objection is None and not vetoes
    return Voice(
        person=person,
        veto=holding[0] if holding else None,
        overruled=vetoes[0][0] if vetoes and not holding else None,
        role=gos[-1].sign_off.role if counts else None,
        silent_because="said no-go" if vetoes else objection,
    )


def _vetoes(
    case: Case, person: Person, theirs: Iterable[GivenSignOff], spoken: Iterable[GivenSignOff]
) -> list[tuple[SignOff | UnreadableSignOff, int]]:
    """Their no-gos, and what may be one, with their places; without those that they took back."""
    against: list[tuple[SignOff | UnreadableSignOff, datetime, int]] = [
        (given.sign_off, given.sign_off.at, given.sequence)
        for given in theirs
        if given.sign_off.verdict is Verdict.NO_GO
    ]
    against += [
        (given, given.recorded, given.sequence)
        for given in case.unreadable
        if given.signer in person.fingerprints
    ]
    later = {Verdict.GO, Verdict.WITHDRAW}
    return [(said, place) for said, at, place in against if not _taken_back(at, place, spoken, later)]


def _taken_back(at: datetime, place: int, spoken: Iterable[GivenSignOff], by: set[Verdict]) -> bool:
    """Whether the same person said one of ``by`` that is both made and recorded later."""
    return any(one.sign_off.verdict in by and one.sign_off.at > at and one.sequence > place for one in spoken)


def _objection(case: Case, person: Person, given: GivenSignOff, spoken: Iterable[GivenSignOff]) -> str | None:
    go = given.sign_off
    if _taken_back(go.at, given.sequence, spoken, {Verdict.WITHDRAW}):
        return "took it back"
    if not case.interested.isdisjoint(person.fingerprints):
        return "asked for it or built it"
    if go.role not in person.roles:
        return f"does not have the role {go.role}"
    return "sign-off expired" if _expired(case, go) else None


def _expired(case: Case, said: SignOff) -> bool:
    terms = case.terms
    return terms is None or case.now >= min(said.expires_at, said.at + terms.sign_off_valid_for)
