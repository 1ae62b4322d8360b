"""Errors, digests, canonical JSON, starting programs."""

from __future__ import annotations

import errno
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release import canonical, errors
from release.digests import Digest, HashingWriter, chunks, hash_file, hash_stream
from release.errors import (
    HumpyardError,
    InputError,
    StorageFullError,
    ToolError,
    ToolMissingError,
    UnavailableError,
    storage_errors,
)
from release.process import run

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_every_family_has_the_exit_code_of_the_contract() -> None:
    found = {
        name: error.exit_code
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, HumpyardError)
    }
    assert found == {
        "HumpyardError": 4,
        "InputError": 1,
        "RefusedError": 1,
        "NotVerifiedError": 1,
        "UnavailableError": 3,
        "StorageFullError": 3,
        "ToolError": 4,
        "ToolMissingError": 4,
    }


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.ENOENT, InputError),
        (errno.EACCES, InputError),
        (errno.EISDIR, InputError),
        (errno.EIO, UnavailableError),
    ],
)
def test_storage_errors_become_ours_and_name_the_path(number: int, kind: type[HumpyardError]) -> None:
    with pytest.raises(kind, match="the-path"), storage_errors(Path("the-path")):
        raise OSError(number, "reason")


@given(st.sampled_from(["md5", "sha1", "sha256", "sha512"]), st.binary(max_size=64))
def test_digests_read_back_as_they_print(algorithm: str, data: bytes) -> None:
    digest = Digest(algorithm, hashlib.new(algorithm, data, usedforsecurity=False).digest())
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize("text", ["", "sha256", "sha256:zz", "sha256:ABCD", "sha256:abcd", "crc32:00000000"])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Digest.parse(text)


def test_what_is_written_is_hashed_and_what_is_read_is_bounded(tmp_path: Path) -> None:
    sink = io.BytesIO()
    writer = HashingWriter(sink, ("sha256", "md5"))
    writer.write(b"abc")
    writer.write(memoryview(b"def"))
    assert sink.getvalue() == b"abcdef"
    assert writer.hasher.result().sha256 == Digest.sha256(b"abcdef")
    assert b"".join(chunks(io.BytesIO(b"abcdef"), 4)) == b"abcd"
    (tmp_path / "file").write_bytes(b"abcdef")
    assert hash_file(tmp_path / "file") == hash_stream(io.BytesIO(b"abcdef"))
    with pytest.raises(InputError, match="no-such-file"):
        hash_file(tmp_path / "no-such-file")
    with pytest.raises(KeyError):
        hash_file(tmp_path / "file").get("sha512")


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_canonical_json_reads_back_and_is_the_same_for_the_same_value(
    value: dict[str, canonical.Json],
) -> None:
    try:
        data = canonical.dump(value)
    except InputError:
        return  # a lone surrogate has no UTF-8
    assert canonical.load(data, "test") == value
    assert canonical.dump(dict(reversed(value.items()))) == data


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"1", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b'{"a":Infinity}', b"[" * 100_000],
)
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="document"):
        canonical.load(data, "document")


def test_json_longer_than_the_limit_is_refused_unread() -> None:
    with pytest.raises(InputError, match="at most 3 bytes"):
        canonical.load(b"{}  ", "document", limit=3)


def test_a_program_gets_its_arguments_as_they_are_and_a_small_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "not handed on")
    done = run(["sh", "-c", 'cat; printf %s "$1|${SECRET-unset}|$LC_ALL"', "sh", "a b;c"], stdin=b"in|")
    assert done.stdout == b"in|a b;c|unset|C"


def test_programs_that_are_missing_fail_or_hang_are_told_apart() -> None:
    with pytest.raises(ToolMissingError, match="not installed") as missing:
        run(["no-such-program-here"])
    assert missing.value.hint is not None
    with pytest.raises(ToolError, match="exit code 3: because"):
        run(["sh", "-c", "echo because >&2; exit 3"])
    with pytest.raises(UnavailableError, match=r"no end after 0\.1 s"):
        run(["sleep", "30"], timeout=0.1)
