"""Signing the mirror's head: what the ledger says now, fresh, by compare-and-swap, and never backwards.

It comes after everything that it names: ledger entry, bytes, pointers, head. Whoever reads the head
finds the rest; whoever reads in between sees an older head, which is what it says it is.
"""

from __future__ import annotations

from release.catalog.naming import HEAD_FILE
from release.errors import NotVerifiedError, RefusedError
from release.ledger.chain import Chain
from release.ledger.fields import format_time
from release.ledger.kinds import KINDS, Statement
from release.line.policies import policy_in_force
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.mirror.store import LostRaceError
from release.trust.head import HeadError, MirrorHead, read_head, seal, unseal, write_head
from release.trust.making import head_of, next_head

_TRIES = 5


def head_job(yard: Yard) -> Job:
    """The step that signs the head anew when it must be. Runs alone, too: on a schedule."""
    return (Step("sign-head", "sign the mirror's head", lambda _: sign_head(yard)),)


def sign_head(yard: Yard) -> str:
    """Bring the head up to what the ledger says, unless it does and is young enough.

    Returns:
        One line: as of which entry, and until when it is to be believed.

    Raises:
        HeadError: what the mirror has was not signed by the pipeline.
        NotVerifiedError: it names more, or another, than the ledger holds.
        RefusedError: the key at hand is not the pipeline's.
        LostRaceError: others kept signing it meanwhile.
    """
    for _ in range(_TRIES):
        pointer = yard.store.read_pointer(HEAD_FILE)  # before the ledger, which then holds what it names
        chain = yard.ledger.read()
        present = None if pointer is None else present_head(yard, chain, pointer.data)
        policy = policy_in_force(yard.store, chain.state)
        holds = pointer is not None and _holds_now(yard, pointer.data)
        head = next_head(present, head_of(chain.state, policy, yard.clock()), holds=holds)
        until = f"as of entry {head.ledger.sequence}, fresh until {format_time(head.expires)}"
        if head == present:
            return f"still true {until}"
        data = _signed(yard, chain, head)
        try:
            yard.store.swap_pointer(HEAD_FILE, None if pointer is None else pointer.tag, data)
        except LostRaceError:
            continue
        return f"signed {until}"
    raise LostRaceError(f"{HEAD_FILE}: others signed it {_TRIES} times meanwhile")


def signed_head(yard: Yard) -> MirrorHead | None:
    """The head that the mirror has, as ``present_head``; None when there is none."""
    pointer = yard.store.read_pointer(HEAD_FILE)
    return None if pointer is None else present_head(yard, yard.ledger.read(), pointer.data)


def present_head(yard: Yard, chain: Chain, data: bytes) -> MirrorHead:
    """The head that the mirror has, which the pipeline must have signed, on this ledger.

    It may have expired, and so may the key since: that is no reason not to go on from there.

    Raises:
        HeadError: not a head, or signed by somebody else.
        NotVerifiedError: it names another entry than the ledger has in that place.
    """
    hint = "somebody changed it by hand: find out who, remove it, then run this again"
    try:
        sealed = unseal(data, HEAD_FILE)
        head = read_head(sealed.body, HEAD_FILE)
        signer = yard.statements.verify(sealed.signed_bytes, sealed.signature, at=head.issued)
    except NotVerifiedError as error:
        raise HeadError(error.message, hint=hint) from error
    if signer not in pipeline_keys(chain):
        raise HeadError(f"{HEAD_FILE}: signed by {signer}, which is no key of the pipeline", hint=hint)
    place = head.ledger.sequence
    if place < len(chain.entries) and chain.entries[place].digest != head.ledger.digest:
        raise NotVerifiedError(
            f"{HEAD_FILE}: names {head.ledger.digest} as entry {place}, the ledger has"
            f" {chain.entries[place].digest}",
            hint="there are two ledgers: the store was put back to an older time, and then went on",
        )
    return head


def _holds_now(yard: Yard, data: bytes) -> bool:
    """Whether readers would accept the signature of the head now: the key may have ended since it signed."""
    sealed = unseal(data, HEAD_FILE)
    try:
        yard.statements.verify(sealed.signed_bytes, sealed.signature, at=yard.clock())
    except NotVerifiedError:
        return False
    return True


def pipeline_keys(chain: Chain) -> frozenset[str]:
    """Keys that are the pipeline's, or were: they signed what only the pipeline may record."""
    recorded = (one for one in chain.entries if not issubclass(KINDS[one.entry.kind], Statement))
    return chain.state.pipeline_keys | {one.signer for one in recorded}


def _signed(yard: Yard, chain: Chain, head: MirrorHead) -> bytes:
    body = write_head(head)
    signature = yard.signer.sign(body.encode())
    signer = yard.statements.verify(body.encode(), signature, at=yard.clock())
    if signer not in chain.state.pipeline_keys:
        raise RefusedError(
            f"{HEAD_FILE}: the key at hand is {signer}, which is no key of the pipeline",
            hint="run this where the pipeline's key is; people sign requests and sign-offs",
        )
    return seal(body, signature)
