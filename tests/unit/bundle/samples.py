"""A small release of two boards, its bytes, and fakes of what the bundle stage asks others for."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

from release.bundle.assemble import BoardInputs, BuiltPayload, ImageFile, StagedFile, describe_board, measure
from release.bundle.release import BoardRelease, Measured, PayloadRecord, Release
from release.catalog.board import Board
from release.catalog.channel import PromotionKind
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.digests import Digest, hash_file
from release.errors import InputError, NotVerifiedError, UnavailableError
from release.image.packages import Package

OLD = Version.parse("4593.1.0")
NEW = Version.parse("4593.2.0")
BOARDS = (Board("amd64"), Board("arm64"))
KEYS = ("11" * 32, "22" * 32)
PRODUCT = "Flatcar"


def board_inputs(folder: Path, board: Board) -> BoardInputs:
    """Write one board's files: two of an image set, one with the build's own signature; two payloads."""
    images, payloads = folder / str(board) / "images", folder / str(board) / "payloads"
    images.mkdir(parents=True, exist_ok=True)
    payloads.mkdir(parents=True, exist_ok=True)
    kernel = images / "flatcar_production_image.vmlinuz"
    kernel.write_bytes(f"kernel {board}".encode())
    version_file = images / "version.txt"
    version_file.write_bytes(f"FLATCAR_VERSION={NEW}\n".encode())
    FakeSigner("build").sign_file(version_file, images / "version.txt.sig")
    (payloads / "full").write_bytes(f"full payload {board}".encode())
    (payloads / "delta").write_bytes(f"delta payload {board}".encode())
    return BoardInputs(
        board=board,
        image=Measured(size=4096, sha256=Digest.sha256(f"image {board}".encode())),
        kernel=Measured.from_digests(hash_file(kernel)),
        files=tuple(ImageFile(path=path, artifact=measure(path)) for path in (version_file, kernel)),
        payloads=(
            _built(payloads / "delta", f"flatcar_production_update-from-{OLD}.gz", OLD),
            _built(payloads / "full", "flatcar_production_update.gz", None),
        ),
    )


def with_extension(inputs: BoardInputs, name: str) -> BoardInputs:
    """The same inputs and a system extension ``name``, ``oem-azure`` say, with its payload."""
    folder = inputs.files[0].path.parent
    image, payload = folder / f"{name}.raw", folder.parent / "payloads" / name
    image.write_bytes(f"extension {name} {inputs.board}".encode())
    payload.write_bytes(f"{name}.raw payload {inputs.board}".encode())
    file = ImageFile(path=image, artifact=measure(image))
    built = _built(payload, f"{name}.gz", None, extension=image.name)
    return dataclasses.replace(inputs, files=(*inputs.files, file), payloads=(built, *inputs.payloads))


def _built(path: Path, name: str, source: Version | None, extension: str | None = None) -> BuiltPayload:
    record = PayloadRecord(
        artifact=measure(path, name),
        extension=extension,
        source=source,
        source_image=None if source is None else Digest.sha256(b"old image"),
        profile="flatcar" if extension is None else "replace-only",
        metadata_size=8,
        operations={"MOVE": 3, "REPLACE_BZ": 14},
        signatures=KEYS,
        proven=True,
    )
    return BuiltPayload(path=path, record=record)


def release_of(inputs: tuple[BoardInputs, ...], notes: str = "_Changes_ since 4593.1.0\n") -> Release:
    """The release that these inputs make."""
    return Release(
        product=PRODUCT,
        version=NEW,
        channel="stable",
        created=datetime(2026, 8, 13, 15, 48, 35, tzinfo=UTC),
        lineage=Lineage(PromotionKind.REBUILD, OLD),
        boards=tuple(describe_board(entry) for entry in inputs),
        notes=notes,
        software=(Package("docker", "28.0.4"), Package("kernel", "6.12.102")),
    )


@dataclass
class FakeSigner:
    """Signs like OpenPGP does: no two signatures are the same bytes."""

    name: str = "release"
    signed: list[str] = field(default_factory=list)

    def sign_file(self, data: Path, out: Path) -> None:
        content = hashlib.sha256(data.read_bytes()).hexdigest()
        out.write_bytes(f"{self.name} {content} {next(_SERIAL)}".encode())
        self.signed.append(data.name)


_SERIAL = count()


@dataclass
class FakeVerifier:
    """Takes what ``FakeSigner``s of these names made."""

    allowed: tuple[str, ...] = ("build", "release")

    def verify_file(self, data: Path, signature: Path) -> str:
        name, _, rest = signature.read_text().partition(" ")
        if name not in self.allowed:
            raise NotVerifiedError(f"{data}: signed by {name}, who is not allowed")
        if rest.partition(" ")[0] != hashlib.sha256(data.read_bytes()).hexdigest():
            raise NotVerifiedError(f"{data}: bad signature")
        return name


@dataclass
class FakeMirror:
    """Objects by key; ``down`` are the keys that do not answer."""

    objects: dict[str, bytes] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, staged: tuple[StagedFile, ...]) -> FakeMirror:
        return cls({file.key: file.path.read_bytes() for file in staged})

    def open(self, key: str) -> BinaryIO:
        if key in self.down:
            raise UnavailableError(f"{key}: no answer")
        if key not in self.objects:
            raise InputError(f"{key}: there is no such object")
        return io.BytesIO(self.objects[key])

    def read(self, key: str, limit: int) -> bytes:
        data = self.open(key).read()
        if len(data) > limit:
            raise InputError(f"{key}: expected at most {limit} bytes")
        return data


def fake_payload_check(path: Path, record: PayloadRecord, board: BoardRelease) -> None:
    """Takes the payloads of ``board_inputs``, recorded under the profile of their clients."""
    kind = record.extension or ("full" if record.source is None else "delta")
    profile = "flatcar" if record.extension is None else "replace-only"
    if path.read_bytes() != f"{kind} payload {board.board}".encode() or record.profile != profile:
        raise NotVerifiedError(f"{path.name}: no trusted key signed this payload")
