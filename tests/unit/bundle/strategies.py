"""Arbitrary releases, for properties."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime

from hypothesis import strategies as st

from release.bundle.change import Change, ChangeKind
from release.bundle.release import BoardRelease, Measured, PayloadRecord, Release, payload_order
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.board import Board
from release.catalog.channel import PromotionKind
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.digests import Digest, FileDigests, hash_stream
from release.image.packages import Package

_number = st.integers(0, 999_999_999)
versions = st.builds(Version, _number, _number, _number)
_names = st.text("ab0_+-", max_size=6).map("n".__add__)
_line = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
_notes = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\n\t"))
_operations = st.sampled_from(["REPLACE", "REPLACE_BZ", "MOVE", "BSDIFF"])
_profiles = st.sampled_from(["flatcar", "positional-bspatch", "replace-only"])


def _measure(content: bytes) -> FileDigests:
    return hash_stream(io.BytesIO(content), ARTIFACT_ALGORITHMS)


_contents = st.binary(max_size=8)
_sha256 = _contents.map(Digest.sha256)
_measured = st.builds(Measured, size=st.integers(1, (1 << 53) - 1), sha256=_sha256)


@st.composite
def artifacts(draw: st.DrawFn, smallest: int = 0) -> Artifact:
    artifact = Artifact.from_digests(draw(_names), _measure(draw(_contents)))
    return dataclasses.replace(artifact, size=draw(st.integers(smallest, (1 << 53) - 1)))


@st.composite
def _payloads(draw: st.DrawFn, files: list[str]) -> PayloadRecord:
    artifact = draw(artifacts(smallest=1))
    extension = draw(st.none() | st.sampled_from(files)) if files else None
    source = None if extension else draw(st.none() | versions)
    return PayloadRecord(
        artifact=artifact,
        extension=extension,
        source=source,
        source_image=None if source is None else draw(_sha256),
        profile=draw(_profiles),
        metadata_size=draw(st.integers(1, artifact.size)),
        operations=draw(st.dictionaries(_operations, st.integers(1, 99))),
        signatures=tuple(draw(st.lists(_sha256.map(lambda key: key.hex), max_size=2, unique=True))),
        proven=draw(st.booleans()),
    )


@st.composite
def _boards(draw: st.DrawFn) -> BoardRelease:
    files = draw(st.lists(artifacts(), max_size=3, unique_by=lambda artifact: artifact.name))
    payloads = draw(
        st.lists(
            _payloads([artifact.name for artifact in files]),
            max_size=3,
            unique_by=(payload_order, lambda record: record.artifact.name),
        )
    )
    return BoardRelease(
        board=draw(st.builds(Board, st.sampled_from(["amd64", "arm64", "riscv64"]), st.just("usr"))),
        image=draw(_measured),
        kernel=draw(st.none() | _measured),
        files=tuple(sorted(files, key=lambda artifact: artifact.name)),
        payloads=tuple(sorted(payloads, key=payload_order)),
    )


_kinds = st.sampled_from(ChangeKind)
_changes = st.lists(
    st.builds(Change.of, _kinds, st.text(alphabet="ab \n([])ü", max_size=9).map("- x".__add__))
    | st.builds(Change, id=st.text(alphabet="0123456789abcdef", min_size=16, max_size=16), kind=_kinds),
    max_size=4,
    unique_by=lambda change: change.id,
)


@st.composite
def releases(draw: st.DrawFn) -> Release:
    boards = draw(st.lists(_boards(), min_size=1, max_size=3, unique_by=lambda entry: entry.board))
    sources = {payload.source for entry in boards for payload in entry.payloads}
    derives_from = draw(versions)
    software = draw(st.sets(st.builds(Package, _line, _line), max_size=4))
    return Release(
        product=draw(_line),
        version=draw(versions.filter(lambda version: version not in sources | {derives_from})),
        channel=draw(st.sampled_from(["alpha", "stable", "lts-2024"])),
        created=draw(
            st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)).map(  # noqa: DTZ001  # hypothesis wants naive bounds
                lambda time: time.replace(microsecond=0, tzinfo=UTC)
            )
        ),
        lineage=draw(st.builds(Lineage, st.sampled_from(PromotionKind), st.just(derives_from))),
        boards=tuple(sorted(boards, key=lambda entry: entry.board)),
        notes=draw(_notes),
        software=tuple(sorted(software)),
        changes=tuple(sorted(draw(_changes), key=lambda change: change.id)),
    )
