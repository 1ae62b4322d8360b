"""Whether the releases that a known issue names are there: readers are led to their pages."""

from __future__ import annotations

from release.errors import InputError
from release.ledger.state import State
from release.line.yard import Yard
from release.notes.imported import read_history
from release.promotion.known_issue import IssueReport


def check_known(yard: Yard, state: State, made: IssueReport) -> None:
    """Raises InputError for a version without a page: neither registered nor of the imported history."""
    unknown = [one for one in (*made.affected, *made.fixed_in) if one not in state.releases]
    if unknown and yard.pages.history is not None:
        imported = {release.version for release in read_history(yard.pages.history)}
        unknown = [one for one in unknown if one not in imported]
    if unknown:
        raise InputError(
            f"release {unknown[0]}: is neither registered in the ledger nor in the imported history",
            hint="humpyard release list tells which are; [pages] history in the settings is where others are",
        )
