"""Upload of one large object in parts, with a condition on the request that makes it visible.

boto3's own transfer cannot be used: it completes before anybody has compared the whole with its digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_MAX_PARTS = 10_000
"""Of one upload. Amazon S3 User Guide, "Amazon S3 multipart upload limits"."""
_AT_ONCE = 4


class Headers(TypedDict):
    """What a web server shall say about the object."""

    ContentType: str
    CacheControl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """Where to, and how. ``errors`` maps the client's errors; ``part_size`` is in bytes."""

    client: S3Client
    bucket: str
    name: str
    part_size: int
    errors: Callable[[], AbstractContextManager[None]]

    def run(self, data: Iterator[bytes], size: int, metadata: Mapping[str, str], headers: Headers) -> None:
        """Upload ``data``, ``size`` bytes in all, if there is no such object (``If-None-Match: *``).

        Nothing is visible before the last request. When ``data`` or a request raises, the upload is
        aborted and the exception goes on.
        """
        with self.errors():
            upload = self.client.create_multipart_upload(
                Bucket=self.bucket, Key=self.name, ChecksumAlgorithm="SHA256", Metadata=metadata, **headers
            )["UploadId"]
        try:
            parts = self._send_all(upload, _pieces(data, max(self.part_size, -(-size // _MAX_PARTS))))
            with self.errors():
                self.client.complete_multipart_upload(
                    Bucket=self.bucket,
                    Key=self.name,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                    IfNoneMatch="*",
                )
        except BaseException:
            with suppress(Exception), self.errors():  # the first error is the one to tell
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.name, UploadId=upload)
            raise

    def _send_all(self, upload: str, pieces: Iterator[bytes]) -> list[CompletedPartTypeDef]:
        """A few parts at a time, so that few are in memory."""
        waiting: list[Future[CompletedPartTypeDef]] = []
        parts: list[CompletedPartTypeDef] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for number, data in enumerate(pieces, 1):
                waiting.append(pool.submit(self._send, upload, number, data))
                if len(waiting) > _AT_ONCE:
                    parts.append(waiting.pop(0).result())
            parts += (future.result() for future in waiting)
        return parts

    def _send(self, upload: str, number: int, data: bytes) -> CompletedPartTypeDef:
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
        with self.errors():
            answer = self.client.upload_part(
                Bucket=self.bucket,
                Key=self.name,
                UploadId=upload,
                PartNumber=number,
                Body=data,
                ChecksumSHA256=checksum,
            )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}


def _pieces(data: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes, cut every ``size`` bytes; the last piece is what is left."""
    held = bytearray()
    for chunk in data:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
