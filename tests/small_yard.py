"""A real yard with small images: throw-away keys, two signed image sets, a ledger. For any test."""

from __future__ import annotations

import bz2
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.cli.main import run
from release.line.laying_out import SETTINGS, lay_out
from release.settings import load_settings
from release.signing.openpgp import OpenPgpHome

PRODUCT = "Small OS"
BOARD = "amd64-usr"
OLD, NEW = Version(4593, 0, 0), Version(4600, 0, 0)
BLOCKS = 64


def image(version: Version) -> bytes:
    """A small partition; versions share most blocks, some move, some are new."""
    shared = random.Random(1).randbytes(BLOCKS * 4096)  # noqa: S311 - content, not a secret
    own = random.Random(version.major).randbytes(4 * 4096)  # noqa: S311 - content, not a secret
    zeros = bytes(4 * 4096)
    if version == OLD:
        return shared + zeros + own
    return own + shared[8 * 4096 :] + zeros + shared[: 8 * 4096]


def kernel(version: Version) -> bytes:
    """A kernel, not whole blocks long."""
    return random.Random(version.major + 7).randbytes(9_001)  # noqa: S311 - content, not a secret


def write_image_set(directory: Path, version: Version, sign: object = None) -> Path:
    """The files of an image set as a build system leaves them. ``sign(data, signature)`` signs them."""
    naming = NamingScheme()
    directory.mkdir(parents=True)
    files = {
        naming.update_image: bz2.compress(image(version)),
        naming.kernel: kernel(version),
        naming.version_file: (
            f"FLATCAR_BUILD={version.major}\nFLATCAR_BRANCH={version.branch}\nFLATCAR_PATCH={version.patch}\n"
            f"FLATCAR_VERSION={version}\nFLATCAR_VERSION_ID={version}\nFLATCAR_BUILD_ID=\n"
        ).encode(),
        naming.packages: f"sys-kernel/coreos-kernel-6.12.{version.major % 100}::demo\n".encode(),
        naming.contents: b"-rwxr-xr-x  1 root    root      26936 2026-07-01 10:11 ./usr/bin/true\n",
    }
    for name, data in files.items():
        (directory / name).write_bytes(data)
        if callable(sign):
            sign(directory / name, directory / f"{name}.sig")
    return directory


@dataclass(frozen=True, slots=True)
class SmallYard:
    """A yard on disk, and the command line on it."""

    root: Path

    @property
    def settings(self) -> Path:
        """Its settings file."""
        return self.root / SETTINGS

    @property
    def mirror(self) -> Path:
        """Its store."""
        return self.root / "mirror"

    def image_set(self, version: Version) -> Path:
        """The image set of a version."""
        return self.root / "incoming" / BOARD / str(version)

    def humpyard(self, *arguments: str) -> int:
        """Run a command line here; returns its exit code."""
        return run([*arguments, "--settings", str(self.settings)])

    def secret(self, name: str) -> list[str]:
        """The options that let a person act."""
        fingerprint = fingerprint_in(self.root / "keys" / f"{name}.asc")
        return ["--as", fingerprint, "--secret-key", str(self.root / "secret" / f"{name}.asc")]

    def publish(self, version: Version, *sources: Version, offered_in: tuple[str, ...] = ()) -> None:
        """Build and publish a release; fails the test when it does not work."""
        deltas = [option for source in sources for option in ("--from", str(source))]
        build = ["candidate", "build", str(self.image_set(version)), "--version", str(version)]
        assert self.humpyard(*build, "--channel", "alpha", *deltas) == 0
        history = [option for channel in offered_in for option in ("--offered-in", channel)]
        assert self.humpyard("release", "publish", str(version), *history) == 0


def fingerprint_in(path: Path) -> str:
    """The primary fingerprint of the key in a file."""
    with OpenPgpHome() as home:
        return home.import_keys(path.read_bytes())[0]


@pytest.fixture(scope="session")
def yard_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard with a ledger and two signed image sets, nothing built."""
    root = tmp_path_factory.mktemp("template") / "yard"
    root.mkdir()
    lay_out(root, PRODUCT, throw_away_keys=True)
    with OpenPgpHome() as home:
        (build,) = home.import_keys((root / "secret" / "build.asc").read_bytes())
        for version in (OLD, NEW):
            write_image_set(
                root / "incoming" / BOARD / str(version),
                version,
                lambda data, signature: home.sign_file(data, signature, build),
            )
    assert load_settings(root / SETTINGS).product == PRODUCT
    assert run(["ledger", "begin", "--settings", str(root / SETTINGS)]) == 0
    return root


@pytest.fixture(scope="session")
def released_template(yard_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the old release published, in alpha and beta, and the new one published."""
    root = tmp_path_factory.mktemp("released") / "yard"
    shutil.copytree(yard_template, root)
    yard = SmallYard(root)
    yard.publish(OLD, offered_in=("alpha", "beta"))
    yard.publish(NEW, OLD)
    return root


@pytest.fixture
def small_yard(yard_template: Path, tmp_path: Path) -> SmallYard:
    """A fresh copy of the yard with nothing built."""
    shutil.copytree(yard_template, tmp_path / "yard")
    return SmallYard(tmp_path / "yard")


@pytest.fixture
def released_yard(released_template: Path, tmp_path: Path) -> SmallYard:
    """A fresh copy of the yard with two releases published."""
    shutil.copytree(released_template, tmp_path / "yard")
    return SmallYard(tmp_path / "yard")
