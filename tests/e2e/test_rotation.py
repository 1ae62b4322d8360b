"""Changing the payload key of a channel through the real commands: only declared, and over a floor."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from release.bundle.document import decode
from release.catalog.version import Version
from release.cli.main import run
from release.errors import NotVerifiedError, RefusedError
from release.line.sources import registered_release
from release.line.succession import check_succession
from release.line.verification import release_checks
from release.signing.trusted_keys import PayloadKey
from release.wiring import open_yard
from tests.e2e.ceremony_yard import add_image_sets, use_signers
from tests.e2e.refusal import REFUSED, USAGE, Terminal
from tests.small_yard import NEW, OLD, SmallYard
from tests.unit.signing.rsa_keys import private_key

NEWER, NEWEST = Version(4610, 0, 0), Version(4620, 0, 0)
OLD_KEY, NEW_KEY = "2048", "4096"


def sign_with(yard: SmallYard, *names: str) -> None:
    """The keys in slot order; the last one counts. What was begun with others is begun anew."""
    use_signers(yard, [f"file:secret/payload-{name}.pem" for name in names], names)


def declare(yard: SmallYard, floor: Version = NEW) -> None:
    with yard.settings.open("a") as settings:
        settings.write(
            f'\n[payload.rotation]\nold = "keys/payload-{OLD_KEY}.pub.pem"\n'
            f'new = "keys/payload-{NEW_KEY}.pub.pem"\nfloor = "{floor}"\n'
        )


def build(yard: SmallYard, version: Version) -> None:
    shutil.rmtree(yard.root / "work", ignore_errors=True)
    command = ["candidate", "build", str(yard.image_set(version)), "--version", str(version)]
    assert yard.humpyard(*command, "--channel", "alpha") == 0


def publish(yard: SmallYard, version: Version) -> int:
    return yard.humpyard("release", "publish", str(version))


def offer(yard: SmallYard, version: Version) -> int:
    """Ask that alpha, which is open, moves there; then let it."""
    assert yard.humpyard("promote", "request", str(version), "--to", "alpha", *yard.secret("ada")) == 0
    return yard.humpyard("promote", "run")


@pytest.fixture
def yard(small_yard: SmallYard) -> SmallYard:
    """The old release in alpha and beta, signed with the old key in the slot that counts."""
    small_yard.publish(OLD, offered_in=("alpha", "beta"))
    add_image_sets(small_yard, NEWER, NEWEST)
    return small_yard


def test_another_key_that_counts_is_not_published_unless_its_change_is_declared(
    yard: SmallYard, terminal: Terminal
) -> None:
    sign_with(yard, OLD_KEY, NEW_KEY)
    build(yard, NEW)
    terminal.fails(
        REFUSED,
        f"release {NEW}: amd64-usr flatcar_production_update.gz: machines hold key",
        "no change of key is declared",
        "docs/ceremony.md",
        by=lambda: publish(yard, NEW),
    )
    assert not (yard.mirror / "releases" / str(NEW)).exists()


def test_another_key_beside_the_one_that_counts_strands_nobody(yard: SmallYard) -> None:
    sign_with(yard, OLD_KEY)
    build(yard, NEW)
    assert publish(yard, NEW) == 0


def test_a_declared_change_goes_over_its_floor_and_on_no_other_way(
    yard: SmallYard, terminal: Terminal
) -> None:
    declare(yard)
    sign_with(yard, OLD_KEY, NEW_KEY)
    build(yard, NEW)
    terminal.fails(REFUSED, f"machines below the floor {NEW} hold key", by=lambda: publish(yard, NEW))
    sign_with(yard, NEW_KEY, OLD_KEY)
    build(yard, NEW)
    terminal.works(lambda: publish(yard, NEW))

    sign_with(yard, OLD_KEY, NEW_KEY)
    build(yard, NEWER)
    never = f"the floor {NEW} was never offered in this channel"
    terminal.fails(REFUSED, never, by=lambda: publish(yard, NEWER))
    terminal.works(lambda: offer(yard, NEW))
    terminal.works(lambda: publish(yard, NEWER))
    terminal.works(lambda: offer(yard, NEWER))

    sign_with(yard, NEW_KEY, OLD_KEY)
    build(yard, NEWEST)
    terminal.fails(
        REFUSED, f"machines at or above the floor {NEW} hold key", by=lambda: publish(yard, NEWEST)
    )
    with open_yard(yard.settings) as opened:
        release, _ = registered_release(opened.store, opened.ledger.state(), NEWER)
        with pytest.raises(RefusedError, match=never):  # beta never offered the floor
            check_succession(opened, release, "beta")


def test_a_channel_does_not_move_to_a_release_that_its_machines_cannot_verify(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    """Both were published while the channel offered nothing; by the second move it does."""
    sign_with(small_yard, NEW_KEY, OLD_KEY)
    build(small_yard, OLD)
    assert publish(small_yard, OLD) == 0
    sign_with(small_yard, OLD_KEY, NEW_KEY)
    build(small_yard, NEW)
    assert publish(small_yard, NEW) == 0
    terminal.works(lambda: offer(small_yard, OLD))
    terminal.fails(REFUSED, "no change of key is declared", by=lambda: offer(small_yard, NEW))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'old = "keys/gone.pem"\nnew = "keys/payload-4096.pub.pem"\nfloor = "1.2.3"',
            "keys/gone.pem: No such",
        ),
        (
            'old = "keys/payload-4096.pub.pem"\nnew = "keys/payload-4096.pub.pem"\nfloor = "1.2.3"',
            "found the same one as old and as new",
        ),
        (
            'old = "keys/payload-2048.pub.pem"\nnew = "keys/payload-4096.pub.pem"\nfloor = "1.2"',
            "payload.rotation.floor: version '1.2'",
        ),
        ('old = "keys/payload-2048.pub.pem"', "payload.rotation.new: Field required"),
    ],
)
def test_a_declaration_that_says_nothing_right_is_told(
    small_yard: SmallYard, terminal: Terminal, text: str, told: str
) -> None:
    with small_yard.settings.open("a") as settings:
        settings.write(f"\n[payload.rotation]\n{text}\n")
    terminal.fails(REFUSED, told, by=lambda: small_yard.humpyard("promote", "status"))


def test_the_command_shows_a_plan_that_strands_nobody_and_says_who_would_be_stranded(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    old, new = (str(small_yard.root / "keys" / f"payload-{name}.pub.pem") for name in (OLD_KEY, NEW_KEY))
    change = ["signing", "rotation", "--old", old, "--new", new, "--floor", str(NEW)]
    told = terminal.works(lambda: run(change))
    assert "STRANDED" not in told
    assert (
        f"above {NEW}: signed by payload-2048.pub.pem (version 1), payload-4096.pub.pem (version 2)" in told
    )
    stages = json.loads(terminal.works(lambda: run([*change, "--json"])))
    assert len(stages) == 4
    asked = [*change, "--release", str(NEWER), "--slot", new, "--slot", old]
    terminal.fails(REFUSED, f"strand machines {NEW} and above with update_engine", by=lambda: run(asked))
    terminal.fails(USAGE, "expected --release together with", by=lambda: run([*change, "--slot", new]))


def test_a_channel_with_signers_of_its_own_has_its_own_declaration_or_none(small_yard: SmallYard) -> None:
    declare(small_yard, NEWER)
    keys = f'signers = ["file:secret/payload-{OLD_KEY}.pem"]\nkeys = ["keys/payload-{OLD_KEY}.pub.pem"]\n'
    change = f'old = "keys/payload-{OLD_KEY}.pub.pem"\nnew = "keys/payload-{NEW_KEY}.pub.pem"\n'
    with small_yard.settings.open("a") as settings:
        settings.write(f"\n[channels.beta]\n{keys}\n[channels.stable]\n{keys}\n")
        settings.write(f'[channels.stable.rotation]\n{change}floor = "{NEWEST}"\n')
    with open_yard(small_yard.settings) as opened:
        found = {name: opened.payload_for(name).rotation for name in ("alpha", "beta", "stable")}
    floors = {name: None if one is None else one.floor for name, one in found.items()}
    assert floors == {"alpha": NEWER, "beta": None, "stable": NEWEST}


def test_a_release_that_tells_of_a_signature_it_does_not_have_is_not_verified(yard: SmallYard) -> None:
    """Whether a channel may change its key is judged by what releases tell of their signatures."""
    document = yard.mirror / "releases" / str(OLD) / "release.json"
    board = decode(document.read_bytes()).boards[0]
    other = PayloadKey.of(private_key("other").public_key(), "other")
    with open_yard(yard.settings) as opened:
        keys = (*opened.payload_for("alpha").keys, other)
        checks = release_checks(opened.release_signatures, opened.image_signatures, keys, prove=False)
    for record in board.payloads:
        path = yard.mirror / "update" / str(board.board) / str(OLD) / record.artifact.name
        checks.payload(path, record, board)
        lie = replace(record, signatures=(other.fingerprint, *record.signatures))
        with pytest.raises(NotVerifiedError, match=f"recorded as signed by {other.fingerprint}, "):
            checks.payload(path, lie, board)
