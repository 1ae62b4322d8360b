"""The job that collects: the ledger first, then the head that covers it, then the bytes."""

from __future__ import annotations

from collections.abc import Callable

from release.errors import UnavailableError
from release.line.garbage import plan_garbage, record_garbage
from release.line.garbage_deleting import Deleted, Spared, Swept, sweep
from release.line.garbage_uploads import uploads_job
from release.line.head import head_job
from release.line.steps import Job, Step
from release.line.yard import Yard

Tell = Callable[[Deleted | Spared], None]


def garbage_job(yard: Yard, tell: Tell) -> Job:
    """Abort idle uploads, collect what nobody needs, delete what was collected; ``tell`` is told of the last.

    The last step raises UnavailableError when a mirror did not answer: the same job goes on from there.
    """
    return (
        *uploads_job(yard),
        Step("record-collected", "record what nobody needs", lambda _: _record(yard)),
        *head_job(yard),
        Step("delete-collected", "delete what was collected", lambda _: _delete(yard, tell)),
    )


def rehearsal_job(yard: Yard, tell: Tell) -> Job:
    """Find out what ``garbage_job`` would do; changes nothing. ``tell`` is told as if it were done."""
    return (Step("plan-collection", "look for what nobody needs", lambda _: _plan(yard, tell)),)


def _plan(yard: Yard, tell: Tell) -> str:
    going = plan_garbage(yard).going
    swept = sweep(yard, tell, rehearsed=[one.version for one in going])
    size = sum(one.size for one in going)
    files = sum(one.files for one in swept.deleted)
    return f"would collect {len(going)} releases, {size:,} bytes, and delete {files} files"


def _record(yard: Yard) -> str:
    recorded = record_garbage(yard)
    told = [str(one.version) for one in recorded.collected]
    line = f"collected {', '.join(told)}" if told else "nothing to collect"
    refused = "".join(f"; {why}" for why in recorded.refused.values())
    return line + refused


def _delete(yard: Yard, tell: Tell) -> str:
    swept = sweep(yard, tell)
    if swept.unknown:
        silent = "; ".join(str(one) for one in swept.spared if one.version is None)
        raise UnavailableError(f"{summary(swept)}; {silent}", hint="run the same command again")
    return summary(swept)


def summary(swept: Swept) -> str:
    """One line."""
    files = sum(one.files for one in swept.deleted)
    stays = f", {len(swept.spared)} times something stays for now" if swept.spared else ""
    return f"{files} files deleted in {len({one.place for one in swept.deleted})} places{stays}"
