"""Bringing mirrors all that they are to have, and letting them show it. Runs alone, on a schedule."""

from __future__ import annotations

from collections.abc import Sequence

from release.errors import RefusedError, UnavailableError
from release.line.channel_documents import channels_job
from release.line.head import head_job
from release.line.mirror_jobs import bring_everything
from release.line.mirror_pages import bring_pages
from release.line.mirror_show import LackingError, show
from release.line.mirrors import Behind
from release.line.steps import Job, Report, Step
from release.line.yard import Yard


def sync_job(yard: Yard, behind: list[Behind], *, again: bool = False) -> Job:
    """The steps that bring every mirror up to the ledger, the past included, however long that takes.

    Args:
        yard: of the pipeline.
        behind: gets those that are not as they should be, and why.
        again: read back what is said to be there, too; what is missing there is brought anew.
    """

    def bring(report: Report) -> str:
        found = bring_everything(yard, report, again=again)
        behind.extend(found.behind)
        return found.line()

    def show_all(report: Report) -> str:
        found = show(yard, report, thorough=again)
        behind.extend(found.behind)
        return found.line()

    def bring_all_pages(report: Report) -> str:
        found = bring_pages(yard, report)
        behind.extend(found.behind)
        return found.line()

    return (
        Step("bring-all", "bring the mirrors what they are to have, read it back", bring),
        *head_job(yard),
        *channels_job(yard),
        Step("show-mirrors", "let the mirrors show what the ledger says", show_all),
        Step("mirror-pages", "bring the pages to the mirrors", bring_all_pages),
    )


def check_all(behind: Sequence[Behind]) -> None:
    """Raises UnavailableError when mirrors are behind and trying again may help all, else RefusedError."""
    told = {one.mirror for one in behind if not isinstance(one.error, LackingError)}
    behind = [one for one in behind if one.mirror not in told or not isinstance(one.error, LackingError)]
    if not behind:
        return
    text = "mirrors are behind:\n" + "\n".join(f"  {one}" for one in dict.fromkeys(map(str, behind)))
    hints = [one.error.hint for one in behind if one.error.hint]
    away = all(isinstance(one.error, UnavailableError) for one in behind)
    kind = UnavailableError if away else RefusedError
    raise kind(text, hint=hints[0] if hints else "see: humpyard mirrors status")
