"""Pages that are written while the ledger goes on: whoever writes last knows the most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import pytest

from release.catalog.naming import PAGES_PREFIX
from release.errors import UnavailableError
from release.line.pages import publish_pages
from release.line.yard import Yard
from release.mirror.store import Store
from release.pages.publish_order import rank
from release.wiring import open_yard
from tests.small_yard import OLD, SmallYard

BANNER = "Withdrawn"


@dataclass
class MovingStore:
    """A store on which something else happens right before pages of a rank are written; then no more."""

    store: Store
    rank: int
    happens: Callable[[], None]
    times: int = 1
    ranks: list[int] = field(default_factory=list)
    """Of the groups that were written, one number for all pages of one in a row."""
    lock: Lock = field(default_factory=Lock)

    def replace(self, key: str, data: bytes) -> None:
        number = rank(key.removeprefix(PAGES_PREFIX))
        with self.lock:
            if self.ranks[-1:] != [number]:
                self.ranks.append(number)
                if number == self.rank and self.times:
                    self.times -= 1
                    self.happens()
        self.store.replace(key, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def page(yard: SmallYard, path: str = f"releases/{OLD}/index.html") -> str:
    return (yard.mirror / PAGES_PREFIX / path).read_text()


def withdraw(yard: SmallYard) -> None:
    """Somebody withdraws a release, and another process shows it, in full."""
    stop = ["stop", "withdraw", str(OLD), "--reason", "It burns.", *yard.secret("ada")]
    assert yard.humpyard(*stop) == 0
    with open_yard(yard.settings) as other:
        publish_pages(other, lambda _done, _total: None)
    assert BANNER in page(yard)


def tell(yard: SmallYard, name: str) -> None:
    opened = ["issues", "open", name, "--title", "T", "--text", "T", "--affects", str(OLD)]
    assert yard.humpyard(*opened, *yard.secret("ada")) == 0


def moving(yard: Yard, store: MovingStore) -> Yard:
    return replace(yard, store=store)  # type: ignore[arg-type]  # it has all that it does not say itself


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_rendering_from_before_a_withdrawal_does_not_take_it_from_the_pages(
    released_yard: SmallYard, number: int
) -> None:
    with open_yard(released_yard.settings) as opened:
        store = MovingStore(opened.store, number, lambda: withdraw(released_yard))
        publish_pages(moving(opened, store), lambda _done, _total: None)
    assert not store.times
    assert BANNER in page(released_yard)
    assert "It burns." in page(released_yard, "index.html")
    with open_yard(released_yard.settings) as again:
        assert ", 0 of them new" in publish_pages(again, lambda _done, _total: None)


def test_what_leads_to_pages_is_not_written_when_they_are_old(released_yard: SmallYard) -> None:
    with open_yard(released_yard.settings) as opened:
        store = MovingStore(opened.store, 1, lambda: tell(released_yard, "one"))
        publish_pages(moving(opened, store), lambda _done, _total: None)
    assert store.ranks[:3] == [0, 1, 0], "from the beginning, before any pointer"
    assert store.ranks[-2:] == [2, 3]


def test_a_ledger_that_never_rests_is_said_and_pages_are_there_all_the_same(
    released_yard: SmallYard,
) -> None:
    names = iter("abcdefgh")
    with open_yard(released_yard.settings) as opened:
        store = MovingStore(opened.store, 1, lambda: tell(released_yard, next(names)), times=9)
        with pytest.raises(UnavailableError, match="the ledger went on 4 times"):
            publish_pages(moving(opened, store), lambda _done, _total: None)
    assert store.ranks == [0, 1, 0, 1, 0, 1, 0, 1, 2, 3], "the last try is finished"
    assert page(released_yard, "index.html")
