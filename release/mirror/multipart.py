"""Upload of one large object in parts, with a condition on the request that makes it visible.

boto3's own transfer cannot be used: it completes before anybody has compared the whole with its digest, and
begins anew when it was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from release.errors import HumpyardError
from release.mirror.s3_errors import BytesRefusedError, ConditionFailedError
from release.mirror.s3_unfinished import (
    Bucket,
    ObjectHeaders,
    StoredPart,
    Unfinished,
    abort,
    checksum,
    unfinished,
)
from release.mirror.streams import WrongSourceError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_STALE = timedelta(days=7)
"""An upload of other content under our name, idle for so long, is nobody's any more."""
_LOOKED_AT = 50
"""Unfinished uploads of one name that are looked at. There are more only where something is very wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartUpload:
    """Where to, and how.

    Attributes:
        bucket: where to.
        name: the object's full name.
        headers: what is fixed when the upload begins.
        length: bytes of each part but the last. It tells uploads apart: see ``S3Options.part_length``.
        parallel: parts sent at once.
        look: is called right before the object becomes visible, for servers that ignore the condition.
            Raises ConditionFailedError when there is an object of this name by now.
    """

    bucket: Bucket
    name: str
    headers: ObjectHeaders
    length: int
    parallel: int
    look: Callable[[], None]

    def run(self, pieces: Iterator[bytes]) -> None:
        """Upload ``pieces``, cut at ``length``, if there is no such object (``If-None-Match: *``).

        An unfinished upload of the same content is gone on with: parts that are proven to be there are not
        sent again. Nothing is visible before the last request. When the content turns out to be wrong, the
        name to be taken, or the server at the end to hold other parts, the upload is aborted; after all
        other errors, and a kill, it stays, to be gone on with.
        """
        before = self._find()
        upload = self._begin() if before is None else before.upload
        there = {} if before is None else {part.number: part for part in before.parts}
        try:
            parts = self._send_all(upload, pieces, there)
        except WrongSourceError:
            self._give_up(upload)
            raise
        try:
            self.look()
            self._complete(upload, parts)
        except (ConditionFailedError, BytesRefusedError):
            self._give_up(upload)
            raise

    def _find(self) -> Unfinished | None:
        """An upload to go on with, the one with the most parts. Ends those that are nobody's any more."""
        stale = datetime.now(UTC) - _STALE
        best: Unfinished | None = None
        for one in islice(unfinished(self.bucket, self.name, exact=True), _LOOKED_AT):
            if one.has_parts_of(self.length):
                best = one if best is None or len(one.parts) > len(best.parts) else best
            elif one.last_active < stale:
                abort(self.bucket, one.name, one.upload)
        return best

    def _begin(self) -> str:
        with self.bucket.errors(self.name):
            return self.bucket.client.create_multipart_upload(
                Bucket=self.bucket.name, Key=self.name, ChecksumAlgorithm="SHA256", **self.headers
            )["UploadId"]

    def _send_all(
        self, upload: str, pieces: Iterator[bytes], there: Mapping[int, StoredPart]
    ) -> list[CompletedPartTypeDef]:
        """A few parts at a time, so that few are in memory."""
        waiting: list[Future[CompletedPartTypeDef]] = []
        parts: list[CompletedPartTypeDef] = []
        pool = ThreadPoolExecutor(self.parallel)
        try:
            for number, data in enumerate(pieces, 1):
                waiting.append(pool.submit(self._send, upload, number, data, there.get(number)))
                if len(waiting) > self.parallel:
                    parts.append(waiting.pop(0).result())
            parts += (future.result() for future in waiting)
        finally:
            pool.shutdown(cancel_futures=True)
        return parts

    def _send(self, upload: str, number: int, data: bytes, there: StoredPart | None) -> CompletedPartTypeDef:
        sha256 = checksum(data)
        if there is not None and there.holds(data, sha256):
            return {"PartNumber": number, "ETag": there.etag, "ChecksumSHA256": sha256}
        with self.bucket.errors(self.name):
            answer = self.bucket.client.upload_part(
                Bucket=self.bucket.name,
                Key=self.name,
                UploadId=upload,
                PartNumber=number,
                Body=data,
                ChecksumSHA256=sha256,
            )
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": sha256}

    def _complete(self, upload: str, parts: list[CompletedPartTypeDef]) -> None:
        """The SHA-256 of every part goes along: where the server knows them, it compares (SeaweedFS, AWS)."""
        with self.bucket.errors(self.name):
            self.bucket.client.complete_multipart_upload(
                Bucket=self.bucket.name,
                Key=self.name,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )

    def _give_up(self, upload: str) -> None:
        with suppress(HumpyardError):  # the first error is the one to tell
            abort(self.bucket, self.name, upload)


def cut(data: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes, cut every ``size`` bytes; the last piece is what is left."""
    held = bytearray()
    for chunk in data:
        held += chunk
        while len(held) >= size:
            with memoryview(held) as view:
                piece = bytes(view[:size])
            del held[:size]
            yield piece
    if held:
        yield bytes(held)
