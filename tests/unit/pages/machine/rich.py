"""A site with everything that documents for programs can tell, and one whose people write what does harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from release.bundle.release import BoardRelease, Release
from release.catalog.board import Board
from release.catalog.version import Version
from release.image.packages import Package
from release.notes.imported import ImportedRelease
from release.pages.history_merge import with_history
from release.pages.records import (
    Evidence,
    Floor,
    IssueState,
    KnownIssue,
    MirrorSite,
    PublishedRelease,
    Revision,
    Rollout,
    Stop,
)
from release.pages.site import Site
from tests.unit.pages.samples import AMD64, ARM64, NOTES, artifact, board, day, payload, stopped_site

BASE = "https://releases.example.org/pages/"

BREAKING = " #### Breaking changes:\n\n - The old driver is gone\n "

IMAGES = (
    "example_production_ami_image.bin.bz2",
    "example_production_gce.tar.gz",
    "example_production_image.bin.bz2",
    "example_production_image.vmlinuz",
    "example_production_image_packages.txt",
    "example_production_iso_image.iso",
    "example_production_openstack_image.img",
    "example_production_pxe.vmlinuz",
    "example_production_pxe_image.cpio.gz",
    "example_production_update.bin.bz2",
)


def imported(version: str, channel: str, created: datetime, notes: str = NOTES) -> ImportedRelease:
    """A release of before."""
    return ImportedRelease(
        version=Version.parse(version),
        channel=channel,
        created=created,
        architectures=("amd64", "arm64"),
        software=(Package("kernel", "5.15.1"), Package("systemd", "249")),
        notes=notes,
    )


def rich_site(base_url: str | None = BASE) -> Site:
    """What befell releases, and: images, a rollout, a floor, an issue, a correction, evidence, a history.

    1.0.11 rolls out in alpha, and its notes were corrected; 1.0.9 has a known issue.
    """
    site = stopped_site(base_url)
    releases = tuple(_richer(published) for published in site.releases)
    site = replace(
        site,
        releases=releases,
        rollouts={
            "alpha": Rollout(
                began=day(16),
                steps=((day(16), Decimal("0.05")), (day(18), Decimal("0.4")), (day(22), Decimal(1))),
                linear=True,
                share=Decimal("0.6"),
                windows=("Monday to Friday, 08:00 to 16:00 UTC",),
            ),
            "stable": Rollout(
                began=day(9),
                steps=((day(9), Decimal("0.1")), (day(30), Decimal(1))),
                linear=False,
                share=Decimal("0.1"),
            ),
            "lts-2026": Rollout(
                began=day(12), steps=((day(12), Decimal(1)),), linear=False, share=Decimal(1)
            ),
        },
        floors=(
            Floor(channel="alpha", version=Version.parse("1.0.9"), reason="Older ones know no new keys"),
        ),
        mirrors=(
            MirrorSite(
                name="north",
                url="https://north.example.org/",
                channels=("alpha", "stable"),
                verified=("alpha",),
            ),
        ),
        issues=(
            KnownIssue(
                name="two-disks",
                title="Machines with two disks stop at boot",
                text="They look for the root on the wrong one",
                workaround="Pull the second disk.",
                state=IssueState.MITIGATED,
                opened=day(10),
                updated=day(19),
                affected=(Version.parse("1.0.9"),),
                fixed_in=(Version.parse("1.0.11"),),
            ),
        ),
    )
    return with_history(
        site,
        (
            imported("0.8.9", "edge", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
            imported("0.8.10", "stable", datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC), notes=BREAKING),
            imported("0.7.1", "lts-2021", datetime(2021, 4, 2, 3, 4, 5, tzinfo=UTC)),
        ),
    )


def _richer(published: PublishedRelease) -> PublishedRelease:
    own = published.release
    if not isinstance(own, Release) or str(own.version) != "1.0.11":
        return published
    base = board(AMD64, payload(130 << 20), payload(9 << 20, "1.0.10"))
    return replace(
        published,
        release=replace(own, boards=(_with_images(base), _with_images(board(ARM64)))),
        revisions=(Revision(recorded=day(17), summary="CVE list corrected", notes=f"{NOTES}\nMore.\n"),),
        evidence=(
            Evidence(
                name="kola",
                passed=False,
                detail="3 of 412 failed",
                recorded=day(15),
                waived=True,
                facts={"passed": 409, "failed": 3},
            ),
        ),
        channels=tuple(
            replace(entry, approvals=("release-manager", "security")) for entry in published.channels
        ),
        packages={Board("amd64"): (Package("sys-apps/systemd", "257.9"),)},
    )


def _with_images(one: BoardRelease) -> BoardRelease:
    return replace(one, files=tuple(artifact(name, 4321) for name in IMAGES))


HARM = "</script><script>alert(1)</script>\x1b[31m\u202egnp\x00\x9b\x7f\r\ud800 & \"'\t<b>"


def harmful_site() -> Site:
    """The rich site; whoever may write text has written ``HARM``."""
    site = rich_site()
    stop = Stop(since=day(18), reason=HARM, advice=HARM)
    return replace(
        site,
        product=f"Example {HARM}",
        freezes={"beta": (stop,)},
        issues=tuple(replace(one, title=HARM, text=HARM, workaround=HARM) for one in site.issues),
        floors=tuple(replace(one, reason=HARM) for one in site.floors),
        mirrors=tuple(replace(one, name=HARM) for one in site.mirrors),
        releases=tuple(
            replace(
                one,
                withdrawals=(stop,) if one.withdrawals else (),
                revisions=(Revision(recorded=day(19), summary=HARM, notes=HARM),),
                evidence=(Evidence(name=HARM, passed=True, detail=HARM, recorded=day(19), facts={HARM: 1}),),
                channels=tuple(replace(entry, pauses=(stop,), approvals=(HARM,)) for entry in one.channels),
                release=replace(one.release, software=(Package(HARM, HARM),)),
            )
            for one in site.releases
        ),
    )
