"""The whole stage with real OpenPGP signatures and a real directory store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.bundle.assemble import BoardInputs, stage
from release.bundle.release import Release
from release.bundle.verify import Checks, Report, verify_release
from release.mirror.directory import DirectoryStore
from release.process import run
from release.signing.openpgp import OpenPgpHome
from release.signing.verifying import AllowListVerifier, verifier_from_keys
from tests.unit.bundle.samples import NEW, PRODUCT, fake_payload_check


@dataclass
class _Key:
    home: OpenPgpHome
    fingerprint: str

    def sign_file(self, data: Path, out: Path) -> None:
        self.home.sign_file(data, out, self.fingerprint)


@pytest.fixture(scope="module")
def home() -> Iterator[OpenPgpHome]:
    with OpenPgpHome() as opened:
        yield opened


@pytest.fixture(scope="module")
def key(home: OpenPgpHome) -> _Key:
    return _Key(home, home.generate_key("Release <release@example.org>"))


@pytest.fixture
def store(
    release: Release, inputs: tuple[BoardInputs, ...], staging: Path, key: _Key, tmp_path: Path
) -> DirectoryStore:
    """A mirror that holds the release; the build's signature is the release key's here."""
    for entry in inputs:
        path = entry.files[0].path
        key.sign_file(path, path.with_name(f"{path.name}.sig"))
    root = tmp_path / "mirror"
    root.mkdir()
    published = DirectoryStore(root)
    for file in stage(release, inputs, staging, key):
        published.create(file.key, file.path, sha256=file.sha256)
    return published


def _verify(store: DirectoryStore, public_key: bytes, folder: Path) -> Report:
    (folder / "key.asc").write_bytes(public_key)
    home, fingerprints = verifier_from_keys([folder / "key.asc"])
    with home:
        signatures = AllowListVerifier(home, fingerprints)
        checks = Checks(signatures=signatures, image_signatures=signatures, payload=fake_payload_check)
        return verify_release(store, NEW, product=PRODUCT, checks=checks, scratch=folder)


def test_a_published_release_verifies_with_the_public_key_alone(
    store: DirectoryStore, key: _Key, tmp_path: Path
) -> None:
    report = _verify(store, key.home.export_public(key.fingerprint), tmp_path)
    report.raise_if_failed()
    assert [step.number for step in report.steps] == [1, 2, 3, 4, 5, 6, 7]


def test_it_does_not_verify_with_another_key(
    store: DirectoryStore, home: OpenPgpHome, tmp_path: Path
) -> None:
    other = home.generate_key("Somebody <somebody@example.org>")
    report = _verify(store, home.export_public(other), tmp_path)
    assert not report.ok
    assert not report.steps[0].passed


def test_a_person_can_verify_a_download_by_hand(store: DirectoryStore, key: _Key, tmp_path: Path) -> None:
    """With the two programs every Flatcar user knows."""
    assert store.read("releases/4593.2.0/release.json")
    folder = tmp_path / "mirror/update/amd64-usr/4593.2.0"
    name = "flatcar_production_update.gz"
    run(["gpg", "--homedir", key.home.path, "--batch", "--verify", f"{name}.sig", name], cwd=folder)
    assert run(["sha256sum", "-c", f"{name}.sha256"], cwd=folder).stdout == f"{name}: OK\n".encode()
