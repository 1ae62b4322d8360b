"""The mirror's signed head, compared with what the ledger says: forged, expired, ahead, behind, or other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from release.audit.documents import Had
from release.audit.finding import Code, Finding
from release.audit.opening import without
from release.catalog.naming import HEAD_FILE, ledger_key
from release.digests import Digest
from release.errors import NotVerifiedError
from release.ledger.chain import StatementVerifier
from release.ledger.entries import CLOCK_SKEW
from release.ledger.fields import format_time
from release.ledger.fold import Trust
from release.ledger.state import State
from release.promotion.policy import Policy
from release.trust.head import HeadError, LedgerPosition, MirrorHead, read_head, unseal
from release.trust.making import differences, head_of
from release.trust.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedHead:
    """The head looked at by itself. ``head`` is None when it is not one, or not the pipeline's."""

    head: MirrorHead | None = None
    signer: str = ""
    findings: tuple[Finding, ...] = field(default=())

    @property
    def position(self) -> LedgerPosition | None:
        """Where it says that the ledger ends."""
        return None if self.head is None else self.head.ledger


def open_mirror_head(had: Had, verifier: StatementVerifier, trust: Trust, now: datetime) -> OpenedHead:
    """Look at the head: fresh ``now``, and the pipeline's when it was issued."""
    if had.data is None:
        code = Code.HEAD_MISSING if had.absent else Code.HEAD_FORGED
        return OpenedHead(findings=(_finding(code, _SIGNED, had.problem or "none", hint=_REFRESH),))
    try:
        sealed = unseal(had.data, HEAD_FILE)
        head = read_head(sealed.body, HEAD_FILE)
        signer = verifier.verify(sealed.signed_bytes, sealed.signature, at=head.issued)
        if signer not in trust.pipeline:
            raise HeadError(f"signed by {signer}, which is no key of the pipeline")
    except NotVerifiedError as error:
        return OpenedHead(findings=(_finding(Code.HEAD_FORGED, _SIGNED, error.message),))
    findings = list(_freshness(head, now))
    if not findings:
        try:
            verifier.verify(sealed.signed_bytes, sealed.signature, at=now)
        except NotVerifiedError as error:
            findings.append(
                _finding(Code.HEAD_EXPIRED, "a key that is good now", error.message, hint=_REFRESH)
            )
    return OpenedHead(head=head, signer=signer, findings=tuple(findings))


_SIGNED = "a head that the pipeline signed"
_REFRESH = "sign one: humpyard head refresh; if that is done on a schedule, find out why it was not"


def _freshness(head: MirrorHead, now: datetime) -> Iterator[Finding]:
    if head.issued > now + CLOCK_SKEW:
        yield _finding(Code.HEAD_POSTDATED, f"issued at {format_time(now)} at most", format_time(head.issued))
    if now >= head.expires:
        yield _finding(
            Code.HEAD_EXPIRED,
            f"one that holds at {format_time(now)}",
            f"one of {format_time(head.issued)}, which expired {format_time(head.expires)}",
            hint=_REFRESH,
        )


def check_mirror_head(opened: OpenedHead, named: State | None, end: int) -> Iterator[Finding]:
    """Compare where the head says that the ledger ends with where it does.

    Args:
        opened: the head.
        named: the state after the entry that it names; None when that is not there to be believed.
        end: the number of the last object of the ledger, -1 when there is none.
    """
    head = opened.head
    if head is None:
        return
    place = head.ledger.sequence
    if place > end:
        yield _finding(
            Code.HEAD_AHEAD,
            f"the ledger to go on to entry {place}, as it says since {format_time(head.issued)}",
            "no entry" if end < 0 else f"{ledger_key(end)} as the last one",
            hint="the mirror lost entries at the end of the ledger, or holds them back",
        )
    elif place < end:
        yield _finding(
            Code.HEAD_BEHIND,
            f"the head to name entry {end}",
            f"entry {place}; {end - place} later ones are not covered by it",
            hint="people write entries between two heads; if it stays so: humpyard head refresh",
        )
    if named is not None and opened.signer not in named.pipeline_keys:
        yield _finding(
            Code.HEAD_FORGED, _SIGNED, f"signed by {opened.signer}, no key of the pipeline at entry {place}"
        )


def compare_mirror_head(
    head: MirrorHead, named: State, policy: Policy, suspect: str | None
) -> Iterator[Finding]:
    """Where the head does not say what the ledger says at the entry that it names.

    ``suspect`` is the first break in the ledger, None for none.
    """
    hint = None if suspect is None else f"may follow from the break at {suspect}"
    if head.ledger.digest != named.digest:
        return  # told as a fork, or an altered entry; it speaks of another ledger
    for difference in differences(head, head_of(named, policy, head.issued)):
        yield _finding(Code.HEAD_DIFFERS, "what the ledger says", difference, hint=hint)


def check_seen(seen: Seen | None, opened: OpenedHead, digests: Mapping[int, Digest]) -> Iterator[Finding]:
    """Whether the mirror was further on when it was last seen. ``digests`` by number of the entry."""
    if seen is None:
        return
    place = seen.ledger.sequence
    found = digests.get(place)
    if found != seen.ledger.digest:
        yield Finding(
            code=Code.ROLLED_BACK,
            where=ledger_key(place),
            expected=f"{seen.ledger.digest}, as seen before",
            found="no entry" if found is None else str(found),
            hint="the mirror was taken back in time, or its history rewritten",
        )
    if opened.head is not None and opened.head.issued < seen.issued:
        yield Finding(
            code=Code.ROLLED_BACK,
            where=HEAD_FILE,
            expected=f"a head of {format_time(seen.issued)}, as seen before, or later",
            found=format_time(opened.head.issued),
            hint="this mirror lags behind, or is taken back in time",
        )


def to_remember(
    opened: OpenedHead, digests: Mapping[int, Digest], findings: Iterable[Finding]
) -> Seen | None:
    """Where the mirror is, for the next audit; None when it may not be there, or was further on before."""
    head = opened.head
    if head is None or digests.get(head.ledger.sequence) != head.ledger.digest:
        return None
    doubtful = {Code.ROLLED_BACK, Code.HEAD_POSTDATED, Code.HEAD_FORGED, Code.PRODUCT_DIFFERS}
    if any(one.code in doubtful for one in findings):
        return None
    return Seen(product=head.product, ledger=head.ledger, issued=head.issued)


def _finding(code: Code, expected: str, found: str, *, hint: str | None = None) -> Finding:
    return Finding(code=code, where=HEAD_FILE, expected=expected, found=without(found, HEAD_FILE), hint=hint)
