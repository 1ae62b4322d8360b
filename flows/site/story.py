"""What befalls the releases of `make site`, in order, and the site at the end."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.text import Text

from flows.demo.image_sets import MIB, ImageSetOrder, build_image_set
from flows.site import fragments
from flows.site.stage import Stage, fingerprint_of
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.line.laying_out import DEMO_PEOPLE, POLICY, SETTINGS, lay_out
from release.pages.serving import serving

PRODUCT: Final = "Humpyard Demo OS"
BASE_URL: Final = "https://releases.example.org/pages/"
BOARD: Final = "amd64-usr"
ADA, GRACE, LINUS = DEMO_PEOPLE

SETTLED, CURRENT, BROKEN, NEWEST = (Version(major, 0, 0) for major in (4800, 4810, 4820, 4821))
UNTIL: Final[Mapping[Version, date]] = MappingProxyType(
    {
        SETTLED: date(2026, 8, 7),
        CURRENT: date(2026, 8, 10),
        BROKEN: date(2026, 8, 19),
        NEWEST: date(2026, 8, 31),
    }
)
"""The last day of which fragments are in a release."""

_ROLLOUT = (
    'rollout = { kind = "stepped", steps = [{ after = 0, percent = 5 }, { after = 24, percent = 25 },'
    " { after = 72, percent = 100 }] }"
)
_POLICY = f"""
[[floors]]
channel = "alpha"
version = "{SETTLED}"
reason = "It gives the boot partition the room that later kernels need."

[[mirrors]]
name = "here"
url = "{{here}}"

[[mirrors]]
name = "there"
url = "{{there}}"
channels = ["stable", "beta"]
"""
_MIRRORS = """
[mirrors.here]
url = "file:mirrors/here"

[mirrors.there]
url = "file:mirrors/not-public"
"""
_STREAMS = (
    ("lts-2022", date(2022, 5, 25), date(2024, 5, 31)),
    ("lts-2023", date(2023, 6, 21), date(2025, 10, 31)),
)
_ADDED = "Ignition configurations need no change.\n"
_ISSUES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "slow-update-on-slow-disks": (
            "--title=Updates take up to an hour on slow disks",
            "--text=Machines on network disks need up to an hour, and answer slowly meanwhile.",
            "--workaround=Update when the machine is idle: updates wait for a lock of locksmith.",
            f"--affects={CURRENT}",
            "--state=mitigated",
        ),
        "no-boot-with-two-disks": (
            "--title=Machines with two disks stop at boot",
            "--text=The root filesystem is looked for on the first disk only.",
            f"--affects={BROKEN}",
            f"--fixed-in={NEWEST}",
            "--state=fixed",
        ),
        "clock-runs-ahead": (
            "--title=The clock runs ahead after a suspend",
            "--text=Seen on three virtual machines. We look for what they have in common.",
            f"--affects={CURRENT}",
            f"--affects={NEWEST}",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOrder:
    """What to build. ``content`` is MiB of files per image, ``yard`` the place that it is made in."""

    out: Path
    yard: Path
    history: Path
    changelog: Path
    content: int = 8


def build(order: SiteOrder) -> None:
    """Make the yard unless it is there whole, then the site.

    Raises:
        ToolError: a command line of the story failed.
    """
    begun, done = time.monotonic(), order.yard / ".complete"
    console = Console(highlight=False)
    stage = None
    if not done.is_file():
        shutil.rmtree(order.yard, ignore_errors=True)
        console.print(Text(f"{order.yard}: releases, people and what befalls them", style="bold"))
        mirrors = order.yard / "mirrors"
        here, there = mirrors / "here", mirrors / "there"
        for one in (here, there):
            one.mkdir(parents=True)
        with serving(here) as near, serving(there) as far:
            stage = _lay_out(order, near, far)
            _tell(order, stage)
        done.touch()
    stage = stage or _stage(order.yard)
    begun_building = time.monotonic()
    said = stage.does("pages", "build", "--out", str(order.out))
    console.print(Text(said.strip()))
    seconds, building = time.monotonic() - begun, time.monotonic() - begun_building
    console.print(
        Text(f"{order.out}/index.html after {seconds:.0f} s, of which the site took {building:.1f} s")
    )


def _lay_out(order: SiteOrder, here: str, there: str) -> Stage:
    lay_out(order.yard, PRODUCT, throw_away_keys=True)
    policy, settings = order.yard / POLICY, order.yard / SETTINGS
    text = policy.read_text().replace('name = "alpha"\n', f'name = "alpha"\n{_ROLLOUT}\n', 1)
    policy.write_text(
        text.replace('name = "beta"\n', f'name = "beta"\n{_ROLLOUT}\n', 1)
        + _POLICY.format(here=here, there=there)
    )
    pages = f'[pages]\nbase_url = "{BASE_URL}"\nhistory = "{order.history}"\n'
    pages += 'tagline = "A sample made of real release notes. Nothing here can be installed."\n'
    soon = (datetime.now(UTC) + timedelta(days=60)).date()
    for name, opened, ends in (*_STREAMS, ("lts-2024", date(2025, 3, 11), soon)):
        pages += f'\n[pages.support.{name}]\nstream_of = "lts"\nopened = {opened}\nends = {ends}\n'
    plain = settings.read_text() + _MIRRORS
    stage = _stage(order.yard)
    stage.plain.write_text(plain)
    settings.write_text(plain.replace("[pages]\n", pages, 1))
    stage.does("ledger", "begin")
    return stage


def _stage(yard: Path) -> Stage:
    people = {name: fingerprint_of(yard / "keys" / f"{name.lower()}.asc") for name in DEMO_PEOPLE}
    return Stage(yard, people)


def _tell(order: SiteOrder, stage: Stage) -> None:
    _release(order, stage, SETTLED, offered_in=("alpha", "beta", "stable"))
    _release(order, stage, CURRENT, source=SETTLED)
    _promote(stage, CURRENT, "alpha", "the nightly is good")
    _promote(stage, CURRENT, "beta", "good in alpha")
    _release(order, stage, BROKEN, source=CURRENT)
    _promote(stage, BROKEN, "alpha", "the nightly is good")
    _release(order, stage, NEWEST, source=CURRENT)
    _promote(stage, NEWEST, "alpha", "mends what was withdrawn")
    reason = "Machines with two disks do not find the root filesystem and stop at boot."
    advice = f"Do not install it. Machines that have it boot the other partition; {NEWEST} mends it."
    stage.does("stop", "withdraw", str(BROKEN), "--reason", reason, "--advice", advice, by=GRACE)
    stage.does("stop", "pause", "beta", "--reason", "Updates take an hour on slow disks", by=LINUS)
    _correct(stage)
    _issues(stage)


def _release(
    order: SiteOrder,
    stage: Stage,
    version: Version,
    *,
    source: Version | None = None,
    offered_in: tuple[str, ...] = (),
) -> None:
    until = UNTIL[version]
    fragments.put(order.changelog, until, stage.root / "changelog")
    image_set = stage.root / "incoming" / BOARD / str(version)
    image_set.parent.mkdir(parents=True, exist_ok=True)
    with stage.build_signer() as sign:
        build_image_set(
            ImageSetOrder(
                version=version,
                changed=source is not None,
                generation=version.major,
                kernel_version=fragments.kernel(order.changelog, until),
                packages=fragments.packages(order.changelog, until),
                content=order.content * MIB,
            ),
            image_set,
            sign,
            NamingScheme(),
        )
    deltas = [] if source is None else ["--from", str(source)]
    stage.does("candidate", "build", str(image_set), "--version", str(version), "--channel", "alpha", *deltas)
    history = [word for channel in offered_in for word in ("--offered-in", channel)]
    stage.does("release", "publish", str(version), *history)


def _promote(stage: Stage, version: Version, channel: str, reason: str) -> None:
    """Ask, and have two others agree where the policy wants it."""
    asking = ["promote", "request", str(version), "--to", channel, "--reason", reason, "--json"]
    request = str(json.loads(stage.does(*asking, by=ADA))["request"]).removeprefix("sha256:")
    if channel != "alpha":
        for name in (GRACE, LINUS):
            stage.does("promote", "sign-off", request, "--go", "--reason", "tested", by=name)
    stage.does("promote", "run", plain=True)


def _correct(stage: Stage) -> None:
    notes = stage.root / "corrected.md"
    before = stage.does("notes", "show", str(CURRENT), "--raw")
    notes.write_text(before.rstrip() + "\n\n" + _ADDED)
    told = ["--notes", str(notes), "--summary", "Says that Ignition configurations need no change."]
    stage.does("notes", "correct", str(CURRENT), *told, by=GRACE)


def _issues(stage: Stage) -> None:
    for name, options in _ISSUES.items():
        stage.does("issues", "open", name, *options, by=LINUS)
