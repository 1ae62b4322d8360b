"""Letting mirrors show what the ledger says: its entries, the head, channels, pages; in this order.

A mirror that lacks what a channel is at keeps what it showed before, all of it: it is old, and says so in
its head, but nothing it says leads nowhere. Nothing goes back: a mirror that shows more than the store did
when this began is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from release.catalog.naming import (
    EVIDENCE_PREFIX,
    HEAD_FILE,
    PAGES_PREFIX,
    POINTER_FILE,
    POLICY_PREFIX,
    ledger_key,
)
from release.digests import Digest, hash_stream
from release.errors import HumpyardError
from release.ledger.state import base_of
from release.line.mirror_files import mirror_release
from release.line.mirror_notes import take_note
from release.line.mirror_saying import ChannelSaying, Judge, Saying, is_newer, saying_of
from release.line.mirror_wishes import Place, heads, lacking
from release.line.mirrors import Behind, Mirror, mirrors_of
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.plan import Wanted
from release.mirror.replica import CURRENT, CurrentView, Document, Replica
from release.mirror.store import MissingObjectError, ObjectTooLargeError
from release.mirror.sync import Upload
from release.trust.channel_document import CHANNEL_FILE, CHANNEL_LIMIT
from release.trust.head import HEAD_LIMIT

_PAGE_LIMIT = 64 << 20
_BATCH = 8 << 20
"""Bytes of pages that are held, and written, at once."""
_HOME = f"{PAGES_PREFIX}index.html"


class LackingError(HumpyardError):
    """A mirror does not have what channels are at, so it cannot show that they are."""

    exit_code = 1


@dataclass(slots=True)
class Shown:
    """What became of each mirror: a line for those that are as they should be, and who is not, and why."""

    lines: list[str] = field(default_factory=list)
    behind: list[Behind] = field(default_factory=list)

    def line(self) -> str:
        """One line."""
        return "; ".join((*self.lines, *(f"BEHIND {one}" for one in self.behind))) or "there are no mirrors"


def show_job(yard: Yard) -> Job:
    """The step that lets mirrors show what the ledger says. None where the policy has no mirrors."""
    if not yard.policy().mirrors:
        return ()
    title = "let the mirrors show what the ledger says"
    return (Step("show-mirrors", title, lambda report: show(yard, report).line()),)


def show(yard: Yard, report: Report, *, thorough: bool = False) -> Shown:
    """Bring every mirror's documents to what the store says; side by side, and whatever fails elsewhere.

    Args:
        yard: of anybody who may write to the mirrors; the ledger is not written.
        report: is told of mirrors that are done.
        thorough: compare what is said to be on the mirrors already, too.

    Raises:
        HumpyardError: the store cannot be read, or keeps moving.
    """
    mirrors, saying, result = mirrors_of(yard, yard.policy()), saying_of(yard), Shown()
    if saying is None or not mirrors:
        return result
    judge = Judge(yard, saying.chain)
    with ThreadPoolExecutor(len(mirrors)) as pool:
        showing = [pool.submit(_Showing(yard, one, saying, judge, thorough).run) for one in mirrors]
        for number, (mirror, future) in enumerate(zip(mirrors, showing, strict=True), start=1):
            try:
                result.lines.append(f"{mirror.name} {future.result()}")
                take_note(yard, mirror.name, None)
            except HumpyardError as error:
                result.behind.append(Behind(mirror=mirror.name, what="head", error=error))
                if not isinstance(error, LackingError):  # why it lacks something was noted then
                    take_note(yard, mirror.name, error.message)
            report(number, len(mirrors))
    return result


@dataclass(frozen=True, slots=True)
class _Showing:
    """One mirror's part, in a thread of its own."""

    yard: Yard
    mirror: Mirror
    saying: Saying
    judge: Judge
    thorough: bool

    def run(self) -> str:
        """Returns what is so now. Raises HumpyardError when it is not as it should be."""
        access, saying = self.mirror.reach(), self.saying
        lacks = lacking(saying.chain.state, self.mirror.site, self._needed())
        if lacks:
            raise LackingError(f"keeps what it showed before: lacks {', '.join(map(str, lacks))}")
        at = f"shows entry {saying.head.ledger.sequence}"
        if access.replica is None:
            return f"is the store, {at}"
        replica = access.replica()
        before = self._head_there(replica)
        present = None if before is None else self.judge.head(before)
        if present is not None and is_newer(present, saying.head):
            return f"shows entry {present.ledger.sequence}, which is newer than what was read here"
        if self.thorough or before != saying.data:
            known = -1 if present is None or self.thorough else present.ledger.sequence
            replica.write_once(list(self._objects(replica, known)))
            replica.replace([Document(key=HEAD_FILE, data=saying.data)], self.judge.may_follow)
        for view in self._views():
            self._show(replica, *view)
        self._pages(replica)
        return at

    def _needed(self) -> Sequence[Place]:
        """What the head that is to be shown leads to."""
        said = self.saying.head.channels
        wanted = heads(self.saying.chain.state, self.mirror.site)
        return [one for one in wanted if one.channel in said and said[one.channel].version == one.version]

    def _head_there(self, replica: Replica) -> bytes | None:
        try:
            return replica.read(HEAD_FILE, HEAD_LIMIT)
        except MissingObjectError:
            return None
        except ObjectTooLargeError:
            return b""

    def _objects(self, replica: Replica, known: int) -> Iterator[Upload]:
        """Policies, evidence, and entries of the ledger above ``known``, as far as they are not there."""
        store = self.yard.store
        for prefix in (POLICY_PREFIX, EVIDENCE_PREFIX):
            there = set() if self.thorough else set(replica.list(prefix))
            for key in store.list(prefix):
                if key not in there:
                    yield self._stored(key)
        for sequence in range(known + 1, self.saying.head.ledger.sequence + 1):
            yield self._stored(ledger_key(sequence))

    def _stored(self, key: str) -> Upload:
        with self.yard.store.open(key) as stream:
            found = hash_stream(stream)
        source = partial(self.yard.store.open, key)
        return Upload(key=key, source=source, size=found.size, sha256=found.sha256)

    def _views(self) -> Iterator[tuple[ChannelSaying, str, str]]:
        """Each channel's own ``current``, and for a stream ``current-2024`` under what it is a stream of."""
        streams = self.saying.chain.state.streams
        for one in self.saying.channels:
            if not self.mirror.site.serves(one.channel):
                continue
            yield one, one.channel, CURRENT
            base = base_of(one.channel, streams)
            if base is not None:
                yield one, base, f"{CURRENT}-{one.channel.removeprefix(f'{base}-')}"

    def _show(self, replica: Replica, said: ChannelSaying, channel: str, folder: str) -> None:
        prefix = f"{channel}/{said.board}/{folder}/"
        documents = self._documents(said, prefix)
        if not self.thorough and all(_is_there(replica, one) for one in documents):
            return  # the last of them leads to all others and was written last
        if said.version is None or said.pointer is None:
            replica.replace(documents, self.judge.may_follow)
            return
        view = CurrentView(
            channel=channel,
            board=said.board,
            version=said.version,
            files=self._files(said),
            documents=documents,
            folder=folder,
        )
        replica.show_current(view, self.judge.may_follow)

    def _documents(self, said: ChannelSaying, prefix: str) -> tuple[Document, ...]:
        found = ((CHANNEL_FILE, said.document), (POINTER_FILE, said.pointer))
        return tuple(Document(key=prefix + name, data=data) for name, data in found if data is not None)

    def _files(self, said: ChannelSaying) -> tuple[Wanted, ...]:
        """The files of the version that the channel is at, as they are under the channel."""
        if said.version is None:
            return ()
        place = Place(channel=said.channel, version=said.version)
        release = mirror_release(self.yard.store, self.saying.chain.state, place, self.yard.naming)
        own = f"{said.channel}/{said.board}/{said.version}/"
        return tuple(one.wanted for one in release.files if one.key.startswith(own))

    def _pages(self, replica: Replica) -> None:
        """The home page last: whoever sees it finds what it leads to."""
        batch: list[Document] = []
        for key in sorted(self.saying.pages, key=lambda key: (key == _HOME, key)):
            try:
                batch.append(Document(key=key, data=self.yard.store.read(key, _PAGE_LIMIT)))
            except MissingObjectError:
                continue  # rendered anew meanwhile, without it
            if sum(len(one.data) for one in batch) >= _BATCH:
                _replace(replica, batch)
                batch = []
        _replace(replica, batch)


def _replace(replica: Replica, documents: Sequence[Document]) -> None:
    """Write those that are not known to be there: a look costs less than a write."""
    wanted = [Wanted(key=one.key, size=len(one.data), sha256=Digest.sha256(one.data)) for one in documents]
    there = replica.present(wanted)
    claims = {key: None if found is None else found.sha256 for key, found in there.items()}
    missing = zip(documents, wanted, strict=True)
    replica.replace([document for document, one in missing if claims[one.key] != one.sha256])


def _is_there(replica: Replica, document: Document) -> bool:
    limit = max(len(document.data), CHANNEL_LIMIT)
    try:
        return replica.read(document.key, limit) == document.data
    except (MissingObjectError, ObjectTooLargeError):
        return False
