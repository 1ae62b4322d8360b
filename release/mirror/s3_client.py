"""Makes the client of one S3 server, which keeps to the limits that its options set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from release.mirror.s3_errors import bad_settings, s3_errors
from release.mirror.s3_options import S3Options
from release.mirror.throttle import Throttle, ThrottledBody

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def make_client(options: S3Options, where: str) -> S3Client:
    """A client, safe to use from several threads. It contacts nobody yet, but see ``S3Store``.

    Raises InputError when boto3 cannot make one of these options.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": options.addressing},
        retries={"mode": "adaptive", "total_max_attempts": options.attempts},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=options.parallel + 8,  # others read and write besides an upload
    )
    with s3_errors(where), bad_settings(where):
        client: S3Client = boto3.Session(profile_name=options.profile).client(
            "s3", endpoint_url=options.endpoint_url, region_name=options.region, config=config
        )
    client.meta.events.register("before-send.s3", _Limits(options))
    return client


class _Limits:
    """Is asked before each try of each request, and lets botocore send it afterwards."""

    def __init__(self, options: S3Options) -> None:
        self._requests = None if options.request_rate is None else Throttle(options.request_rate)
        self._bytes = None if options.bandwidth is None else Throttle(options.bandwidth)

    def __call__(self, request: Any, **_: object) -> None:
        if self._requests is not None:
            self._requests.take(1)
        if self._bytes is not None and hasattr(request.body, "read"):  # botocore makes files of all bytes
            # Signed and measured by now. A further try is prepared anew, with the body as it was.
            request.body = ThrottledBody(request.body, self._bytes)
