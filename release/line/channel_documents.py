"""Signing the channel documents: what update servers offer, as the ledger says, never backwards."""

from __future__ import annotations

from functools import cache

from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.chain import Chain
from release.ledger.state import State
from release.line.head import pipeline_keys
from release.line.policies import policy_in_force
from release.line.sources import registered_release
from release.line.steps import Job, Step
from release.line.yard import Yard
from release.mirror.store import LostRaceError, Pointer
from release.trust.channel_document import (
    ChannelDocument,
    ChannelDocumentError,
    channel_document_key,
    read_channel_document,
    seal_channel,
    unseal_channel,
    write_channel_document,
)
from release.trust.channel_making import Known, document_of, next_document, places_of

_TRIES = 5


def channels_job(yard: Yard) -> Job:
    """The step that signs the channel documents anew where they must be. Runs alone, too."""
    return (Step("sign-channels", "sign what machines are offered", lambda _: sign_channel_documents(yard)),)


def sign_channel_documents(yard: Yard) -> str:
    """Bring every channel's document, board by board, to what the ledger says, and keep it fresh.

    What is wrong with one of them keeps no other from being signed: a halt in one channel must not wait
    for a mistake in another to be corrected. It is told in the end.

    Returns:
        One line: how many were signed, and how many still hold.

    Raises:
        ChannelDocumentError: one that is there was not signed by the pipeline.
        NotVerifiedError: one that is there knows more than the ledger.
        RefusedError: a floor is no release that can be offered; or the key at hand is not the pipeline's.
        InputError: a release has no full payload; or nobody can say after which floors keys change.
        LostRaceError: others kept signing meanwhile.
    """
    for _ in range(_TRIES):
        try:
            return _sign_all(yard)
        except LostRaceError:
            continue
    raise LostRaceError(f"channel documents: others signed them {_TRIES} times meanwhile")


def _sign_all(yard: Yard) -> str:
    """One try. What is there is read before the ledger, which then holds what that names."""
    places = [channel_document_key(*place) for place in places_of(yard.ledger.read().state)]
    present = {key: yard.store.read_pointer(key) for key in places}
    chain = yard.ledger.read()
    known = _known(yard, chain)
    signed = kept = 0
    faults: list[InputError | RefusedError] = []
    for place in places_of(chain.state):
        key = channel_document_key(*place)
        pointer = present.get(key)
        try:
            document = _due(yard, chain, key, pointer, document_of(known, *place))
        except (InputError, RefusedError) as error:
            faults.append(error)
            continue
        if document is None:
            kept += 1
            continue
        data = _signed(yard, chain, key, document)
        yard.store.swap_pointer(key, None if pointer is None else pointer.tag, data)
        signed += 1
    if faults:
        raise faults[0]
    return f"{signed} signed, {kept} still true"


def _known(yard: Yard, chain: Chain) -> Known:
    return Known(
        state=chain.state,
        policy=policy_in_force(yard.store, chain.state),
        release=cache(lambda version: registered_release(yard.store, chain.state, version)[0]),
        floors=key_floors(yard, chain.state),
        issued=yard.clock(),
    )


def _due(
    yard: Yard, chain: Chain, key: str, pointer: Pointer | None, wanted: ChannelDocument
) -> ChannelDocument | None:
    """What is to be signed; None where what is there still holds."""
    present = None if pointer is None else present_document(yard, chain, key, pointer.data)
    holds = pointer is not None and _holds_now(yard, key, pointer.data)
    document = next_document(present, wanted, holds=holds)
    return None if document == present else document


def present_document(yard: Yard, chain: Chain, key: str, data: bytes) -> ChannelDocument:
    """A document that is there, which the pipeline must have signed. It may have expired.

    Raises:
        ChannelDocumentError: not one, or signed by somebody else.
    """
    hint = "somebody changed it by hand: find out who, remove it, then run this again"
    try:
        sealed = unseal_channel(data, key)
        document = read_channel_document(sealed.body, key)
        signer = yard.statements.verify(sealed.signed_bytes, sealed.signature, at=document.issued)
    except NotVerifiedError as error:
        raise ChannelDocumentError(f"{key}: {error.message}", hint=hint) from error
    if signer not in pipeline_keys(chain):
        raise ChannelDocumentError(f"{key}: signed by {signer}, which is no key of the pipeline", hint=hint)
    if channel_document_key(document.channel, document.board) != key:
        raise ChannelDocumentError(f"{key}: is of {document.channel}/{document.board}", hint=hint)
    return document


def shown_documents(yard: Yard) -> dict[str, ChannelDocument | NotVerifiedError | None]:
    """By key, what machines are told now: None where nothing is, the error where it is not ours."""
    chain, found = yard.ledger.read(), dict[str, ChannelDocument | NotVerifiedError | None]()
    for place in places_of(chain.state):
        key = channel_document_key(*place)
        pointer = yard.store.read_pointer(key)
        try:
            found[key] = None if pointer is None else present_document(yard, chain, key, pointer.data)
        except NotVerifiedError as error:
            found[key] = error
    return found


def _holds_now(yard: Yard, key: str, data: bytes) -> bool:
    """Whether readers would accept the signature now."""
    sealed = unseal_channel(data, key)
    try:
        yard.statements.verify(sealed.signed_bytes, sealed.signature, at=yard.clock())
    except NotVerifiedError:
        return False
    return True


def _signed(yard: Yard, chain: Chain, key: str, document: ChannelDocument) -> bytes:
    body = write_channel_document(document)
    signature = yard.signer.sign(body.encode())
    signer = yard.statements.verify(body.encode(), signature, at=yard.clock())
    if signer not in chain.state.pipeline_keys:
        raise RefusedError(
            f"{key}: the key at hand is {signer}, which is no key of the pipeline",
            hint="run this where the pipeline's key is; people sign requests and sign-offs",
        )
    return seal_channel(body, signature)


def key_floors(yard: Yard, state: State) -> dict[str, Version]:
    """By channel: the version that machines must have before the payload key changes.

    Raises:
        InputError, RefusedError: the settings do not say of a channel which keys it has. Without its floor
            machines would pass it by, and its bytes would be collected.
    """
    found = {}
    for channel in state.heads:
        rotation = yard.payload_for(channel).rotation
        if rotation is not None and rotation.floor in state.releases:
            found[channel] = rotation.floor
    return found
