"""Multipart uploads that nobody has completed yet: which there are, what they hold, and the end of old ones.

A part nobody sees is stored and paid for all the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from release.mirror.s3_errors import NoSuchUploadError, NotSupportedError
from release.mirror.store import MissingObjectError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import StorageClassType


class ObjectHeaders(TypedDict, total=False):
    """What is fixed about an object when its writing begins."""

    ContentType: str
    CacheControl: str
    Metadata: dict[str, str]
    ServerSideEncryption: Literal["AES256", "aws:kms"]
    SSEKMSKeyId: str
    StorageClass: StorageClassType


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A client, a bucket, and how errors of calls are named, by the full name of an object or prefix."""

    client: S3Client
    name: str
    errors: Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part as the server tells of it. ``sha256`` is base64; SeaweedFS 4.48 and Ceph 16 do not tell it."""

    number: int
    size: int
    etag: str
    sha256: str | None
    stored: datetime

    def holds(self, data: bytes, sha256: str) -> bool:
        """Whether it is proven to hold ``data``: by its SHA-256, or by an ETag that is its MD5.

        With a server's own encryption an ETag may be no MD5. Such a part is not believed.
        """
        if self.size != len(data):
            return False
        if self.sha256 is not None:
            return self.sha256 == sha256
        return self.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An upload of the object ``name``, and the parts it has by now."""

    name: str
    upload: str
    begun: datetime
    parts: tuple[StoredPart, ...]

    @property
    def last_active(self) -> datetime:
        """When it last changed, as far as one can see."""
        return max((self.begun, *(part.stored for part in self.parts)))

    def has_parts_of(self, length: int) -> bool:
        """Whether it was cut in pieces of ``length`` bytes, of which the last one alone may be shorter."""
        sizes = [part.size for part in self.parts]
        return length in sizes and all(size == length for size in sizes[:-1]) and sizes[-1] <= length


def unfinished(bucket: Bucket, prefix: str, *, exact: bool = False) -> Iterator[Unfinished]:
    """All uploads of names that begin with ``prefix``, or, ``exact``, are it.

    None where the server cannot list them.
    """
    try:
        with bucket.errors(prefix):
            pages = list(
                bucket.client.get_paginator("list_multipart_uploads").paginate(
                    Bucket=bucket.name, Prefix=prefix
                )
            )
    except (NotSupportedError, MissingObjectError):
        return
    for page in pages:
        for found in page.get("Uploads", ()):
            name, upload = found["Key"], found["UploadId"]
            if exact and name != prefix:
                continue
            with suppress(NoSuchUploadError, MissingObjectError):  # it ended meanwhile
                parts = stored_parts(bucket, name, upload)
                yield Unfinished(name=name, upload=upload, begun=found["Initiated"], parts=parts)


def stored_parts(bucket: Bucket, name: str, upload: str) -> tuple[StoredPart, ...]:
    """What an upload holds, by number. Raises NoSuchUploadError when it ended."""
    parts: list[StoredPart] = []
    with bucket.errors(name):
        pages = bucket.client.get_paginator("list_parts").paginate(
            Bucket=bucket.name, Key=name, UploadId=upload
        )
        for page in pages:
            parts += (
                StoredPart(
                    number=part["PartNumber"],
                    size=part["Size"],
                    etag=part["ETag"].strip('"'),
                    sha256=part.get("ChecksumSHA256"),
                    stored=part["LastModified"],
                )
                for part in page.get("Parts", ())
            )
    return tuple(sorted(parts, key=lambda part: part.number))


def abort(bucket: Bucket, name: str, upload: str) -> None:
    """End an upload; its parts go. One that ended already is no error."""
    with suppress(NoSuchUploadError, MissingObjectError), bucket.errors(name):
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=name, UploadId=upload)


def abort_idle(bucket: Bucket, prefix: str, since: datetime) -> tuple[str, ...]:
    """End all uploads below ``prefix`` in which nothing happened since then. Gives their names.

    An upload that sends a single part for longer than that is ended, too, and begins anew when it finds out.
    """
    ended = [one for one in unfinished(bucket, prefix) if one.last_active < since]
    for one in ended:
        abort(bucket, one.name, one.upload)
    return tuple(sorted(one.name for one in ended))


def checksum(data: bytes) -> str:
    """A SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")
