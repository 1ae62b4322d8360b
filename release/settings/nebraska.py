"""``[nebraska]``: a Nebraska that is told what channels offer. See ``docs/nebraska.md``."""

from __future__ import annotations

from pydantic import Field

from release.settings.section import Section
from release.updates.nebraska.options import FLATCAR_APP, MAX_FLOORS


class NebraskaSettings(Section):
    """One Nebraska."""

    url: str = Field(max_length=1000)
    """``https://HOST[/PREFIX]``, below which ``/api`` is."""
    app: str = FLATCAR_APP
    """The application: its UUID, or its product id."""
    payload_url: str = Field(max_length=1000)
    """Where machines find a release's payloads: ``https://HOST/update/{board}/{version}/``."""
    token: str | None = None
    """The name of the secret that is sent as bearer token: see ``docs/keys.md``."""
    channels: dict[str, dict[str, str]]
    """By channel and board, Nebraska's channel: its id, or its name. What is not here is not published."""
    point_back: bool = True
    """Whether a channel that is at a release which was stopped is pointed back to the one before."""
    wait_for_rollout: bool = True
    """Whether Nebraska, which knows no shares of machines, waits until a rollout has reached everybody."""
    check_payloads: bool = True
    """Whether the payloads' addresses are looked at before a package is made."""
    max_floors: int = Field(default=MAX_FLOORS, ge=0, le=100)
    """What Nebraska's own NEBRASKA_MAX_FLOORS_PER_RESPONSE is. It skips floors when there are more."""
    timeout: float = Field(default=30.0, gt=0, le=600)
    """Seconds for a request and its answer."""
    retries: int = Field(default=3, ge=0, le=20)
    """How often a request is tried again."""
