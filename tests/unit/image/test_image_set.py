"""Reading image sets and checking the signature of every file in them, with a real gpg."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.board import Board
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError, UnavailableError
from release.image.image_set import ImageSet, read_fields, read_image_set, verify_image_set
from tests.openpgp_home import Keyring

AMD64 = Board("amd64")
VERSION = Version(4593, 2, 0)
NAMING = NamingScheme()
FIELDS = {
    "FLATCAR_BUILD": "4593",
    "FLATCAR_BRANCH": "2",
    "FLATCAR_PATCH": "0",
    "FLATCAR_VERSION": "4593.2.0",
    "FLATCAR_VERSION_ID": "4593.2.0",
    "FLATCAR_BUILD_ID": "",
    "FLATCAR_SDK_VERSION": "4593.0.0",
}


def write_fields(directory: Path, fields: Mapping[str, str]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in fields.items())
    (directory / "version.txt").write_text(text)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "set"
    made.mkdir()
    for name in (*NAMING.required, "flatcar-podman.raw", "oem-azure.raw"):
        (made / name).write_bytes(f"content of {name}\n".encode() * 50)
    write_fields(made, FIELDS)
    return made


@pytest.fixture
def signed(directory: Path, keyring: Keyring) -> ImageSet:
    image_set = read_image_set(directory, board=AMD64)
    sign(image_set, keyring, keyring.pipeline)
    (directory / f"{NAMING.kernel}.DIGESTS").write_text("# MD5 HASH\n")
    (directory / f"{NAMING.kernel}.DIGESTS.asc").write_text("x")
    (directory / f"{NAMING.kernel}.DIGESTS.sig").write_text("x")
    return read_image_set(directory, board=AMD64)


def sign(image_set: ImageSet, keyring: Keyring, fingerprint: str, names: tuple[str, ...] = ()) -> None:
    for name in names or image_set.files:
        path = image_set.path(name)
        keyring.home.sign_file(path, path.with_name(f"{name}.sig"), fingerprint)


def test_an_image_set_says_what_it_is(directory: Path) -> None:
    image_set = read_image_set(directory, board=AMD64, expected=VERSION)
    assert image_set.version == VERSION
    assert image_set.fields == FIELDS
    assert image_set.files == tuple(sorted((*NAMING.required, "flatcar-podman.raw", "oem-azure.raw")))
    assert image_set.path("oem-azure.raw") == directory / "oem-azure.raw"


def test_signatures_and_digests_are_not_files_of_their_own(signed: ImageSet) -> None:
    assert len(signed.files) == 7
    assert len(list(signed.directory.iterdir())) == 17


def test_all_missing_files_are_named_at_once(directory: Path) -> None:
    (directory / NAMING.kernel).unlink()
    (directory / NAMING.packages).unlink()
    with pytest.raises(InputError, match=f"missing {NAMING.kernel}, {NAMING.packages}$") as caught:
        read_image_set(directory, board=AMD64)
    assert caught.value.hint is not None


def test_another_naming_scheme_finds_its_own_files(directory: Path) -> None:
    naming = replace(NAMING, version_file="build-id", version_field="ACME_VERSION")
    (directory / "build-id").write_text("ACME_VERSION=1.2.3\nACME_PATCH=3\n")
    assert read_image_set(directory, board=AMD64, naming=naming).version == Version(1, 2, 3)


def test_a_missing_directory_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_image_set(tmp_path / "gone", board=AMD64)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="Not a directory"):
        read_image_set(tmp_path / "file", board=AMD64)


def test_another_version_than_asked_for_is_refused(directory: Path) -> None:
    with pytest.raises(InputError, match=r"version\.txt: expected version 4593\.2\.1, found 4593\.2\.0"):
        read_image_set(directory, board=AMD64, expected=Version(4593, 2, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"FLATCAR_BUILD": "4594"}, "FLATCAR_BUILD is '4594', but FLATCAR_VERSION is 4593.2.0"),
        ({"FLATCAR_BRANCH": "02"}, "FLATCAR_BRANCH is '02'"),
        ({"FLATCAR_PATCH": ""}, "FLATCAR_PATCH is ''"),
        ({"FLATCAR_VERSION_ID": "4593.2.1"}, "FLATCAR_VERSION_ID is '4593.2.1'"),
        ({"FLATCAR_VERSION": "4593.2"}, "FLATCAR_VERSION: version '4593.2': expected MAJOR.BRANCH.PATCH"),
        ({"FLATCAR_VERSION": "4593.2.0+nightly"}, "expected MAJOR.BRANCH.PATCH"),
    ],
)
def test_a_version_file_at_odds_with_itself_is_refused(
    directory: Path, change: dict[str, str], message: str
) -> None:
    write_fields(directory, {**FIELDS, **change})
    with pytest.raises(InputError) as caught:
        read_image_set(directory, board=AMD64)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a line FLATCAR_VERSION="),
        (b"FLATCAR_BUILD=1\n", "expected a line FLATCAR_VERSION="),
        (b"FLATCAR_VERSION\n", ":1: expected NAME=value"),
        (b"A=1\n FLATCAR_VERSION=1.2.3\n", ":2: expected NAME=value"),
        (b"FLATCAR_VERSION=$(reboot)\n", "expected NAME=value"),
        (b"FLATCAR_VERSION='1.2.3'\n", "expected NAME=value"),
        (b'FLATCAR_VERSION="1.2.3\n', "expected NAME=value"),
        (b"FLATCAR_VERSION=1.2.3\r\n", "expected NAME=value"),
        (b"FLATCAR_VERSION=\xff\n", "expected NAME=value"),
        (b"FLATCAR_VERSION=1.2.3\nFLATCAR_VERSION=1.2.3\n", ":2: FLATCAR_VERSION is given twice"),
        (b"A=" + b"b" * 70_000, "at most 65536 bytes"),
    ],
)
def test_a_malformed_version_file_is_refused(directory: Path, content: bytes, message: str) -> None:
    (directory / "version.txt").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_image_set(directory, board=AMD64)
    assert message in caught.value.message


def test_values_may_be_quoted_and_lines_empty(tmp_path: Path) -> None:
    path = tmp_path / "version.txt"
    path.write_text('A="x y"\n\nB=\nC=""\n')
    assert read_fields(path) == {"A": "x y", "B": "", "C": ""}


@pytest.mark.parametrize("name", ["with space", "-rf", ".hidden", "semi;colon", "a..b", "n\nl"])
def test_odd_names_are_refused(directory: Path, name: str) -> None:
    (directory / name).write_bytes(b"x")
    with pytest.raises(InputError, match="file name"):
        read_image_set(directory, board=AMD64)


def test_only_regular_files_are_taken(directory: Path) -> None:
    extra = directory / "extra"
    extra.symlink_to("version.txt")
    with pytest.raises(InputError, match="extra: expected regular files only, found a symbolic link"):
        read_image_set(directory, board=AMD64)
    extra.unlink()
    extra.mkdir()
    with pytest.raises(InputError, match="found a directory"):
        read_image_set(directory, board=AMD64)
    extra.rmdir()
    os.mkfifo(extra)
    with pytest.raises(InputError, match="found a special file"):
        read_image_set(directory, board=AMD64)


def test_every_file_is_verified_and_measured(signed: ImageSet, keyring: Keyring) -> None:
    verified = verify_image_set(signed, keyring.verifier)
    assert tuple(file.name for file in verified) == signed.files
    assert {file.signed_by for file in verified} == {keyring.pipeline}
    for file in verified:
        content = signed.path(file.name).read_bytes()
        assert file.digests.size == len(content)
        for algorithm in ARTIFACT_ALGORITHMS:
            expected = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            assert file.digests.get(algorithm).hex == expected
        assert Artifact.from_digests(file.name, file.digests).size == len(content)


def test_all_faults_are_reported_together(signed: ImageSet, keyring: Keyring) -> None:
    (signed.directory / f"{NAMING.kernel}.sig").unlink()
    with signed.path(NAMING.update_image).open("ab") as file:
        file.write(b"!")
    sign(signed, keyring, keyring.mallory, ("oem-azure.raw",))
    (signed.directory / "flatcar-podman.raw.sig").write_bytes(b"")
    with pytest.raises(NotVerifiedError) as caught:
        verify_image_set(signed, keyring.verifier)
    message = caught.value.message
    assert message.startswith(f"{signed.directory}: 4 of 7 files are not verified:\n")
    assert f"{NAMING.kernel}: not signed" in message
    assert f"{NAMING.update_image}: the signature does not fit the data" in message
    assert f"oem-azure.raw: signed by {keyring.mallory}, which is not on the allow-list" in message
    assert "flatcar-podman.raw: no OpenPGP signature found" in message
    assert len(message.splitlines()) == 5


def test_a_signature_of_another_file_does_not_do(signed: ImageSet, keyring: Keyring) -> None:
    other = (signed.directory / "oem-azure.raw.sig").read_bytes()
    (signed.directory / "flatcar-podman.raw.sig").write_bytes(other)
    with pytest.raises(NotVerifiedError, match=r"flatcar-podman\.raw: the signature does not fit"):
        verify_image_set(signed, keyring.verifier)


class Tampering:
    """Accepts everything and changes, replaces or removes the file behind the check's back."""

    def __init__(self, how: str) -> None:
        self.how = how

    def verify_file(self, data: Path, signature: Path) -> str:
        del signature
        if self.how == "write":
            data.write_bytes(b"evil")
        elif self.how == "replace":
            twin = data.parent / "twin"
            twin.write_bytes(data.read_bytes())
            twin.replace(data)
        elif self.how == "remove":
            data.unlink()
        else:
            data.rename(data.with_name("moved"))
            data.symlink_to("moved")
        return "0" * 40


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("write", "changed while it was being verified"),
        ("replace", "changed while it was being verified"),
        ("remove", "No such file"),
        ("link", "no longer a regular file"),
    ],
)
def test_what_changes_between_check_and_measurement_is_refused(
    signed: ImageSet, how: str, message: str
) -> None:
    one = replace(signed, files=("oem-azure.raw",))
    with pytest.raises(NotVerifiedError, match=message):
        verify_image_set(one, Tampering(how))


class Unreachable:
    """A verifier that cannot answer now."""

    def verify_file(self, data: Path, signature: Path) -> str:
        raise UnavailableError(f"{data} {signature}: try again")


def test_a_verifier_that_is_away_is_not_a_verdict(signed: ImageSet) -> None:
    with pytest.raises(UnavailableError, match="try again"):
        verify_image_set(signed, Unreachable())
