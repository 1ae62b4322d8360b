"""Flow: image sets become a signed, proven candidate. Nothing is published."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.runner import run_as_tasks
from release.catalog.board import Board
from release.catalog.lineage import Lineage
from release.catalog.version import Version
from release.line.candidate import CandidateOrder, candidate_job, default_sources
from release.line.incoming import newest_image_sets
from release.line.workspace import complete_candidates
from release.wiring import open_yard


@flow(name="build-candidate", log_prints=False)
def build_candidate(
    settings: str,
    *,
    channel: str,
    version: str | None = None,
    image_sets: dict[str, str] | None = None,
    sources: list[str] | None = None,
    derives_from: str | None = None,
) -> str:
    """Build a candidate; running it again goes on where it stopped, or finds nothing to do.

    Args:
        settings: path of ``humpyard.toml`` on the worker.
        channel: the channel it is built for.
        version: which one; the newest in the incoming directory when not given.
        image_sets: directory by board; those of the incoming directory when not given.
        sources: released versions that get a delta; the channel's current one when not given.
        derives_from: the release it was rebuilt from.

    Returns:
        The last step's line, with the release digest; or that there was nothing to build.
    """
    with open_yard(Path(settings)) as yard:
        state = yard.ledger.state()
        found = {Board.parse(board): Path(path) for board, path in image_sets.items()} if image_sets else None
        wanted = None if version is None else Version.parse(version)
        if found is None or wanted is None:
            done = {*state.releases, *complete_candidates(yard.work)}
            newest = newest_image_sets(yard.incoming, known=done, wanted=wanted)
            if newest is None:
                return "nothing new in the incoming directory"
            wanted, found = newest
        given = None if sources is None else tuple(Version.parse(one) for one in sources)
        origin = None if derives_from is None else Version.parse(derives_from)
        order = CandidateOrder(
            version=wanted,
            channel=channel,
            image_sets=found,
            sources=default_sources(yard, wanted, channel) if given is None else given,
            lineage=Lineage.from_origin(origin),
        )
        return run_as_tasks(candidate_job(yard, order))[-1]
