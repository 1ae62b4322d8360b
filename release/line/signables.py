"""What of a candidate is to be signed: a list made when everything is built, measured when it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from release.canonical import Json
from release.catalog.artifact import check_file_name
from release.catalog.board import Board
from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError
from release.line.proving import PlannedPayload, Target, check_target
from release.line.workspace import Workspace, read_record, write_record
from release.payload.reader import open_payload
from release.signing.ceremony_bundle import SignablePayload, SigningCandidate
from release.signing.ceremony_fields import Fields

_MOST = 2000
_HINT = "humpyard candidate build builds them, and stops when it is for people to sign"


def record_signables(
    space: Workspace, product: str, channel: str, payloads: Mapping[Board, Sequence[PlannedPayload]]
) -> str:
    """Write down which payloads the release will ship, and what they make."""
    listed: list[Json] = [
        {
            "board": str(board),
            "name": plan.name,
            "image": str(plan.target.image),
            "kernel": None if plan.target.kernel is None else str(plan.target.kernel),
            "source": None if plan.source is None else str(plan.source),
            "extension": plan.extension,
        }
        for board, plans in sorted(payloads.items())
        for plan in sorted(plans, key=lambda plan: plan.name)
    ]
    write_record(space.signables, {"product": product, "channel": channel, "payloads": listed})
    return f"{len(listed)} payloads on {len(payloads)} boards"


def measure_candidate(space: Workspace, version: Version) -> SigningCandidate:
    """The candidate as its files are now, signed or not: the bytes in front of signatures are the same.

    Raises:
        InputError: nothing was listed, or a payload is not there.
        NotVerifiedError: a payload says that it makes something else than was verified.
    """
    record = read_record(space.signables)
    if record is None:
        raise InputError(f"{space.root}: no candidate {version} whose payloads are built", hint=_HINT)
    fields = Fields(record, str(space.signables))
    return SigningCandidate(
        product=fields.text("product"),
        version=version,
        channel=fields.text("channel"),
        payloads=tuple(_measure(space, one) for one in fields.objects("payloads", _MOST)),
    )


def _measure(space: Workspace, fields: Fields) -> SignablePayload:
    board, name = fields.parsed("board", Board.parse), fields.parsed("name", check_file_name)
    image, kernel = fields.sha256("image"), fields.optional("kernel", fields.sha256)
    path = space.board(board).built(name)
    if path is None:
        raise InputError(f"{space.board(board).payload(name)}: was not built", hint=_HINT)
    check_target(path, Target(image=image, kernel=kernel))
    size, digest = _signed_part(path)
    return SignablePayload(
        board=board,
        name=name,
        size=size,
        digest=digest,
        image=image,
        kernel=kernel,
        source=fields.optional("source", lambda text: fields.parsed(text, Version.parse)),
        extension=fields.optional("extension", lambda text: fields.parsed(text, check_file_name)),
    )


def _signed_part(path: Path) -> tuple[int, Digest]:
    with open_payload(path) as payload:
        digest = payload.signed_digest()
        if digest is None:
            raise InputError(f"{path}: the payload was built unsigned, there is no place for a signature")
        return payload.size, digest
