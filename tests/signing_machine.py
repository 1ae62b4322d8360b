"""A machine without a network for tests: a directory with its own token and nothing but what signing needs.

Its Python sees the standard library and ``lib``, where the signing part of this package and five small
packages are. There is no boto3, prefect, numpy, pydantic, typer or anything else to import.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import rfc8785
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import release
from release.signing.trusted_keys import PayloadKey
from tests.softhsm import PIN, SoftHsm

OURS = ("__init__.py", "errors.py", "digests.py", "canonical.py", "atomic.py", "catalog", "signing")
"""The parts of ``release`` that a signing machine needs."""
THEIRS = ("cryptography", "cffi", "_cffi_backend", "pkcs11", "asn1crypto", "rfc8785")
"""The modules of other packages that it needs."""
_NO_NETWORK = """
import socket
def refuse(*_arguments, **_options):
    raise OSError("this machine has no network")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
"""
_MAIN = """
import runpy, sys
sys.argv[0] = "release.signing"
runpy.run_module("release.signing", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class SigningMachine:
    """One person's machine: what is installed at ``home``, and ``folder`` for what is carried to it.

    ``key`` is the URI of the key in its token, ``public`` the PEM of its public half.
    """

    home: Path
    folder: Path
    key: str
    public: bytes

    @classmethod
    def make(cls, home: Path, name: str, bits: int = 2048) -> SigningMachine:
        """A machine at ``home`` with a new key in a new token; both are called ``name``."""
        library = home / "lib"
        (library / "release").mkdir(parents=True)
        for part in OURS:
            source, target = Path(release.__file__).parent / part, library / "release" / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        packages = Path(rfc8785.__file__).parents[1]
        for module in THEIRS:
            for found in [packages / module, *packages.glob(f"{module}.*.so")]:
                if found.exists():
                    (library / found.name).symlink_to(found)
        hsm = SoftHsm.make(home / "hsm")
        private = generate_private_key(public_exponent=65537, key_size=bits)
        hsm.new_token(name)
        uri = f"{hsm.import_key(name, 'payload', private)}&secret={name}-pin"
        return cls(home, home, uri, PayloadKey.of(private.public_key(), name).pem)

    def at(self, folder: Path) -> SigningMachine:
        """The same machine, with another folder, which is made."""
        folder.mkdir(parents=True)
        return replace(self, folder=folder)

    def run(self, *arguments: str, typed: str = "", pin: str = PIN) -> subprocess.CompletedProcess[str]:
        """Run ``humpyard-sign`` here, as ``python -m release.signing``; somebody types ``typed``."""
        secret = self.key.rpartition("secret=")[2].upper().replace("-", "_")
        environment = {
            "PATH": "/usr/bin:/bin",
            "SOFTHSM2_CONF": str(self.home / "hsm" / "softhsm2.conf"),
            f"HUMPYARD_SECRET_{secret}": pin,
        }
        return self.python(_MAIN, *arguments, environment=environment, typed=typed)

    def python(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None = None, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in this machine's Python, in its folder. The module ``socket`` is imported."""
        return subprocess.run(
            [sys.executable, "-S", "-s", "-P", "-c", _NO_NETWORK + program, *arguments],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.home / "lib"), **(environment or {})},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def sign(self, bundle: str, *arguments: str, typed: str = "", pin: str = PIN) -> str:
        """Sign a bundle in the folder; returns what was printed. Fails the test when that does not work."""
        done = self.run("sign", bundle, "--key", self.key, *arguments, typed=typed, pin=pin)
        assert done.returncode == 0, done.stderr
        return done.stdout
