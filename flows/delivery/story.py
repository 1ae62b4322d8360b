"""What the delivery does, in order: mirrors, promotion, update servers, machines, and what goes wrong."""

from __future__ import annotations

import bz2
import contextlib
import io
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from flows.delivery.machine import FAILED, Found, Machine
from flows.delivery.web import Web, await_port
from flows.demo.story import ADA, BOARD, GRACE, LINUS, NEW, OLD, Demo
from release.catalog.naming import NamingScheme
from release.cli.main import run
from release.digests import hash_file
from release.errors import ToolError
from release.line.sources import registered_release
from release.process import running
from release.signing.trusted_keys import load_payload_key
from release.wiring import open_yard

_NEWER_THAN_ALL_SOURCES = "4500.0.0"
"""A version that no delta starts from."""
_DOWNLOAD = 2.0
"""Seconds that a download takes at least. What two servers hear of one machine meets in the database."""
_REFRESHED = 120.0
"""Seconds in which update servers have seen what the pipeline signed."""


class WentOtherwiseError(ToolError):
    """Something did not go as the delivery says it must."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One delivery. ``servers`` are the ports for update servers; ``stop_bucket`` ends the S3 server."""

    demo: Demo
    web: Web
    servers: tuple[int, ...]
    environment: Mapping[str, str]
    say: Callable[[str], None]
    tell: Callable[[str], None]
    stop_bucket: Callable[[], None]
    rows: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Do all of it. Raises WentOtherwiseError."""
        self.demo.run()
        self.say("6. Both mirrors have what their channels offer, read back from their public addresses")
        self._command("mirrors", "status")
        self._command("mirrors", "audit", "--full")
        with self._update_servers():
            self._machines()
            self._rollout()
            self._stopping()
            self._mirror_away()
        self._same_bits()

    # --- update servers --------------------------------------------------------------------------

    @contextmanager
    def _update_servers(self) -> Iterator[None]:
        self.say(f"7. {len(self.servers)} update servers behind nginx, which read both mirrors")
        program = Path(sys.executable).with_name("humpyard")
        with ExitStack() as stack:
            for number, port in enumerate(self.servers, 1):
                log = self.demo.out / f"serve-{number}.log"
                command: list[str | Path] = [
                    program, "serve", "--settings", self.demo.settings_file, "--listen", f"127.0.0.1:{port}",
                    "--state", self.demo.out / f"serve-{number}",
                ]  # fmt: skip
                ended = stack.enter_context(running(command, log=log, environment=self.environment))
                await_port(port, ended, log)
            self.tell(f"machines ask at {self.web.updates}v1/update/")
            yield

    # --- machines --------------------------------------------------------------------------------

    def _machine(self, name: str, version: str = str(OLD), track: str = "alpha") -> Machine:
        return Machine(
            id=name.ljust(32, "0"),
            version=version,
            image=self.demo.out / "old.img",
            updates=f"{self.web.updates}v1/update/",
            key=load_payload_key(self.demo.out / "keys" / "payload-2048.pub.pem"),
            board=BOARD,
            track=track,
        )

    def _machines(self) -> None:
        self.say("8. Machines of alpha update themselves")
        packed = self.demo.out / "incoming" / BOARD / str(OLD) / NamingScheme().update_image
        (self.demo.out / "old.img").write_bytes(bz2.decompress(packed.read_bytes()))
        first = self._machine("a1")
        found = self._await(first, lambda one: one.version == str(NEW))
        self._expect(found.delta, f"{OLD}: expected the delta, found {found}")
        after, told = first.updated(found, self.demo.out / "machines" / "a1")
        self.tell(f"{OLD}: {told}")
        self.tell(f"  with extensions {', '.join(found.extensions)}")
        again = after.poll()
        self._expect(again.status == "noupdate", f"{NEW}: expected no update, found {again}")
        self.tell(f"{NEW}: asks again, and there is nothing newer")
        older = self._machine("b2", _NEWER_THAN_ALL_SOURCES)
        found = older.poll()
        self._expect(
            not found.delta and found.version == str(NEW), f"expected the full payload, found {found}"
        )
        _, told = older.updated(found, self.demo.out / "machines" / "b2")
        self.tell(f"{older.version}: {told}")
        self._failed_delta()

    def _failed_delta(self) -> None:
        broken = self._machine("c3")
        self._expect(broken.poll().delta, "expected a delta at first")
        time.sleep(_DOWNLOAD)
        broken.tells(FAILED, code=10)
        found = self._await(broken, lambda one: not one.delta)
        self._expect(found.version == str(NEW), f"expected {NEW}, found {found}")
        self.tell(f"{OLD}: a delta fails on a machine (error 10), which then is offered the full payload")

    def _rollout(self) -> None:
        self.say(
            f"9. Beta's rollout of {NEW} takes eight days and has just begun; nobody of twenty is so early"
        )
        early = [self._machine(f"d{number:02}", track="beta").poll() for number in range(20)]
        offered = [one for one in early if one.version]
        self._expect(len(offered) <= 2, f"expected hardly anybody, found {len(offered)} of 20")
        self.tell(f"{len(offered)} of 20 machines are offered it now")
        self._command("rollout", "status")

    def _stopping(self) -> None:
        self.say(f"10. {GRACE} pauses alpha; machines are not offered {NEW} any more")
        waiting = self._machine("e5")
        self._command(
            "stop", "pause", "alpha", "--reason", "a report from the field", *self._as(GRACE), quiet=True
        )
        self._command("promote", "run", quiet=True)
        found = self._await(waiting, lambda one: not one.version)
        self.tell(f"{OLD}: {found.status}")
        with open_yard(self.demo.settings_file) as yard:
            (stop,) = yard.ledger.state().standing_stops()
        said = self._command(
            "stop", "lift", stop.digest.hex, "--reason", "it was the cable", *self._as(GRACE), quiet=True
        )
        request = said.partition("request ")[2].partition(":")[0]
        for name in (ADA, LINUS):
            self._command("promote", "sign-off", request, "--go", *self._as(name), quiet=True)
        self._command("promote", "run", quiet=True)
        found = self._await(waiting, lambda one: bool(one.version))
        self.tell(f"two others let it go on: {OLD} is offered {found.version} again")

    def _mirror_away(self) -> None:
        self.say("11. The S3 server is killed: a machine goes on to the next address")
        machine = self._machine("f6")
        found = self._await(machine, lambda one: bool(one.version))
        ordered = replace(found, urls=tuple(sorted(found.urls, key=lambda url: "/os/" not in url)))
        self.stop_bucket()
        _, told = machine.updated(ordered, self.demo.out / "machines" / "f6")
        self.tell(f"{OLD}: {told}")
        self._command("mirrors", "audit", expect=1)

    def _same_bits(self) -> None:
        self.say("12. What they ended with is what was built")
        with open_yard(self.demo.settings_file) as yard:
            release, _ = registered_release(yard.store, yard.ledger.state(), NEW)
        wanted = release.boards[0].image
        images = sorted((self.demo.out / "machines").glob("*/usr-*.img"))
        for image in images:
            found = hash_file(image)
            self._expect(found.sha256 == wanted.sha256, f"{image}: expected {wanted.sha256}, found {found}")
        self.tell(f"{len(images)} machines, each with {wanted.size:,} bytes, {wanted.sha256}")

    # --- helpers ---------------------------------------------------------------------------------

    def _await(self, machine: Machine, wanted: Callable[[Found], bool]) -> Found:
        """Poll until the servers have seen what was signed."""
        deadline = time.monotonic() + _REFRESHED
        while True:
            found = machine.poll()
            if wanted(found):
                return found
            if time.monotonic() > deadline:
                raise WentOtherwiseError(f"{machine.version} on {machine.track}: found {found}")
            time.sleep(0.3)

    def _command(self, *arguments: str, quiet: bool = False, expect: int = 0) -> str:
        """Type a command as a release manager does. Returns what it printed."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*arguments, "--settings", str(self.demo.settings_file)])
        if code != expect:
            raise WentOtherwiseError(
                f"humpyard {shlex.join(arguments)}: expected exit code {expect}, found {code}:"
                f" {err.getvalue()}{out.getvalue()}"
            )
        if not quiet:
            self.tell(f"$ humpyard {shlex.join(arguments)}")
            for line in (out.getvalue() + (err.getvalue() if code else "")).splitlines():
                self.tell(f"  {line}")
        return out.getvalue()

    def _as(self, name: str) -> tuple[str, ...]:
        person = self.demo.person(name)
        return ("--as", person.fingerprint, "--secret-key", str(person.files[0]))

    @staticmethod
    def _expect(met: bool, message: str) -> None:
        if not met:
            raise WentOtherwiseError(message)
