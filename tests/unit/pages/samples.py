"""A site with every state the pages know: two boards and one, deltas and none, promoted and not."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from release.bundle.release import BoardRelease, Measured, PayloadRecord, Release
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.board import Board
from release.catalog.channel import DEFAULT_CHANNELS, Channel, Channels, PromotionKind
from release.catalog.lineage import Lineage
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import Digest, FileDigests
from release.image.packages import Package
from release.pages.records import ChannelEntry, Hurry, PublishedRelease, Stop, Support
from release.pages.site import Site

AMD64, ARM64 = Board("amd64"), Board("arm64")
KEYS = (hashlib.sha256(b"first key").hexdigest(), hashlib.sha256(b"second key").hexdigest())
NAMES = NamingScheme()

NOTES = """_Changes since **Alpha 1.0.9**_

#### Security fixes:

- Linux ([CVE-2026-0001](https://example.org/CVE-2026-0001), [CVE-2026-0002](https://example.org/CVE-2026-0002))
- openssh ([CVE-2026-0003](https://example.org/CVE-2026-0003))

#### Changes:

- SELinux is set by `SELINUX=` with the values SELINUX=<yes|no>
  - the default is still no

#### Updates:

- Linux ([6.12.102](https://example.org/6.12.102) (includes [6.12.101](https://example.org/6.12.101)))
- systemd (257.9)
"""


def day(number: int, hour: int = 9) -> datetime:
    """A day of August 2026."""
    return datetime(2026, 8, number, hour, 30, tzinfo=UTC)


def artifact(name: str, size: int) -> Artifact:
    """A file that is not there, with digests that look like ones."""
    digests = (
        Digest(algorithm, hashlib.new(algorithm, name.encode(), usedforsecurity=False).digest())
        for algorithm in ARTIFACT_ALGORITHMS
    )
    return Artifact.from_digests(name, FileDigests(size, tuple(digests)))


def payload(size: int, source: str | None = None, *, proven: bool = True) -> PayloadRecord:
    """A payload; a delta when ``source`` is given."""
    version = None if source is None else Version.parse(source)
    name = NAMES.full_payload if version is None else NAMES.delta_payload(version)
    return PayloadRecord(
        artifact=artifact(name, size),
        source=version,
        source_image=None if source is None else Digest.sha256(source.encode()),
        profile="flatcar",
        metadata_size=1000,
        operations={"REPLACE_BZ": 3},
        signatures=KEYS,
        proven=proven,
    )


def board(name: Board, *payloads: PayloadRecord, files: bool = True) -> BoardRelease:
    """What a board gets."""
    names = [NAMES.update_image, NAMES.contents, NAMES.packages, NAMES.kernel, NAMES.version_file]
    return BoardRelease(
        board=name,
        image=Measured(size=512 << 20, sha256=Digest.sha256(b"image")),
        kernel=Measured(size=9 << 20, sha256=Digest.sha256(b"kernel")),
        files=tuple(artifact(item, 4321 * (n + 1) ** 5) for n, item in enumerate(sorted(names)))
        if files
        else (),
        payloads=payloads,
    )


def release(
    version: str,
    *boards: BoardRelease,
    created: datetime,
    notes: str = NOTES,
    derives_from: str | None = None,
) -> Release:
    """A release of ExampleOS."""
    lineage = Lineage()
    if derives_from is not None:
        lineage = Lineage(PromotionKind.REBUILD, Version.parse(derives_from))
    return Release(
        product="ExampleOS",
        version=Version.parse(version),
        channel="alpha",
        created=created,
        lineage=lineage,
        boards=boards,
        notes=notes,
        software=tuple(
            Package(name=name, version=text)
            for name, text in (
                ("containerd", "2.1.5"),
                ("docker", "28.0.4"),
                ("ignition", "2.24.0"),
                ("kernel", "6.12.102"),
                ("systemd", "257"),
            )
        ),
    )


def published(item: Release, **since: datetime) -> PublishedRelease:
    """A release and the channels it was promoted to."""
    return PublishedRelease(
        release=item,
        release_digest=Digest.sha256(str(item.version).encode()),
        channels=tuple(ChannelEntry(name=name, since=time) for name, time in since.items()),
    )


def site(*releases: PublishedRelease, base_url: str | None = None, **heads: str) -> Site:
    """A site of the four usual channels."""
    return Site(
        product="ExampleOS",
        base_url=base_url,
        channels=DEFAULT_CHANNELS,
        releases=releases,
        heads={name: Version.parse(version) for name, version in heads.items()},
        generated_at=day(20),
    )


def full_site(base_url: str | None = None) -> Site:
    """Every state at once. LTS has no release; 1.1.0 is on no channel; 1.0.10 is newer than 1.0.9."""
    first = release("1.0.9", board(AMD64, payload(128 << 20)), created=day(1), notes="")
    second = release(
        "1.0.10",
        board(AMD64, payload(131 << 20), payload(11 << 20, "1.0.9")),
        board(ARM64, payload(122 << 20), payload(120 << 20, "1.0.8"), payload(400_000, "1.0.9")),
        created=day(8),
        derives_from="1.0.9",
    )
    third = release("1.0.11", board(AMD64, payload(130 << 20), payload(9 << 20, "1.0.10")), created=day(15))
    fourth = release("1.1.0", board(ARM64, payload(90 << 20, proven=False), files=False), created=day(19))
    return site(
        published(third, alpha=day(16)),
        published(fourth),
        published(first, alpha=day(2), beta=day(4), stable=day(9)),
        published(second, alpha=day(9), beta=day(14)),
        base_url=base_url,
        alpha="1.0.11",
        beta="1.0.10",
        stable="1.0.9",
    )


REASON = "Machines with two disks do not find <root> & stop at boot;\nseen on 3 of 40 machines."
ADVICE = "Boot the other partition, then take what the channel offers."
LTS_2024 = datetime(2024, 3, 1, tzinfo=UTC)
INCIDENT = "https://incidents.example.org/2026/17?a=1&b=2"


def stream_channels(*streams: str) -> Channels:
    """The four usual channels and streams of the last."""
    *settled, lts = DEFAULT_CHANNELS
    return Channels((*settled, *(Channel(name, ("stable",)) for name in streams), lts))


def stopped_site(base_url: str | None = None) -> Site:
    """Everything that can befall releases and channels.

    1.0.10 is withdrawn while beta is at it, and so is 1.0.8, which other channels went on from. The
    rollout of 1.0.9 in stable is paused, alpha is frozen, 1.0.11 was hurried into alpha. Of three LTS
    streams one has ended, one ends soon, both while the next one was open already.
    """
    eight = release("1.0.8", board(AMD64, payload(127 << 20)), created=day(1))
    nine = release("1.0.9", board(AMD64, payload(128 << 20), payload(10 << 20, "1.0.8")), created=day(2))
    ten = replace(
        release("1.0.10", board(AMD64, payload(131 << 20), payload(11 << 20, "1.0.9")), created=day(8)),
        lineage=Lineage(PromotionKind.REBUILD, Version.parse("1.0.9")),
        channel="beta",
        software=(*nine.software[:-1], Package(name="systemd", version="258")),
    )
    eleven = release("1.0.11", board(AMD64, payload(130 << 20), payload(9 << 20, "1.0.10")), created=day(15))
    old = release("0.9.1", board(AMD64, payload(90 << 20)), created=datetime(2024, 1, 9, 12, tzinfo=UTC))
    hurry = Hurry(skipped=("soak", "freeze"), reason="A hole is <exploited> & spreads", incident=INCIDENT)
    stable_pause = Stop(since=day(17), reason="Updates take an hour on slow disks")
    sample = Site(
        product="ExampleOS",
        base_url=base_url,
        channels=stream_channels("lts-2024", "lts-2025", "lts-2026"),
        releases=(
            published(old, **{"lts-2024": LTS_2024, "lts": LTS_2024}),
            replace(
                published(eight, **{"alpha": day(1, 10), "stable": day(1, 11), "lts-2025": day(1, 12)}),
                withdrawals=(Stop(since=day(3), reason="Wrong keys inside"),),
            ),
            published(
                nine,
                **{"alpha": day(2), "stable": day(9), "lts-2026": day(12), "lts": day(12)},
            ),
            replace(
                published(ten, alpha=day(9), beta=day(14)),
                withdrawals=(
                    Stop(since=day(10), reason="Thought to be slow", lifted=day(11)),
                    Stop(since=day(16), reason=REASON, advice=ADVICE),
                ),
            ),
            published(eleven, alpha=day(16)),
        ),
        heads={
            name: Version.parse(version)
            for name, version in {
                "alpha": "1.0.11",
                "beta": "1.0.10",
                "stable": "1.0.9",
                "lts-2024": "0.9.1",
                "lts-2025": "1.0.8",
                "lts-2026": "1.0.9",
                "lts": "1.0.9",
            }.items()
        },
        generated_at=day(20),
        freezes={"alpha": (Stop(since=day(18), reason="Summer holidays", advice="Wait for day 25"),)},
        support={
            "lts-2024": Support(stream_of="lts", opened=LTS_2024, ends=datetime(2026, 8, 10, tzinfo=UTC)),
            "lts-2025": Support(stream_of="lts", opened=day(1, 12), ends=datetime(2026, 10, 1, tzinfo=UTC)),
            "lts-2026": Support(stream_of="lts", opened=day(12), ends=datetime(2028, 2, 12, tzinfo=UTC)),
        },
    )
    return with_entry(
        with_entry(sample, "1.0.11", "alpha", hurry=hurry), "1.0.9", "stable", pauses=(stable_pause,)
    )


def with_entry(sample: Site, version: str, channel: str, **changes: object) -> Site:
    """The site with other fields of one channel's entry of one release."""
    releases = tuple(
        replace(
            item,
            channels=tuple(
                replace(entry, **changes)  # type: ignore[arg-type]  # fields of an entry
                if (str(item.release.version), entry.name) == (version, channel)
                else entry
                for entry in item.channels
            ),
        )
        for item in sample.releases
    )
    return replace(sample, releases=releases)
