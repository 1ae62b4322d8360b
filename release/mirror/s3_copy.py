"""Copies of objects that are too large for one request, made by the server in parts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.errors import HumpyardError, InputError
from release.mirror.s3_unfinished import Bucket, ObjectHeaders, abort, stored_parts

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyInParts:
    """What is copied where.

    Attributes:
        bucket: of both.
        source: the source's full name.
        etag: its ETag; a server that keeps conditions copies nothing else.
        size: its size in bytes.
        name: the full name of the copy.
        headers: what is fixed when it begins; a copy in parts inherits nothing.
        length: bytes of each part but the last.
        parallel: parts copied at once.
        look: see ``MultipartUpload``.
    """

    bucket: Bucket
    source: str
    etag: str
    size: int
    name: str
    headers: ObjectHeaders
    length: int
    parallel: int
    look: Callable[[], None]

    def run(self) -> None:
        """Copy, if there is no object of this name. Aborted when anything goes wrong: no bytes were sent."""
        with self.bucket.errors(self.name):
            upload = self.bucket.client.create_multipart_upload(
                Bucket=self.bucket.name, Key=self.name, **self.headers
            )["UploadId"]
        try:
            parts = self._copy_all(upload)
            self._check(upload)
            self.look()
            with self.bucket.errors(self.name):
                self.bucket.client.complete_multipart_upload(
                    Bucket=self.bucket.name,
                    Key=self.name,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                    IfNoneMatch="*",
                )
        except BaseException:
            with suppress(HumpyardError):  # the first error is the one to tell
                abort(self.bucket, self.name, upload)
            raise

    def _copy_all(self, upload: str) -> list[CompletedPartTypeDef]:
        pool = ThreadPoolExecutor(self.parallel)
        try:
            starts = range(0, self.size, self.length)
            return list(pool.map(lambda start: self._copy(upload, start), starts))
        finally:
            pool.shutdown(cancel_futures=True)

    def _copy(self, upload: str, start: int) -> CompletedPartTypeDef:
        number, last = start // self.length + 1, min(start + self.length, self.size) - 1
        with self.bucket.errors(self.name):
            done = self.bucket.client.upload_part_copy(
                Bucket=self.bucket.name,
                Key=self.name,
                UploadId=upload,
                PartNumber=number,
                CopySource={"Bucket": self.bucket.name, "Key": self.source},
                CopySourceRange=f"bytes={start}-{last}",
                CopySourceIfMatch=self.etag,
            )["CopyPartResult"]
            part: CompletedPartTypeDef = {"PartNumber": number, "ETag": done.get("ETag", "")}
        if "ChecksumSHA256" in done:
            part["ChecksumSHA256"] = done["ChecksumSHA256"]
        return part

    def _check(self, upload: str) -> None:
        """A server may say that it copied a part and have copied nothing (rclone 1.75)."""
        expected = [min(self.length, self.size - start) for start in range(0, self.size, self.length)]
        found = [part.size for part in stored_parts(self.bucket, self.name, upload)]
        if found != expected:
            raise InputError(
                f"{self.name}: expected copied parts of {expected} bytes, found {found}",
                hint="this server cannot copy in parts; use another",
            )
