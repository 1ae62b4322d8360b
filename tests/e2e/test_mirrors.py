"""Mirrors follow the ledger, each for itself; a channel moves when enough of them have its release."""

from __future__ import annotations

import hashlib
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
        sums = {key for key in wrong if key.endswith(".sha256")}
        for key in sums:
            file = mirrored.root(name) / key.removesuffix(".sha256")
            said = (mirrored.root(name) / key).read_text()
            assert said == f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        images = {key.removesuffix(".sig") for key in there if key.endswith(".raw.sig") or ".bz2.sig" in key}
        assert images <= {key.removesuffix(".sha256") for key in sums}
        assert wrong - sums == beside | {"channel-info.txt"}
        missing = {key for key in store if key not in there and str(NEW) not in key}
        assert missing == set()
        assert mirrored.at(name) == mirrored.at(name, "beta") == str(OLD)
        assert mirrored.head(name) == mirrored.head("origin")
        assert mirrored.verify(name) == mirrored.verify(name, "beta") == 0


def test_a_second_run_writes_nothing(settled: MirrorYard) -> None:
    before, entries = tree(settled.roots), settled.state().sequence
    assert settled.promote() == 0
    assert (tree(settled.roots), settled.state().sequence) == (before, entries)


def test_with_one_of_three_down_the_channel_moves_and_the_mirror_follows_when_it_is_back(
    settled: MirrorYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until then it is listed as lagging, keeps what it showed, and machines are not sent there."""
    settled.break_writing("c")
    settled.ask()
    assert settled.promote() == 0
    assert [settled.at(name) for name in ("origin", "a", "b")] == [str(NEW)] * 3
    assert settled.mirrors_with() == {"a", "b"}
    assert settled.offered_from() == settled.offered_from("a") == ("a", "b")

    code, found = status(settled, capsys)
    lagging = {one["name"]: one for one in found["mirrors"] if one["lags"]}
    assert (code, list(lagging)) == (0, ["c"])
    alpha = lagging["c"]["channels"]["alpha"]
    assert (alpha["has"], alpha["should_have"]) == (str(OLD), str(NEW))
    assert alpha["lags_since"]
    assert str(settled.root("c")) in lagging["c"]["trouble"]["reason"]

    settled.mend("c")
    assert settled.at("c") == str(OLD)
    assert settled.verify("c") == 0, "it is old, and consistent"
    assert settled.promote() == 0
    assert settled.at("c") == str(NEW)
    assert settled.offered_from() == ("a", "b", "c")
    assert [settled.verify(name) for name in NAMES] == [0, 0, 0]
    assert not any(one["lags"] for one in status(settled, capsys)[1]["mirrors"])


def test_with_too_few_mirrors_nothing_moves_and_it_goes_on_by_itself_when_one_is_back(
    settled: MirrorYard, terminal: Terminal
) -> None:
    for name in ("b", "c"):
        settled.break_writing(name)
    settled.ask()
    why = terminal.fails(
        REFUSED, "mirrors: missing 1 more of the mirrors b, c", str(settled.root("b")), by=settled.promote
    )
    assert str(settled.root("c")) in why
    assert [settled.at(name) for name in ("origin", "a")] == [str(OLD)] * 2
    assert settled.mirrors_with() == {"a"}
    assert settled.promote() == REFUSED, "still"
    settled.mend("b")
    assert settled.promote() == 0
    assert [settled.at(name) for name in ("origin", "a", "b")] == [str(NEW)] * 3


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
    settled: MirrorYard, terminal: Terminal, fault: Fault, said: tuple[str, ...]
) -> None:
    """It was written to, and what it says there is right; its public address is what counts."""
    settled.web.faults.update(b=fault, c=fault)
    settled.ask()
    terminal.fails(REFUSED, settled.web.address("b"), settled.web.address("c"), *said, by=settled.promote)
    assert settled.at("origin") == str(OLD)
    assert settled.mirrors_with() == {"a"}
    assert settled.mirrors_with(OLD) == set(NAMES), "nothing is said about what was not looked at"
    settled.web.faults.clear()
    assert settled.promote() == 0
    assert settled.mirrors_with() == set(NAMES)


def test_nobody_waits_for_a_mirror_that_is_stuck_once_enough_have_the_release(settled: MirrorYard) -> None:
    """It has no patience of its own here; what it gets later does not count before it was read back."""
    settings = settled.small.settings
    settings.write_text(settings.read_text().replace("patience = 600", "patience = 0"))
    settled.web.faults["c"] = stuck
    settled.ask()
    assert settled.promote() == 0
    assert settled.mirrors_with() == {"a", "b"}
    assert settled.small.humpyard("mirrors", "sync") == UNAVAILABLE, "the first try is not over"
    settled.web.reset_faults()
    for _ in range(60):
        if settled.small.humpyard("mirrors", "sync") == 0:
            break
        time.sleep(0.5)
    assert settled.mirrors_with() == set(NAMES)


def test_a_mirror_that_lost_a_file_gets_it_again_and_one_that_changed_one_is_taken_out(
    settled: MirrorYard, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = f"update/amd64-usr/{OLD}/flatcar_production_update.gz"
    (settled.root("a") / payload).unlink()
    changed = settled.root("b") / payload
    right = changed.read_bytes()
    changed.unlink()
    changed.write_bytes(b"\0" + right[1:])

    def again() -> int:
        return settled.small.humpyard("mirrors", "sync", "--again")

    terminal.fails(REFUSED, "b: ", payload, by=again)
    assert (settled.root("a") / payload).read_bytes() == right
    assert settled.mirrors_with(OLD) == {"a", "b", "c"} - {"b"}
    assert settled.offered_from() == ("a", "c")
    code, found = status(settled, capsys)
    assert (code, [one["name"] for one in found["mirrors"] if one["lags"]]) == (0, ["b"])
    changed.unlink()
    assert again() == 0
    assert settled.offered_from() == NAMES


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


def test_a_withdrawal_reaches_the_mirrors(settled: MirrorYard) -> None:
    """Their heads say so, and so does what update servers read; nobody is led to the release anew."""
    stop = ["stop", "withdraw", str(OLD), "--reason", "it eats disks", *settled.small.secret("ada")]
    assert settled.small.humpyard(*stop) == 0
    assert settled.promote() == 0
    for name in NAMES:
        head = settled.head(name)
        assert head is not None
        assert [one.version for one in head.withdrawn] == [OLD]
        assert (settled.root(name) / HEAD_FILE).read_bytes() == (
            settled.small.mirror / HEAD_FILE
        ).read_bytes()


def test_a_probe_tries_the_store_and_every_mirror_and_leaves_nothing(
    settled: MirrorYard, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tree(settled.roots), tree(settled.small.mirror))
    capsys.readouterr()
    assert settled.small.humpyard("mirrors", "probe", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"origin", *NAMES}
    for one in found.values():
        assert {each["verdict"] for each in one["findings"]} == {"kept"}
    assert (tree(settled.roots), tree(settled.small.mirror)) == before
    settled.break_writing("c")
    root = str(settled.root("c"))
    terminal.fails(REFUSED, root, by=lambda: settled.small.humpyard("mirrors", "probe"))
