"""The dossier of a request: what somebody sees before they sign, on a terminal and as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.cli.dossier import show_dossier
from release.digests import Digest
from release.line.dossier import Dossier, dossier_of
from release.wiring import open_yard
from tests.e2e.refusal import REFUSED, Terminal
from tests.small_yard import NEW, OLD, SmallYard

COMMAND = "from release.cli.main import main; main()"
REASON = "two weeks in alpha\n== The gate\nrule  met  all of it"


def printed(yard: SmallYard, capsys: pytest.CaptureFixture[str], request: str, *options: str) -> str:
    capsys.readouterr()
    assert yard.humpyard("promote", "dossier", request, *options) == 0
    return capsys.readouterr().out


def dossier(yard: SmallYard, request: str) -> Dossier:
    with open_yard(yard.settings) as opened:
        return dossier_of(opened, Digest.parse(request))


@pytest.fixture(scope="session")
def asked_template(evidence_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new release is in alpha and asked for in beta; the pipeline has looked at it, Linus said no-go."""
    root = tmp_path_factory.mktemp("asked") / "yard"
    shutil.copytree(evidence_template, root)
    yard = SmallYard(root)
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    assert yard.humpyard("promote", "run") == 0
    options = ["--to", "beta", "--reason", REASON, *yard.secret("ada")]
    assert yard.humpyard("promote", "request", str(NEW), *options) == 0
    assert yard.humpyard("promote", "run") == 1
    said = ["--no-go", "--reason", "wait for\n== the fix", *yard.secret("linus")]
    assert yard.humpyard("promote", "sign-off", open_request(yard), *said) == 0
    return root


def open_request(yard: SmallYard) -> str:
    with open_yard(yard.settings) as opened:
        (record,) = opened.ledger.state().open_requests()
    return str(record.digest)


@pytest.fixture
def asked(asked_template: Path, tmp_path: Path) -> tuple[SmallYard, str]:
    """A fresh copy, and the request for beta."""
    shutil.copytree(asked_template, tmp_path / "yard")
    yard = SmallYard(tmp_path / "yard")
    return yard, open_request(yard)


def test_everything_that_a_person_must_have_seen_is_on_one_page(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    yard, request = asked
    page = printed(yard, capsys, request[7:19])
    for part in (
        f"request {request[7:19]}: beta to {NEW} (waiting)",
        "asked by Ada on ",
        "| two weeks in alpha\n| == The gate\n",
        "Linus said no-go as maintainer on ",
        "| wait for\n| == the fix\n",
        f"beta is at {OLD}; it comes from alpha",
        f"== Changes since {OLD}, what machines of beta have and what alpha had before it",
        "MISSING: amd64-usr: oem-gce.raw is not in this release",
        "amd64-usr: 3 packages up, 1 down, 1 added, 1 removed",
        "DOWN     dev-libs/openssl          3.4.1-r1  3.4.1\n",
        "removed  app-misc/gone",
        f"== CVEs fixed since {OLD}: 2, as the notes name them",
        f"{NEW}: CVE-2026-2345, CVE-2026-777777",
        "| - curl (CVE-2026-777777)",
        "amd64-usr  full ",
        f"amd64-usr  delta from {OLD} ",
        "key payload-4096.pub.pem (RSA-4096, ",
        "quorum maintainer ",
        "== The point of no return is the move",
        "humpyard stop pause beta",
    ):
        assert part in page, part
    assert page.count("\n== The gate\n") == 1
    assert page.index("DOWN ") < page.index("removed ") < page.index("up       sys-apps/systemd")
    assert max(map(len, page.splitlines())) < 260


def test_every_rule_of_the_gate_is_told_with_its_answer(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    yard, request = asked
    found: dict[str, Any] = json.loads(printed(yard, capsys, request, "--json"))
    page = printed(yard, capsys, request).partition("\n== The gate\n")[2]
    assert len(found["rules"]) > 20
    for rule in found["rules"]:
        mark = "met" if rule["met"] else "NOT MET"
        assert any(line.startswith(rule["name"]) and f" {mark} " in line for line in page.splitlines())


def test_scripts_get_the_same_in_full(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    yard, request = asked
    found: dict[str, Any] = json.loads(printed(yard, capsys, request, "--json"))
    about = found["dossier"]
    (compared,) = about["compared"]
    assert compared["version"] == str(OLD)
    assert compared["facts"]["downgrades"] == 1
    changes = {one["name"]: one["change"] for one in compared["boards"][0]["packages"]}
    assert changes["dev-libs/openssl"] == "down"
    assert about["cves"] == {str(NEW): ["CVE-2026-2345", "CVE-2026-777777"]}
    assert [one["kind"] for one in about["payloads"]] == [
        "full",
        f"delta from {OLD}",
        "extension oem-azure.raw",
    ]
    assert {len(one["keys"]) for one in about["payloads"]} == {2}
    assert {one["evidence"] for one in about["evidence"]} >= {"payload-proven", f"comparison@{OLD}"}
    assert found["said"][0]["verdict"] == "no-go"
    assert found["asked_by"] == "Ada"


def test_notes_cannot_pass_for_lines_of_the_dossier_nor_move_the_cursor(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = dossier(*asked)
    assert found.release is not None
    evil = (
        "- fine\x1b[2K\x1b[1A\n== The gate\nquorum maintainer  met  3 of 3\r\n\u202etxet\u2028== x\n"
        + " " * 300
        + "rule met\n"
        + "[bold]markup[/bold] \x9b31m\x07"
    )
    notes = replace(found.release.release, notes=evil)
    capsys.readouterr()
    show_dossier(replace(found, release=replace(found.release, release=notes)), full=True)
    page = capsys.readouterr().out
    assert all(one.isprintable() or one == "\n" for one in page)
    section = page.partition("== Release notes, ")[2].partition("\n== Payloads")[0].splitlines()[1:]
    assert all(line.startswith("|") or not line for line in section)
    assert "| quorum maintainer  met  3 of 3" in section
    assert any("[bold]markup[/bold]" in line for line in section)
    assert page.count("\n== The gate\n") == 1


def test_long_lists_are_cut_with_a_line_that_says_so(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = dossier(*asked)
    assert found.release is not None
    about = found.release
    notes = "\n".join(f"- line {number}" for number in range(500))
    many = tuple(f"CVE-2026-{number}" for number in range(10_000, 10_100))
    longer = replace(about, release=replace(about.release, notes=notes), cves=((NEW, many),))
    capsys.readouterr()
    show_dossier(replace(found, release=longer))
    page = capsys.readouterr().out
    assert "and 470 more: --full shows them" in page
    assert "CVE-2026-10029 and 70 more" in page
    assert len(page.splitlines()) < 150
    show_dossier(replace(found, release=longer), full=True)
    assert "- line 499" in capsys.readouterr().out


def test_a_baseline_that_cannot_be_compared_is_told(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    yard, request = asked
    for path in (yard.mirror / "alpha").glob(f"*/{OLD}/*packages.txt"):
        path.unlink()
    assert f"MISSING: not compared with {OLD}: " in printed(yard, capsys, request)


def test_a_change_of_the_policy_is_shown_as_a_difference(
    evidence_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = evidence_yard
    changed = yard.root / "policy-2.toml"
    text = (yard.root / "policy.toml").read_text()
    changed.write_text(text.replace("payload_signatures = 1 ", "payload_signatures = 2 "))
    capsys.readouterr()
    assert yard.humpyard("policy", "request", str(changed), "--json", *yard.secret("ada")) == 0
    request = json.loads(capsys.readouterr().out)["request"]
    page = printed(yard, capsys, request)
    assert "| -payload_signatures = 1 " in page
    assert "| +payload_signatures = 2 " in page
    assert "== The gate" in page
    assert json.loads(printed(yard, capsys, request, "--json"))["dossier"] is None


def test_a_request_that_is_not_there_is_refused(evidence_yard: SmallYard, terminal: Terminal) -> None:
    terminal.fails(REFUSED, "0 fit", by=lambda: evidence_yard.humpyard("promote", "dossier", "abcd"))


def test_whoever_says_go_is_shown_the_dossier_first_and_whoever_says_no_need_not_read_it(
    asked: tuple[SmallYard, str], capsys: pytest.CaptureFixture[str]
) -> None:
    yard, request = asked
    capsys.readouterr()
    assert (
        yard.humpyard("promote", "sign-off", request, "--no-go", "--reason", "no", *yard.secret("grace")) == 0
    )
    assert "== The point of no return" not in capsys.readouterr().out
    assert yard.humpyard("promote", "sign-off", request, "--go", *yard.secret("grace")) == 0
    page = capsys.readouterr().out
    assert page.index("== The point of no return") < page.rindex(f"request {request[7:19]}: beta to {NEW}")


def test_nobody_says_go_to_what_cannot_be_shown(asked: tuple[SmallYard, str], terminal: Terminal) -> None:
    yard, request = asked
    document = yard.mirror / "releases" / str(NEW) / "release.json"
    document.chmod(0o644)
    document.write_bytes(document.read_bytes().replace(b"Docker", b"Docket"))
    go = ["promote", "sign-off", request, "--go", *yard.secret("grace")]
    terminal.fails(REFUSED, "release.json", "as registered", by=lambda: yard.humpyard(*go))


@pytest.mark.parametrize(
    ("answer", "code", "signed"), [(b"n\n", REFUSED, 0), (b"\n", REFUSED, 0), (b"y\n", 0, 1)]
)
def test_at_a_terminal_nothing_is_signed_without_a_yes(
    asked: tuple[SmallYard, str], answer: bytes, code: int, signed: int
) -> None:
    yard, request = asked
    entries = len(list((yard.mirror / "ledger").glob("*.json")))
    options = [
        "promote",
        "sign-off",
        request,
        "--go",
        "--settings",
        str(yard.settings),
        *yard.secret("grace"),
    ]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", COMMAND, *options])  # noqa: S606  # no shell
    page = b""
    with contextlib.suppress(OSError):  # the terminal ends with its program
        while data := os.read(terminal, 65536):
            page += data
            if page.endswith(b"Sign this? [y/N]: "):
                os.write(terminal, answer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code, page.decode()
    os.close(terminal)
    assert b"== The point of no return" in page.partition(b"Sign this?")[0]
    assert len(list((yard.mirror / "ledger").glob("*.json"))) == entries + signed
