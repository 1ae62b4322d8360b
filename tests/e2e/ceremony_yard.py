"""A yard whose payloads are signed by two people on machines of their own. For ceremony tests."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.signing.openpgp import OpenPgpHome
from tests.signing_machine import SigningMachine
from tests.small_yard import NEW, OLD, SmallYard, write_image_set
from tests.softhsm import need_softhsm

BOARDS = ("amd64-usr", "arm64-usr")
NEXT = Version(4610, 0, 0)


@dataclass(frozen=True, slots=True)
class Ceremony:
    """The yard, and Ada's and Grace's machines. The three share nothing."""

    yard: SmallYard
    ada: SigningMachine
    grace: SigningMachine

    def build(self, version: Version = NEW) -> int:
        """Build the candidate; returns the exit code."""
        sets = [f"{board}={self.yard.root / 'incoming' / board / str(version)}" for board in BOARDS]
        order = ["--version", str(version), "--channel", "alpha", "--from", str(OLD)]
        return self.yard.humpyard("candidate", "build", *sets, *order)

    def export(self, out: Path, *options: str, version: Version = NEW) -> None:
        """Write the bundle; fails the test when that does not work."""
        assert self.yard.humpyard("signing", "export", str(version), "--out", str(out), *options) == 0

    def import_(self, *answers: Path) -> int:
        """Import answers; returns the exit code."""
        return self.yard.humpyard("signing", "import", *map(str, answers))

    def carry(self, bundle: Path, machine: SigningMachine) -> str:
        """Take a bundle to a machine; returns its name there."""
        shutil.copy(bundle, machine.folder / bundle.name)
        return bundle.name


def use_signers(yard: SmallYard, signers: Sequence[str], keys: Sequence[str]) -> None:
    """Set the payload keys of a yard: URIs, and names of files in ``keys``, in slot order."""
    files = [f"keys/payload-{name}.pub.pem" for name in keys]
    text = yard.settings.read_text()
    text = re.sub(r"(?m)^signers = \[\"(file|offline):.*$", f"signers = {_list(signers)}", text)
    text = re.sub(r"(?m)^keys = \[\"keys/payload.*$", f"keys = {_list(files)}", text)
    yard.settings.write_text(text)


def _list(values: Iterable[str]) -> str:
    return json.dumps([*values])


def add_image_sets(yard: SmallYard, *versions: Version) -> None:
    """Signed image sets with an extension, for both boards."""
    with OpenPgpHome() as home:
        (key,) = home.import_keys((yard.root / "secret" / "build.asc").read_bytes())
        for board in BOARDS:
            for version in versions:
                folder = yard.root / "incoming" / board / str(version)
                shutil.rmtree(folder, ignore_errors=True)
                write_image_set(folder, version, lambda data, out: home.sign_file(data, out, key))
                own = random.Random(f"{board} {version}")  # noqa: S311 - content, not a secret
                for name, size in (("oem-azure.raw", 5000), (NamingScheme().kernel, 9001)):
                    (folder / name).write_bytes(own.randbytes(size))
                    home.sign_file(folder / name, folder / f"{name}.sig", key)


@pytest.fixture(scope="session")
def ceremony_template(yard_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Ceremony:
    """The old release published, the new candidate built and waiting for two people."""
    need_softhsm()
    folder = tmp_path_factory.mktemp("ceremony")
    shutil.copytree(yard_template, folder / "yard")
    yard = SmallYard(folder / "yard")
    made = Ceremony(yard, *(SigningMachine.make(folder / name, name) for name in ("ada", "grace")))
    add_image_sets(yard, OLD, NEW, NEXT)
    sets = [f"{board}={yard.root / 'incoming' / board / str(OLD)}" for board in BOARDS]
    assert yard.humpyard("candidate", "build", *sets, "--version", str(OLD), "--channel", "alpha") == 0
    assert yard.humpyard("release", "publish", str(OLD)) == 0
    for name, machine in (("ada", made.ada), ("grace", made.grace)):
        (yard.root / "keys" / f"payload-{name}.pub.pem").write_bytes(machine.public)
    use_signers(yard, ["offline:ada", "offline:grace"], ["ada", "grace"])
    assert made.build() == 1
    return made


@pytest.fixture
def ceremony(ceremony_template: Ceremony, tmp_path: Path) -> Ceremony:
    """A fresh copy of the yard, and fresh folders on the machines."""
    template = ceremony_template
    shutil.copytree(template.yard.root, tmp_path / "yard")
    return Ceremony(
        SmallYard(tmp_path / "yard"), template.ada.at(tmp_path / "ada"), template.grace.at(tmp_path / "grace")
    )
