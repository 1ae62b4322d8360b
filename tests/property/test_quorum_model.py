"""Any course of requests, sign-offs, policies and time, beside a small model of who agreed to what.

The model knows people, not rules: whoever moved a channel had enough of them behind them, under the policy
in force, and nobody against it who was not overruled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import methodcaller

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.digests import Digest
from release.ledger.chain import EntryRefusedError
from release.ledger.kinds import SignOffGiven
from release.promotion.proposals import GateClosedError
from release.promotion.sign_off import SignOff, Verdict
from tests.unit.ledger.fakes import HOUR, PIPELINE, FakeKey
from tests.unit.promotion.ruled_scene import PEOPLE, SECURITY, RuledScene
from tests.unit.promotion.scene import ALICE, ALICE_SECOND, BOB, CAROL, DORA, ERIN, MAINTAINER, MALLORY

QUICK = settings(
    max_examples=500, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
WEEK = timedelta(days=7)
KEYS = (ALICE, ALICE_SECOND, BOB, CAROL, DORA, ERIN, MALLORY, PIPELINE)
NAMES = {ALICE: "Alice", ALICE_SECOND: "Alice", BOB: "Bob", CAROL: "Carol", DORA: "Dora", ERIN: "Erin"}
ROLES = {
    "Alice": {"maintainer", "security"},
    "Bob": {"maintainer"},
    "Carol": {"maintainer"},
    "Dora": {"maintainer"},
    "Erin": {"security"},
}
QUORUMS = ({"maintainer": 2}, {"maintainer": 1, "security": 1}, {"maintainer": 3})
OVERRULE = 2
"""Of security."""


def policy_text(number: int) -> str:
    quorum = ", ".join(f'{{ role = "{role}", count = {count} }}' for role, count in QUORUMS[number].items())
    return f"""\
{PEOPLE}
[[channels]]
name = "alpha"
open = true

[[channels]]
name = "beta"
feeds_from = ["alpha"]
quorum = [{quorum}]
overrule = [{{ role = "security", count = {OVERRULE} }}]

[governance]
quorum = [{{ role = "maintainer", count = 2 }}, {{ role = "security", count = 1 }}]
"""


@dataclass(slots=True)
class Said:
    """What one person has said to one request so far, in the order of the ledger."""

    go: SignOff | None = None
    no_go: int = 0
    """Its place; 0 for none."""
    overruling: tuple[int, SignOff] | None = None


@dataclass(slots=True)
class Asked:
    """A request, and what the people of the policy said to it."""

    by: str | None
    period: int
    made: datetime
    said: dict[str, Said] = field(default_factory=dict)

    def hear(self, key: FakeKey, given_: SignOff, place: int) -> None:
        """Only in the order in which it was said; the rest is for the other tests."""
        name = NAMES.get(key)
        if name is None:
            return
        said = self.said.setdefault(name, Said())
        if given_.verdict is Verdict.NO_GO:
            said.go, said.no_go = None, place
        elif given_.verdict is Verdict.WITHDRAW:
            said.go, said.no_go, said.overruling = None, 0, None
        elif given_.verdict is Verdict.GO:
            said.go, said.no_go = given_, 0
        else:
            said.overruling = (place, given_)

    def counts(self, name: str, given_: SignOff, now: datetime) -> bool:
        alive = now < given_.expires_at and now - given_.at < WEEK
        return alive and name != self.by and given_.role in ROLES[name]

    def agreed(self, quorum: dict[str, int], now: datetime) -> bool:
        gos = Counter(
            said.go.role
            for name, said in self.said.items()
            if said.go is not None and self.counts(name, said.go, now)
        )
        return all(gos[role] >= count for role, count in quorum.items())

    def opposed(self, now: datetime) -> bool:
        places = sorted(
            said.overruling[0]
            for name, said in self.said.items()
            if said.overruling is not None
            and said.overruling[1].role == "security"
            and self.counts(name, said.overruling[1], now)
        )
        overruled = places[-OVERRULE] if len(places) >= OVERRULE else 0
        return any(said.no_go and said.no_go >= overruled for said in self.said.values())


class World(RuledScene):
    """The ledger and the model of it."""

    def __init__(self) -> None:
        super().__init__(policy_text(0))
        self.in_force, self.period, self.moves = 0, 0, 0
        self.made: dict[Digest, Asked] = {}

    def ask(self, key: FakeKey) -> None:
        if self.moves:
            return  # there is nothing left to ask for
        request = self.request("2.0.0", "beta", key)
        self.made[request] = Asked(by=NAMES.get(key), period=self.period, made=self.now)

    def some(self, which: int) -> Digest:
        """One of the requests."""
        return [*self.made][which % len(self.made)]

    def say(
        self, which: int, key: FakeKey, verdict: Verdict = Verdict.GO, role: str = MAINTAINER, hours: int = 20
    ) -> None:
        said = self.said(self.some(which), key, verdict, role)
        self.slip(replace(said, expires_at=said.at + (hours + 1) * HOUR), key)

    def forge(self, which: int, key: FakeKey, name: FakeKey) -> None:
        """``key`` says go in somebody's name."""
        self.slip(self.said(self.some(which), key, by=name.fingerprint), key)

    def slip(self, said: SignOff, key: FakeKey) -> None:
        """Recorded past all our proposals."""
        text = said.statement()
        content = SignOffGiven(statement=text, statement_signature=key.sign(text.encode()))
        if self.state.requests[said.request].carried_out:
            with pytest.raises(EntryRefusedError, match="carried out already"):
                self.write(content)
            return
        self.write(content)
        if said.by == key.fingerprint:
            self.made[said.request].hear(key, said, self.state.sequence)

    def agree_all(self, which: int, people: tuple[FakeKey, ...]) -> None:
        for key in people:
            self.say(which, key)
        self.say(which, ERIN, role=SECURITY)

    def oppose(self, which: int, key: FakeKey) -> None:
        self.say(which, key, Verdict.NO_GO)

    def overrule(self, which: int, people: tuple[FakeKey, ...]) -> None:
        for key in people:
            self.say(which, key, Verdict.OVERRULE, SECURITY, 200)

    def wait(self, hours: int) -> None:
        self.tick(hours * HOUR)

    def change(self, number: int) -> None:
        if number == self.in_force:
            return
        self.adopt(policy_text(number))
        self.in_force, self.period = number, self.period + 1

    def try_move(self, which: int) -> None:
        request = [*self.made][which % len(self.made)]
        asked = self.made[request]
        now = self.now + timedelta(minutes=1)
        expected = (
            not self.moves
            and asked.period == self.period
            and now - asked.made < 2 * WEEK
            and asked.agreed(QUORUMS[self.in_force], now)
            and not asked.opposed(now)
        )
        generation = self.state.generation("beta")
        done = self.state.requests[request].carried_out
        try:
            self.move(request)
        except GateClosedError:
            assert not expected
            return
        if done:
            assert self.state.generation("beta") == generation, "once is once"
            return
        assert expected
        self.moves += 1


Action = Callable[[World], None]


def act(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Action]:
    return st.builds(methodcaller, st.just(name), *arguments)


whiches, keys = st.integers(0, 3), st.sampled_from(KEYS)
roles = st.sampled_from(("maintainer", "maintainer", "security"))
verdicts = st.sampled_from((*Verdict, Verdict.GO, Verdict.GO))
actions = st.one_of(
    act("ask", st.sampled_from((DORA, ALICE, ERIN, PIPELINE))),
    act("say", whiches, keys, verdicts, roles, st.sampled_from((0, 20, 200))),
    act("agree_all", whiches, st.sampled_from(((BOB, CAROL), (ALICE, BOB, CAROL), (DORA,)))),
    act("oppose", whiches, st.sampled_from((BOB, DORA, ERIN))),
    act("overrule", whiches, st.sampled_from(((ERIN, ALICE), (ERIN, ALICE_SECOND), (ERIN,)))),
    act("forge", whiches, keys, keys),
    act("wait", st.sampled_from((1, 1, 30, 100))),
    act("change", st.integers(0, len(QUORUMS) - 1)),
    act("try_move", whiches),
)


@QUICK
@given(st.lists(actions, min_size=4, max_size=25))
def test_a_channel_moves_exactly_when_enough_people_agreed(story: list[Action]) -> None:
    world = World()
    world.ask(DORA)
    for action in story:
        action(world)
    for which in range(len(world.made)):
        world.try_move(which)
    moved = [head for head in world.state.history if head.channel == "beta" and head.request is not None]
    assert len(moved) == world.moves <= 1
    assert world.state.generation("beta") == 1 + world.moves


def test_the_model_moves_something() -> None:
    world = World()
    world.ask(DORA)
    for key in (BOB, CAROL):
        world.say(0, key)
    world.try_move(0)
    assert world.moves == 1


def test_the_model_stops_something() -> None:
    world = World()
    world.ask(DORA)
    for key in (BOB, ALICE_SECOND):
        world.say(0, key)
    world.say(0, ERIN, Verdict.NO_GO, SECURITY)
    world.try_move(0)
    assert world.moves == 0


def test_the_model_moves_what_was_overruled() -> None:
    world = World()
    world.ask(PIPELINE)
    world.oppose(0, DORA)
    world.agree_all(0, (BOB, CAROL))
    world.try_move(0)
    assert world.moves == 0
    world.overrule(0, (ERIN, ALICE))
    world.try_move(0)
    assert world.moves == 1
