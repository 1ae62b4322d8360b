"""Where a candidate is built: the directory of one version under ``work``, and small records in it.

Nothing here is ever published, and it can be deleted at any time. A candidate that is made anew is
another one (its documents carry times); once uploaded, a release goes on from the mirror.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from release import canonical
from release.atomic import replacing
from release.canonical import Json
from release.catalog.board import Board
from release.catalog.naming import RELEASE_DOCUMENT
from release.catalog.version import Version
from release.errors import InputError, storage_errors


@dataclass(frozen=True, slots=True)
class BoardSpace:
    """One board's part of a workspace."""

    root: Path

    @property
    def inputs(self) -> Path:
        """Record: the verified files of the image set."""
        return self.root / "inputs.json"

    @property
    def promises(self) -> Path:
        """Record: what the notes promise of versions, and which of it the image keeps."""
        return self.root / "promises.json"

    @property
    def image(self) -> Path:
        """The raw partition of the new release."""
        return self.root / "image.raw"

    @property
    def image_record(self) -> Path:
        """Record: which packed bytes it came from, and its digest."""
        return self.root / "image.json"

    def source_image(self, version: Version) -> Path:
        """The raw partition of an older release that a delta starts from."""
        return self.root / f"source-{version}.raw"

    def source_kernel(self, version: Version) -> Path:
        """The kernel of that release."""
        return self.root / f"source-{version}.kernel"

    def unsigned(self, name: str) -> Path:
        """A payload with a hole where its signatures will be."""
        return self.root / "unsigned" / name

    def payload(self, name: str) -> Path:
        """The same payload, signed."""
        return self.root / "payloads" / name

    def built(self, name: str) -> Path | None:
        """A payload that was built, signed or not yet; the size is the same. None when there is none."""
        return next((path for path in (self.payload(name), self.unsigned(name)) if path.is_file()), None)

    def proof(self, name: str) -> Path:
        """Record: which bytes were applied, and what came out."""
        return self.root / "proofs" / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The directory of one version."""

    root: Path

    @classmethod
    def of(cls, work: Path, version: Version) -> Workspace:
        """The workspace of ``version``; the directory need not exist yet."""
        return cls(work / str(version))

    @property
    def order(self) -> Path:
        """Record: what was ordered, and when."""
        return self.root / "order.json"

    @property
    def notes(self) -> Path:
        """The release notes, Markdown: composed when the candidate was ordered, edited by whoever likes."""
        return self.root / "notes.md"

    @property
    def changes(self) -> Path:
        """Record: what of the changelog the release has, as it was when the candidate was ordered."""
        return self.root / "changes.json"

    @property
    def staging(self) -> Path:
        """The release as it will be published."""
        return self.root / "staging"

    @property
    def signables(self) -> Path:
        """Record: the payloads that are to be signed, and what they make."""
        return self.root / "signing" / "payloads.json"

    @property
    def exports(self) -> Path:
        """Record: what was exported for offline keys."""
        return self.root / "signing" / "exports.json"

    def answer(self, fingerprint: str) -> Path:
        """What the offline key of this fingerprint answered, as it was imported."""
        return self.root / "signing" / f"{fingerprint}.answer"

    def board(self, board: Board) -> BoardSpace:
        """One board's part."""
        return BoardSpace(self.root / str(board))


def complete_candidates(work: Path) -> tuple[Version, ...]:
    """Versions whose candidate is staged to its last file, which is the signature of its document."""
    found = work.glob(f"*/staging/releases/*/{RELEASE_DOCUMENT}.sig")
    return tuple(sorted(Version.parse(path.parent.name) for path in found))


def write_record(path: Path, value: Mapping[str, Json]) -> None:
    """Write a record atomically and durably: it is there whole or not at all."""
    write_file(path, canonical.dump(value))


def write_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a small file atomically and durably, making its directory.

    ``mode`` less the umask. Raises StorageFullError, InputError, UnavailableError.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode=mode) as target:
        target.write(data)


def read_record(path: Path) -> dict[str, Json] | None:
    """Read a record, None when there is none. Raises InputError when it is not one."""
    if not path.is_file():
        return None
    with storage_errors(path):
        return canonical.load(path.read_bytes(), str(path))


def read_text(path: Path) -> str:
    """Read a text file a person may have edited. Raises InputError when it is not UTF-8."""
    with storage_errors(path):
        data = path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text: {error.reason} at byte {error.start}") from error
