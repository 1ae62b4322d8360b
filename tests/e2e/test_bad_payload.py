"""The payload commands on bad images, keys and payloads: refused by name, and nothing at ``--out``."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.cli.main import run
from release.signing.throw_away import make_rsa_key
from tests.e2e.refusal import REFUSED, USAGE, Terminal, leftovers
from tests.small_yard import NEW, OLD, image, kernel


def similar(version: str) -> bytes:
    """An image whose blocks differ a little between versions, for which bsdiff is made."""
    data = bytearray(random.Random(3).randbytes(32 * 4096))  # noqa: S311 - content, not a secret
    for start in range(0, len(data), 4096):
        data[start : start + len(version)] = version.encode()
    return bytes(data)


@dataclass(frozen=True, slots=True)
class Bench:
    """Images, keys and payloads in a directory."""

    root: Path

    def path(self, name: str) -> str:
        """A file here, made or to be made."""
        return str(self.root / name)

    def build(self, out: str, *options: str, new: str = "new.img") -> int:
        """Build a payload."""
        return run(["payload", "build", self.path(new), "--out", self.path(out), *options])

    def apply(self, payload: str, *options: str) -> int:
        """Apply one, to ``applied.img``."""
        return run(["payload", "apply", self.path(payload), "--out", self.path("applied.img"), *options])

    def verify(self, payload: str, *options: str) -> int:
        """Verify one."""
        return run(["payload", "verify", self.path(payload), *options])

    def names(self) -> set[str]:
        """All files."""
        return {path.name for path in self.root.iterdir()}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two images, two keys; a full payload, a delta, a signed one, and one with BSDIFF."""
    bench = Bench(tmp_path_factory.mktemp("bench"))
    contents = {
        "old.img": image(OLD),
        "new.img": image(NEW),
        "old.kernel": kernel(OLD),
        "new.kernel": kernel(NEW),
        "odd.img": image(NEW)[:-100],
        "empty.img": b"",
        "similar-1.img": similar("first"),
        "similar-2.img": similar("other"),
    }
    for name, data in contents.items():
        (bench.root / name).write_bytes(data)
    for name in ("mine", "other"):
        make_rsa_key(bench.root / f"{name}.pem", bench.root / f"{name}.pub.pem", 2048)
    sign = ["--sign", f"file:{bench.path('mine.pem')}"]
    source = ["--from", bench.path("old.img")]
    kernels = ["--kernel", bench.path("new.kernel"), "--old-kernel", bench.path("old.kernel")]
    assert bench.build("full.gz") == 0
    assert bench.build("delta.gz", *source) == 0
    assert bench.build("signed.gz", *source, *kernels, *sign) == 0
    patch = ["--from", bench.path("similar-1.img"), "--profile", "positional-bspatch"]
    assert bench.build("bsdiff.gz", *patch, new="similar-2.img") == 0
    signed = (bench.root / "signed.gz").read_bytes()
    (bench.root / "truncated.gz").write_bytes(signed[: len(signed) // 2])
    (bench.root / "stump.gz").write_bytes(signed[:10])
    (bench.root / "other.gz").write_bytes(b"not a payload" * 100)
    middle = len(signed) // 2
    flipped = bytes([signed[middle] ^ 1])
    (bench.root / "tampered.gz").write_bytes(signed[:middle] + flipped + signed[middle + 1 :])
    (bench.root / "text.pem").write_text("a key? no\n")
    return bench


@pytest.mark.parametrize(
    ("new", "options", "fragments"),
    [
        ("odd.img", [], ("odd.img", "whole blocks of 4096 bytes", f"found {len(image(NEW)) - 100} bytes")),
        ("empty.img", [], ("empty.img", "whole blocks", "found 0 bytes")),
        ("new.img", ["--from", "@odd.img"], ("odd.img", "whole blocks")),
        ("new.img", ["--kernel", "@empty.img"], ("empty.img", "empty")),
        ("new.img", ["--sign", "file:@nowhere.pem"], ("nowhere.pem", "No such file")),
        ("new.img", ["--sign", "file:@text.pem"], ("text.pem", "not a private key", "hint:")),
        ("new.img", ["--sign", "file:@mine.pub.pem"], ("mine.pub.pem", "not a private key", "hint:")),
    ],
)
def test_a_payload_is_not_built_from_bad_input(
    new: str, options: list[str], fragments: tuple[str, ...], bench: Bench, terminal: Terminal
) -> None:
    before = bench.names()
    given = [option.replace("@", f"{bench.root}/") for option in options]
    terminal.fails(REFUSED, *fragments, by=lambda: bench.build("out.gz", *given, new=new))
    assert bench.names() == before


@pytest.mark.parametrize("command", ["build", "apply"])
@pytest.mark.parametrize("kind", ["missing", "file", "directory"])
def test_where_nothing_can_be_written_nothing_is(
    command: str, kind: str, bench: Bench, terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "directory").mkdir()
    place = {
        "missing": tmp_path / "missing" / "out",
        "file": tmp_path / "file" / "out",
        "directory": tmp_path / "directory",
    }[kind]
    what = {"build": "new.img", "apply": "full.gz"}[command]
    code = USAGE if kind == "directory" else REFUSED
    arguments = ["payload", command, bench.path(what), "--out", str(place)]
    printed = terminal.fails(code, str(place), by=lambda: run(arguments))
    assert "partial" not in printed
    assert ".unsigned" not in printed
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "directory"}


def test_a_file_that_is_there_stays_when_building_or_applying_fails(
    bench: Bench, terminal: Terminal, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.write_text("precious")
    build = ["payload", "build", bench.path("odd.img"), "--out", str(out)]
    apply = ["payload", "apply", bench.path("delta.gz"), "--from", bench.path("similar-1.img")]
    terminal.fails(REFUSED, "odd.img", by=lambda: run(build))
    terminal.fails(REFUSED, "delta.gz", by=lambda: run([*apply, "--out", str(out)]))
    assert out.read_text() == "precious"
    assert not leftovers(tmp_path)
    terminal.works(lambda: run(["payload", "apply", bench.path("full.gz"), "--out", str(out)]))
    assert out.read_bytes() == image(NEW)


@pytest.mark.parametrize(
    ("payload", "options", "fragments"),
    [
        ("delta.gz", [], ("delta.gz", "needs the source image", "hint:")),
        ("delta.gz", ["--from", "@new.img"], ("delta.gz", "wrong source image", "new.img", "found")),
        ("delta.gz", ["--from", "@similar-1.img"], ("delta.gz", "source")),
        ("delta.gz", ["--from", "@empty.img"], ("delta.gz", "source")),
        ("full.gz", ["--key", "@mine.pub.pem"], ("full.gz", "not signed")),
        (
            "signed.gz",
            ["--from", "@old.img", "--key", "@other.pub.pem"],
            ("does not verify", "other.pub.pem"),
        ),
        ("signed.gz", ["--key", "@text.pem", "--from", "@old.img"], ("text.pem", "PEM public key", "hint:")),
        ("bsdiff.gz", ["--from", "@similar-1.img", "--profile", "flatcar"], ("BSDIFF", "flatcar")),
        ("bsdiff.gz", ["--from", "@old.img"], ("bsdiff.gz", "source")),
        ("full.gz", ["--kernel-out", "@k"], ("full.gz", "carries no kernel")),
        (
            "signed.gz",
            ["--from", "@old.img", "--kernel-out", "@nowhere/k"],
            ("nowhere/k", "no directory", "hint:"),
        ),
        ("truncated.gz", ["--from", "@old.img"], ("truncated.gz", "bytes")),
        ("stump.gz", [], ("stump.gz",)),
        ("other.gz", [], ("other.gz", "CrAU")),
        ("tampered.gz", ["--from", "@old.img"], ("tampered.gz",)),
        ("tampered.gz", ["--from", "@old.img", "--key", "@mine.pub.pem"], ("tampered.gz", "does not verify")),
        ("empty.img", [], ("empty.img",)),
    ],
)
def test_a_bad_payload_or_a_wrong_source_makes_no_image(
    payload: str, options: list[str], fragments: tuple[str, ...], bench: Bench, terminal: Terminal
) -> None:
    before = bench.names()
    given = [option.replace("@", f"{bench.root}/") for option in options]
    terminal.fails(REFUSED, *fragments, by=lambda: bench.apply(payload, *given))
    assert bench.names() == before


@pytest.mark.parametrize(
    ("payload", "options", "fragments"),
    [
        ("full.gz", ["--key", "@mine.pub.pem"], ("full.gz", "not signed")),
        ("signed.gz", ["--key", "@other.pub.pem"], ("signed.gz", "does not verify", "other.pub.pem")),
        ("signed.gz", ["--key", "@mine.pem"], ("mine.pem", "public key", "hint:")),
        ("signed.gz", ["--key", "@mine.pub.pem", "--profile", "replace-only"], ("signed.gz", "replace-only")),
        ("truncated.gz", ["--key", "@mine.pub.pem"], ("truncated.gz",)),
        ("stump.gz", ["--key", "@mine.pub.pem"], ("stump.gz",)),
        ("tampered.gz", ["--key", "@mine.pub.pem"], ("tampered.gz",)),
        ("other.gz", ["--key", "@mine.pub.pem"], ("other.gz", "CrAU")),
    ],
)
def test_a_bad_payload_is_not_verified(
    payload: str, options: list[str], fragments: tuple[str, ...], bench: Bench, terminal: Terminal
) -> None:
    given = [option.replace("@", f"{bench.root}/") for option in options]
    terminal.fails(REFUSED, *fragments, by=lambda: bench.verify(payload, *given))
    right = ["--from", bench.path("old.img"), "--key", bench.path("mine.pub.pem")]
    terminal.works(lambda: bench.apply("signed.gz", *right))
    assert (bench.root / "applied.img").read_bytes() == image(NEW)
    (bench.root / "applied.img").unlink()


@pytest.mark.parametrize(
    "arguments",
    [
        ["payload", "verify", "@signed.gz"],
        ["payload", "verify", "@nowhere.gz", "--key", "@mine.pub.pem"],
        ["payload", "apply", "@full.gz"],
        ["payload", "apply", "@full.gz", "--out", "@x", "--profile", "netscape"],
        ["payload", "build", "@new.img", "--out", "@x", "--profile", "netscape"],
        ["payload", "apply", "@full.gz", "--out", "@x", "--from", "@nowhere"],
        ["payload", "build", "@nowhere", "--out", "@x"],
        ["payload", "build", "@new.img", "--out", "@x", "--workers", "0"],
        ["payload", "build", "@new.img", "--out", "@x", "--from", "."],
        ["payload", "build", "@new.img", "--out", "@x", "--kernel", "."],
        ["payload", "apply", "@full.gz", "--out", "@x", "--from", "."],
        ["payload", "verify", "@signed.gz", "--key", "."],
    ],
)
def test_wrong_usage_is_told_apart(arguments: list[str], bench: Bench, terminal: Terminal) -> None:
    before = bench.names()
    given = [argument.replace("@", f"{bench.root}/") for argument in arguments]
    terminal.fails(USAGE, by=lambda: run(given))
    assert bench.names() == before
