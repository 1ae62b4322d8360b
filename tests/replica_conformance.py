"""What every replica must do, as one class of tests. A subclass gives the fixture ``replica``."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.mirror.plan import Wanted
from release.mirror.replica import CurrentView, Document, Replica
from release.mirror.store import ConflictError, LostRaceError, MissingObjectError, ObjectTooLargeError
from release.mirror.sync import Action, Upload
from tests.store_conformance import ODD_KEYS

BOARD = Board("amd64")
OLD, NEW = Version(4593, 0, 1), Version(4593, 0, 10)
CURRENT = "alpha/amd64-usr/current/"
LIMIT = 1 << 20
BIG = 3 << 20


def upload(key: str, data: bytes | Path) -> Upload:
    """A file to be written once."""
    content = data if isinstance(data, bytes) else data.read_bytes()
    return Upload(key=key, source=data, size=len(content), sha256=Digest.sha256(content))


def prefix(version: Version, channel: str = "alpha") -> str:
    """Where the files of a version are."""
    return f"{channel}/{BOARD}/{version}/"


def release_files(version: Version, channel: str = "alpha") -> list[Upload]:
    """A small release: what stays, what a version alone has, and a file above every limit."""
    where = prefix(version, channel)
    return [
        upload(where + "flatcar_image.bin", f"image {version}\n".encode() * (BIG // 12)),
        upload(where + "packages.txt", f"packages of {version}\n".encode()),
        upload(where + f"only-{version}.txt", b"only here\n"),
        upload(where + "version.txt", version_text(version)),
    ]


def version_text(version: Version) -> bytes:
    """The pointer's text."""
    return f"FLATCAR_VERSION={version}\n".encode()


def view(version: Version, channel: str = "alpha", generation: int = 1) -> CurrentView:
    """The view of such a release, with a channel document that counts."""
    return CurrentView(
        channel=channel,
        board=BOARD,
        version=version,
        files=tuple(one.wanted for one in release_files(version, channel)),
        documents=(
            Document(key=f"{channel}/{BOARD}/current/channel.json", data=b"%08d" % generation),
            Document(key=f"{channel}/{BOARD}/current/version.txt", data=version_text(version)),
        ),
    )


def newer(document: Document, there: bytes) -> bool:
    """The rule of these tests: channel documents and heads count upwards; all else may be replaced."""
    return document.data > there if document.key.endswith(".json") else True


class ReplicaConformance:
    """The promises of ``release.mirror.replica``, one test each."""

    def test_what_was_written_is_there_and_a_second_time_nothing_moves(self, replica: Replica) -> None:
        files = release_files(OLD)
        told: list[tuple[Action, str]] = []
        first = replica.write_once(files, lambda action, key, _: told.append((action, key)))
        assert set(first.uploaded) == {one.key for one in files}
        assert first.uploaded_bytes == sum(one.size for one in files)
        assert {key for action, key in told if action is Action.UPLOADED} == set(first.uploaded)
        for one in files:
            assert replica.read(one.key, 2 * BIG) == one.source
        second = replica.write_once(files)
        assert (second.uploaded, second.uploaded_bytes) == ((), 0)
        assert set(second.kept) == {one.key for one in files}

    def test_present_tells_sizes_and_what_is_missing(self, replica: Replica) -> None:
        wanted = [one.wanted for one in release_files(OLD)]
        assert replica.present(wanted) == {one.key: None for one in wanted}
        replica.write_once(release_files(OLD)[:2])
        found = replica.present(wanted)
        sizes = {key: None if stat is None else stat.size for key, stat in found.items()}
        assert sizes == {one.key: one.size if number < 2 else None for number, one in enumerate(wanted)}

    def test_other_bytes_are_refused_and_stay(self, replica: Replica) -> None:
        key = prefix(OLD) + "version.txt"
        replica.write_once([upload(key, b"old")])
        for other in (b"new", b"longer"):
            with pytest.raises(ConflictError, match=key):
                replica.write_once([upload(prefix(OLD) + "more.txt", b"x"), upload(key, other)])
        assert replica.read(key, 10) == b"old"

    def test_files_come_from_disk_as_well(self, replica: Replica, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(bytes(range(256)) * 100)
        replica.write_once([upload("releases/4593.0.1/data", source)])
        assert replica.read("releases/4593.0.1/data", 25600) == source.read_bytes()

    def test_a_source_that_is_not_what_was_promised_is_not_written(
        self, replica: Replica, tmp_path: Path
    ) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"aaa")
        promised = upload("releases/4593.0.1/data", source)
        source.write_bytes(b"bbb")
        with pytest.raises(InputError, match="expected"):
            replica.write_once([promised])
        assert list(replica.list("")) == []

    def test_documents_are_replaced_in_any_number(self, replica: Replica) -> None:
        documents = [Document(key=f"pages/{name}.html", data=name.encode()) for name in "cab"]
        replica.replace(documents)
        replica.replace([Document(key="pages/a.html", data=b"other")])
        assert replica.read("pages/a.html", 10) == b"other"
        assert replica.read("pages/c.html", 10) == b"c"

    def test_a_document_does_not_go_back_to_an_older_one(self, replica: Replica) -> None:
        replica.replace([Document(key="head.json", data=b"2")], newer)
        replica.replace([Document(key="head.json", data=b"2")], newer)
        with pytest.raises(LostRaceError, match=r"head\.json"):
            replica.replace([Document(key="head.json", data=b"1")], newer)
        assert replica.read("head.json", 10) == b"2"
        replica.replace([Document(key="head.json", data=b"3")], newer)
        assert replica.read("head.json", 10) == b"3"

    def test_current_follows_from_version_to_version(self, replica: Replica) -> None:
        for generation, version in enumerate((OLD, NEW), start=1):
            replica.write_once(release_files(version))
            replica.show_current(view(version, generation=generation), newer)
            replica.show_current(view(version, generation=generation), newer)
            assert replica.read(CURRENT + "version.txt", LIMIT) == version_text(version)
            assert replica.read(CURRENT + "packages.txt", LIMIT) == f"packages of {version}\n".encode()
            assert replica.read(CURRENT + "channel.json", LIMIT) == b"%08d" % generation
            assert replica.read(CURRENT + f"only-{version}.txt", LIMIT) == b"only here\n"
        with pytest.raises(MissingObjectError):
            replica.read(CURRENT + f"only-{OLD}.txt", LIMIT)
        assert replica.read(prefix(OLD) + "version.txt", LIMIT) == version_text(OLD)

    def test_a_pipeline_that_is_behind_does_not_turn_current_back(self, replica: Replica) -> None:
        for version in (OLD, NEW):
            replica.write_once(release_files(version))
        replica.show_current(view(NEW, generation=2), newer)
        with pytest.raises(LostRaceError, match=r"channel\.json"):
            replica.show_current(view(OLD, generation=1), newer)
        assert replica.read(CURRENT + "version.txt", LIMIT) == version_text(NEW)
        assert replica.read(CURRENT + "packages.txt", LIMIT) == f"packages of {NEW}\n".encode()

    def test_a_document_of_current_is_replaced_alone(self, replica: Replica) -> None:
        replica.write_once(release_files(OLD))
        replica.show_current(view(OLD), newer)
        again = Document(key=CURRENT + "channel.json", data=b"%08d" % 7)
        replica.replace([again], newer)
        assert replica.read(again.key, LIMIT) == again.data
        assert replica.read(CURRENT + "packages.txt", LIMIT) == f"packages of {OLD}\n".encode()
        with pytest.raises(LostRaceError):
            replica.show_current(view(OLD, generation=2), newer)

    def test_a_view_of_files_that_are_not_there_is_not_shown(self, replica: Replica) -> None:
        with pytest.raises(MissingObjectError):
            replica.show_current(view(OLD))
        with pytest.raises(MissingObjectError):
            replica.read(CURRENT + "version.txt", LIMIT)

    def test_an_alias_shows_a_stream_beside_current(self, replica: Replica) -> None:
        replica.write_once([*release_files(NEW, "lts"), *release_files(OLD, "lts-2022")])
        replica.show_current(view(NEW, "lts"))
        alias = CurrentView(
            channel="lts",
            board=BOARD,
            version=OLD,
            files=view(OLD, "lts-2022").files,
            documents=(Document(key=f"lts/{BOARD}/current-2022/version.txt", data=version_text(OLD)),),
            folder="current-2022",
        )
        replica.show_current(alias)
        replica.show_current(view(NEW, "lts", generation=2))
        assert replica.read(f"lts/{BOARD}/current-2022/version.txt", LIMIT) == version_text(OLD)
        assert replica.read(f"lts/{BOARD}/current-2022/packages.txt", LIMIT) == b"packages of 4593.0.1\n"
        assert replica.read(f"lts/{BOARD}/current/version.txt", LIMIT) == version_text(NEW)

    def test_reading_is_bounded_and_what_is_missing_is_named(self, replica: Replica) -> None:
        replica.write_once([upload("releases/4593.0.1/data", b"12345")])
        assert replica.read("releases/4593.0.1/data", 5) == b"12345"
        with pytest.raises(ObjectTooLargeError):
            replica.read("releases/4593.0.1/data", 4)
        with pytest.raises(MissingObjectError, match="absent"):
            replica.read("releases/absent", 4)

    def test_listing_is_sorted_and_bounded_by_the_prefix(self, replica: Replica) -> None:
        keys = ["a-b", "a.b/c", "a/b", "a/b-c", "a0", "ledger/00000010.json", "ledger/00000009.json"]
        assert list(replica.list("a/")) == []
        replica.write_once([upload(key, b"x") for key in keys])
        assert list(replica.list("")) == sorted(keys)
        assert list(replica.list("a/")) == ["a/b", "a/b-c"]
        assert list(replica.list("a/b-")) == ["a/b-c"]
        assert list(replica.list("ledger/")) == ["ledger/00000009.json", "ledger/00000010.json"]
        assert list(replica.list("none/")) == []

    def test_what_is_deleted_is_gone_and_nothing_else(self, replica: Replica) -> None:
        replica.write_once([*release_files(OLD), *release_files(NEW)])
        gone = [one.key for one in release_files(OLD)]
        replica.delete([*gone, "releases/absent"])
        replica.delete(gone)
        replica.delete([])
        assert list(replica.list("")) == sorted(one.key for one in release_files(NEW))

    def test_odd_keys_are_refused_everywhere(self, replica: Replica) -> None:
        sha256 = Digest.sha256(b"")
        for key in (*ODD_KEYS, "--delete", "a/--delete", "a/*", "- a"):
            wanted = Wanted(key=key, size=0, sha256=sha256)
            for attempt in (
                lambda key=key: replica.read(key, 1),
                lambda wanted=wanted: replica.present([wanted]),
                lambda key=key: replica.write_once([upload(key, b"")]),
                lambda key=key: replica.delete([key]),
                lambda key=key: replica.replace([Document(key=key, data=b"")]),
            ):
                with pytest.raises(InputError, match="expected segments joined"):
                    attempt()
