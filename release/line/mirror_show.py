"""Letting mirrors show what the ledger says: its entries, the head, channels; in this order.

A mirror that lacks what a channel is at keeps what it showed before, all of it: it is old, and says so in
its head, but nothing it says leads nowhere. Nothing goes back: a mirror that shows more than the store did
when this began is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from release.bundle.layout import notes_key
from release.catalog.channel_info import (
    CHANNEL_INFO,
    StreamSupport,
    channel_info,
    lts_info,
    lts_info_key,
)
from release.catalog.naming import (
    EVIDENCE_PREFIX,
    HEAD_FILE,
    POLICY_PREFIX,
    ledger_key,
)
from release.digests import hash_stream
from release.errors import HumpyardError
from release.ledger.state import base_of
from release.line.mirror_files import mirror_release
from release.line.mirror_notes import take_note
from release.line.mirror_saying import ChannelSaying, Judge, Saying, ViewSaying, is_newer, saying_of, views
from release.line.mirror_wishes import Place, heads, lacking
from release.line.mirrors import Behind, Mirror, mirrors_of
from release.line.steps import Job, Report, Step
from release.line.yard import Yard
from release.mirror.plan import Wanted
from release.mirror.replica import CurrentView, Document, Replica
from release.mirror.store import MissingObjectError, ObjectTooLargeError
from release.mirror.store_replica import StoreReplica
from release.mirror.sync import Upload
from release.promotion.delivery import MirrorSite
from release.trust.channel_document import CHANNEL_LIMIT
from release.trust.head import HEAD_LIMIT, ChannelStatus

_RELEASES = "releases/"
"""What is below it is little, and listed at once: each list may be a connection of its own."""
PLAIN = "text/plain; charset=utf-8"


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
    mirrors, saying = mirrors_of(yard, yard.policy()), saying_of(yard)
    if saying is None or not mirrors:
        return Shown()
    judge = Judge(yard, saying.chain)
    return each_mirror(
        yard, mirrors, "head", lambda one: _Showing(yard, one, saying, judge, thorough).run(), report
    )


def each_mirror(
    yard: Yard, mirrors: Sequence[Mirror], what: str, work: Callable[[Mirror], str], report: Report
) -> Shown:
    """Do something for each mirror, side by side; one that fails stops no other. ``work`` gives a line."""
    result = Shown()
    with ThreadPoolExecutor(len(mirrors)) as pool:
        working = [pool.submit(work, one) for one in mirrors]
        for number, (mirror, future) in enumerate(zip(mirrors, working, strict=True), start=1):
            try:
                result.lines.append(f"{mirror.name} {future.result()}")
                take_note(yard, mirror.name, None)
            except HumpyardError as error:
                result.behind.append(Behind(mirror=mirror.name, what=what, error=error))
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
        check_lacking(saying, self.mirror.site)
        at = f"shows entry {saying.head.ledger.sequence}"
        if access.replica is None:
            self._show_store()
            return f"is the store, {at}"
        replica = access.replica()
        before = self._head_there(replica)
        present = None if before is None else self.judge.head(before)
        if present is not None and is_newer(present, saying.head):
            return f"shows entry {present.ledger.sequence}, which is newer than what was read here"
        if self.thorough or before != saying.data:
            known = -1 if present is None or self.thorough else present.ledger.sequence
            texts, unusable = self._texts(replica)
            replica.write_once([*self._documents(replica), *texts, *self._entries(known)])
            at += "".join(f" (without {one})" for one in unusable)
            replica.replace([Document(key=HEAD_FILE, data=saying.data)], self.judge.may_follow)
        for view in views(saying, self.mirror.site):
            self._show(replica, view)
        replica.replace(info_documents(saying, self.mirror.site, self.yard.clock()))
        return at

    def _show_store(self) -> None:
        """What the store does not need, and who is led to it as to a mirror does."""
        documents = list(info_documents(self.saying, self.mirror.site, self.yard.clock()))
        for view in views(self.saying, self.mirror.site):
            if view.is_alias:
                documents += view.documents
        StoreReplica.copied(self.yard.store).replace(documents)

    def _head_there(self, replica: Replica) -> bytes | None:
        try:
            return replica.read(HEAD_FILE, HEAD_LIMIT)
        except MissingObjectError:
            return None
        except ObjectTooLargeError:
            return b""

    def _documents(self, replica: Replica) -> Iterator[Upload]:
        """Policies and evidence that the mirror lacks."""
        for prefix in (POLICY_PREFIX, EVIDENCE_PREFIX):
            there = self._there(replica, prefix)
            for key in self.yard.store.list(prefix):
                if key not in there:
                    yield self._stored(key)

    def _texts(self, replica: Replica) -> tuple[list[Upload], list[str]]:
        """Corrected texts that the mirror lacks; and those that cannot be brought, each with the reason.

        For the latter nobody has to wait: pages do without, and the audit tells.
        """
        named = {
            notes_key(version, one.notes): one.notes
            for version, revisions in self.saying.chain.state.revisions.items()
            for one in revisions
            if one.sequence <= self._last
        }
        there = self._there(replica, _RELEASES) if named else set()
        found, unusable = list[Upload](), list[str]()
        for key, digest in named.items():
            if key in there:
                continue
            try:
                text = self._stored(key)
            except MissingObjectError:
                unusable.append(f"{key}: the store lacks it")
                continue
            if text.sha256 == digest:
                found.append(text)
            else:
                unusable.append(f"{key}: the store has other bytes")
        return found, unusable

    def _entries(self, known: int) -> Iterator[Upload]:
        """Those of the ledger above ``known``, which name all the rest."""
        return (self._stored(ledger_key(number)) for number in range(known + 1, self._last + 1))

    @property
    def _last(self) -> int:
        return self.saying.head.ledger.sequence

    def _there(self, replica: Replica, prefix: str) -> set[str]:
        return set() if self.thorough else set(replica.list(prefix))

    def _stored(self, key: str) -> Upload:
        with self.yard.store.open(key) as stream:
            found = hash_stream(stream)
        source = partial(self.yard.store.open, key)
        return Upload(key=key, source=source, size=found.size, sha256=found.sha256)

    def _show(self, replica: Replica, view: ViewSaying) -> None:
        if not self.thorough and all(_is_there(replica, one) for one in view.documents):
            return  # the last of them leads to all others and was written last
        said = view.said
        if said.version is None:
            replica.replace(view.documents, self.judge.may_follow)
            return
        shown = CurrentView(
            channel=view.channel,
            board=said.board,
            version=said.version,
            files=self._files(said),
            documents=view.documents,
            folder=view.folder,
        )
        replica.show_current(shown, self.judge.may_follow)

    def _files(self, said: ChannelSaying) -> tuple[Wanted, ...]:
        """The files of the version that the channel is at, as they are under the channel."""
        if said.version is None:
            return ()
        place = Place(channel=said.channel, version=said.version)
        release = mirror_release(self.yard.store, self.saying.chain.state, place, self.yard.naming)
        own = f"{said.channel}/{said.board}/{said.version}/"
        return tuple(one.wanted for one in release.written.files if one.key.startswith(own))


def check_lacking(saying: Saying, site: MirrorSite) -> None:
    """Raises LackingError when a mirror does not have all that the head, once it is there, leads to."""
    said, state = saying.head.channels, saying.chain.state
    wanted = [
        one for one in heads(state, site) if one.channel in said and said[one.channel].version == one.version
    ]
    lacks = lacking(state, site, wanted)
    if lacks:
        raise LackingError(f"keeps what it showed before: lacks {', '.join(map(str, lacks))}")


def info_documents(saying: Saying, site: MirrorSite, now: datetime) -> tuple[Document, ...]:
    """``channel-info.txt`` and ``lts-info``, of the channels that a mirror serves."""
    shown = {
        name: one
        for name, one in saying.head.channels.items()
        if site.serves(name) and one.status is not ChannelStatus.WITHDRAWN
    }
    documents = [
        Document(
            key=CHANNEL_INFO,
            data=channel_info({name: one.version for name, one in shown.items()}),
        )
    ]
    for base in saying.chain.state.streams:
        streams = [
            StreamSupport(channel=name, version=one.version, ends=one.end_of_life)
            for name, one in shown.items()
            if base_of(name, (base,)) is not None and one.end_of_life is not None
        ]
        if streams:
            documents.append(
                Document(key=lts_info_key(base), data=lts_info(base, streams, now), content_type=PLAIN)
            )
    return tuple(documents)


def _is_there(replica: Replica, document: Document) -> bool:
    limit = max(len(document.data), CHANNEL_LIMIT)
    try:
        return replica.read(document.key, limit) == document.data
    except (MissingObjectError, ObjectTooLargeError):
        return False
