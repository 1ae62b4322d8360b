"""Releases, wishes and what Nebraska has, for tests of the publisher."""

from __future__ import annotations

from dataclasses import replace

from release.bundle.release import PayloadRecord, Release
from release.catalog.artifact import Artifact
from release.catalog.board import Board
from release.catalog.version import Version
from release.promotion.delivery import Floor
from release.updates.nebraska.options import NebraskaOptions
from release.updates.nebraska.plan import Found
from release.updates.nebraska.wanted import Wish, content_of
from release.updates.nebraska.wire import NebraskaChannel, NebraskaFloor, Package, PackageContent
from tests.unit.pages.samples import AMD64, ARM64, artifact, board, day, payload, release

OPTIONS = NebraskaOptions(
    url="http://127.0.0.1:1",
    payload_url="https://update.example.org/{board}/{version}/",
    channels={"stable": {AMD64: "stable", ARM64: "stable"}},
    retries=2,
)


def version(text: str) -> Version:
    """Short for ``Version.parse``."""
    return Version.parse(text)


def _own(name: str, text: str) -> Artifact:
    """A file of that name whose digests are the version's own."""
    return replace(artifact(f"{name}-{text}", 9000 + version(text).major), name=name)


def extension(name: str, text: str) -> PayloadRecord:
    """An extension payload, of an extension that is among the board's files."""
    return replace(payload(1700), artifact=_own(f"{name}.gz", text), extension="version.txt")


def sample_release(text: str, *boards: Board) -> Release:
    """A release with a full payload, a delta and two extensions for each board."""
    full = replace(payload(9000), artifact=_own("flatcar_production_update.gz", text))
    shipped = []
    for one in boards or (AMD64, ARM64):
        made = board(one, full, payload(4000, "0.9.0"))
        first, second = made.files[0].name, made.files[1].name
        extras = (
            replace(extension("oem-azure", text), extension=min(first, second)),
            replace(extension("flatcar-zfs", text), extension=max(first, second)),
        )
        shipped.append(replace(made, payloads=(*made.payloads, *extras)))
    return release(text, *shipped, created=day(1))


def content(text: str, name: Board = AMD64, options: NebraskaOptions = OPTIONS) -> PackageContent:
    """The package of a sample release."""
    found = content_of(sample_release(text), name, options)
    assert found is not None
    return found


def wish(head: str, *others: str, **changes: object) -> Wish:
    """A wish of stable for amd64, with the contents of ``others``, too."""
    fields: dict[str, object] = {
        "channel": "stable",
        "board": AMD64,
        "named": "stable",
        "head": version(head),
        "contents": {version(one): content(one) for one in (head, *others)},
        **changes,
    }
    return Wish(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def floor(text: str, reason: str = "new kernel") -> Floor:
    """A floor of stable."""
    return Floor(channel="stable", version=version(text), reason=reason)


def package(text: str, **changes: object) -> Package:
    """What Nebraska has of a sample release."""
    return Package(id=f"id-{text}", content=replace(content(text), **changes))  # type: ignore[arg-type]


def found(at: str | None, *others: str, floors: tuple[str, ...] = (), architecture: int = 1) -> Found:
    """A channel at a version, packages, floors."""
    names = {one: package(one) for one in (*(() if at is None else (at,)), *others, *floors)}
    return Found(
        channel=NebraskaChannel(
            id="channel-1",
            name="stable",
            color="#14b9d6",
            application=OPTIONS.app,
            architecture=architecture,
            package=None if at is None else names[at],
        ),
        packages={version(one): item for one, item in names.items()},
        floors=tuple(NebraskaFloor(package=names[one], reason="new kernel") for one in floors),
    )
