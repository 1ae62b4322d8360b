"""The end: somebody with nothing but public keys audits the mirror, and what others made of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from flows.rehearsal.company import BOARD, BUILD, PIPELINE, PRODUCT, ROLES, STORE
from flows.rehearsal.stage import Stage, relative
from release.settings import StoreSettings
from release.wiring import open_store

AUDITOR = "auditor"
"""Has a directory with nothing in it."""


def audit_all(stage: Stage) -> None:
    """Audit the mirror, and copies of it that were changed. A good copy stays in ``root / "mirror"``."""
    root = stage.company.root
    (root / AUDITOR).mkdir()
    stage.act("Audit: from public keys and the mirror alone, everything is derived anew")
    stage.does(PIPELINE, "head", "refresh")
    stage.does("ada", "log", shows="pointer|stop|resume|policy|entries verified", squeeze=True)
    stage.does(AUDITOR, *_command(stage, STORE), "--releases", *_release_keys(stage))
    visit = ["verify", STORE, "--channel", "stable", "--product", PRODUCT]
    keys = [_pipeline_key(stage, "--release-key"), *_people(stage), *_release_keys(stage)]
    stage.does(AUDITOR, *visit, *keys, shows="head.json|ledger:|stable")
    copy_mirror(STORE, root / "mirror")
    stage.say("Somebody else's mirrors, each a copy that was changed in one place:")
    for name, (tamper, found) in _TAMPERINGS.items():
        changed = root / name
        shutil.copytree(root / "mirror", changed)
        tamper(changed)
        stage.refused(AUDITOR, *_command(stage, relative(changed, root)), because=[found], finds="BREAK")
        shutil.rmtree(changed)


def _command(stage: Stage, mirror: str) -> list[str]:
    return ["audit", mirror, "--product", PRODUCT, _pipeline_key(stage, "--pipeline-key"), *_people(stage)]


def _people(stage: Stage) -> list[str]:
    keys = stage.company.public_keys(ROLES)
    return [f"--people-key={relative(key, stage.company.root)}" for key in keys]


def _pipeline_key(stage: Stage, option: str) -> str:
    (key,) = stage.company.public_keys([PIPELINE])
    return f"{option}={relative(key, stage.company.root)}"


def _release_keys(stage: Stage) -> list[str]:
    root = stage.company.root
    found = sorted(stage.company.keys.glob("payload-*.pub.pem"))
    (build,) = stage.company.public_keys([BUILD])
    return [
        *(f"--payload-key={relative(key, root)}" for key in found),
        f"--build-key={relative(build, root)}",
    ]


def copy_mirror(url: str, target: Path) -> None:
    """A plain copy, as any tool would make it."""
    source = open_store(StoreSettings(url=url), target)
    for key in source.list(""):
        path = target / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read(key))


def _alter_veto(mirror: Path) -> None:
    """The no-go never was one."""
    (entry,) = (path for path in _entries(mirror) if b"arm64 hangs" in path.read_bytes())
    entry.write_bytes(entry.read_bytes().replace(b"no-go", b"go"))


def _lose_sign_off(mirror: Path) -> None:
    """Somebody's go was never there."""
    next(path for path in _entries(mirror) if b"humpyard-sign-off" in path.read_bytes()).unlink()


def _move_pointer(mirror: Path) -> None:
    """Machines of stable are led to what alpha has."""
    current = Path(BOARD, "current", "version.txt")
    shutil.copy(mirror / "alpha" / current, mirror / "stable" / current)


def _cut_off(mirror: Path) -> None:
    """The ledger ends before the hurry."""
    for path in _entries(mirror)[-4:]:
        path.unlink()


def _entries(mirror: Path) -> list[Path]:
    return sorted((mirror / "ledger").iterdir())


_TAMPERINGS: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "altered-veto": (_alter_veto, "entry-forged"),
    "lost-sign-off": (_lose_sign_off, "entry-missing"),
    "moved-pointer": (_move_pointer, "pointer-forged"),
    "cut-off": (_cut_off, "head-ahead"),
}
"""By the name of the copy: what is done to it, and what must be found at least."""
