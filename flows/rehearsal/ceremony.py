"""The signing ceremony: two people, each with a key in a token on a machine that the pipeline never sees.

What goes between the directories is the bundle one way and an answer the other; the code goes by telephone.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.rehearsal.company import PIPELINE, Company
from flows.rehearsal.stage import Outcome, Stage, WentOtherwiseError
from release.errors import ToolError
from release.process import run
from release.signing.throw_away import make_rsa_key

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
"""Where Debian puts it."""
SIGNERS = {"ada": 4096, "grace": 2048}
"""Whose keys sign payloads, in slot order, with their bits."""
_SHOWN = "for channel|payloads on|full,|slot|^exported|^code"
"""What is told of an export; the rest is digests."""


def has_tokens() -> bool:
    """Whether there is SoftHSM2, which makes tokens in files."""
    return MODULE.is_file() and shutil.which("softhsm2-util") is not None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine without a network: a directory, and a token with a key that it never leaves."""

    owner: str
    folder: Path
    pin: str

    @property
    def key(self) -> str:
        """The key's URI; the PIN is asked for by name."""
        return f"pkcs11:token={self.owner};object=payload?module-path={MODULE}&secret={self.owner}-pin"

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run ``humpyard-sign`` here; somebody types ``typed``. Raises ToolError when it refuses."""
        environment = {
            "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf"),
            f"HUMPYARD_SECRET_{self.owner.upper()}_PIN": self.pin,
        }
        command = [sys.executable, "-m", "release.signing", *arguments]
        done = run(command, stdin=typed.encode(), environment=environment, cwd=self.folder)
        return done.stdout.decode()


def make_machines(company: Company) -> dict[str, Machine]:
    """A machine for each signer, and the public half of its key among those that were handed around."""
    made = {}
    for owner, bits in SIGNERS.items():
        folder = company.root / f"{owner}-offline"
        (folder / "tokens").mkdir(parents=True)
        (folder / "softhsm2.conf").write_text(
            f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        machine = Machine(owner, folder, str(secrets.randbelow(900_000) + 100_000))
        _make_key(machine, bits, company.keys / f"payload-{owner}.pub.pem")
        made[owner] = machine
    return made


def _make_key(machine: Machine, bits: int, public: Path) -> None:
    environment = {"SOFTHSM2_CONF": str(machine.folder / "softhsm2.conf")}
    pins = ["--so-pin", "31415926", "--pin", machine.pin]
    run(["softhsm2-util", "--init-token", "--free", "--label", machine.owner, *pins], environment=environment)
    private = machine.folder / "key.pem"
    make_rsa_key(private, public, bits)
    try:
        names = ["--token", machine.owner, "--label", "payload", "--id", "01", "--pin", machine.pin]
        run(["softhsm2-util", "--import", private, *names], environment=environment)
    finally:
        private.unlink()


def sign_offline(stage: Stage, machines: dict[str, Machine], version: str) -> None:
    """Have a candidate that waits signed by everybody, and its answers imported."""
    bundle = stage.company.pipeline / f"{version}.bundle"
    exported = stage.does(PIPELINE, "signing", "export", version, "--out", bundle.name, shows=_SHOWN)
    code = _code(exported)
    for owner, machine in machines.items():
        shutil.copy(bundle, machine.folder)
        _types(stage, machine, bundle.name, code)
        shutil.copy(machine.folder / f"{owner}.answer", stage.company.pipeline / f"{version}-{owner}.answer")
        stage.does(PIPELINE, "signing", "import", f"{version}-{owner}.answer")


def try_altered(stage: Stage, machine: Machine, version: str) -> None:
    """Show that a bundle which somebody changed on its way is not signed."""
    stage.say(
        "Somebody can reach the stick that the bundle travels on, and makes it say stable instead of alpha:"
    )
    bundle = stage.company.pipeline / f"{version}.bundle"
    exported = stage.does(PIPELINE, "signing", "export", version, "--out", bundle.name, shows="code")
    altered = bundle.read_bytes().replace(b'"channel":"alpha"', b'"channel":"stable"')
    (machine.folder / "altered.bundle").write_bytes(altered)
    key = f"pkcs11:token={machine.owner}"
    stage.prompt(f"{machine.owner}-offline", ["humpyard-sign", "sign", "altered.bundle", "--key", key])
    try:
        machine.run("sign", "altered.bundle", "--key", machine.key, typed=f"{_code(exported)}\n")
    except ToolError as error:
        _, _, reason = error.message.partition("error: ")
        stage.refusal(reason, because=["candidate_digest"])
    else:
        raise WentOtherwiseError("an altered bundle was signed")


def _types(stage: Stage, machine: Machine, bundle: str, code: str) -> None:
    answer = f"{machine.owner}.answer"
    shown = ["humpyard-sign", "sign", bundle, "--key", "pkcs11:token=" + machine.owner, "--out", answer]
    stage.prompt(f"{machine.owner}-offline", shown)
    said = machine.run("sign", bundle, "--key", machine.key, "--out", answer, typed=f"{code}\n")
    stage.tell(f"Code, as you were told it by whoever exported: {code}")
    for line in said.splitlines():
        if line.startswith("signed"):
            stage.tell(line)
    stage.note(f"{machine.owner}-offline", shown, Outcome(0, said, ""))


def _code(exported: Outcome) -> str:
    for line in exported.out.splitlines():
        if line.startswith("code "):
            return line.removeprefix("code ")
    raise WentOtherwiseError(f"expected a code, found {exported.out!r}")
