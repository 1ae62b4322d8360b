"""`humpyard garbage` on a real yard, and everything that reads a release after its bytes are gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.cli.main import run
from tests.e2e.refusal import REFUSED, UNAVAILABLE
from tests.keeping_policy import UNNEEDED, VERSIONS, let_go_soon, publish_all
from tests.mirror_web import MirrorWeb, unavailable
from tests.mirror_yard import add_access, add_mirrors
from tests.small_yard import BOARD, PRODUCT, SmallYard, write_image_set

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(kept: SmallYard, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command; its exit code, stdout and stderr."""

    def runs(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = kept.humpyard(*arguments)
        out, err = capsys.readouterr()
        return code, out, " ".join(err.split())

    return runs


def bytes_of(yard: SmallYard) -> list[Path]:
    """Files of the release that nobody needs, but for what vouches for it."""
    found = [path for path in yard.mirror.rglob("*") if path.is_file() and path.parent.name == str(UNNEEDED)]
    return [path for path in found if not {"releases", "pages"} & set(path.parts[len(yard.mirror.parts) :])]


def told(out: str) -> Any:
    return json.loads(out)


def test_looking_changes_nothing_and_says_what_goes_and_what_stays(kept: SmallYard, said: Said) -> None:
    before = len(bytes_of(kept))
    for command in (["garbage", "plan"], ["garbage", "collect"]):
        code, out, _ = said(*command, "--json")
        found = told(out)
        assert code == 0
        assert [one["version"] for one in found["going"]] == [str(UNNEEDED)]
        assert {one["version"]: one["reasons"][0] for one in found["kept"]} == {
            str(VERSIONS[1]): "machines of alpha that may not have newer ones are offered it",
            str(VERSIONS[2]): "alpha was at it before",
            str(VERSIONS[3]): "alpha is at it",
        }
        assert found["would_delete"] == [{"place": "the origin", "version": str(UNNEEDED), "files": before}]
    code, out, _ = said("garbage", "collect")
    assert code == 0
    assert out.splitlines()[-1] == "nothing was done: say --really"
    assert "1 of 4 releases would go" in out
    assert len(bytes_of(kept)) == before


def test_what_was_collected_is_clear_to_everybody_who_asks(kept: SmallYard, said: Said) -> None:
    code, out, _ = said("garbage", "collect", "--really", "--json")
    assert code == 0
    (gone,) = told(out)["deleted"]
    assert gone["version"] == str(UNNEEDED)
    assert not bytes_of(kept)
    code, out, _ = said("garbage", "collect", "--really")
    assert code == 0
    code, out, _ = said("ledger", "log", "--json")
    (entry,) = [one for one in told(out) if one["kind"] == "collected"]
    assert entry["data"]["version"] == str(UNNEEDED)

    for words, command in {
        "was collected": ["promote", "request", str(UNNEEDED), "--to", "beta", *kept.secret("ada")],
        "does not come back": ["release", "publish", str(UNNEEDED)],
    }.items():
        code, _, err = said(*command)
        assert (code, words in err) == (REFUSED, True), err
    newer = kept.image_set(VERSIONS[3]).parent / "4700.0.0"
    write_image_set(newer, VERSIONS[3])
    build = ["candidate", "build", str(newer), "--version", "4700.0.0", "--channel", "alpha"]
    code, _, err = said(*build, "--from", str(UNNEEDED))
    assert code == REFUSED
    assert "only its documents are kept" in err

    assert said("pages", "render")[0] == 0
    page = (kept.mirror / "pages" / "releases" / str(UNNEEDED) / "index.html").read_text()
    assert str(UNNEEDED) in page
    for options in ([], ["--releases"]):
        assert _audit(kept, *options) == 0
    assert said("status")[0] == 0


def _audit(yard: SmallYard, *options: str) -> int:
    keys = yard.root / "keys"
    people = [f"--people-key={keys}/{name}.asc" for name in ("ada", "grace", "linus")]
    releases = [f"--payload-key={keys}/payload-{bits}.pub.pem" for bits in (2048,)]
    given = [f"--pipeline-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc", *people, *releases]
    return run(["audit", str(yard.mirror), "--product", PRODUCT, *given, *options])


def test_verifying_what_was_collected_fails_and_names_what_is_missing(
    kept: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.humpyard("garbage", "collect", "--really") == 0
    keys = kept.root / "keys"
    given = [f"--release-key={keys}/pipeline.asc", f"--payload-key={keys}/payload-2048.pub.pem"]
    capsys.readouterr()
    command = ["verify", str(kept.mirror), str(UNNEEDED), "--product", PRODUCT, *given]
    assert run(command) == REFUSED
    out, err = capsys.readouterr()
    assert f"{BOARD}/{UNNEEDED}" in out
    assert "may have been collected" in " ".join(err.split())


def test_a_real_mirror_that_lags_keeps_what_its_pointer_leads_to_until_it_has_caught_up(
    yard_template: Path, web: MirrorWeb, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(yard_template, tmp_path / "yard")
    yard = SmallYard(tmp_path / "yard")
    shutil.rmtree(yard.mirror)
    web.roots["a"] = mirror = tmp_path / "a"
    add_mirrors(yard.root / "policy.toml", [("a", web.address("a"))], 1)
    add_access(yard.settings, "a", url=f"file:{mirror}")
    let_go_soon(yard)
    assert yard.humpyard("ledger", "begin") == 0
    publish_all(yard)
    assert yard.humpyard("mirrors", "sync") == 0
    images = mirror / "alpha" / BOARD / str(UNNEEDED)
    assert images.is_dir()
    current = mirror / "alpha" / BOARD / "current"
    view = current.readlink()
    current.unlink()
    current.mkdir()
    (current / "version.txt").write_text(f"FLATCAR_VERSION={UNNEEDED}\n")
    capsys.readouterr()
    assert yard.humpyard("garbage", "collect", "--really", "--json") == 0
    found = told(capsys.readouterr().out)
    assert found["deleted"] == []
    assert [one["place"] for one in found["spared"]] == ["a", "the origin"]
    assert list(images.iterdir())
    assert bytes_of(yard)
    shutil.rmtree(current)
    current.symlink_to(view)
    assert yard.humpyard("garbage", "collect", "--really") == 0
    assert not list(images.iterdir())
    assert not bytes_of(yard)
    web.faults["a"] = unavailable
    assert yard.humpyard("garbage", "collect", "--really") == UNAVAILABLE
