"""Trials of an S3 server by bare requests: without the looks before each write that our store takes.

Those would hide from us that the server ignores a condition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from release.digests import Digest, hash_stream
from release.errors import InputError
from release.mirror.abilities import Ability
from release.mirror.probe import (
    LARGE,
    RACERS,
    IgnoredError,
    Trial,
    expect_bytes,
    expect_one,
    expect_refused,
    large_bytes,
    race,
)
from release.mirror.s3_errors import BytesRefusedError, ConditionFailedError, NotSupportedError
from release.mirror.s3_options import MIN_PART
from release.mirror.s3_unfinished import Bucket, checksum, stored_parts, unfinished
from release.mirror.store import MissingObjectError
from release.mirror.streams import mapped_stream

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


class Condition(TypedDict, total=False):
    """What must be so for a write to be done."""

    IfMatch: str
    IfNoneMatch: str


@dataclass(frozen=True, slots=True)
class S3Trials:
    """``scratch`` is the beginning of full names in the bucket."""

    bucket: Bucket
    scratch: str

    def all(self) -> tuple[Trial, ...]:
        """In an order in which later ones find what earlier ones wrote."""
        taken = "with If-None-Match: * on a key that is taken"
        once = f"PutObject {taken}; {RACERS} of them at once on one that is free"
        swap = f"PutObject with If-Match of another ETag; {RACERS} of them at once of the right one"
        other = "with the x-amz-checksum-sha256 of other bytes"
        return tuple(
            Trial(ability=ability, tried=tried, run=run)
            for ability, tried, run in (
                (Ability.READ_BACK, "PutObject, GetObject", self._try_read_back),
                (Ability.LISTING, "ListObjectsV2 right after a PutObject", self._try_listing),
                (Ability.CREATE_ONCE, once, self._try_create_once),
                (Ability.SWAP, swap, self._try_swap),
                (Ability.CHECKSUM, f"PutObject {other}", self._try_checksum),
                (Ability.COPY, "CopyObject, GetObject", self._try_copy),
                (Ability.COPY_ONCE, f"CopyObject {taken}", self._try_copy_once),
                (Ability.RESUME, "ListMultipartUploads, ListParts after UploadPart", self._try_resume),
                (Ability.LARGE, "a multipart upload of two parts, GetObject", self._try_large),
                (Ability.LARGE_ONCE, f"CompleteMultipartUpload {taken}", self._try_large_once),
                (Ability.LARGE_CHECKSUM, f"UploadPart {other}", self._try_large_checksum),
                (Ability.LARGE_COPY, "UploadPartCopy, ListParts", self._try_large_copy),
                (Ability.DELETE, "DeleteObject, GetObject", self._try_delete),
            )
        )

    def _try_read_back(self) -> None:
        self._put("read", b"text", {})
        expect_bytes(self._get("read"), b"text")

    def _try_listing(self) -> None:
        with self.bucket.errors(self.scratch):
            page = self.bucket.client.list_objects_v2(Bucket=self.bucket.name, Prefix=self.scratch)
            names = [one["Key"] for one in page.get("Contents", ())]
        if names != [f"{self.scratch}read"]:
            raise IgnoredError(f"it lists {len(names)} objects where there is one, or another one")

    def _try_create_once(self) -> None:
        absent: Condition = {"IfNoneMatch": "*"}
        self._put("once", b"first", absent)
        expect_refused(self._done("once", b"second", absent))
        expect_bytes(self._get("once"), b"first")
        expect_one(race(self._doing("race", number, absent) for number in range(RACERS)))

    def _try_swap(self) -> None:
        tag = self._put("pointer", b"first", {})
        expect_refused(self._done("pointer", b"stale", {"IfMatch": "0" * 32}))
        expect_bytes(self._get("pointer"), b"first")
        right: Condition = {"IfMatch": tag}
        expect_one(race(self._doing("pointer", number, right) for number in range(RACERS)))

    def _try_checksum(self) -> None:
        try:
            self._put("wrong", b"text", {}, sha256=checksum(b"other"))
        except NotSupportedError:
            raise
        except (BytesRefusedError, InputError):
            self._expect_none("wrong")
            return
        raise IgnoredError("it was accepted")

    def _try_copy(self) -> None:
        self._copy("read", "copy", {})
        expect_bytes(self._get("copy"), b"text")

    def _try_copy_once(self) -> None:
        before = self._get("once")
        try:
            self._copy("read", "once", {"IfNoneMatch": "*"})
        except ConditionFailedError:
            expect_bytes(self._get("once"), before)
            return
        raise IgnoredError("it was accepted")

    def _try_resume(self) -> None:
        data = b"part"
        upload = self._begin("resumed")
        self._part("resumed", upload, 1, data)
        found = [one for one in unfinished(self.bucket, f"{self.scratch}resumed") if one.upload == upload]
        if [len(one.parts) for one in found] != [1]:
            raise IgnoredError("the upload, or its part, is not listed")
        if not found[0].parts[0].holds(data, checksum(data)):
            raise IgnoredError("neither a SHA-256 nor an MD5 tells what the part holds")

    def _try_large(self) -> None:
        data = large_bytes(b"a")
        upload = self._begin("large")
        parts = [
            self._part("large", upload, 1, data[:MIN_PART]),
            self._part("large", upload, 2, data[MIN_PART:]),
        ]
        self._complete("large", upload, parts)
        name = f"{self.scratch}large"
        with self.bucket.errors(name):
            body = self.bucket.client.get_object(Bucket=self.bucket.name, Key=name)["Body"]
        with mapped_stream(body.read, body.close, lambda: self.bucket.errors(name)) as stream:
            found = hash_stream(stream).sha256
        if found != Digest.sha256(data):
            raise IgnoredError("other bytes came back")

    def _try_large_once(self) -> None:
        before = self._get("once")
        upload = self._begin("once")
        parts = [self._part("once", upload, 1, b"part")]
        try:
            self._complete("once", upload, parts)
        except ConditionFailedError:
            expect_bytes(self._get("once"), before)
            return
        raise IgnoredError("it was accepted")

    def _try_large_checksum(self) -> None:
        upload = self._begin("resumed")
        try:
            self._part("resumed", upload, 1, b"text", sha256=checksum(b"other"))
        except NotSupportedError:
            raise
        except (BytesRefusedError, InputError):
            return
        raise IgnoredError("it was accepted")

    def _try_large_copy(self) -> None:
        upload = self._begin("copied")
        with self.bucket.errors(f"{self.scratch}copied"):
            self.bucket.client.upload_part_copy(
                Bucket=self.bucket.name,
                Key=f"{self.scratch}copied",
                UploadId=upload,
                PartNumber=1,
                CopySource={"Bucket": self.bucket.name, "Key": f"{self.scratch}large"},
                CopySourceRange=f"bytes=1-{LARGE - 1}",
            )
        sizes = [part.size for part in stored_parts(self.bucket, f"{self.scratch}copied", upload)]
        if sizes != [LARGE - 1]:
            raise IgnoredError(f"expected a part of {LARGE - 1} bytes, found {sizes}")

    def _try_delete(self) -> None:
        with self.bucket.errors(f"{self.scratch}read"):
            self.bucket.client.delete_object(Bucket=self.bucket.name, Key=f"{self.scratch}read")
        self._expect_none("read")

    def _expect_none(self, name: str) -> None:
        try:
            self._get(name)
        except MissingObjectError:
            return
        raise IgnoredError("the object is there all the same")

    def _get(self, name: str) -> bytes:
        with self.bucket.errors(self.scratch + name):
            body = self.bucket.client.get_object(Bucket=self.bucket.name, Key=self.scratch + name)["Body"]
            return body.read(1 << 10)

    def _put(self, name: str, data: bytes, condition: Condition, sha256: str | None = None) -> str:
        with self.bucket.errors(self.scratch + name):
            return self.bucket.client.put_object(
                Bucket=self.bucket.name,
                Key=self.scratch + name,
                Body=data,
                ChecksumSHA256=sha256 or checksum(data),
                **condition,
            )["ETag"].strip('"')

    def _done(self, name: str, data: bytes, condition: Condition) -> bool:
        try:
            self._put(name, data, condition)
        except ConditionFailedError:
            return False
        return True

    def _doing(self, name: str, number: int, condition: Condition) -> Callable[[], bool]:
        return lambda: self._done(name, f"{number}".encode(), condition)

    def _copy(self, source: str, name: str, condition: Condition) -> None:
        with self.bucket.errors(self.scratch + name):
            self.bucket.client.copy_object(
                Bucket=self.bucket.name,
                Key=self.scratch + name,
                CopySource={"Bucket": self.bucket.name, "Key": self.scratch + source},
                **condition,
            )

    def _begin(self, name: str) -> str:
        with self.bucket.errors(self.scratch + name):
            return self.bucket.client.create_multipart_upload(
                Bucket=self.bucket.name, Key=self.scratch + name, ChecksumAlgorithm="SHA256"
            )["UploadId"]

    def _part(
        self, name: str, upload: str, number: int, data: bytes, sha256: str | None = None
    ) -> CompletedPartTypeDef:
        sha256 = sha256 or checksum(data)
        with self.bucket.errors(self.scratch + name):
            answer = self.bucket.client.upload_part(
                Bucket=self.bucket.name,
                Key=self.scratch + name,
                UploadId=upload,
                PartNumber=number,
                Body=data,
                ChecksumSHA256=sha256,
            )
            return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": sha256}

    def _complete(self, name: str, upload: str, parts: list[CompletedPartTypeDef]) -> None:
        with self.bucket.errors(self.scratch + name):
            self.bucket.client.complete_multipart_upload(
                Bucket=self.bucket.name,
                Key=self.scratch + name,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
