"""File lists of images, in both of the forms that ``find`` is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import InputError
from release.image.contents import FileEntry, FileKind, parse_contents, read_contents
from release.process import run

LISTING = b"""\
drwxr-xr-x  3 root    root       4096 2026-07-01 10:11 ./
drwxr-xr-x 19 root    root        500 2026-07-01 10:11 ./usr
-rwxr-xr-x  1 root    root     149536 2026-07-01 10:11 ./usr/bin/true
-rwsr-xr-x  2 root    messagebus   8 2026-07-01 10:11 ./usr/bin/su do
-rw-r--r--  1 1234    root          7 10026-07-01 10:11 ./usr/a -> b
lrwxrwxrwx  1 root    root          7 2026-07-01 10:11 ./bin -> usr/bin
crw-rw-rwT  1 root    root          0 2026-07-01 10:11 ./dev/null
-rw-r--r--  1 root    root          1 2026-07-01 10:11 ./usr/\xff\x1b[1m
"""
_FORMS = {
    "contents": "%M %2n %-7u %-7g %7s %TY-%Tm-%Td %TH:%TM ./%P -> %l\\n",
    "contents_wtd": "%M %D %i %n %s ./%P\\n",
}


def test_paths_kinds_modes_and_sizes_are_told_apart() -> None:
    found = parse_contents(LISTING, "list")
    assert list(found) == sorted(found)
    assert found["usr/bin/true"] == FileEntry("usr/bin/true", FileKind.REGULAR, 0o755, 149_536)
    assert found["usr/bin/su do"].mode == 0o4755
    assert found["usr/a -> b"].size == 7
    assert found["bin"] == FileEntry("bin", FileKind.LINK, 0o777, 0, "usr/bin")
    assert found["dev/null"] == FileEntry("dev/null", FileKind.SPECIAL, 0o1666, 0)
    assert found["usr"].size == 0
    assert found["usr/\\xff\x1b[1m"].size == 1
    assert len(found) == 7


@pytest.mark.parametrize("form", _FORMS)
def test_what_find_itself_says_is_read(tmp_path: Path, form: str) -> None:
    tree = tmp_path / "tree"
    (tree / "usr" / "bin").mkdir(parents=True)
    program = tree / "usr" / "bin" / "with  spaces and -> arrow"
    program.write_bytes(b"12345")
    program.chmod(0o750)
    os.link(program, tree / "usr" / "hard link")
    (tree / "bin").symlink_to("usr/bin")
    os.mkfifo(tree / "pipe", 0o600)
    said = run(["find", tree, "-printf", _FORMS[form]]).stdout
    lines = b"\n".join(line.removesuffix(b" -> ") for line in said.split(b"\n"))
    path = tmp_path / "list.txt"
    path.write_bytes(lines)
    found = read_contents(path)
    assert found["usr/bin/with  spaces and -> arrow"][1:4] == (FileKind.REGULAR, 0o750, 5)
    assert found["usr/hard link"].size == 5
    assert found["bin"].target == ("usr/bin" if form == "contents" else "")
    assert found["pipe"].kind is FileKind.SPECIAL
    assert set(found) == {entry.relative_to(tree).as_posix() for entry in tree.rglob("*")}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected at least one file"),
        (b"drwxr-xr-x  3 root root 4096 2026-07-01 10:11 ./\n", "expected at least one file"),
        (b"./usr/bin/true\n", r"list:1: expected MODE LINKS .*'./usr/bin/true'"),
        (LISTING + b"rest of a name\n", r"list:9: expected"),
        (LISTING + LISTING, r"list:10: 'usr' is there twice"),
        (b"-rw-r--r-- 1 2 1 9999999999999999999 ./a\n", r"list:1: size 9+: expected at most 18 digits"),
        (b"-rw-r--r-- 1 2 1 -5 ./a\n", "list:1: expected MODE"),
    ],
)
def test_other_lists_are_refused_with_the_line(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_contents(data, "list")


@given(st.binary(max_size=200))
def test_any_name_that_a_file_can_have_is_read_or_refused(name: bytes) -> None:
    line = b"-rw-r--r--  1 root    root          1 2026-07-01 10:11 ./" + name
    try:
        (entry,) = parse_contents(line, "list").values()
    except InputError:
        assert not name or b"\n" in name
    else:
        assert entry.path.encode()
        assert entry.size == 1
