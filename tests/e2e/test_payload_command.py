"""The payload commands: what they print for scripts, what they never write over, what is wrong usage."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from release.cli.main import run
from release.digests import Digest
from release.signing.payload_signature import verify_payload
from release.signing.throw_away import make_rsa_key
from tests.e2e.refusal import REFUSED, USAGE, Terminal, leftovers, tree
from tests.small_yard import NEW, OLD, image, kernel


@dataclass(frozen=True, slots=True)
class Bench:
    """Images, keys and payloads in a directory; ``@`` in an argument stands for it."""

    root: Path
    terminal: Terminal

    def run(self, line: str) -> int:
        """Run `humpyard payload` with the words of ``line``."""
        return run(["payload", *line.replace("@", f"{self.root}/").split()])

    def document(self, line: str) -> dict[str, Any]:
        """What it prints with --json."""
        found: dict[str, Any] = json.loads(self.terminal.works(lambda: self.run(f"{line} --json")))
        return found

    def is_wrong_usage(self, line: str, *told: str) -> None:
        """It is refused as such, and nothing is written anywhere."""
        before = tree(self.root)
        self.terminal.fails(USAGE, *told, by=lambda: self.run(line))
        assert tree(self.root) == before
        assert not leftovers(self.root)

    def sha256(self, name: str) -> str:
        """The digest of a file here."""
        return Digest.sha256((self.root / name).read_bytes()).hex


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images, two kernels, a key; a full payload and a signed delta with a kernel."""
    root = tmp_path_factory.mktemp("payload")
    contents = {"old": image(OLD), "new": image(NEW), "old.kernel": kernel(OLD), "new.kernel": kernel(NEW)}
    for name, data in contents.items():
        (root / name).write_bytes(data)
    make_rsa_key(root / "key.pem", root / "pub.pem", 2048)
    build = ["payload", "build", f"{root}/new", "--out"]
    assert run([*build, f"{root}/full"]) == 0
    delta = [f"--from={root}/old", f"--kernel={root}/new.kernel", f"--old-kernel={root}/old.kernel"]
    assert run([*build, f"{root}/delta", *delta, f"--sign=file:{root}/key.pem"]) == 0
    return root


@pytest.fixture
def bench(template: Path, tmp_path: Path, terminal: Terminal) -> Bench:
    """A copy of one's own."""
    return Bench(Path(shutil.copytree(template, tmp_path / "bench")), terminal)


def test_build_prints_what_it_built_for_scripts(bench: Bench) -> None:
    found = bench.document("build @new --out @out --kernel @new.kernel --sign file:@key.pem")
    assert found["payload"] == str(bench.root / "out")
    assert (found["size"], found["sha256"]) == ((bench.root / "out").stat().st_size, bench.sha256("out"))
    assert found["new_image"] == {"size": len(image(NEW)), "sha256": bench.sha256("new")}
    assert found["procedures"][0]["new"]["sha256"] == bench.sha256("new.kernel")
    assert (found["profile"], found["kind"]) == ("flatcar", "full")
    assert sum(found["operations"].values()) > 0
    assert found["signatures"] == [{"version": 2, "bytes": 256}]
    assert len(found["signed_by"]) == 1
    unsigned = bench.document("build @new --out @out")
    assert (unsigned["signatures"], unsigned["signed_by"]) == ([], [])
    shown = bench.document("show @out")
    assert {name: unsigned[name] for name in shown} == shown


def test_verify_prints_what_it_found_for_scripts(bench: Bench) -> None:
    found = bench.document("verify @delta --key @pub.pem --profile flatcar")
    assert found["verified"] is True
    assert (found["profile"], found["sha256"]) == ("flatcar", bench.sha256("delta"))
    (slot,) = found["signatures"]
    assert (slot["version"], slot["counts"], slot["key"]) == (2, True, "pub.pem")
    assert len(slot["fingerprint"]) == 64
    assert bench.terminal.fails(REFUSED, by=lambda: bench.run("verify @full --key @pub.pem --json"))


def test_apply_prints_what_it_made_for_scripts(bench: Bench) -> None:
    line = "apply @delta --from @old --old-kernel @old.kernel --out @out"
    found = bench.document(f"{line} --kernel-out @out.kernel --key @pub.pem")
    assert found["verified"] is True
    assert found["signatures"][0]["key"] == "pub.pem"
    image_out = {"path": str(bench.root / "out"), "size": len(image(NEW)), "sha256": bench.sha256("new")}
    assert found["image"] == image_out
    assert found["kernel"]["path"] == str(bench.root / "out.kernel")
    assert found["kernel"]["sha256"] == bench.sha256("new.kernel") == bench.sha256("out.kernel")
    assert sum(found["operations"].values()) > 0
    compared = bench.document(line)
    assert (compared["verified"], compared["signatures"], compared["kernel"]["path"]) == (False, [], None)
    assert bench.document("apply @full --out @out")["kernel"] is None


@pytest.mark.parametrize("name", ["new", "old", "new.kernel", "old.kernel", "key.pem"])
@pytest.mark.parametrize("spelling", ["@{}", "@./{}", "@hard"])
def test_a_build_never_writes_over_what_it_reads(name: str, spelling: str, bench: Bench) -> None:
    """By whatever name."""
    os.link(bench.root / name, bench.root / "hard")
    line = "build @new --from @old --kernel @new.kernel --old-kernel @old.kernel --sign file:@key.pem"
    bench.is_wrong_usage(f"{line} --out {spelling.format(name)}", "--out", "names, too")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--out @delta", "FILE"),
        ("--out @pub.pem", "--key"),
        ("--out @old.kernel", "--old-kernel"),
        ("--out @x --kernel-out @x", "--out"),
        ("--out @x --kernel-out @./x", "--out"),
        ("--out @x --kernel-out @delta", "FILE"),
        ("--out @x --kernel-out @old", "--from"),
        ("--out @x --kernel-out @pub.pem", "--key"),
    ],
)
def test_applying_never_writes_over_what_it_reads_or_writes(options: str, told: str, bench: Bench) -> None:
    line = "apply @delta --from @old --old-kernel @old.kernel --key @pub.pem"
    bench.is_wrong_usage(f"{line} {options}", f"is what {told} names, too")


def test_an_image_and_a_kernel_may_be_updated_where_they_are(bench: Bench) -> None:
    line = "apply @delta --from @old --old-kernel @old.kernel --key @pub.pem"
    bench.terminal.works(lambda: bench.run(f"{line} --out @old --kernel-out @old.kernel"))
    assert bench.sha256("old") == bench.sha256("new")
    assert bench.sha256("old.kernel") == bench.sha256("new.kernel")


@pytest.mark.parametrize("line", ["build @new --out @odd", "apply @full --out @odd"])
@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "dangling"])
def test_what_is_no_plain_file_is_never_replaced(line: str, kind: str, bench: Bench) -> None:
    odd = bench.root / "odd"
    match kind:
        case "fifo":
            os.mkfifo(odd)
        case "directory":
            odd.mkdir()
        case "link":
            odd.symlink_to("pub.pem")
        case _:
            odd.symlink_to("nowhere")
    mode = odd.lstat().st_mode
    bench.is_wrong_usage(line, "--out", str(odd))
    assert odd.lstat().st_mode == mode


def test_a_kernel_does_not_go_into_a_device(bench: Bench) -> None:
    bench.is_wrong_usage("apply @delta --from @old --out @x --kernel-out /dev/null", "/dev/null")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--sign gopher:@key.pem", "the scheme 'gopher' is not known; available: file"),
        ("--sign pkcs11:token=x", "expected module-path or module-name"),
        ("--sign @key.pem", "is not known"),
        ("--sign file:", "expected file:/path/to/key.pem"),
        ("--sign file:///k#x", "expected file:/path/to/key.pem"),
        ("--sign file://[", "key URI"),
        ("--sign file://elsewhere/k", "expected file:/path/to/key.pem"),
        ("--sign a:b --sign a:b --sign a:b --sign a:b", "at most 3 keys, found 4"),
        ("--old-kernel @old.kernel", "an old kernel is of use only with a new kernel and an old image"),
        ("--old-kernel @old.kernel --from @old", "an old kernel is of use only"),
        ("--old-kernel @old.kernel --kernel @new.kernel", "an old kernel is of use only"),
        ("--from @old --profile replace-only", "these clients apply no deltas"),
        ("--kernel @new.kernel --profile replace-only", "these clients install no kernel"),
        ("--profile netscape", "netscape"),
    ],
)
def test_an_order_that_contradicts_itself_is_wrong_usage(options: str, told: str, bench: Bench) -> None:
    bench.is_wrong_usage(f"build @new --out @x {options}", told)


@pytest.mark.parametrize(
    ("how", "told"), [("replaced", "does not verify"), ("written to", "delta: was changed or replaced")]
)
@pytest.mark.parametrize("line", ["apply @delta --from @old --out @x", "verify @delta"])
def test_a_payload_that_changes_while_it_is_verified_is_not_used(
    how: str, told: str, line: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was opened is what was verified, and is what is used."""
    path = bench.root / "delta"
    good = path.read_bytes()
    evil = good[:-200] + bytes(200)  # another signature
    path.write_bytes(evil)

    def raced(*arguments: Any, **options: Any) -> object:
        if how == "replaced":
            path.rename(bench.root / "evil")
        path.write_bytes(good)
        return verify_payload(*arguments, **options)

    monkeypatch.setattr("release.cli.payload.verify_payload", raced)
    bench.terminal.fails(REFUSED, told, by=lambda: bench.run(f"{line} --key @pub.pem"))
    assert not (bench.root / "x").exists()
