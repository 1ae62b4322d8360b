"""A store in an S3 bucket: Amazon's, or a server that keeps the conditions of conditional writes.

Measured: SeaweedFS 4.48 and AWS keep ``If-None-Match`` and ``If-Match`` on PutObject,
CompleteMultipartUpload and CopyObject; rclone, JuiceFS and (for the last two) Ceph 16 accept and ignore
them, so on those write-once rests on the look before the write alone. ``probe`` finds out.

Credentials come from boto3's own chain (environment, profile, instance), never from our settings. A
killed multipart upload leaves parts nobody sees but somebody pays for: the same upload goes on with them,
``clean_up`` removes them, and a lifecycle rule ``AbortIncompleteMultipartUpload`` of the bucket may.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from release.digests import Digest, hash_stream
from release.errors import InputError, NotVerifiedError, UnavailableError
from release.mirror import content_types
from release.mirror.keys import check_key, check_prefix, is_key
from release.mirror.multipart import MultipartUpload, cut
from release.mirror.probe import Trial
from release.mirror.s3_client import make_client
from release.mirror.s3_copy import CopyInParts
from release.mirror.s3_errors import ConditionFailedError, NoSuchUploadError, s3_errors
from release.mirror.s3_options import S3Options
from release.mirror.s3_probe import Condition, S3Trials
from release.mirror.s3_reading import ObjectBody
from release.mirror.s3_unfinished import Bucket, ObjectHeaders, abort_idle, checksum
from release.mirror.store import (
    DEFAULT_READ_LIMIT,
    POINTER_LIMIT,
    AlreadyThere,
    ConflictError,
    Created,
    LostRaceError,
    MissingObjectError,
    ObjectStat,
    Pointer,
    Source,
    WriteResult,
)
from release.mirror.streams import check_sha256, mapped_stream, read_bounded, source_size, verified_chunks

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import StorageClassType
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_METADATA = "sha256"


_DEFAULT = S3Options()


class S3Store:
    """All of ``release.mirror.store.Store`` below ``prefix`` in a bucket.

    Making one contacts nobody, unless no credentials are configured: then boto3 asks the cloud's metadata
    service. Safe to use from several threads.
    """

    def __init__(self, *, bucket: str, prefix: str = "", options: S3Options = _DEFAULT) -> None:
        """``prefix`` ends in a slash, or gets one."""
        self._prefix = check_prefix(prefix if prefix.endswith("/") or not prefix else f"{prefix}/")
        self._options = options
        self._bucket = bucket
        self._client = make_client(options, self._where(""))
        self._parts = Bucket(client=self._client, name=bucket, errors=self._name_errors)

    def open(self, key: str) -> BinaryIO:
        """See ``ObjectReader.open``. botocore checks length, and a checksum where the server has one."""
        body = ObjectBody(self._parts, self._name(key), self._options.attempts)
        return mapped_stream(body.read, body.close, nullcontext)

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See ``ObjectReader.read``."""
        with self.open(key) as stream:
            return read_bounded(stream, key, limit)

    def stat(self, key: str) -> ObjectStat | None:
        """See ``ObjectReader.stat``. The SHA-256 is the writer's word unless the server has its own."""
        name = self._name(key)
        try:
            with self._errors(key):
                head = self._client.head_object(Bucket=self._bucket, Key=name, ChecksumMode="ENABLED")
                return ObjectStat(size=head["ContentLength"], sha256=_claimed_sha256(head), etag=_tag(head))
        except MissingObjectError:
            return None

    def list(self, prefix: str) -> Iterator[str]:
        """See ``ObjectReader.list``. Sorted here: SeaweedFS sorts by path segment instead."""
        full = self._prefix + check_prefix(prefix)
        keys: list[str] = []
        with self._errors(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=full)
            for page in pages:
                keys += (found["Key"].removeprefix(self._prefix) for found in page.get("Contents", ()))
        return iter(sorted(filter(is_key, keys)))

    def create(
        self,
        key: str,
        source: Source,
        *,
        sha256: Digest,
        content_type: str | None = None,
        cache_control: str | None = None,
    ) -> WriteResult:
        """See ``ObjectWriter.create``. ``If-None-Match: *`` refuses a key that is taken."""
        check_sha256(sha256)
        present = self.stat(key)
        if present is not None:
            return self._compare(key, present, sha256)
        headers: ObjectHeaders = {
            **_described(key, content_type, cache_control, sha256),
            **self._placement(),
        }
        length = self._options.part_length(source_size(source) or 0, f"{self._name(key)} {headers}")
        pieces = cut(verified_chunks(key, source, sha256), length)
        ahead = list(islice(pieces, 2))
        try:
            if len(ahead) < 2:
                self._put(key, b"".join(ahead), headers, {"IfNoneMatch": "*"})
            else:
                self._multipart(key, headers, length).run(_after(ahead, pieces))
                self._check_written(key, sha256)
        except (ConditionFailedError, NoSuchUploadError) as error:
            return self._look_again(key, sha256, error)
        return Created(key)

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        """See ``ObjectWriter.copy``. CopyObject, which S3 limits to 5 GiB; metadata go along."""
        source = self._name(source_key)
        check_key(key)
        check_sha256(sha256)
        original = self.stat(source_key)
        if original is None:
            raise MissingObjectError(f"{self._where(source_key)}: there is no such object")
        self._compare(source_key, original, sha256)
        present = self.stat(key)
        if present is not None:
            return self._compare(key, present, sha256)
        try:
            if original.size > self._options.copy_size:
                self._copy_in_parts(source, original, key, sha256)
            else:
                self._copy_at_once(source, original, key)
        except (ConditionFailedError, NoSuchUploadError) as error:
            return self._look_again(key, sha256, error)
        return Created(key)

    def _copy_at_once(self, source: str, original: ObjectStat, key: str) -> None:
        with self._errors(key):
            self._client.copy_object(
                Bucket=self._bucket,
                Key=self._name(key),
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=original.etag,
                IfNoneMatch="*",
                **self._placement(),
            )

    def _copy_in_parts(self, source: str, original: ObjectStat, key: str, sha256: Digest) -> None:
        with self._errors(key):
            head = self._client.head_object(Bucket=self._bucket, Key=source)
        described = _described(key, head.get("ContentType"), head.get("CacheControl"), sha256)
        CopyInParts(
            bucket=self._parts,
            source=source,
            etag=original.etag,
            size=original.size,
            name=self._name(key),
            headers={**described, **self._placement()},
            length=self._options.copy_size,
            parallel=self._options.parallel,
            look=lambda: self._expect_none(key),
        ).run()
        self._check_written(key, sha256)

    def replace(
        self, key: str, data: bytes, *, content_type: str | None = None, cache_control: str | None = None
    ) -> None:
        """See ``ObjectWriter.replace``."""
        self._put(key, data, self._small_headers(key, data, content_type, cache_control), {})

    def read_pointer(self, key: str) -> Pointer | None:
        """See ``PointerReader.read_pointer``. The tag is the ETag without its quotes."""
        name = self._name(key)
        try:
            with self._errors(key):
                answer = self._client.get_object(Bucket=self._bucket, Key=name)
                body, tag = answer["Body"], _tag(answer)
        except MissingObjectError:
            return None
        with mapped_stream(body.read, body.close, lambda: self._errors(key)) as stream:
            return Pointer(data=read_bounded(stream, key, POINTER_LIMIT), tag=tag)

    def swap_pointer(self, key: str, expected: str | None, data: bytes) -> Pointer:
        """See ``PointerStore.swap_pointer``. ``If-Match``; unquoted, as Ceph wants it and AWS allows."""
        condition: Condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        try:
            tag = self._put(key, data, self._small_headers(key, data), condition)
        except (ConditionFailedError, MissingObjectError) as error:  # If-Match on an absent key: 404
            current = self.read_pointer(key)
            if current is not None and current.data == data:
                return current
            found = current.tag if current is not None else None
            raise LostRaceError(
                f"{self._where(key)}: expected the pointer to be at {expected}, found {found}",
                hint="someone else moved it; look at it, then run the same command again",
            ) from error
        return Pointer(data=data, tag=tag)

    def delete(self, key: str) -> None:
        """See ``ObjectPruner.delete``."""
        name = self._name(key)
        with self._errors(key):
            self._client.delete_object(Bucket=self._bucket, Key=name)

    def clean_up(self, older_than: timedelta) -> tuple[str, ...]:
        """Abort the multipart uploads below the prefix that nobody goes on with. Gives their full names.

        ``older_than`` is counted from what the server stored of them last, by this machine's clock.
        """
        return abort_idle(self._parts, self._prefix, datetime.now(UTC) - older_than)

    def trials(self, scratch: str) -> Sequence[Trial]:
        """See ``probe.Triable``."""
        return S3Trials(self._parts, self._name(scratch)).all()

    def abandon(self, scratch: str) -> None:
        """See ``probe.Triable``. Unfinished uploads are left by most trials of them."""
        abort_idle(self._parts, self._name(scratch), datetime.max.replace(tzinfo=UTC))

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _where(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def _errors(self, key: str) -> AbstractContextManager[None]:
        return s3_errors(self._where(key))

    def _name_errors(self, name: str) -> AbstractContextManager[None]:
        return s3_errors(f"s3://{self._bucket}/{name}")

    def _placement(self) -> ObjectHeaders:
        """Encryption and storage class of what is written once."""
        headers = self._encryption()
        if self._options.storage_class is not None:
            headers["StorageClass"] = cast("StorageClassType", self._options.storage_class)
        return headers

    def _encryption(self) -> ObjectHeaders:
        headers: ObjectHeaders = {}
        encryption = self._options.encryption
        if encryption is not None:
            headers["ServerSideEncryption"] = encryption.algorithm
            if encryption.key is not None:
                headers["SSEKMSKeyId"] = encryption.key
        return headers

    def _small_headers(
        self, key: str, data: bytes, content_type: str | None = None, cache_control: str | None = None
    ) -> ObjectHeaders:
        """For what is written again and again: it stays in the usual storage class."""
        described = _described(key, content_type, cache_control, Digest.sha256(data))
        return {**described, **self._encryption()}

    def _put(self, key: str, data: bytes, headers: ObjectHeaders, condition: Condition) -> str:
        """One request; its checksum is kept by the server and repeated in the metadata. Gives the ETag."""
        name = self._name(key)
        with self._errors(key):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,
                ChecksumSHA256=checksum(data),
                **headers,
                **condition,
            )
            return _tag(answer)

    def _multipart(self, key: str, headers: ObjectHeaders, length: int) -> MultipartUpload:
        return MultipartUpload(
            bucket=self._parts,
            name=self._name(key),
            headers=headers,
            length=length,
            parallel=self._options.parallel,
            look=lambda: self._expect_none(key),
        )

    def _expect_none(self, key: str) -> None:
        if self.stat(key) is not None:
            raise ConditionFailedError("somebody else wrote it meanwhile")

    def _check_written(self, key: str, sha256: Digest) -> None:
        """That what was completed is there and says what it is. Its bytes are read back by others, later."""
        present = self.stat(key)
        if present is None:
            raise UnavailableError(f"{self._where(key)}: the server completed the upload, and has no object")
        if present.sha256 not in {None, sha256}:
            raise NotVerifiedError(
                f"{self._where(key)}: expected {sha256} as its name in the metadata, found {present.sha256}",
                hint="nothing leads to this object yet: remove it, then run the same command again",
            )

    def _compare(self, key: str, present: ObjectStat, sha256: Digest) -> AlreadyThere:
        """AlreadyThere when the object holds these bytes; it is read when its claims are in doubt."""
        found = present.sha256
        if found is None:
            with self.open(key) as stream:
                found = hash_stream(stream).sha256
        if found != sha256:
            raise ConflictError(f"{self._where(key)}: expected {sha256}, found {found}")
        return AlreadyThere(key)

    def _look_again(self, key: str, sha256: Digest, error: Exception) -> AlreadyThere:
        present = self.stat(key)
        if present is None:
            raise UnavailableError(f"{self._where(key)}: another write was under way: {error}") from error
        return self._compare(key, present, sha256)


def _after(ahead: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    """All in order, each let go of when it was given."""
    while ahead:
        yield ahead.pop(0)
    yield from rest


def _described(
    key: str, content_type: str | None, cache_control: str | None, sha256: Digest
) -> ObjectHeaders:
    return {
        "ContentType": content_type or content_types.content_type(key),
        "CacheControl": cache_control or content_types.cache_control(key),
        "Metadata": {_METADATA: sha256.hex},
    }


def _tag(answer: Mapping[str, Any]) -> str:
    tag: str = answer["ETag"]
    return tag.strip('"')


def _claimed_sha256(head: HeadObjectOutputTypeDef) -> Digest | None:
    """What server and writer say the SHA-256 is; None when nobody does or they disagree."""
    claims = set()
    checksum = head.get("ChecksumSHA256", "")
    if checksum and "-" not in checksum:  # with one it is made of the parts' checksums
        with suppress(ValueError, InputError):
            claims.add(Digest("sha256", base64.b64decode(checksum, validate=True)))
    with suppress(InputError):
        claims.add(Digest.parse(f"sha256:{head['Metadata'].get(_METADATA, '')}"))
    return claims.pop() if len(claims) == 1 else None
