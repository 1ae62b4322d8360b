"""A yard whose beta asks for evidence: two releases that differ in every way a comparison tells."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.cli.main import run
from release.line.laying_out import POLICY, SETTINGS, lay_out
from release.signing.openpgp import OpenPgpHome
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard, write_image_set

EVIDENCE = '["payload-proven", "mirror-verified", "notes-complete", "comparison", "key-health", "kola"]'
LIMITS = "limits = { image_growth_percent = 5, boot_bytes = 20000, delta_percent = 90, downgrades = 0 }"
PACKAGES = {
    OLD: ("sys-kernel/coreos-kernel-6.12.93", "app-containers/docker-28.0.4", "dev-libs/openssl-3.4.1-r1",
          "net-misc/curl-8.12.1", "sys-apps/systemd-256.9", "app-misc/gone-1.0"),
    NEW: ("sys-kernel/coreos-kernel-6.12.99", "app-containers/docker-28.1.0", "dev-libs/openssl-3.4.1",
          "net-misc/curl-8.12.1", "sys-apps/systemd-257.1", "app-misc/come-2.0"),
}  # fmt: skip
EXTENSIONS = {OLD: ("oem-azure.raw", "oem-gce.raw"), NEW: ("oem-azure.raw",)}
NOTES = """\
#### Security fixes:

- Linux ([CVE-2026-12345](https://nvd.nist.gov/vuln/detail/CVE-2026-12345), CVE-2026-2345)
- curl (CVE-2026-777777)

#### Changes:

- Docker 28.1 \N{RIGHT-TO-LEFT OVERRIDE}
"""


def write_richer_image_set(root: Path, version: Version, sign: Callable[[Path, Path], None]) -> None:
    """An image set with several packages and system extensions."""
    folder = root / "incoming" / BOARD / str(version)
    write_image_set(folder, version)
    naming = NamingScheme()
    packages = "".join(f"{one}::demo\n" for one in PACKAGES[version])
    (folder / naming.packages).write_text(packages)
    for name in EXTENSIONS[version]:
        (folder / name).write_bytes(name.encode().ljust(8192, b"."))
    for path in sorted(folder.iterdir()):
        sign(path, path.with_name(path.name + naming.signature_suffix))


@pytest.fixture(scope="session")
def evidence_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old release is in alpha and beta; the new one is published, and in alpha when it is asked for."""
    root = tmp_path_factory.mktemp("evidence") / "yard"
    root.mkdir()
    lay_out(root, PRODUCT, throw_away_keys=True)
    policy = (root / POLICY).read_text()
    head, name, rest = policy.partition('name = "beta"')
    rest = rest.replace('evidence = ["payload-proven"]', f"evidence = {EVIDENCE}\n{LIMITS}", 1)
    (root / POLICY).write_text(head + name + rest)
    with OpenPgpHome() as home:
        (build,) = home.import_keys((root / "secret" / "build.asc").read_bytes())
        for version in (OLD, NEW):
            write_richer_image_set(root, version, lambda data, out: home.sign_file(data, out, build))
    yard = SmallYard(root)
    assert run(["ledger", "begin", "--settings", str(root / SETTINGS)]) == 0
    yard.publish(OLD, offered_in=("alpha", "beta"))
    fragment = root / "changelog" / "security" / "2026-08-01-kernel.md"
    fragment.write_text("- Linux (CVE-2026-2345)\n- curl (CVE-2026-777777)\n")
    build_new = ["candidate", "build", str(yard.image_set(NEW)), "--version", str(NEW), "--channel", "alpha"]
    (root / "changelog" / "changes" / "2026-08-02-docker.md").write_text("- Docker 28.1\n")
    assert yard.humpyard(*build_new, "--from", str(OLD)) == 0
    assert yard.humpyard("release", "publish", str(NEW)) == 0
    return root


@pytest.fixture
def evidence_yard(evidence_template: Path, tmp_path: Path) -> SmallYard:
    """A fresh copy."""
    shutil.copytree(evidence_template, tmp_path / "yard")
    return SmallYard(tmp_path / "yard")
