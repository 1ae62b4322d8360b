"""What a Cincinnati of Fedora CoreOS makes of ``updates/CHANNEL.json``: facts of its graph and its policy.

* Machines are led to releases with a rollout and to barriers, from all below, down to the barrier before.
* Before ``start_epoch`` (0) the share is 0; from then on it is ``start_percentage`` (0). With
  ``duration_minutes`` (at least one) it grows evenly to 1 at its end, and stays there.
* Whoever is warier than the share is not led there: 0 to 1, above 0 unless somebody set it.
* Nothing leads away from a dead end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def share_at(rollout: Mapping[str, Any], now: datetime) -> float:
    """The share of machines that may have what is rolled out so."""
    passed = now.timestamp() - rollout.get("start_epoch", 0)
    share: float = rollout.get("start_percentage", 0.0)
    if passed < 0:
        return 0.0
    if "duration_minutes" not in rollout:
        return share
    lasts = 60 * max(rollout["duration_minutes"], 1)
    return 1.0 if passed > lasts else share + (1 - share) * passed / lasts


def led_to(
    document: Mapping[str, Any], versions: Sequence[str], machine: str, wariness: float, now: datetime
) -> list[str]:
    """What a machine may go to, of all the ``versions`` of a stream, ascending."""
    told = {entry["version"]: entry["metadata"] for entry in document["releases"]}
    if "deadend" in told.get(machine, {}):
        return []
    found = []
    for version in versions[versions.index(machine) + 1 :]:
        metadata = told.get(version, {})
        rollout = metadata.get("rollout")
        allowed = "barrier" in metadata if rollout is None else wariness <= share_at(rollout, now)
        if allowed:
            found.append(version)
        if "barrier" in metadata:
            break
    return found
