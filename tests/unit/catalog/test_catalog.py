"""Versions, channels, boards, artifacts and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact, check_file_name
from release.catalog.board import Board
from release.catalog.channel import DEFAULT_CHANNELS, Channel, Channels, PromotionKind
from release.catalog.lineage import Lineage
from release.catalog.naming import (
    NamingScheme,
    current_prefix,
    image_prefix,
    ledger_key,
    ledger_sequence,
    release_prefix,
    update_prefix,
)
from release.catalog.version import Version
from release.digests import Digest, Hasher
from release.errors import InputError

numbers = st.integers(min_value=0, max_value=999_999_999)
versions = st.builds(Version, numbers, numbers, numbers)


def test_versions_compare_as_numbers_never_as_text() -> None:
    assert Version.parse("4081.3.10") > Version.parse("4081.3.9")
    assert Version.parse("10.0.0") > Version.parse("9.99.99")


@given(versions)
def test_a_version_reads_back_as_it_prints(version: Version) -> None:
    assert Version.parse(str(version)) == version


@given(versions, versions)
def test_versions_order_as_their_numbers_do(one: Version, other: Version) -> None:
    numbers_of_one = (one.major, one.branch, one.patch)
    assert (one < other) == (numbers_of_one < (other.major, other.branch, other.patch))


@pytest.mark.parametrize(
    "text", ["", "1.2", "1.2.3.4", "01.2.3", "1.2.3-rc1", " 1.2.3", "1.2.x", "\uff11.2.3", "1.2.3\n"]
)
def test_what_is_no_version_is_refused_and_named(text: str) -> None:
    with pytest.raises(InputError, match=r"expected MAJOR\.BRANCH\.PATCH"):
        Version.parse(text)


def test_channels_keep_the_order_of_the_configuration() -> None:
    assert [channel.name for channel in DEFAULT_CHANNELS] == ["alpha", "beta", "stable", "lts"]
    assert DEFAULT_CHANNELS.rank("alpha") < DEFAULT_CHANNELS.rank("lts")
    assert "stable" in DEFAULT_CHANNELS
    assert "lts-2024" in Channels((Channel("lts-2024"),))


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ((), "at least one"),
        ((Channel("alpha"), Channel("alpha")), "listed twice"),
        ((Channel("beta", ("alpha",)),), "not listed before it"),
    ],
)
def test_channels_that_contradict_each_other_are_refused(channels: tuple[Channel, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Channels(channels)


@pytest.mark.parametrize("name", ["", "Alpha", "../alpha", "lts_2024", "a" * 41, "-alpha"])
def test_channel_names_are_safe_in_paths(name: str) -> None:
    with pytest.raises(InputError, match="expected lower-case words"):
        Channel(name)


def test_an_unknown_channel_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="alpha, beta, stable, lts"):
        DEFAULT_CHANNELS.get("edge")


def test_boards_read_and_print() -> None:
    assert str(Board.parse("amd64-usr")) == "amd64-usr"
    for text in ("amd64", "AMD64-usr", "amd64-usr-x", "../x"):
        with pytest.raises(InputError, match="expected ARCHITECTURE-PARTITION"):
            Board.parse(text)


@pytest.mark.parametrize("name", ["", "..", "a..b", "a/b", ".hidden", "a b", "é", "-x", "a\n", "x" * 201])
def test_file_names_that_could_leave_their_place_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected letters, digits"):
        check_file_name(name)


def test_an_artifact_is_made_of_all_four_digests_in_their_places() -> None:
    hasher = Hasher(ARTIFACT_ALGORITHMS)
    hasher.update(b"abc")
    artifact = Artifact.from_digests("abc.txt", hasher.result())
    assert (artifact.size, artifact.sha256) == (3, Digest.sha256(b"abc"))
    with pytest.raises(InputError, match="sha256 holds a md5 digest"):
        Artifact("abc.txt", 3, artifact.md5, artifact.sha512, artifact.sha1, artifact.md5)
    with pytest.raises(InputError, match="negative"):
        Artifact("abc.txt", -1, artifact.sha256, artifact.sha512, artifact.sha1, artifact.md5)


def test_a_rebuild_names_what_it_derives_from() -> None:
    assert Lineage().derives_from is None
    with pytest.raises(InputError, match="must name the release"):
        Lineage(PromotionKind.REBUILD)


def test_the_mirror_layout_is_the_one_installers_know() -> None:
    board, version, naming = Board("amd64"), Version(4593, 2, 0), NamingScheme()
    assert image_prefix("stable", board, version) == "stable/amd64-usr/4593.2.0/"
    assert update_prefix(board, version) == "update/amd64-usr/4593.2.0/"
    assert current_prefix("stable", board) == "stable/amd64-usr/current/"
    assert release_prefix(version) == "releases/4593.2.0/"
    assert naming.full_payload == "flatcar_production_update.gz"
    assert naming.delta_payload(version) == "flatcar_production_update-from-4593.2.0.gz"
    assert naming.update_image in naming.required


def test_system_extensions_are_known_by_their_names() -> None:
    naming = NamingScheme()
    assert naming.is_extension("flatcar-python.raw")
    assert naming.is_extension("oem-azure.raw")
    for other in (
        "flatcar_production_update.bin.bz2",
        "oem-azure.raw.sig",
        "oem-azure_packages.txt",
        "x.raw",
    ):
        assert not naming.is_extension(other)
    assert naming.extension_payload("oem-azure.raw") == "oem-azure.gz"
    assert (
        NamingScheme(extensions=("ext-?.sysext.img",)).extension_payload("ext-1.sysext.img")
        == "ext-1.sysext.gz"
    )
    assert not NamingScheme(extensions=()).is_extension("oem-azure.raw")


@pytest.mark.parametrize("pattern", ["oem-*", "../x.raw", "a b.raw", "", "*.txt", "flatcar_production_*.bz2"])
def test_a_pattern_that_could_be_no_extensions_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match=r"naming\.extensions: "):
        NamingScheme(extensions=(pattern,))


@given(st.integers(min_value=0, max_value=99_999_999))
def test_ledger_keys_read_back(sequence: int) -> None:
    assert ledger_sequence(ledger_key(sequence)) == sequence


@pytest.mark.parametrize("key", ["ledger/1.json", "ledger/00000001.json.sig", "x/00000001.json", "ledger/"])
def test_what_is_no_ledger_key_has_no_number(key: str) -> None:
    assert ledger_sequence(key) is None
