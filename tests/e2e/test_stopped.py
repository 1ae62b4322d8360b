"""From one person's stop to what the pages, the feeds and the list of releases say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from release.digests import Digest
from release.line.requests import carry_out_request
from release.wiring import open_yard
from tests.small_yard import BOARD, NEW, OLD, SmallYard

REASON = "<b>Boots only once</b> & never again"


def listed(yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert yard.humpyard("release", "list", "--json") == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_withdrawn_release_is_so_in_the_list_on_its_page_and_in_the_feeds(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    advice = ["--advice", "Wait for the next one."]
    withdraw = ["stop", "withdraw", str(OLD), "--reason", REASON, *advice, *yard.secret("ada")]
    assert yard.humpyard(*withdraw) == 0
    assert yard.humpyard("stop", "pause", "beta", "--reason", "slow", *yard.secret("ada")) == 0
    assert yard.humpyard("stop", "freeze", "stable", "--reason", "holidays", *yard.secret("ada")) == 0
    newer, older = listed(yard, capsys)
    assert (newer["version"], newer["withdrawn"]) == (str(NEW), None)
    assert older["channels"] == ["alpha", "beta"]
    assert older["paused"] == ["beta"]
    assert (older["withdrawn"]["reason"], older["withdrawn"]["advice"]) == (REASON, advice[1])
    assert yard.humpyard("release", "list") == 0
    table = capsys.readouterr().out
    assert f": {REASON}; paused in beta" in table
    assert yard.humpyard("pages", "render") == 0
    pages = yard.mirror / "pages"
    page = (pages / "releases" / str(OLD) / "index.html").read_text()
    assert f"{OLD} is withdrawn: do not install it" in page
    assert "&lt;b&gt;Boots only once&lt;/b&gt; &amp; never again" in page
    assert advice[1] in page
    assert "Beta: the rollout of" in page
    assert "/update/" not in page
    assert "Stable is frozen" in (pages / "index.html").read_text()
    feed = (pages / "releases-feed" / "releases-beta.xml").read_text()
    assert f"Beta {OLD} (withdrawn)" in feed
    index = json.loads((pages / "index.json").read_text())
    assert index["channels"]["beta"]["status"] == "withdrawn"
    assert "current" not in json.loads((pages / "releases-json" / "releases-beta.json").read_text())


def test_no_pointer_is_brought_up_to_a_release_that_was_withdrawn_before(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run died between the ledger and the pointer; when the next one comes, somebody has withdrawn it."""
    yard, pointer = released_yard, released_yard.mirror / "alpha" / BOARD / "current" / "version.txt"
    asked = ["promote", "request", str(NEW), "--to", "alpha", "--json", *yard.secret("ada")]
    assert yard.humpyard(*asked) == 0
    request = json.loads(capsys.readouterr().out)["request"]
    with open_yard(yard.settings) as opened:
        carry_out_request(opened, Digest.parse(request))
    assert yard.humpyard("stop", "withdraw", str(NEW), "--reason", REASON, *yard.secret("grace")) == 0
    assert yard.humpyard("promote", "run") == 0
    assert f"FLATCAR_VERSION={OLD}\n" in pointer.read_text()
    stop = json.loads(_said(yard, capsys, "stop", "list", "--json"))[0]["stop"].removeprefix("sha256:")
    lift = ["stop", "lift", stop, "--reason", "it was the other one", "--json", *yard.secret("ada")]
    request = json.loads(_said(yard, capsys, *lift))["request"]
    for name in ("grace", "linus"):
        assert yard.humpyard("promote", "sign-off", request, "--go", *yard.secret(name)) == 0
    assert yard.humpyard("promote", "run") == 0
    assert f"FLATCAR_VERSION={NEW}\n" in pointer.read_text()


def _said(yard: SmallYard, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert yard.humpyard(*arguments) == 0
    return capsys.readouterr().out
