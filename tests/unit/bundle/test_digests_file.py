"""DIGESTS files: Flatcar's form and one hash more."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from release.bundle.assemble import measure
from release.bundle.digests_file import (
    BLOCKS,
    parse_checksum,
    parse_digests,
    render_checksum,
    render_digests,
)
from release.catalog.artifact import Artifact
from release.errors import InputError, NotVerifiedError
from release.process import run
from tests.unit.bundle.strategies import artifacts

MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()
SHA512 = hashlib.sha512(b"").hexdigest()
SHA256 = hashlib.sha256(b"").hexdigest()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(artifacts())
def test_what_is_rendered_parses_to_the_same_digests(artifact: Artifact) -> None:
    digests, checksum = parse_digests(render_digests(artifact)), parse_checksum(render_checksum(artifact))
    assert digests.name == checksum.name == artifact.name
    assert digests.digests == tuple(getattr(artifact, name) for name in BLOCKS)
    assert checksum.digests == (artifact.sha256,)
    digests.check(artifact)
    checksum.check(artifact)


def test_the_form_is_flatcars_with_sha256_behind(release_artifact: Artifact) -> None:
    assert render_digests(release_artifact).decode() == (
        f"# MD5 HASH\n{release_artifact.md5.hex}  a.gz\n"
        f"# SHA1 HASH\n{release_artifact.sha1.hex}  a.gz\n"
        f"# SHA512 HASH\n{release_artifact.sha512.hex}  a.gz\n"
        f"# SHA256 HASH\n{release_artifact.sha256.hex}  a.gz\n"
    )


@pytest.fixture
def release_artifact(tmp_path: Path) -> Artifact:
    path = tmp_path / "a.gz"
    path.write_bytes(b"payload")
    return measure(path)


def test_the_programs_people_use_agree(release_artifact: Artifact, tmp_path: Path) -> None:
    """``sha512sum -c`` takes the DIGESTS file as Flatcar's documentation tells, and so on."""
    (tmp_path / "a.gz.DIGESTS").write_bytes(render_digests(release_artifact))
    (tmp_path / "a.gz.sha256").write_bytes(render_checksum(release_artifact))
    for program, file in [
        ("md5sum", "DIGESTS"),
        ("sha1sum", "DIGESTS"),
        ("sha512sum", "DIGESTS"),
        ("sha256sum", "DIGESTS"),
        ("sha256sum", "sha256"),
    ]:
        assert b"a.gz: OK" in run([program, "--ignore-missing", "-c", f"a.gz.{file}"], cwd=tmp_path).stdout


def test_flatcars_own_form_without_sha256_is_read() -> None:
    assert [digest.algorithm for digest in parse_digests(_blocks("MD5", "SHA512")).digests] == [
        "md5",
        "sha512",
    ]


def _blocks(*algorithms: str) -> bytes:
    values = {"MD5": MD5, "SHA512": SHA512, "SHA256": SHA256}
    return "".join(f"# {name} HASH\n{values[name]}  x\n" for name in algorithms).encode()


BAD_DIGESTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "file name ''"),
    "only weak hashes": (_blocks("MD5"), "expected SHA256 or SHA512, found neither"),
    "a hash twice": (_blocks("SHA256", "SHA256"), "a hash is there twice"),
    "two files": (_blocks("SHA256") + _blocks("SHA512").replace(b"  x", b"  y"), "about 'x' only, found 'y'"),
    "no line end": (_blocks("SHA256")[:-1], "line 1: expected '# <HASH> HASH'"),
    "stray text": (_blocks("SHA256") + b"hello\n", "line 3: expected '# <HASH> HASH'"),
    "unknown hash": (_blocks("SHA256").replace(b"SHA256", b"CRC32"), "line 1: expected"),
    "too few digits": (b"# SHA256 HASH\nabcd  x\n", "sha256 digest: expected 32 bytes, found 2"),
    "an odd digit": (b"# SHA256 HASH\nabc  x\n", "expected 'algorithm:'"),
    "binary mark": (_blocks("SHA256").replace(b"  x", b" *x"), "line 1: expected"),
    "a path": (_blocks("SHA256").replace(b"  x", b"  ../x"), "file name '../x'"),
    "not ASCII": (b"\xff", "not ASCII at byte 0"),
    "too long": (b"#" * 5000, "expected at most 4096 bytes, found 5000"),
}


@pytest.mark.parametrize(("data", "message"), BAD_DIGESTS.values(), ids=BAD_DIGESTS.keys())
def test_a_malformed_digests_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parse_digests(data)


@pytest.mark.parametrize("data", [b"", b"ab  x\n", f"{SHA256} *x\n".encode(), f"{SHA256}  x\n\n".encode()])
def test_a_malformed_checksum_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="checksum: expected 64 digits"):
        parse_checksum(data)


def test_digests_of_something_else_do_not_verify(release_artifact: Artifact) -> None:
    other = dataclasses.replace(release_artifact, name="b.gz")
    with pytest.raises(NotVerifiedError, match=r"expected those of b\.gz, found a\.gz"):
        parse_digests(render_digests(release_artifact)).check(other)
    flipped = dataclasses.replace(
        release_artifact, sha1=dataclasses.replace(release_artifact.sha1, value=b"\0" * 20)
    )
    with pytest.raises(NotVerifiedError, match=r"digests of a\.gz: expected sha1:0000"):
        parse_digests(render_digests(release_artifact)).check(flipped)
