"""What differs between two boards: file trees, bills of materials, sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from release.bundle.assemble import describe_board
from release.bundle.diff import FileChange, diff_packages
from release.bundle.difference import (
    Licence,
    Relicensed,
    board_difference,
    sbom_difference,
    tree_difference,
)
from release.bundle.release import Measured
from release.digests import Digest
from release.image.contents import FileEntry, FileKind
from release.image.packages import Package
from release.image.sbom import Component, Sbom, SbomFormat
from tests.unit.bundle.samples import BOARDS, board_inputs


def _tree(**entries: object) -> dict[str, FileEntry]:
    """Sizes make files, texts make links, None makes a directory."""
    tree = {}
    for name, about in entries.items():
        path = name.replace("_", "/")
        if isinstance(about, int):
            tree[path] = FileEntry(path, FileKind.REGULAR, 0o644, about)
        elif about is None:
            tree[path] = FileEntry(path, FileKind.DIRECTORY, 0o755, 0)
        else:
            tree[path] = FileEntry(path, FileKind.LINK, 0o777, 0, str(about))
    return tree


def test_files_are_counted_and_the_largest_changes_come_first() -> None:
    old = _tree(usr=None, usr_a=100, usr_b=5_000, usr_c=7, usr_link="a", usr_gone=None, usr_same=1)
    new = _tree(usr=None, usr_a=90, usr_d=900, usr_c=7, usr_link="b", usr_gone=3, usr_same=1)
    new["usr/c"] = new["usr/c"]._replace(mode=0o4755)
    found = tree_difference(old, new)
    assert (found.added, found.removed, found.changed) == (2, 1, 3)
    assert (found.before, found.after) == (5_108, 1_001)
    assert found.largest == (
        FileChange(name="usr/b", before=5_000, after=None),
        FileChange(name="usr/d", before=None, after=900),
        FileChange(name="usr/a", before=100, after=90),
        FileChange(name="usr/gone", before=None, after=3),
    )
    assert tree_difference(old, new, largest=1).largest == found.largest[:1]


_trees = st.dictionaries(
    st.sampled_from(list("abcdef")), st.none() | st.integers(0, 9) | st.sampled_from(["x", "y"])
).map(lambda entries: _tree(**entries))


@given(old=_trees, new=_trees)
def test_a_difference_backwards_is_the_difference_turned_around(
    old: dict[str, FileEntry], new: dict[str, FileEntry]
) -> None:
    forwards, backwards = tree_difference(old, new), tree_difference(new, old)
    assert (forwards.added, forwards.removed) == (backwards.removed, backwards.added)
    assert forwards.changed == backwards.changed
    assert forwards.after - forwards.before == sum(change.growth for change in forwards.largest)
    assert [(one.name, -one.growth) for one in forwards.largest] == [
        (one.name, one.growth) for one in backwards.largest
    ]


def _sbom(*components: tuple[str, str, str]) -> Sbom:
    return Sbom(
        format=SbomFormat.SPDX,
        name="image",
        components=tuple(
            Component(name=name, version=version, purl=None, licences=tuple(licences.split()))
            for name, version, licences in components
        ),
    )


def test_licences_that_came_and_went_are_told_with_what_has_them() -> None:
    old = _sbom(("a", "1", "MIT"), ("b", "1", "Zlib"), ("c", "1", ""))
    new = _sbom(("a", "2", "MIT"), ("c", "1", "BUSL-1.1 MIT"), ("d", "1", "BUSL-1.1"), ("d", "2", "MIT"))
    found = sbom_difference(old, new)
    assert found.came == (Licence(name="BUSL-1.1", components=("c", "d")),)
    assert found.gone == (Licence(name="Zlib", components=("b",)),)
    assert found.relicensed == (Relicensed(name="c", before=(), after=("BUSL-1.1", "MIT")),)
    assert found.components.removed == (Package("b", "1"),)
    assert [change.name for change in found.components.changed] == ["a"]


def test_sizes_of_partition_and_full_payload_are_told(tmp_path: Path) -> None:
    old = describe_board(board_inputs(tmp_path, BOARDS[0]))
    image = Measured(size=8192, sha256=Digest.sha256(b"grown"))
    new = replace(old, image=image, payloads=tuple(one for one in old.payloads if one.source is not None))
    found = board_difference(old, new, packages=diff_packages((), ()))
    full = len(b"full payload amd64-usr")
    assert (found.image_before, found.image_after) == (4096, 8192)
    assert (found.payload_before, found.payload_after) == (full, None)
    assert (found.tree, found.sbom) == (None, None)
