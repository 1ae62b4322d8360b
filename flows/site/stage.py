"""Command lines in a yard of its own, by its people, and what they say."""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from release.cli.main import run
from release.errors import ToolError
from release.line.laying_out import SETTINGS
from release.signing.openpgp import OpenPgpHome


@dataclass(frozen=True, slots=True)
class Stage:
    """The yard in ``root``. ``fingerprints`` are those of its people, by name."""

    root: Path
    fingerprints: dict[str, str]

    @property
    def settings(self) -> Path:
        """The yard's settings."""
        return self.root / SETTINGS

    @property
    def plain(self) -> Path:
        """The same settings without the history: pages that nobody looks at yet are rendered quickly."""
        return self.root / "plain.toml"

    def does(self, *arguments: str, by: str | None = None, plain: bool = False) -> str:
        """Run a command line, signed by somebody where it is; returns what it printed.

        Raises:
            ToolError: it failed; says what it complained.
        """
        who = [] if by is None else self._identity(by)
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*arguments, *who, "--settings", str(self.plain if plain else self.settings)])
        out.seek(0)
        said = out.read()
        if code:
            raise ToolError(f"humpyard {shlex.join(arguments)}: {code}: {err.getvalue()}{said}")
        return said

    def _identity(self, name: str) -> list[str]:
        secret = self.root / "secret" / f"{name.lower()}.asc"
        return ["--as", self.fingerprints[name], "--secret-key", str(secret)]

    @contextlib.contextmanager
    def build_signer(self) -> Iterator[Callable[[Path, Path], None]]:
        """Signs as the build system does: ``sign(data, signature)``."""
        with OpenPgpHome() as home:
            (key,) = home.import_keys((self.root / "secret" / "build.asc").read_bytes())
            yield lambda data, signature: home.sign_file(data, signature, key)


def fingerprint_of(path: Path) -> str:
    """The primary fingerprint of the public key in a file."""
    with OpenPgpHome() as home:
        return home.import_keys(path.read_bytes())[0]
