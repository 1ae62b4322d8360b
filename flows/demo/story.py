"""What the demo does, in order, through the flows and the command line's own functions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flows.build_candidate import build_candidate
from flows.demo.image_sets import MIB, ImageSetOrder, build_image_set
from flows.promote_release import promote_release
from flows.publish_release import publish_release
from flows.render_pages import render_pages
from flows.runner import observed_by
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import Digest
from release.errors import RefusedError
from release.ledger.state import State
from release.line.beginning import beginning_job
from release.line.laying_out import DEMO_PEOPLE, POLICY, SETTINGS, lay_out
from release.line.publication import PublicationOrder, publication_job
from release.line.statements import Asking, ask_for, record, say_to
from release.line.steps import Observer, Step, run_job
from release.promotion.policy_file import read_policy
from release.promotion.sign_off import Verdict
from release.settings import load_settings
from release.signing.openpgp import OpenPgpHome
from release.wiring import SecretKeySource, open_yard, person_signer

PRODUCT = "Humpyard Demo OS"
BOARD = "amd64-usr"
OLD, NEW = Version(4593, 0, 0), Version(4600, 0, 0)
ADA, GRACE, LINUS = DEMO_PEOPLE
KERNELS = {OLD: "6.12.58", NEW: "6.12.60"}
FRAGMENTS = {
    "security/2026-11-02-linux.md": "- Linux ([CVE-2026-0001](https://nvd.nist.gov/vuln/detail/CVE-2026-0001))\n",
    "bugfixes/2026-11-05-boot.md": "- Fixed a race that could delay boot on machines with many disks\n",
    "changes/2026-11-09-config.md": "- `SELINUX=<permissive|enforcing>` is read from the image\n",
    "updates/2026-11-12-linux.md": "- Linux ([6.12.60](https://lwn.net/Articles/kernel))\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One run of the demo. ``content`` is bytes of files per image."""

    out: Path
    observer: Observer
    say: Callable[[str], None]
    content: int = 64 * MIB
    furnish: Callable[[Path], None] = lambda _out: None
    """Adds to settings and policy of the new yard, before anything is made with them."""

    @property
    def settings_file(self) -> Path:
        """The yard's settings."""
        return self.out / SETTINGS

    def run(self) -> State:
        """Do everything that is not done yet; returns the ledger's state at the end."""
        with observed_by(self.observer):
            self._prepare()
            self._old_release()
            self._new_release()
            self._promote_to_alpha()
            self._promote_to_beta()
        with open_yard(self.settings_file) as yard:
            return yard.ledger.state()

    def _step(self, name: str, title: str, act: Callable[[], str]) -> None:
        run_job((Step(name, title, lambda _: act()),), self.observer)

    def _prepare(self) -> None:
        self.say("1. Two image sets from this machine's files, as a build system would leave them")
        self._step("lay-out", "settings, policy and throw-away keys", self._lay_out)
        for version in (OLD, NEW):
            self._step(
                f"image-set-{version}",
                f"image set {version}",
                lambda version=version: self._image_set(version),  # type: ignore[misc]  # bound early
            )

    def _lay_out(self) -> str:
        if self.settings_file.is_file():
            return f"{self.settings_file} is there already"
        lay_out(self.out, PRODUCT, throw_away_keys=True)
        self.furnish(self.out)
        return f"{self.settings_file}; the keys are for trying only, never for production"

    def _image_set(self, version: Version) -> str:
        out = self.out / "incoming" / BOARD / str(version)
        out.parent.mkdir(parents=True, exist_ok=True)
        order = ImageSetOrder(
            version=version,
            changed=version == NEW,
            kernel_version=KERNELS[version],
            content=self.content,
        )
        with OpenPgpHome() as home:
            (build_key,) = home.import_keys((self.out / "secret" / "build.asc").read_bytes())
            sign = lambda data, signature: home.sign_file(data, signature, build_key)  # noqa: E731
            return build_image_set(order, out, sign, NamingScheme())

    def _old_release(self) -> None:
        self.say(f"2. {OLD} is history: released in alpha and beta before the ledger began")
        with open_yard(self.settings_file) as yard:
            pipeline = load_settings(self.settings_file).openpgp.pipeline
            run_job(beginning_job(yard, (self.out / POLICY).read_bytes(), pipeline), self.observer)
        self._build(OLD, ())
        with open_yard(self.settings_file) as yard:
            history = PublicationOrder(version=OLD, offered_in=("alpha", "beta"))
            run_job(publication_job(yard, history), self.observer)

    def _new_release(self) -> None:
        self.say(f"3. {NEW} goes through the line: full payload, a delta from {OLD}, system extensions")
        for name, text in FRAGMENTS.items():
            (self.out / "changelog" / name).write_text(text)
        self._build(NEW, (OLD,))
        publish_release(str(self.settings_file), str(NEW))
        render_pages(str(self.settings_file))

    def _build(self, version: Version, sources: tuple[Version, ...]) -> None:
        build_candidate(
            str(self.settings_file),
            channel="alpha",
            version=str(version),
            image_sets={BOARD: str(self.out / "incoming" / BOARD / str(version))},
            sources=[str(source) for source in sources],
        )

    def _state(self) -> State:
        with open_yard(self.settings_file) as yard:
            return yard.ledger.state()

    def _is_at(self, channel: str) -> bool:
        head = self._state().heads.get(channel)
        return head is not None and head.version == NEW

    def _promote_to_alpha(self) -> None:
        self.say("4. Alpha is open in the demo's policy: proof is enough")
        if not self._is_at("alpha"):
            self._request("alpha", ADA, "the nightly is good")
        promote_release(str(self.settings_file), channel="alpha")

    def _promote_to_beta(self) -> None:
        self.say(f"5. Beta needs two maintainers, and {ADA}, who asks, does not count")
        if not self._is_at("beta"):
            request = self._request("beta", ADA, "good in alpha")
            self._sign_off(request, GRACE)
            self._try_early(request)
            self._sign_off(request, LINUS)
        promote_release(str(self.settings_file), channel="beta")

    def _request(self, channel: str, name: str, reason: str) -> Digest:
        made: list[Digest] = []

        def act() -> str:
            with ExitStack() as stack:
                person = self.person(name)
                yard = stack.enter_context(open_yard(self.settings_file, person=person))
                made.append(ask_for(yard, person_signer(person, stack), NEW, channel, Asking(reason=reason)))
            return f"request {made[0].hex[:12]}, signed by {name}"

        self._step(f"request-{channel}", f"{name} asks for {channel} to move to {NEW}", act)
        return made[0]

    def _sign_off(self, request: Digest, name: str) -> None:
        def act() -> str:
            person = self.person(name)
            given = self._state().requests[request].sign_offs
            if any(one.signer == person.fingerprint for one in given):
                return f"{name} has signed already"
            with ExitStack() as stack:
                yard = stack.enter_context(open_yard(self.settings_file, person=person))
                author = person_signer(person, stack)
                said = say_to(yard, author, request, Verdict.GO, role="maintainer", reason="tested")
                record(yard, said)
            return f"signed with {name}'s own key {person.fingerprint[-16:]}"

        self._step(f"sign-off-{name.lower()}", f"{name} says go", act)

    def _try_early(self, request: Digest) -> None:
        """Show that one sign-off is not enough: the same flow, asked for too early."""
        if len(self._state().requests[request].sign_offs) > 1:
            return  # an interrupted run had come further
        try:
            promote_release.with_options(name="promote-release-too-early")(
                str(self.settings_file), channel="beta", request=request.hex
            )
        except RefusedError as error:
            self.say(f"   refused, as it should be: {error.message}")
            self.say(f"   beta is still at {self._state().heads['beta'].version}")
            return
        raise RuntimeError("the gate let one sign-off through")

    def person(self, name: str) -> SecretKeySource:
        """Where the throw-away secret key of a maintainer is."""
        secret = self.out / "secret" / f"{name.lower()}.asc"
        policy = read_policy((self.out / POLICY).read_bytes())
        (person,) = (one for one in policy.people if one.name == name)
        return SecretKeySource(fingerprint=person.fingerprints[0], files=(secret,))
