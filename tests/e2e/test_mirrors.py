"""Mirrors follow the ledger, each for itself; a channel moves when enough of them have its release."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from release.catalog.naming import HEAD_FILE
from tests.e2e.refusal import REFUSED, UNAVAILABLE, Terminal, tree
from tests.mirror_web import Fault, lying, shortened, stuck, unavailable
from tests.mirror_yard import NAMES, MirrorYard, add_access, shown
from tests.small_yard import NEW, OLD


def status(yard: MirrorYard, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """The exit code of ``mirrors status``, and what it says to scripts."""
    capsys.readouterr()
    code = yard.small.humpyard("mirrors", "status", "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_new_mirrors_get_what_channels_are_at_and_show_what_the_store_says(mirrored: MirrorYard) -> None:
    """What the store has of the channels is on each, byte for byte, and so are listings."""
    assert mirrored.promote() == 0
    store = tree(mirrored.small.mirror)
    for name in NAMES:
        there = shown(mirrored.root(name))
        beside = {key for key in there if "/index." in key and not key.startswith("pages/")}
        assert beside == {
            f"{folder}/amd64-usr/{OLD}/index.{kind}"
            for folder in ("alpha", "beta", "update")
            for kind in ("html", "json")
        }
        info = (mirrored.root(name) / "channel-info.txt").read_text()
        assert info == f"ALPHA_CURRENT={OLD}\nBETA_CURRENT={OLD}\n"
        expected = {key: (key, key.replace("/current/", f"/{OLD}/")) for key in there}
        wrong = {key for key in there if there[key] not in {store.get(one) for one in expected[key]}}
        assert wrong == beside | {"channel-info.txt"}
        missing = {key for key in store if key not in there and str(NEW) not in key}
        assert missing == set()
        assert mirrored.at(name) == mirrored.at(name, "beta") == str(OLD)
        assert mirrored.head(name) == mirrored.head("origin")
        assert mirrored.verify(name) == mirrored.verify(name, "beta") == 0


def test_a_second_run_writes_nothing(mirrored: MirrorYard) -> None:
    assert mirrored.promote() == 0
    before, entries = tree(mirrored.roots), mirrored.state().sequence
    assert mirrored.promote() == 0
    assert (tree(mirrored.roots), mirrored.state().sequence) == (before, entries)


def test_with_one_of_three_down_the_channel_moves_and_the_mirror_follows_when_it_is_back(
    mirrored: MirrorYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until then it is listed as lagging, keeps what it showed, and machines are not sent there."""
    assert mirrored.promote() == 0
    mirrored.break_writing("c")
    mirrored.ask()
    assert mirrored.promote() == 0
    assert [mirrored.at(name) for name in ("origin", "a", "b")] == [str(NEW)] * 3
    assert mirrored.mirrors_with() == {"a", "b"}
    assert mirrored.offered_from() == mirrored.offered_from("a") == ("a", "b")

    code, found = status(mirrored, capsys)
    lagging = {one["name"]: one for one in found["mirrors"] if one["lags"]}
    assert (code, list(lagging)) == (0, ["c"])
    alpha = lagging["c"]["channels"]["alpha"]
    assert (alpha["has"], alpha["should_have"]) == (str(OLD), str(NEW))
    assert alpha["lags_since"]
    assert str(mirrored.root("c")) in lagging["c"]["trouble"]["reason"]

    mirrored.mend("c")
    assert mirrored.at("c") == str(OLD)
    assert mirrored.verify("c") == 0, "it is old, and consistent"
    assert mirrored.promote() == 0
    assert mirrored.at("c") == str(NEW)
    assert mirrored.offered_from() == ("a", "b", "c")
    assert [mirrored.verify(name) for name in NAMES] == [0, 0, 0]
    assert not any(one["lags"] for one in status(mirrored, capsys)[1]["mirrors"])


def test_with_too_few_mirrors_nothing_moves_and_it_goes_on_by_itself_when_one_is_back(
    mirrored: MirrorYard, terminal: Terminal
) -> None:
    assert mirrored.promote() == 0
    for name in ("b", "c"):
        mirrored.break_writing(name)
    mirrored.ask()
    why = terminal.fails(
        REFUSED, "mirrors: missing 1 more of the mirrors b, c", str(mirrored.root("b")), by=mirrored.promote
    )
    assert str(mirrored.root("c")) in why
    assert [mirrored.at(name) for name in ("origin", "a")] == [str(OLD)] * 2
    assert mirrored.mirrors_with() == {"a"}
    assert mirrored.promote() == REFUSED, "still"
    mirrored.mend("b")
    assert mirrored.promote() == 0
    assert [mirrored.at(name) for name in ("origin", "a", "b")] == [str(NEW)] * 3


def test_status_fails_when_fewer_mirrors_have_a_release_than_the_policy_asks_for(
    mirrored: MirrorYard, terminal: Terminal
) -> None:
    """The release before has been there since before the ledger, and nobody brought it to a mirror yet."""
    fails = terminal.fails
    fails(
        REFUSED, "alpha 4593.0.0: 0 of 3", "2 must", by=lambda: mirrored.small.humpyard("mirrors", "status")
    )
    assert mirrored.promote() == 0
    assert mirrored.small.humpyard("mirrors", "status") == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lying(f"update/amd64-usr/{NEW}/flatcar_production_update.gz"), ("expected", "found", "sha256:")),
        (lying(f"releases/{NEW}/release.json.sig"), ("release.json.sig: expected", "found")),
        (shortened(f"update/amd64-usr/{NEW}", announced=True), ("expected", "bytes", "found")),
        (shortened(f"update/amd64-usr/{NEW}", announced=False), (f"update/amd64-usr/{NEW}",)),
        (unavailable, ("503",)),
    ],
    ids=["other-bytes", "another-signature", "too-short", "broken-off", "unavailable"],
)
def test_a_mirror_that_does_not_give_back_what_it_was_given_does_not_count(
    mirrored: MirrorYard, terminal: Terminal, fault: Fault, said: tuple[str, ...]
) -> None:
    """It was written to, and what it says there is right; its public address is what counts."""
    assert mirrored.promote() == 0
    mirrored.web.faults.update(b=fault, c=fault)
    mirrored.ask()
    terminal.fails(REFUSED, mirrored.web.address("b"), mirrored.web.address("c"), *said, by=mirrored.promote)
    assert mirrored.at("origin") == str(OLD)
    assert mirrored.mirrors_with() == {"a"}
    assert mirrored.mirrors_with(OLD) == set(NAMES), "nothing is said about what was not looked at"
    mirrored.web.faults.clear()
    assert mirrored.promote() == 0
    assert mirrored.mirrors_with() == set(NAMES)


def test_nobody_waits_for_a_mirror_that_is_stuck_once_enough_have_the_release(mirrored: MirrorYard) -> None:
    """It has no patience of its own here; what it gets later does not count before it was read back."""
    assert mirrored.promote() == 0
    settings = mirrored.small.settings
    settings.write_text(settings.read_text().replace("patience = 600", "patience = 0"))
    mirrored.web.faults["c"] = stuck
    mirrored.ask()
    assert mirrored.promote() == 0
    assert mirrored.mirrors_with() == {"a", "b"}
    assert mirrored.small.humpyard("mirrors", "sync") == UNAVAILABLE, "the first try is not over"
    mirrored.web.reset_faults()
    for _ in range(60):
        if mirrored.small.humpyard("mirrors", "sync") == 0:
            break
        time.sleep(0.5)
    assert mirrored.mirrors_with() == set(NAMES)


def test_a_mirror_that_lost_a_file_gets_it_again_and_one_that_changed_one_is_taken_out(
    mirrored: MirrorYard, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirrored.promote() == 0
    payload = f"update/amd64-usr/{OLD}/flatcar_production_update.gz"
    (mirrored.root("a") / payload).unlink()
    changed = mirrored.root("b") / payload
    right = changed.read_bytes()
    changed.unlink()
    changed.write_bytes(b"\0" + right[1:])

    def again() -> int:
        return mirrored.small.humpyard("mirrors", "sync", "--again")

    terminal.fails(REFUSED, "b: ", payload, by=again)
    assert (mirrored.root("a") / payload).read_bytes() == right
    assert mirrored.mirrors_with(OLD) == {"a", "b", "c"} - {"b"}
    assert mirrored.offered_from() == ("a", "c")
    code, found = status(mirrored, capsys)
    assert (code, [one["name"] for one in found["mirrors"] if one["lags"]]) == (0, ["b"])
    changed.unlink()
    assert again() == 0
    assert mirrored.offered_from() == NAMES


def test_a_sync_brings_the_past_and_what_may_come_next(mirrored: MirrorYard) -> None:
    """Promoting brings no more than what channels are at, so that it stays quick."""
    mirrored.ask()
    assert mirrored.promote() == 0
    assert mirrored.mirrors_with(OLD, "beta") == set(NAMES)
    assert mirrored.mirrors_with(OLD, "alpha") == set(), "it is the past"
    assert mirrored.small.humpyard("mirrors", "sync") == 0
    assert mirrored.mirrors_with(OLD, "alpha") == set(NAMES)


def test_a_sync_says_who_is_behind_and_that_trying_again_may_help(
    mirrored: MirrorYard, terminal: Terminal
) -> None:
    mirrored.web.faults["c"] = unavailable
    address = mirrored.web.address("c")
    terminal.fails(
        UNAVAILABLE, "mirrors are behind", address, by=lambda: mirrored.small.humpyard("mirrors", "sync")
    )
    assert [mirrored.at(name) for name in ("a", "b")] == [str(OLD)] * 2


def test_names_that_only_policy_or_only_settings_know_are_told_and_stop_nobody(
    mirrored: MirrorYard, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = mirrored.small.settings
    settings.write_text(settings.read_text().replace("[mirrors.c]", "[mirrors.stranger]"))
    mirrored.ask()
    assert mirrored.promote() == 0
    assert mirrored.at("origin") == str(NEW)
    capsys.readouterr()
    assert mirrored.small.humpyard("mirrors", "status") == 0
    out = capsys.readouterr().out
    assert "[mirrors.c]" in out or "do not say how to write to it" in out
    assert "stranger: is in the settings, but not in the policy" in out


def test_a_store_that_is_public_itself_is_read_back_like_any_other(
    mirrored: MirrorYard, terminal: Terminal
) -> None:
    """Nothing is written there twice; what its address gives is compared all the same."""
    settings = mirrored.small.settings
    text = settings.read_text()
    settings.write_text(text[: text.index("[mirrors.c]")])
    add_access(settings, "c", url="origin")
    mirrored.web.roots["c"] = mirrored.small.mirror
    mirrored.ask()
    assert mirrored.promote() == 0
    assert mirrored.mirrors_with() == set(NAMES)
    assert mirrored.verify("c") == 0
    mirrored.web.faults["c"] = lying("release.json")
    sync = ("mirrors", "sync", "--again")
    terminal.fails(REFUSED, mirrored.web.address("c"), by=lambda: mirrored.small.humpyard(*sync))
    assert mirrored.mirrors_with() == {"a", "b"}


def test_a_withdrawal_reaches_the_mirrors(mirrored: MirrorYard) -> None:
    """Their heads say so, and so does what update servers read; nobody is led to the release anew."""
    assert mirrored.promote() == 0
    stop = ["stop", "withdraw", str(OLD), "--reason", "it eats disks", *mirrored.small.secret("ada")]
    assert mirrored.small.humpyard(*stop) == 0
    assert mirrored.promote() == 0
    for name in NAMES:
        head = mirrored.head(name)
        assert head is not None
        assert [one.version for one in head.withdrawn] == [OLD]
        assert (mirrored.root(name) / HEAD_FILE).read_bytes() == (
            mirrored.small.mirror / HEAD_FILE
        ).read_bytes()


def test_a_probe_tries_the_store_and_every_mirror_and_leaves_nothing(
    mirrored: MirrorYard, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirrored.promote() == 0
    before = (tree(mirrored.roots), tree(mirrored.small.mirror))
    capsys.readouterr()
    assert mirrored.small.humpyard("mirrors", "probe", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"origin", *NAMES}
    for one in found.values():
        assert {each["verdict"] for each in one["findings"]} == {"kept"}
    assert (tree(mirrored.roots), tree(mirrored.small.mirror)) == before
    mirrored.break_writing("c")
    root = str(mirrored.root("c"))
    terminal.fails(REFUSED, root, by=lambda: mirrored.small.humpyard("mirrors", "probe"))
