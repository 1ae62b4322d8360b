"""What happens, in order. Every command is one that people type; each must end as is said here."""

from __future__ import annotations

from dataclasses import dataclass

from flows.rehearsal.ceremony import SIGNERS, Machine, make_machines, sign_offline, try_altered
from flows.rehearsal.company import BOARD, PIPELINE, STRANGER, set_payload_keys, use_key_files
from flows.rehearsal.image_sets import write_image_set
from flows.rehearsal.stage import Stage
from release.catalog.version import Version

OLD, NEW, BAD, MENDED = "4593.0.0", "4600.0.0", "4607.0.0", "4608.0.0"
_MOVED = "record|  moved |  signed as"


@dataclass(slots=True)
class Rehearsal:
    """One rehearsal. Without ``offline``, payload keys lie in files, and nobody holds a ceremony."""

    stage: Stage
    endpoint: str
    offline: bool
    _machines: dict[str, Machine] | None = None

    def run(self) -> None:
        """All acts. Raises WentOtherwiseError at the first command that does not end as it must."""
        self._before()
        self._signing()
        self._alpha()
        self._beta()
        self._stable()
        self._stop()
        self._stream()
        self._withdraw()
        self._rules()

    def _before(self) -> None:
        stage = self.stage
        stage.act(
            f"Before: {OLD} is what machines have, in alpha, beta and stable",
            "Ada, Grace and Linus are maintainers, Radia and Barbara are security. Each has a directory of"
            " their own with their own secret key, whose fingerprint is $ME. The pipeline's has none of"
            " theirs.",
        )
        if self.offline:
            self._machines = make_machines(stage.company)
            signers, names = [f"offline:{name}" for name in SIGNERS], [*SIGNERS]
            set_payload_keys(stage.company, self.endpoint, signers, names)
        else:
            use_key_files(stage.company, self.endpoint)
        for version in (OLD, NEW, BAD, MENDED):
            folder = stage.company.pipeline / "incoming" / BOARD / version
            write_image_set(folder, Version.parse(version), stage.company.sign_with_build_key)
        stage.does(PIPELINE, "ledger", "begin")
        with stage.silence():
            self._build(OLD)
            if self._machines is not None:
                sign_offline(stage, self._machines, OLD)
                self._build_on(OLD)
            history = [option for name in ("alpha", "beta", "stable") for option in ("--offered-in", name)]
            stage.does(PIPELINE, "release", "publish", OLD, *history)

    def _build(self, version: str) -> None:
        if self._machines is None:
            self._build_on(version)
        else:
            self.stage.refused(
                PIPELINE, *self._order(version), because=["waiting for signatures by ada, grace"]
            )

    def _build_on(self, version: str) -> None:
        self.stage.does(PIPELINE, *self._order(version), shows="full payload|compare|assemble")

    def _order(self, version: str) -> list[str]:
        order = ["candidate", "build", f"incoming/{BOARD}/{version}", "--version", version]
        return [*order, "--channel", "alpha", *([] if version == OLD else ["--from", OLD])]

    def _signing(self) -> None:
        stage = self.stage
        if self._machines is None:
            stage.act(
                f"Signing {NEW}", "There is no SoftHSM2 here (apt-get install softhsm2), so no ceremony."
            )
        else:
            stage.act(
                f"Signing {NEW}: two keys, in tokens, on two machines that the pipeline never sees",
                "Everything is built and waits. Nobody's key is reachable from here.",
            )
        self._build(NEW)
        if self._machines is not None:
            try_altered(stage, self._machines["ada"], NEW)
            stage.say("The bundle goes to each of them as it was, the code by telephone:")
            sign_offline(stage, self._machines, NEW)
            self._build_on(NEW)
        with stage.silence():
            for version in (BAD, MENDED):
                self._build(version)
                if self._machines is not None:
                    sign_offline(stage, self._machines, version)
                    self._build_on(version)

    def _alpha(self) -> None:
        stage = self.stage
        stage.act(f"Alpha: {NEW} is published; the policy lets it in without anybody's go")
        stage.clock.next_monday(9)
        stage.does(PIPELINE, "release", "publish", NEW, shows="upload|mirror")
        stage.does("ada", "promote", "request", NEW, "--to", "alpha", "--reason", "the nightly is good")
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)

    def _beta(self) -> None:
        stage = self.stage
        stage.act("Beta: two maintainers, and a day in alpha. Ada asks at once")
        asked = stage.does(
            "ada", "promote", "request", NEW, "--to", "beta", "--reason", "good in alpha"
        ).digest
        stage.say("Whose go is it? Somebody whom nobody knows tries, and so does Ada, who asks:")
        stage.refused(
            STRANGER, "promote", "sign-off", asked, "--go", because=["is not a person of the policy"]
        )
        stage.signs("ada", asked, "--go")
        stage.say("Before anybody signs, the dossier is shown:")
        stage.signs("grace", asked, "--go", "--reason", "tested on two boards", dossier=True)
        stage.signs("linus", asked, "--no-go", "--reason", "arm64 hangs at reboot")
        stage.refused(
            PIPELINE,
            "promote",
            "run",
            because=["soak", "more in alpha", "arm64 hangs at reboot", "1 more go"],
        )
        stage.clock.later(1, 9, 30)
        stage.say("A day in alpha is enough. A veto is not a matter of time:")
        stage.refused(PIPELINE, "promote", "run", because=["no-veto", "arm64 hangs at reboot"])
        stage.signs("linus", asked, "--go", "--reason", "it was the test rig")
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)

    def _stable(self) -> None:
        stage = self.stage
        stage.act(
            "Stable: two maintainers and one of security, three days in beta, tests, and not on a weekend"
        )
        asked = stage.does("grace", "promote", "request", NEW, "--to", "stable").digest
        for name in ("ada", "linus"):
            stage.signs(name, asked, "--go")
        stage.refused(PIPELINE, "promote", "run", because=["soak", "kola", "1 more go of role security"])
        stage.clock.later(3, 15, 30)
        stage.say("The tests have come, with one failure. And the two said go three days ago:")
        (stage.company.pipeline / "kola.tap").write_text(_TAP)
        stage.does(PIPELINE, "evidence", "import", NEW, "kola.tap", "--name", "kola")
        stage.refused(
            PIPELINE,
            "promote",
            "run",
            because=["weekend", "sign-off expired", "2 more go of role maintainer", "cl.nfs.v4"],
        )
        waiver = ["evidence", "waive", NEW, "--name", "kola", "--test", "cl.nfs.v4"]
        stage.does("radia", *waiver, "--reason", "the server of the test is broken, see #42")
        for name in ("ada", "linus", "radia"):
            stage.signs(name, asked, "--go")
        stage.refused(PIPELINE, "promote", "run", because=["calendar", "weekend"])
        stage.clock.later(3, 8, 30)
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)

    def _stop(self) -> None:
        stage = self.stage
        stage.act("Emergency stop: one person stops at once, going on takes the quorum")
        stage.clock.later(0, 10)
        stage.refused(
            STRANGER,
            "stop",
            "pause",
            "stable",
            "--reason",
            "because I can",
            because=["is not a person of the policy"],
        )
        reason = ["--reason", "machines with many disks do not come back"]
        stop = stage.does("radia", "stop", "pause", "stable", *reason).digest
        stage.does(PIPELINE, "promote", "run", shows="  signed as")
        stage.does("barbara", "head", "show", shows="stable|channel")
        asked = stage.does(
            "ada", "stop", "lift", stop, "--reason", "it was the firmware of one vendor"
        ).digest
        stage.signs("grace", asked, "--go")
        stage.refused(
            PIPELINE, "promote", "run", because=["1 more go of role maintainer", "1 more go of role security"]
        )
        stage.signs("linus", asked, "--go")
        stage.signs("barbara", asked, "--go")
        stage.does(PIPELINE, "promote", "run", shows="record|  signed as")

    def _stream(self) -> None:
        stage = self.stage
        stream = f"lts-{stage.clock().year}"
        stage.act(f"A new stream: {stream} is opened from stable, and lts follows it")
        stage.refused("linus", "promote", "request", NEW, "--to", "lts", because=["lts"])
        asked = stage.does("linus", "promote", "request", NEW, "--to", stream).digest
        for name in ("ada", "grace", "barbara"):
            stage.signs(name, asked, "--go")
        stage.clock.later(1, 9)
        stage.say("A day in stable is asked for. While it was paused, it was offered to nobody:")
        stage.refused(PIPELINE, "promote", "run", because=["soak", "in stable"])
        stage.clock.later(0, 11)
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)
        stage.does("ada", "status", shows="^(channel|alpha|beta|stable|lts)")

    def _withdraw(self) -> None:
        stage = self.stage
        stage.act(f"Withdrawn: {BAD} is bad, and what replaces it has a higher version")
        stage.quietly(PIPELINE, "release", "publish", BAD)
        stage.quietly("ada", "promote", "request", BAD, "--to", "alpha")
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)
        advice = ["--advice", f"wait for {MENDED}; do not reboot"]
        stage.does("barbara", "stop", "withdraw", BAD, "--reason", "loses data on btrfs", *advice)
        stage.does(PIPELINE, "promote", "run", shows="  signed as")
        stage.does("ada", "head", "show", shows="alpha|channel|withdrawn")
        stage.refused("ada", "promote", "request", BAD, "--to", "beta", because=["is withdrawn: loses data"])
        stage.refused(
            "ada", "promote", "request", NEW, "--to", "alpha", because=["expected a version above 4607.0.0"]
        )
        stage.quietly(PIPELINE, "release", "publish", MENDED)
        stage.quietly("ada", "promote", "request", MENDED, "--to", "alpha")
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)
        stage.say("Beta is in a hurry. That takes security's two, too, and is never forgotten:")
        hurry = ["--hurry", "soak", "--reason", f"beta may have got {BAD} by hand", "--incident", "INC-7"]
        asked = stage.does("ada", "promote", "request", MENDED, "--to", "beta", *hurry).digest
        for name in ("grace", "linus"):
            stage.signs(name, asked, "--go")
        stage.refused(PIPELINE, "promote", "run", because=["hurry security", "2 more go of role security"])
        for name in ("radia", "barbara"):
            stage.signs(name, asked, "--go")
        stage.does(PIPELINE, "promote", "run", shows=_MOVED)

    def _rules(self) -> None:
        stage = self.stage
        stage.act("The rules: they change under themselves, and nobody can be locked out")
        policy = (stage.company.pipeline / "policy.toml").read_text()
        home = stage.company.root / "linus"
        (home / "three-of-two.toml").write_text(_locked_out(policy))
        stage.refused("linus", "policy", "request", "three-of-two.toml", because=["which only 2 have"])
        (home / "holidays.toml").write_text(policy + _HOLIDAYS)
        stage.say(f"Somebody waits for stable to move to {MENDED}, under the rules as they are:")
        asked = stage.does("ada", "promote", "request", MENDED, "--to", "stable").digest
        stage.signs("grace", asked, "--go")
        change = stage.does("linus", "policy", "request", "holidays.toml", "--reason", "people rest").digest
        for name in ("ada", "grace", "radia"):
            stage.signs(name, change, "--go")
        stage.refused(PIPELINE, "promote", "run", because=["stable to", "soak"], shows="record")
        stage.say("Nobody's go counts under rules that they did not see:")
        stage.signs("linus", asked, "--go")


def _locked_out(policy: str) -> str:
    """A policy that three of security would have to change, of whom there are two."""
    before, mark, after = policy.partition("[governance]")
    return before + mark + after.replace('role = "security", count = 1', 'role = "security", count = 3', 1)


_TAP = """\
TAP version 13
1..4
ok 1 - cl.basic
ok 2 - cl.ignition.v1
not ok 3 - cl.nfs.v4
ok 4 - cl.update.reboot
"""

_HOLIDAYS = """
[[freezes]]
name = "winter holidays"
zone = "Europe/Berlin"
begins = 2026-12-18T00:00:00
ends = 2027-01-04T08:00:00
every = "FREQ=YEARLY"
"""
