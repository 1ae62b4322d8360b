"""The demo's yard, furnished for delivery: two mirrors, rollouts, an update server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.delivery.web import Web
from flows.rehearsal.s3_server import BUCKET
from release.line.laying_out import POLICY, SETTINGS

BUCKET_MIRROR, DIRECTORY_MIRROR = "bucket", "directory"
_HALT = "halt = { error_percent = 10, error_minimum = 10, silence_percent = 30, silence_after = 24 }"
_CHANNELS = {
    "alpha": "mirrors = 2",
    "beta": f'mirrors = 2\nrollout = {{ kind = "linear", hours = 192, {_HALT} }}',
}
_MIRROR = """
[[mirrors]]
name = "{name}"
url = "{url}"
"""
_SETTINGS = """
[mirrors.{bucket}]
url = "s3://{in_bucket}/os"
s3_endpoint = "{endpoint}"

[mirrors.{directory}]
url = "file:www"

[events]
url = "sqlite:///updates.sqlite"

[update_server]
refresh = 1
mirrors = ["{first}", "{second}"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnishing:
    """What the yard gets besides the demo's. ``endpoint`` is the S3 server's own."""

    web: Web
    endpoint: str

    def __call__(self, out: Path) -> None:
        """Write it into settings and policy."""
        policy = (out / POLICY).read_text()
        for channel, more in _CHANNELS.items():
            policy = policy.replace(f'name = "{channel}"\n', f'name = "{channel}"\n{more}\n', 1)
        urls = {BUCKET_MIRROR: f"{self.web.bucket}{BUCKET}/os/", DIRECTORY_MIRROR: self.web.directory}
        (out / POLICY).write_text(
            policy + "".join(_MIRROR.format(name=name, url=url) for name, url in urls.items())
        )
        with (out / SETTINGS).open("a") as settings:
            settings.write(
                _SETTINGS.format(
                    bucket=BUCKET_MIRROR,
                    directory=DIRECTORY_MIRROR,
                    in_bucket=BUCKET,
                    endpoint=self.endpoint,
                    first=urls[DIRECTORY_MIRROR],
                    second=urls[BUCKET_MIRROR],
                )
            )
