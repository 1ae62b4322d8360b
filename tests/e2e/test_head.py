"""The mirror's head: signed after everything it names, on time, by the pipeline, and never backwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from release import canonical
from release.catalog.naming import HEAD_FILE
from release.errors import NotVerifiedError, RefusedError
from release.line.head import sign_head
from release.line.laying_out import lay_out
from release.mirror.store import LostRaceError, Pointer, Store
from release.signing.openpgp import OpenPgpHome
from release.trust.head import HeadError, read_head, unseal
from release.wiring import SecretKeySource, open_yard, simulated_clock
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard, fingerprint_in, write_image_set

DAY = timedelta(days=1)


def head_of(yard: SmallYard) -> bytes:
    return (yard.mirror / HEAD_FILE).read_bytes()


def sequence_of(yard: SmallYard) -> int:
    return read_head(unseal(head_of(yard), "test").body, "test").ledger.sequence


def last_entry(yard: SmallYard) -> int:
    return max(int(path.stem) for path in (yard.mirror / "ledger").iterdir())


def test_publishing_and_promoting_sign_what_is_so_then(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    assert sequence_of(yard) == last_entry(yard)
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert sequence_of(yard) == last_entry(yard) - 1, "people have no key for heads"
    assert yard.humpyard("promote", "run") == 0
    assert sequence_of(yard) == last_entry(yard)
    capsys.readouterr()
    assert yard.humpyard("head", "show", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["channels"]["alpha"]["version"] == str(NEW)
    assert shown["channels"]["beta"]["version"] == str(OLD)
    assert shown["expired"] is False
    assert yard.humpyard("head", "show") == 0
    assert f"as of ledger entry {last_entry(yard)}" in capsys.readouterr().out


def test_refreshing_brings_it_up_to_what_people_recorded(released_yard: SmallYard) -> None:
    yard = released_yard
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert yard.humpyard("head", "refresh") == 0
    assert sequence_of(yard) == last_entry(yard)


def test_refreshing_does_nothing_until_half_its_life_is_over(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard, signed = released_yard, head_of(released_yard)
    now = read_head(unseal(signed, "test").body, "test").issued
    assert yard.humpyard("head", "refresh") == 0
    assert head_of(yard) == signed
    with simulated_clock(lambda: now + timedelta(hours=11)):
        assert yard.humpyard("head", "refresh") == 0
    assert head_of(yard) == signed
    with simulated_clock(lambda: now + timedelta(hours=13)):
        assert yard.humpyard("head", "refresh") == 0
    assert head_of(yard) != signed
    capsys.readouterr()
    with simulated_clock(lambda: now + timedelta(hours=38)):
        assert yard.humpyard("head", "show") == 0
        assert "EXPIRED" in capsys.readouterr().out
        assert yard.humpyard("head", "refresh") == 0, "an expired head is no reason to stop"


def test_a_mirror_without_a_head_gets_one(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    (released_yard.mirror / HEAD_FILE).unlink()
    assert released_yard.humpyard("head", "show") == 1
    assert "humpyard head refresh" in capsys.readouterr().err
    assert released_yard.humpyard("head", "refresh") == 0
    assert sequence_of(released_yard) == last_entry(released_yard)


def test_a_head_that_the_pipeline_did_not_sign_stops_it(released_yard: SmallYard) -> None:
    """Whoever may write to the store put another one there: a person looks, nothing is overwritten."""
    yard, path = released_yard, released_yard.mirror / HEAD_FILE
    sealed = json.loads(head_of(yard))
    with OpenPgpHome() as home:
        (ada,) = home.import_file(yard.root / "secret" / "ada.asc")
        forged = {**sealed, "signature": home.sign_bytes(sealed["body"].encode(), ada)}
    altered = {**sealed, "body": sealed["body"].replace("offered", "offerea")}
    for document, message in ((forged, "no key of the pipeline"), (altered, "status")):
        path.write_bytes(canonical.dump(document))
        with open_yard(yard.settings) as opened, pytest.raises(HeadError, match=message) as caught:
            sign_head(opened)
        assert "find out who" in str(caught.value.hint)
        assert path.read_bytes() == canonical.dump(document)


def test_a_store_that_was_put_back_in_time_is_noticed(released_yard: SmallYard) -> None:
    yard, newest = released_yard, last_entry(released_yard)
    (yard.mirror / "ledger" / f"{newest:08d}.json").unlink()
    with open_yard(yard.settings) as opened, pytest.raises(NotVerifiedError, match="the ledger ends at"):
        sign_head(opened)
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    with (
        open_yard(yard.settings) as opened,
        pytest.raises(NotVerifiedError, match=f"as entry {newest}, the ledger"),
    ):
        sign_head(opened)


def test_a_persons_key_signs_no_head(released_yard: SmallYard) -> None:
    secret = released_yard.root / "secret" / "ada.asc"
    ada = SecretKeySource(fingerprint=fingerprint_in(secret), files=(secret,))
    (released_yard.mirror / HEAD_FILE).unlink()
    with (
        open_yard(released_yard.settings, person=ada) as opened,
        pytest.raises(RefusedError, match="which is no key of the pipeline"),
    ):
        sign_head(opened)
    assert not (released_yard.mirror / HEAD_FILE).exists()


@dataclass
class Racing:
    """A store in which, so many times, another pipeline is quicker with its head."""

    store: Store
    quicker: Callable[[], object]
    times: int

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        if self.times:
            self.times -= 1
            self.quicker()
        return self.store.swap_pointer(key, expected, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_of_two_pipelines_the_slower_one_finds_nothing_left_to_do(released_yard: SmallYard) -> None:
    later = datetime.now(UTC) + timedelta(hours=20)
    with open_yard(released_yard.settings) as first, open_yard(released_yard.settings) as second:
        quicker = replace(second, clock=lambda: later + timedelta(minutes=1))
        store = cast("Store", Racing(first.store, lambda: sign_head(quicker), 1))
        assert sign_head(replace(first, store=store, clock=lambda: later)).startswith("still true")


def test_a_pipeline_that_is_always_slower_gives_up_for_now(released_yard: SmallYard) -> None:
    days = iter(datetime.now(UTC) + number * DAY for number in range(1, 200))
    with open_yard(released_yard.settings) as first, open_yard(released_yard.settings) as second:
        quicker = replace(second, clock=lambda: next(days))
        store = cast("Store", Racing(first.store, lambda: sign_head(quicker), 99))
        with pytest.raises(LostRaceError, match="others signed it 5 times"):
            sign_head(replace(first, store=store, clock=lambda: next(days)))


def yard_with_key(root: Path, expires: datetime | None, created: datetime) -> SmallYard:
    """A yard whose pipeline's key lives until then, with one signed image set."""
    root.mkdir()
    lay_out(root, PRODUCT, throw_away_keys=True)
    old = fingerprint_in(root / "keys" / "pipeline.asc")
    with OpenPgpHome() as home:
        (build,) = home.import_keys((root / "secret" / "build.asc").read_bytes())
        write_image_set(
            root / "incoming" / BOARD / str(OLD), OLD, lambda data, out: home.sign_file(data, out, build)
        )
        new = home.generate_key("Pipeline <p@example.invalid>", created=created, expires=expires)
        (root / "keys" / "pipeline.asc").write_bytes(home.export_public(new))
        (root / "secret" / "pipeline.asc").write_bytes(home.export_secret(new))
    settings = root / "humpyard.toml"
    settings.write_text(settings.read_text().replace(old, new))
    yard = SmallYard(root)
    assert yard.humpyard("ledger", "begin") == 0
    return yard


def test_nothing_is_published_with_a_key_that_ends_before_the_release_is_superseded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release may be the newest for 90 days by this policy; the key has 60."""
    now = datetime.now(UTC)
    yard = yard_with_key(tmp_path / "yard", now + 60 * DAY, now - DAY)
    build = ["candidate", "build", str(yard.image_set(OLD)), "--version", str(OLD), "--channel", "alpha"]
    assert yard.humpyard(*build) == 0
    capsys.readouterr()
    assert yard.humpyard("release", "publish", str(OLD)) == 1
    said = capsys.readouterr().err
    assert f"signs until {now + 60 * DAY:%Y-%m-%d}, " in said
    assert "by the policy a release may be the newest for 90 days, until" in said
    assert "hint:  give it more time (gpg --quick-set-expire" in said
    assert not (yard.mirror / "releases").exists()
