"""Real PKCS#11 tokens for tests: SoftHSM2, with its tokens in a new folder.

Make the fixture known where it is wanted by ``from tests.softhsm import softhsm``. It sets
``SOFTHSM2_CONF`` for this process; give ``SoftHsm.environment`` to programs that shall see the tokens.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from release.process import run
from tests.programs import missing

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
"""Where Debian puts it."""
PIN = "271828"
SECURITY_OFFICER_PIN = "31415926"


@dataclass(frozen=True, slots=True)
class SoftHsm:
    """Tokens below one folder; several of them share nothing."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> SoftHsm:
        """Tokens below ``folder``, which is made if need be; there are none yet."""
        (folder / "tokens").mkdir(parents=True)
        (folder / "softhsm2.conf").write_text(
            f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        return cls(folder)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs in its environment to see these tokens."""
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    def new_token(self, label: str, pin: str = PIN) -> str:
        """Make a token. Gives the beginning of URIs for its keys: ``pkcs11:token=LABEL``."""
        pins = ["--so-pin", SECURITY_OFFICER_PIN, "--pin", pin]
        self._util("--init-token", "--free", "--label", label, *pins)
        return f"pkcs11:token={quote(label)}"

    def import_key(
        self, token: str, label: str, key: RSAPrivateKey, *, identity: str = "01", pin: str = PIN
    ) -> str:
        """Put a key pair into the token of that label. Gives its URI, which names the module, not the PIN.

        ``identity`` is its CKA_ID in hexadecimal digits.
        """
        pem = self.folder / f"{secrets.token_hex(8)}.pem"
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        try:
            names = ["--token", token, "--label", label, "--id", identity, "--pin", pin]
            self._util("--import", str(pem), *names)
        finally:
            pem.unlink()
        return f"pkcs11:token={quote(token)};object={quote(label)}?module-path={MODULE}"

    def _util(self, *arguments: str) -> None:
        run(["softhsm2-util", *arguments], environment=self.environment)


def forget_module() -> None:
    """Make this process read ``SOFTHSM2_CONF`` anew when it next uses SoftHSM2."""
    for loaded in pkcs11._loaded.values():
        if loaded.initialized:
            loaded.finalize()


def need_softhsm() -> None:
    """Skips the test without SoftHSM2, fails it then if ``CI=true``."""
    if not MODULE.is_file() or shutil.which("softhsm2-util") is None:
        missing("SoftHSM2 is not installed: apt-get install softhsm2")


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """A folder without tokens, which this process sees. Skips or fails as ``need_softhsm``."""
    need_softhsm()
    made = SoftHsm.make(tmp_path / "softhsm")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    forget_module()
    yield made
    forget_module()
