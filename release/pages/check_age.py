"""Whether a site is older than it should be: pages that nobody builds any more look like new ones. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from release.pages import addresses
from release.pages.wording import time_of


def age_fault(files: Mapping[str, bytes], now: datetime, most: timedelta) -> str | None:
    """What is wrong with the age of a site at ``now`` (aware, UTC) if its data may be ``most`` old.

    The age is that of the pipeline's last entry in the ledger that the pages knew; what people record does
    not make a site younger. A time to come is no fault.
    """
    try:
        made = datetime.fromisoformat(json.loads(files[addresses.MACHINE_INDEX])["generated_at"])
        age = now - made
    except (KeyError, TypeError, ValueError):
        return "does not say of when it is"
    if age <= most:
        return None
    return f"the data is of {time_of(made).text}, {_hours(age)} old; expected {_hours(most)} at most"


def _hours(span: timedelta) -> str:
    return f"{span // timedelta(hours=1)} h"
