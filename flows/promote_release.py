"""Flow: what the gate allows now is carried out. A doorbell, not a gate.

Whether a channel may move is read from the ledger, each time, from the top. Whatever Prefect believes
about a run (resumed, retried, completed, given an input) is never asked, so forging it moves nothing.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger
from prefect.runtime import deployment

from flows.runner import run_as_tasks
from release.digests import Digest
from release.errors import InputError, RefusedError
from release.ledger.statements import PromotionSubject
from release.line.promotion import Round, run_round
from release.line.requests import request_status
from release.line.yard import Yard
from release.promotion.case import Case
from release.promotion.status import Phase, RequestStatus
from release.wiring import open_yard


@flow(name="promote-release", log_prints=False)
def promote_release(
    settings: str, channel: str | None = None, request: str | None = None, *, doorbell: bool = False
) -> list[str]:
    """Carry out every open request whose gate is open, then bring pointers and pages up to date.

    Level-triggered: it reads the ledger and nothing else, so retrying, resuming or forcing a run cannot
    move anything that people have not signed for.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
        channel: only requests for this channel.
        request: digest of the request that somebody waits for, as ``promote request --json`` prints it;
            the run fails while it cannot be carried out.
        doorbell: while ``request`` waits for something that may still come, suspend instead of failing,
            until the request expires at the latest. Resuming the run is ringing: it starts again from
            the top and does what is allowed then. Needs a run of a deployment; other runs fail.

    Returns:
        The lines of all steps.

    Raises:
        InputError: ``request`` is not in the ledger, or is for another channel than ``channel``.
        RefusedError: ``request`` cannot be carried out now; says what is missing.
    """
    if request is None:
        with open_yard(Path(settings)) as yard:
            return run_round(yard, run_as_tasks, channel).lines
    with open_yard(Path(settings)) as yard:
        found, asked = _round_for(yard, _digest(request), channel)
        rings_for = _seconds_left(yard, asked)
    if asked.phase is Phase.CARRIED_OUT:
        return found.lines
    why = found.refused.get(asked.case.digest, asked.summary)
    if doorbell and asked.phase is Phase.WAITING:
        _suspend(asked, why, rings_for)
    raise RefusedError(why)


def _digest(request: str) -> Digest:
    return Digest.parse(request if ":" in request else f"sha256:{request}")


def _round_for(yard: Yard, request: Digest, channel: str | None) -> tuple[Round, RequestStatus]:
    """Rounds until one has looked at all that the ledger now says about ``request``."""
    subject = request_status(yard, request).case.subject
    wanted = subject.channel if isinstance(subject, PromotionSubject) else None
    if channel not in {None, wanted}:
        raise InputError(f"request {request}: is for {wanted}, not for {channel}")
    while True:
        found = run_round(yard, run_as_tasks, channel)
        asked = request_status(yard, request)
        if asked.phase is not Phase.READY or request in found.refused:
            return found, asked


def _seconds_left(yard: Yard, asked: RequestStatus) -> int:
    """How long the request can still be carried out, at least a second."""
    if not isinstance(asked.case, Case):
        return 1
    return max(1, int((asked.case.request.expires_at - yard.clock()).total_seconds()))


def _suspend(asked: RequestStatus, why: str, seconds: int) -> None:
    """End the process until somebody resumes the run. Comes back only where that is not possible.

    The key is a new one each time: Prefect takes a known key for a gate that was passed already, which
    after a forced retry is so even though nobody ever answered.
    """
    if deployment.id is None:
        get_run_logger().warning("no doorbell here: only runs of a deployment can be suspended")
        return
    get_run_logger().info("waiting: %s", why)
    suspend_flow_run(key=f"{asked.case.digest.hex[:12]}-{uuid4()}", timeout=seconds)
