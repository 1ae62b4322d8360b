"""OpenPGP signatures through gpg, with one keyring, full fingerprints and machine-readable status.

What gpg does unasked and must not do here: fall back to another key when the one asked for is
missing, fetch keys, read the operator's keyring or configuration, leave agents behind.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import tempfile
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gnupg

from release.errors import (
    InputError,
    NotVerifiedError,
    RefusedError,
    ToolError,
    ToolMissingError,
    storage_errors,
)
from release.process import debian_package, run
from release.signing.openpgp_status import OpenPgpSignature, Status, check_fingerprint, judge, statuses
from release.signing.scratch import make_scratch, remove_home

_LONGEST_HOME = 80
"""Bytes of a home's path. A socket's is at most 107, gpg's longest name there takes 21."""
_LONGEST_SIGNATURE = 64 << 10
_END_OF_TIME = 1 << 32
"""Seconds since 1970: OpenPGP's times have 32 bits, and gpg takes a later one for one long ago."""
_ROOM = 64 << 10
"""Bytes that a keyring of a few keys may need."""
_OPTIONS = (
    "--no-options",
    "--no-auto-key-retrieve",
    "--no-auto-key-locate",
    "--disable-dirmngr",
    "--no-auto-check-trustdb",
    "--trust-model=always",  # who counts is the allow-list's business
)
_OTHERS = ("HUMPYARD_", "AWS_", "PREFECT_")
"""Beginnings of variables that are not gpg's business and may hold secrets."""
_LISTING = ("--with-colons", "--with-keygrip")
_USER_ID = re.compile(r"([A-Za-z0-9][A-Za-z0-9 .,'_-]{0,79}?)(?: <([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)>)?")


class _Outcome:
    """Takes the place of python-gnupg's result classes: keeps what gpg said, interprets nothing."""

    def __init__(self, _gpg: object) -> None:
        self.data = b""
        self.stderr = ""
        self.returncode: int | None = None

    def handle_status(self, keyword: str, value: str) -> None:
        """Ignored here: these lines are cut at places where gpg does not cut. See ``statuses``."""

    @property
    def statuses(self) -> tuple[Status, ...]:
        return statuses(self.stderr)

    def last(self, keyword: str) -> tuple[str, ...] | None:
        """The arguments of the last status line of this kind."""
        return next((line.arguments for line in reversed(self.statuses) if line.keyword == keyword), None)

    def explain(self) -> str:
        """What gpg said to people, on one line, fit to print."""
        lines = (line for line in self.stderr.split("\n") if line.strip() and not line.startswith("[GNUPG:]"))
        text = "; ".join(lines) or f"exit code {self.returncode}"
        return "".join(character if character.isprintable() else "?" for character in text)[:1000]


class OpenPgpHome:
    """One gpg home, open from construction until ``close``.

    Without a directory it is a temporary one of our own, removed on close. With one, it is a person's
    or a pipeline's keyring: kept, and an agent that ran before keeps running. A path too long for
    gpg's sockets is reached through a short symbolic link. Calls may come from several threads.

    Raises:
        ToolMissingError: gpg is not installed.
        InputError: ``directory`` is not a directory.
        ToolError: gpg does not start.
    """

    def __init__(self, directory: Path | None = None) -> None:
        for program in ("gpg", "gpgconf"):
            if shutil.which(program) is None:
                raise ToolMissingError(
                    f"{program}: this program is not installed",
                    hint=f"install it (on Debian: apt-get install {debian_package(program)})",
                )
        if directory is not None and not directory.is_dir():
            raise InputError(f"{directory}: expected a directory with an OpenPGP keyring")
        scratch = make_scratch()
        if directory is None:
            self.path = scratch
        elif len(os.fsencode(directory.resolve())) > _LONGEST_HOME:
            self.path = scratch / "home"
            self.path.symlink_to(directory.resolve(), target_is_directory=True)
        else:
            self.path = directory.resolve()
        end_agents = directory is None or not _agent_runs(self.path)
        self._close = weakref.finalize(self, remove_home, self.path, scratch, end_agents=end_agents)
        self._scratch = scratch
        try:
            self._gpg = _open_gpg(self.path)
        except ToolError:
            self._close.detach()  # a gpg that does not start has no agent to end
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the agents we started and remove what is temporary. Safe to repeat; runs at exit, too."""
        self._close()

    def import_keys(self, armored: bytes) -> tuple[str, ...]:
        """Add keys, public or secret, to the keyring; returns their primary fingerprints.

        Raises InputError when there is no key in it, or one that gpg cannot use, and StorageFullError
        when the keyring has no room to grow.
        """
        outcome = self._run("import_keys", armored)
        found = tuple(
            dict.fromkeys(line.arguments[1] for line in outcome.statuses if line.keyword == "IMPORT_OK")
        )
        counts = outcome.last("IMPORT_RES") or ("0",)
        if not found or counts[0] != str(len(found)):
            with self._temporary(bytes(_ROOM)):  # on a full disk this says so; gpg does it in many ways
                pass
            raise InputError(
                f"OpenPGP keys: expected usable keys, found {len(found)} in {counts[0]}: {outcome.explain()}"
            )
        return found

    def import_file(self, path: Path) -> tuple[str, ...]:
        """Add the keys of a file. Raises as ``import_keys``, naming ``path``."""
        with storage_errors(path):
            armored = path.read_bytes()
        try:
            return self.import_keys(armored)
        except InputError as error:
            raise InputError(f"{path}: {error.message}", hint=error.hint) from error

    def list_secret_keys(self) -> str:
        """Gpg's listing with colons; see ``release.signing.secret_keys``."""
        return self._list("--list-secret-keys")

    def list_public_keys(self) -> str:
        """Gpg's listing with colons; see ``release.signing.key_health``."""
        return self._list("--list-keys")

    def sign_file(self, data: Path, out: Path, fingerprint: str) -> None:
        """Write a binary detached signature of ``data`` to ``out``, atomically, replacing an older one.

        Args:
            data: the file to sign, streamed by gpg.
            out: usually ``data`` with ``.sig``.
            fingerprint: of the very key or subkey that signs; gpg chooses nothing.

        Raises:
            InputError: no such file, or not a fingerprint.
            RefusedError: gpg has no usable secret key of that fingerprint.
            NotVerifiedError: gpg says that it signed with another key.
        """
        signature = self._sign(data, check_fingerprint(fingerprint), str(data), armor=False)
        with storage_errors(out):
            handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
            try:
                with os.fdopen(handle, "wb") as target:
                    target.write(signature)
                    target.flush()
                    os.fchmod(target.fileno(), 0o644)
                    os.fsync(target.fileno())
                Path(name).replace(out)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def sign_bytes(self, data: bytes, fingerprint: str) -> str:
        """An armored detached signature of ``data``. Raises as ``sign_file``."""
        with self._temporary(data) as path:
            return self._sign(path, check_fingerprint(fingerprint), "OpenPGP signature", armor=True).decode(
                "ascii"
            )

    def verify_file(
        self, data: Path, signature: Path, allowed: Collection[str], *, at: datetime | None = None
    ) -> OpenPgpSignature:
        """Check a detached signature of a file against this keyring and an allow-list.

        Args:
            data: the signed file, streamed by gpg. Whether it changes meanwhile is not checked.
            signature: armored or binary, exactly one.
            allowed: full primary fingerprints; empty means nobody.
            at: the time (UTC) at which keys and signature must not have expired; now when None.

        Raises:
            NotVerifiedError: anything but one good signature by an allowed key; see ``judge``.
            InputError: ``data`` cannot be read, or ``allowed`` holds no fingerprints.
        """
        with storage_errors(data), data.open("rb"):
            pass
        if not signature.is_file():
            raise NotVerifiedError(f"{data}: not signed: there is no {signature.name} beside it")
        with storage_errors(signature), signature.open("rb") as source:
            blob = source.read(_LONGEST_SIGNATURE + 1)
        return self._verify(data, blob, allowed, at, str(data))

    def verify_bytes(
        self, data: bytes, signature: bytes | str, allowed: Collection[str], *, at: datetime | None = None
    ) -> OpenPgpSignature:
        """Check a detached signature of ``data``. Arguments and errors as ``verify_file``."""
        blob = signature.encode("utf-8", "replace") if isinstance(signature, str) else signature
        with self._temporary(data) as path:
            return self._verify(path, blob, allowed, at, "OpenPGP signature")

    def generate_key(
        self,
        user_id: str,
        *,
        algorithm: str = "ed25519",
        created: datetime | None = None,
        expires: datetime | None = None,
    ) -> str:
        """Make a signing key without a passphrase, for demos and tests, not for production.

        Args:
            user_id: ``"Name"`` or ``"Name <address>"``.
            algorithm: ``"ed25519"`` or ``"rsa3072"``.
            created: when the key says it was made (UTC); now when None.
            expires: when it expires (UTC), after ``created``, which is required then; never when None.

        Returns:
            Its fingerprint, primary and signing in one.
        """
        name = _USER_ID.fullmatch(user_id)
        if name is None:
            raise InputError(f"user id {user_id!r}: expected ASCII, 'Name' or 'Name <address>'")
        kinds = {"ed25519": ("EDDSA", "Key-Curve: ed25519"), "rsa3072": ("RSA", "Key-Length: 3072")}
        if algorithm not in kinds:
            raise InputError(f"key algorithm {algorithm!r}: expected one of {', '.join(kinds)}")
        kind, detail = kinds[algorithm]
        lines = [f"Key-Type: {kind}", detail, "Key-Usage: sign", f"Name-Real: {name.group(1)}"]
        if name.group(2):
            lines.append(f"Name-Email: {name.group(2)}")
        if created is not None:
            lines.append(f"Creation-Date: seconds={int(created.timestamp())}")
        if expires is not None:
            if created is None or expires <= created:
                raise InputError("OpenPGP key: 'expires' needs an earlier 'created'")
            lines.append(f"Expire-Date: seconds={int((expires - created).total_seconds())}")
        outcome = self._run("gen_key", "\n".join([*lines, "%no-protection", "%commit", ""]))
        answer = outcome.last("KEY_CREATED")
        if answer is None:
            raise ToolError(f"gpg made no key for {user_id!r}: {outcome.explain()}")
        return check_fingerprint(answer[1])

    def export_public(self, fingerprint: str) -> bytes:
        """The public key, armored. Raises InputError when it is not in the keyring."""
        return self._export(fingerprint, secret=False)

    def export_secret(self, fingerprint: str) -> bytes:
        """The secret key, armored; gpg may ask for its passphrase. Raises as ``export_public``."""
        return self._export(fingerprint, secret=True)

    def _export(self, fingerprint: str, *, secret: bool) -> bytes:
        armored = self._call(
            "export_keys", check_fingerprint(fingerprint), secret=secret, expect_passphrase=False
        )
        if not armored:
            which = "secret" if secret else "public"
            raise InputError(f"OpenPGP key {fingerprint}: the {which} key is not in this keyring")
        return str(armored).encode("ascii")

    def _sign(self, data: Path, fingerprint: str, where: str, *, armor: bool) -> bytes:
        with storage_errors(data), data.open("rb"):
            pass
        # gpg reads the file itself: python-gnupg would lose gpg's reason when gpg stops reading early.
        choice = ["--digest-algo", "SHA512", "--output", "-", "--local-user", f"{fingerprint}!"]
        outcome = self._run(
            "sign_file",
            io.BytesIO(),
            clearsign=False,
            detach=True,
            binary=not armor,
            extra_args=[*choice, "--", str(data.resolve())],
        )
        answer = outcome.last("SIG_CREATED")
        if outcome.returncode != 0 or answer is None or not outcome.data:
            raise RefusedError(
                f"{where}: gpg did not sign with {fingerprint}: {outcome.explain()}",
                hint="name the key or subkey that signs, not a primary that only certifies",
            )
        if answer[-1] != fingerprint:
            raise NotVerifiedError(f"{where}: expected {fingerprint} to sign, gpg signed with {answer[-1]}")
        return outcome.data

    def _verify(
        self, data: Path, blob: bytes, allowed: Collection[str], at: datetime | None, where: str
    ) -> OpenPgpSignature:
        if len(blob) > _LONGEST_SIGNATURE:
            raise NotVerifiedError(f"{where}: the signature is longer than {_LONGEST_SIGNATURE} bytes")
        if at is not None and not 0 <= at.timestamp() < _END_OF_TIME:
            raise NotVerifiedError(f"{where}: OpenPGP knows no such time as {at.isoformat()}")
        clock = [] if at is None else ["--faked-system-time", str(int(at.timestamp()))]
        outcome = self._run(
            "verify_file", io.BytesIO(blob), data_filename=str(data.resolve()), extra_args=clock
        )
        return judge(outcome.statuses, outcome.returncode, allowed, where)

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        self._check_open()
        with storage_errors(self._scratch), tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / "data"
            path.write_bytes(data)
            yield path

    def _list(self, what: str) -> str:
        self._check_open()
        listed = run(["gpg", "--homedir", self.path, *_OPTIONS, "--batch", *_LISTING, what])
        return listed.stdout.decode(errors="replace")

    def _check_open(self) -> None:
        if not self._close.alive:
            raise RuntimeError("this OpenPgpHome is closed")

    def _run(self, method: str, *arguments: object, **options: object) -> _Outcome:
        outcome = self._call(method, *arguments, **options)
        if not isinstance(outcome, _Outcome):
            raise TypeError(f"python-gnupg {method}: expected our result class, found {type(outcome)}")
        return outcome

    def _call(self, method: str, *arguments: object, **options: object) -> object:
        self._check_open()
        try:
            return getattr(self._gpg, method)(*arguments, **options)
        except (OSError, ValueError) as error:
            raise ToolError(f"gpg {method}: {error}") from error


def _environment() -> dict[str, str]:
    """What gpg is told of ours: its agent keeps it and may outlive us, so no secrets of other keys."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}


def _open_gpg(home: Path) -> Any:
    try:
        gpg = gnupg.GPG(gnupghome=str(home), options=list(_OPTIONS), env=_environment())
    except (OSError, ValueError) as error:
        raise ToolError(f"gpg does not start with home {home}: {error}") from error
    gpg.result_map = dict.fromkeys(gpg.result_map, _Outcome)
    return gpg


def _agent_runs(home: Path) -> bool:
    listed = run(["gpgconf", "--homedir", home, "--list-dirs", "agent-socket"]).stdout
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(listed.rstrip(b"\n"))
        except OSError:
            return False
    return True
