"""Mirrors behind a real nginx that are as they should be, until a test does something to one of them.

``near`` is served as recommended, ``odd`` by a careless configuration, ``safe`` over TLS by a certificate of
an authority of its own. While the file ``down`` is there, the server of the first two answers 503.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.rehearsal.s3_server import free_port
from release.catalog.naming import HEAD_FILE
from release.cli.main import run
from tests.mirror_yard import add_access, add_mirrors
from tests.nginx import RECOMMENDED, served_by_nginx
from tests.small_yard import NEW, OLD, SmallYard
from tests.tls import Certificate, self_signed

NAMES = ("near", "odd", "safe")
_SERVER = """
    location ^~ /odd/ {{ max_ranges 0; types {{ }} default_type text/plain; }}
    if (-f {served}/down) {{ return 503; }}
    include {recommended};
"""
_TLS = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        root {served};
        include {recommended};
    }}
"""


@dataclass(frozen=True)
class Served:
    """Where nginx looks, one folder per mirror, and under which addresses."""

    folder: Path
    url: str
    tls: str
    certificate: Certificate

    @property
    def down(self) -> Path:
        """While it is there, the server has no answers."""
        return self.folder / "down"

    def address(self, mirror: str) -> str:
        """The public address of a mirror."""
        return f"{self.tls if mirror == 'safe' else self.url}/{mirror}/"


@dataclass(frozen=True)
class AuditedMirrors:
    """A yard whose mirrors have everything; ``audit`` looks at them from outside."""

    small: SmallYard
    served: Served
    roots: Path
    output: Callable[[], str]

    def root(self, mirror: str) -> Path:
        """What a mirror serves."""
        return self.roots / mirror

    def audit(self, *options: str) -> tuple[int, dict[str, Any]]:
        """The exit code of the audit, and what it says to scripts."""
        self.output()
        trusted = ["--tls-authorities", str(self.served.certificate.path)]
        code = self.small.humpyard("mirrors", "audit", "--json", *trusted, *options)
        found: dict[str, Any] = json.loads(self.output())
        return code, found

    def findings(self, mirror: str, *options: str) -> list[tuple[str, str]]:
        """Code and place of what is found on one mirror."""
        _, found = self.audit(*options)
        (one,) = (one for one in found["mirrors"] if one["name"] == mirror)
        return [(finding["code"], finding["where"]) for finding in one["findings"]]


@pytest.fixture(scope="session")
def served_mirrors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One nginx for all tests."""
    folder = tmp_path_factory.mktemp("served")
    served = folder / "mirrors"
    served.mkdir()
    certificate = self_signed(folder / "safe.pem", days=300)
    port = free_port()
    server = _SERVER.format(served=served, recommended=RECOMMENDED)
    http = _TLS.format(port=port, certificate=certificate.server, served=served, recommended=RECOMMENDED)
    with served_by_nginx(served, folder / "nginx", server=server, http=http) as url:
        yield Served(served, url, f"https://127.0.0.1:{port}", certificate)


@pytest.fixture(scope="session")
def audited_template(
    yard_template: Path, served_mirrors: Served, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two releases, the old one in alpha and beta, on every mirror; alpha is at the new one."""
    root = tmp_path_factory.mktemp("audited") / "yard"
    shutil.copytree(yard_template, root)
    yard = SmallYard(root)
    shutil.rmtree(yard.mirror)
    add_mirrors(root / "policy.toml", [(name, served_mirrors.address(name)) for name in NAMES], 1)
    for name in NAMES:
        add_access(yard.settings, name, url=f"file:mirrors/{name}")
    _serve(served_mirrors, root / "mirrors")
    assert run(["ledger", "begin", "--settings", str(yard.settings)]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(served_mirrors.certificate.path))
        yard.publish(OLD, offered_in=("alpha", "beta"))
        yard.publish(NEW, OLD)
        asked = ["promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")]
        assert yard.humpyard(*asked) == 0
        assert yard.humpyard("promote", "run") == 0
        assert yard.humpyard("mirrors", "sync") == 0
    assert (root / "mirrors" / "safe" / HEAD_FILE).is_file()
    return root


@pytest.fixture
def audited(
    audited_template: Path,
    served_mirrors: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> AuditedMirrors:
    """A fresh copy."""
    shutil.copytree(audited_template, tmp_path / "yard", symlinks=True)
    _serve(served_mirrors, tmp_path / "yard" / "mirrors")
    return AuditedMirrors(
        SmallYard(tmp_path / "yard"),
        served_mirrors,
        tmp_path / "yard" / "mirrors",
        lambda: capsys.readouterr().out,
    )


def _serve(served: Served, roots: Path) -> None:
    """Let nginx look into these folders."""
    served.down.unlink(missing_ok=True)
    for name in NAMES:
        (served.folder / name).unlink(missing_ok=True)
        (served.folder / name).symlink_to(roots / name)
