"""A mirror as update servers read it: real documents, signed by whoever a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from release.catalog.board import Board
from release.catalog.naming import HEAD_FILE
from release.catalog.version import Version
from release.digests import Digest
from release.promotion.delivery import RolloutRules
from release.trust.channel_document import (
    ChannelDocument,
    Offer,
    OfferedPayload,
    OfferedRelease,
    Rollout,
    channel_document_key,
    seal_channel,
    write_channel_document,
)
from release.trust.head import (
    ChannelHead,
    ChannelStatus,
    LedgerPosition,
    MirrorHead,
    WithdrawnRelease,
    seal,
    write_head,
)

PRODUCT = "demo"
BOARD = Board("amd64")
DAY = timedelta(days=1)
OLD, NEW = Version(4081, 2, 0), Version(4081, 2, 1)


def utc_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def payload(name: str, source: Version | None = None, *, extension: bool = False) -> OfferedPayload:
    return OfferedPayload(
        name=name,
        size=400_000_000,
        sha256=Digest.sha256(name.encode()),
        sha1=Digest("sha1", bytes(20)),
        profile="flatcar",
        source=source,
        extension=extension,
    )


def release(
    version: Version, *payloads: OfferedPayload, mirrors: Sequence[str] = ("one", "two")
) -> OfferedRelease:
    return OfferedRelease(
        version=version,
        release=Digest.sha256(str(version).encode()),
        payloads=(payload("update.gz"), *payloads),
        mirrors=tuple(mirrors),
    )


def offer(
    version: Version,
    *payloads: OfferedPayload,
    status: ChannelStatus = ChannelStatus.OFFERED,
    rules: RolloutRules | None = None,
    since: datetime | None = None,
) -> Offer:
    if status is ChannelStatus.OFFERED and since is None:
        since = utc_now() - DAY
    rollout = Rollout(active=0, since=since, rules=rules or RolloutRules())
    return Offer(release=release(version, *payloads), status=status, rollout=rollout)


def position(sequence: int) -> LedgerPosition:
    return LedgerPosition(sequence=sequence, digest=Digest.sha256(b"entry %d" % sequence))


def document(
    *offers: Offer,
    channel: str = "stable",
    board: Board = BOARD,
    sequence: int = 10,
    generation: int = 1,
    issued: datetime | None = None,
    valid: timedelta = DAY,
) -> ChannelDocument:
    issued = issued or utc_now()
    return ChannelDocument(
        product=PRODUCT,
        channel=channel,
        board=board,
        issued=issued,
        expires=issued + valid,
        ledger=position(sequence),
        generation=generation,
        offers=offers or (offer(NEW, payload("from-old.gz", OLD), payload("oem-azure.gz", extension=True)),),
        mirrors={"one": "https://one.example.org/", "two": "https://two.example.org/x/"},
    )


def head_of(
    *documents: ChannelDocument, sequence: int = 10, withdrawn: Sequence[OfferedRelease] = ()
) -> MirrorHead:
    """The head that goes with documents."""
    issued = max(one.issued for one in documents)
    boards: dict[str, list[Board]] = {}
    for one in documents:
        boards.setdefault(one.channel, []).append(one.board)
    return MirrorHead(
        product=PRODUCT,
        issued=issued,
        expires=max(one.expires for one in documents),
        ledger=position(sequence),
        policy=Digest.sha256(b"policy"),
        channels={
            one.channel: ChannelHead(
                version=one.offers[0].release.version,
                release=one.offers[0].release.release,
                generation=one.generation,
                status=one.offers[0].status,
                frozen=False,
                since=one.issued - DAY,
                boards=tuple(boards[one.channel]),
            )
            for one in documents
        },
        withdrawn=tuple(
            WithdrawnRelease(version=one.version, release=one.release, reason="it burns", since=issued)
            for one in withdrawn
        ),
    )


Sign = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class UpdateMirror:
    """A head and documents, written through ``write``. ``sign`` is the pipeline's unless a test says."""

    write: Callable[[str, bytes], None]
    sign: Sign

    def publish(
        self,
        *documents: ChannelDocument,
        sign: Sign | None = None,
        sequence: int = 10,
        withdrawn: Sequence[OfferedRelease] = (),
    ) -> None:
        """Sign and write documents, and the head that goes with them."""
        for one in documents:
            self.put_document(one, sign)
        self.put_head(head_of(*documents, sequence=sequence, withdrawn=withdrawn), sign)

    def put_document(self, one: ChannelDocument, sign: Sign | None = None, key: str | None = None) -> None:
        body = write_channel_document(one)
        signature = (sign or self.sign)(body.encode())
        self.write(key or channel_document_key(one.channel, one.board), seal_channel(body, signature))

    def put_head(self, head: MirrorHead, sign: Sign | None = None) -> None:
        body = write_head(head)
        self.write(HEAD_FILE, seal(body, (sign or self.sign)(body.encode())))


def mirror_in(root: Path, sign: Sign) -> UpdateMirror:
    """One in a directory; files are replaced as a whole."""

    def write(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.new")
        partial.write_bytes(data)
        partial.replace(path)

    root.mkdir(parents=True, exist_ok=True)
    return UpdateMirror(write, sign)
