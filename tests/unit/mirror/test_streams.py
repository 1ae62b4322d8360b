"""What is uploaded, as bytes, as a file and as a stream from elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from release.digests import CHUNK_SIZE, Digest
from release.errors import InputError
from release.mirror.multipart import cut
from release.mirror.store import Source
from release.mirror.streams import (
    WrongSourceError,
    source_chunks,
    source_name,
    source_size,
    verified_chunks,
    watched,
)

DATA = bytes(range(256)) * 10_000


@pytest.fixture(params=["bytes", "file", "stream"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    if request.param == "bytes":
        return DATA
    if request.param == "stream":
        return lambda: io.BytesIO(DATA)
    (tmp_path / "file").write_bytes(DATA)
    return tmp_path / "file"


def test_every_source_gives_its_bytes_as_often_as_asked(source: Source) -> None:
    for _ in range(2):
        assert b"".join(source_chunks(source)) == DATA
        assert b"".join(verified_chunks("key", source, Digest.sha256(DATA))) == DATA
    assert source_size(source) == (None if callable(source) else len(DATA))


def test_a_wrong_source_is_found_out_at_its_end(source: Source) -> None:
    received: list[bytes] = []
    with pytest.raises(WrongSourceError, match="to be stored as key: expected sha256") as caught:
        received.extend(verified_chunks("key", source, Digest.sha256(b"other")))
    assert b"".join(received) == DATA
    assert source_name(source) in str(caught.value)


def test_a_watched_source_tells_what_was_read_of_it(source: Source) -> None:
    told: list[int] = []
    with watched(source, told.append)() as stream:
        assert stream.read() == DATA
    assert told == sorted(told)
    assert {CHUNK_SIZE, 2 * CHUNK_SIZE, len(DATA)} <= set(told)


def test_a_watched_source_that_is_left_early_closes_what_it_opened() -> None:
    opened: list[io.BytesIO] = []

    def open_stream() -> io.BytesIO:
        opened.append(io.BytesIO(DATA))
        return opened[-1]

    with watched(open_stream, lambda _: None)() as stream:
        stream.read(1)
    assert [one.closed for one in opened] == [True]


def test_a_file_that_is_missing_is_an_input_error_when_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(source_chunks(tmp_path / "absent"))


@pytest.mark.parametrize("size", [1, 7, 255, 256, 1000])
def test_pieces_have_the_length_asked_for_but_the_last(size: int) -> None:
    data = bytes(range(256)) * 3
    pieces = list(cut(iter([data[:10], b"", data[10:500], data[500:]]), size))
    assert b"".join(pieces) == data
    assert {len(piece) for piece in pieces[:-1]} <= {size}
    assert 0 < len(pieces[-1]) <= size


def test_nothing_has_no_pieces() -> None:
    assert list(cut(iter([b"", b""]), 10)) == []
