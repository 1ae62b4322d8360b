"""A yard whose policy names three mirrors, a, b and c, all in directories. Alpha asks for two of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE
from release.catalog.version import Version
from release.cli.main import run
from release.digests import Digest
from release.ledger.state import State
from release.mirror.pointers import pointer_key
from release.trust.channel_document import channel_document_key, read_channel_document, unseal_channel
from release.trust.head import MirrorHead, read_head, unseal
from release.wiring import open_yard
from tests.mirror_web import MirrorWeb
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard

NAMES = ("a", "b", "c")


def add_mirrors(policy: Path, sites: Sequence[tuple[str, str]], quorum: int) -> None:
    """Let a policy file name mirrors, by name and address; its first channel asks for ``quorum``."""
    text = policy.read_text().replace('name = "alpha"\n', f'name = "alpha"\nmirrors = {quorum}\n', 1)
    more = "".join(f'\n[[mirrors]]\nname = "{name}"\nurl = "{url}"\n' for name, url in sites)
    policy.write_text(text + more)


def add_access(settings: Path, name: str, **options: object) -> None:
    """Let settings say how to write to a mirror."""
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool | int | float) else f'{value!r}'}"
        for key, value in options.items()
    ]
    settings.write_text(settings.read_text() + f"\n[mirrors.{name}]\n" + "\n".join(lines) + "\n")


def shown(root: Path) -> dict[str, str]:
    """What a directory mirror shows, ``current`` included: every key and the digest of its bytes."""
    found: dict[str, str] = {}
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            path = Path(folder) / name
            found[str(path.relative_to(root))] = Digest.sha256(path.read_bytes()).hex
    return found


@dataclass(frozen=True)
class MirrorYard:
    """``roots`` are where the mirrors are written to, and what they serve."""

    small: SmallYard
    web: MirrorWeb
    roots: Path

    def root(self, mirror: str) -> Path:
        """The directory of a mirror."""
        return self.roots / mirror

    def promote(self, *arguments: str) -> int:
        """Carry out what is open."""
        return self.small.humpyard("promote", "run", *arguments)

    def ask(self, version: object = NEW, channel: str = "alpha") -> None:
        """Ask for a promotion."""
        asked = ["promote", "request", str(version), "--to", channel, *self.small.secret("ada")]
        assert self.small.humpyard(*asked) == 0

    def state(self) -> State:
        """What the ledger says."""
        with open_yard(self.small.settings) as yard:
            return yard.ledger.state()

    def at(self, mirror: str, channel: str = "alpha") -> str | None:
        """What a mirror's pointer says; of the store for ``origin``."""
        root = self.small.mirror if mirror == "origin" else self.root(mirror)
        path = root / pointer_key(channel, Board.parse(BOARD))
        if not path.exists():
            return None
        (line,) = [one for one in path.read_text().splitlines() if one.startswith("FLATCAR_VERSION=")]
        return line.partition("=")[2]

    def head(self, mirror: str) -> MirrorHead | None:
        """What a mirror's head says; nothing is verified."""
        path = (self.small.mirror if mirror == "origin" else self.root(mirror)) / HEAD_FILE
        return read_head(unseal(path.read_bytes(), "head").body, "head") if path.exists() else None

    def break_writing(self, mirror: str) -> None:
        """Put something in the mirror's place that cannot be written to; its public address has nothing."""
        self.roots.mkdir(exist_ok=True)
        if self.root(mirror).exists():
            self.root(mirror).rename(self.roots / f"{mirror}.away")
        self.root(mirror).write_text("no directory")

    def mend(self, mirror: str) -> None:
        """Put back what was there before ``break_writing``."""
        self.root(mirror).unlink()
        if (away := self.roots / f"{mirror}.away").exists():
            away.rename(self.root(mirror))

    def mirrors_with(self, version: Version = NEW, channel: str = "alpha") -> set[str]:
        """Who has a release, as the ledger says."""
        return set(self.state().mirrors_with(channel, version))

    def offered_from(self, mirror: str = "origin") -> tuple[str, ...]:
        """Where machines are sent for what alpha offers, as a channel document says; nothing is verified."""
        root = self.small.mirror if mirror == "origin" else self.root(mirror)
        path = root / channel_document_key("alpha", Board.parse(BOARD))
        return (
            read_channel_document(unseal_channel(path.read_bytes(), "document").body, "document")
            .offers[0]
            .release.mirrors
        )

    def verify(self, mirror: str, channel: str = "alpha") -> int:
        """Do what whoever uses a mirror does."""
        keys = self.small.root / "keys"
        options = [f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc"]
        options += [f"--payload-key={keys}/payload-2048.pub.pem", f"--product={PRODUCT}"]
        return run(["verify", self.web.address(mirror), "--channel", channel, *options])


@pytest.fixture(scope="session")
def mirrored_template(
    yard_template: Path, running_web: MirrorWeb, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The old release is in alpha and beta, the new one published; no mirror has been told anything."""
    root = tmp_path_factory.mktemp("mirrored") / "yard"
    shutil.copytree(yard_template, root)
    yard = SmallYard(root)
    shutil.rmtree(yard.mirror)
    add_mirrors(root / "policy.toml", [(name, running_web.address(name)) for name in NAMES], 2)
    assert run(["ledger", "begin", "--settings", str(yard.settings)]) == 0
    yard.publish(OLD, offered_in=("alpha", "beta"))
    yard.publish(NEW, OLD)
    return root


@pytest.fixture(scope="session")
def settled_template(
    mirrored_template: Path, running_web: MirrorWeb, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same, with all mirrors at the old release: the yard, and beside it what was brought to them."""
    folder = tmp_path_factory.mktemp("settled")
    shutil.copytree(mirrored_template, folder / "yard")
    yard = _with_mirrors(folder, running_web)
    settings = yard.small.settings.read_text()
    assert yard.promote() == 0
    yard.small.settings.write_text(settings[: settings.index("\n[mirrors.")])
    running_web.reset()
    return folder


@pytest.fixture
def mirrored(mirrored_template: Path, web: MirrorWeb, tmp_path: Path) -> MirrorYard:
    """A fresh copy, with a directory for each mirror, which is also what its address serves."""
    shutil.copytree(mirrored_template, tmp_path / "yard")
    return _with_mirrors(tmp_path, web)


@pytest.fixture
def settled(settled_template: Path, web: MirrorWeb, tmp_path: Path) -> MirrorYard:
    """The same, with all mirrors at the old release."""
    shutil.copytree(settled_template, tmp_path, symlinks=True, dirs_exist_ok=True)
    return _with_mirrors(tmp_path, web)


def _with_mirrors(folder: Path, web: MirrorWeb) -> MirrorYard:
    """Let the settings of a yard say how to write to each mirror, and serve them."""
    yard = MirrorYard(SmallYard(folder / "yard"), web, folder / "mirrors")
    for name in NAMES:
        web.roots[name] = yard.root(name)
        add_access(yard.small.settings, name, url=f"file:{yard.root(name)}", patience=600)
    return yard
