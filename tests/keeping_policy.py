"""A real yard in which alpha went through more releases than anybody needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from release.catalog.version import Version
from release.signing.openpgp import OpenPgpHome
from tests.small_yard import SmallYard, write_image_set

VERSIONS = tuple(Version(4600 + number, 0, 0) for number in range(4))
"""Alpha is at the last, and may fall back on the two before: nobody needs the first."""
UNNEEDED = VERSIONS[0]
RING = "ring"
"""A channel that has nothing, into which anybody may ask for what alpha has, or had."""
RETENTION = "\n[retention]\nchannel_releases = 1\nstream_releases = 1\ngrace = 0\n"


def let_go_soon(yard: SmallYard) -> None:
    """Before the ledger begins: let the policy keep as little as it can, and have a ring."""
    policy = yard.root / "policy.toml"
    head, first, rest = policy.read_text().partition("[[")
    ring = f'\n[[channels]]\nname = "{RING}"\nfeeds_from = ["alpha"]\nopen = true\n'
    policy.write_text(f"{head}{RETENTION}\n{first}{rest}{ring}")


def publish_all(yard: SmallYard) -> None:
    """Publish all releases, and let alpha go from one to the next."""
    with OpenPgpHome() as home:
        (build,) = home.import_keys((yard.root / "secret" / "build.asc").read_bytes())
        for version in VERSIONS:
            folder = yard.image_set(version)
            if not folder.exists():
                write_image_set(
                    folder, version, lambda data, signature: home.sign_file(data, signature, build)
                )
    for version in VERSIONS:
        yard.publish(version)
        asked = ["promote", "request", str(version), "--to", "alpha", *yard.secret("ada")]
        assert yard.humpyard(*asked) == 0
        assert yard.humpyard("promote", "run") == 0


@pytest.fixture(scope="session")
def kept_template(yard_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All releases are published, and alpha went through them."""
    root = tmp_path_factory.mktemp("kept") / "yard"
    shutil.copytree(yard_template, root)
    yard = SmallYard(root)
    shutil.rmtree(yard.mirror)
    let_go_soon(yard)
    assert yard.humpyard("ledger", "begin") == 0
    publish_all(yard)
    return root


@pytest.fixture
def kept(kept_template: Path, tmp_path: Path) -> SmallYard:
    """A fresh copy."""
    shutil.copytree(kept_template, tmp_path / "yard")
    return SmallYard(tmp_path / "yard")
