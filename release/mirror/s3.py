"""A store in an S3 bucket: Amazon's, or a server that keeps the conditions of conditional writes.

The one file that imports boto3. Measured: SeaweedFS 4.48 and AWS keep ``If-None-Match`` and ``If-Match``
on PutObject, CompleteMultipartUpload and CopyObject; rclone, JuiceFS and (for the last two) Ceph 16
accept and ignore them, so on those write-once rests on the look before the write alone.

Credentials come from boto3's own chain (environment, profile, instance), never from our settings. A
killed multipart upload leaves parts nobody sees but somebody pays for: give the bucket a lifecycle rule
``AbortIncompleteMultipartUpload``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from release.digests import Digest, hash_stream
from release.errors import (
    HumpyardError,
    InputError,
    NotVerifiedError,
    StorageFullError,
    ToolError,
    UnavailableError,
)
from release.mirror import content_types
from release.mirror.keys import check_key, check_prefix, is_key
from release.mirror.multipart import Headers, MultipartUpload
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
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

PART_SIZE = 16 << 20
"""Bytes of one part of a multipart upload; smaller objects go in one request."""
_METADATA = "sha256"


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


class _ConditionFailedError(Exception):
    """412, or 409 for a write that raced with ours: the caller looks what is there now."""


class S3Store:
    """All of ``release.mirror.store.Store`` below ``prefix`` in a bucket.

    Making one contacts nobody, unless no credentials are configured: then boto3 asks the cloud's metadata
    service. Safe to use from several threads.
    """

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str = "us-east-1",
        profile: str | None = None,
        attempts: int = 10,
        part_size: int = PART_SIZE,
    ) -> None:
        """``endpoint_url`` None is AWS; ``attempts`` counts the first one; ``part_size`` in bytes.

        Ten adaptive attempts outlast a restart of a SeaweedFS server in the middle of an upload
        (measured: 10 s; three standard attempts fail).
        """
        self._bucket = bucket
        self._prefix = check_prefix(prefix if prefix.endswith("/") or not prefix else f"{prefix}/")
        self._part_size = part_size
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "adaptive", "total_max_attempts": attempts},
            connect_timeout=10,
            read_timeout=60,
        )
        with self._errors(""), _bad_settings(self._where("")):
            self._client: S3Client = boto3.Session(profile_name=profile).client(
                "s3", endpoint_url=endpoint_url, region_name=region, config=config
            )

    def open(self, key: str) -> BinaryIO:
        """See ``ObjectReader.open``. botocore checks length, and a checksum where the server has one."""
        name = self._name(key)
        with self._errors(key):
            body = self._client.get_object(Bucket=self._bucket, Key=name)["Body"]
        return mapped_stream(body.read, body.close, lambda: self._errors(key))

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
        headers = _headers(key, content_type, cache_control)
        try:
            size = source_size(source) or 0
            chunks = verified_chunks(key, source, sha256)
            if size <= self._part_size:
                self._put(key, b"".join(chunks), headers, {"IfNoneMatch": "*"})
            else:
                self._multipart(key).run(chunks, size, {_METADATA: sha256.hex}, headers)
        except _ConditionFailedError as error:
            return self._look_again(key, sha256, error)
        return Created(key)

    def copy(self, source_key: str, key: str, *, sha256: Digest) -> WriteResult:
        """See ``ObjectWriter.copy``. CopyObject, which S3 limits to 5 GiB; metadata go along."""
        source, name = self._name(source_key), self._name(key)
        check_sha256(sha256)
        original = self.stat(source_key)
        if original is None:
            raise MissingObjectError(f"{self._where(source_key)}: there is no such object")
        self._compare(source_key, original, sha256)
        present = self.stat(key)
        if present is not None:
            return self._compare(key, present, sha256)
        try:
            with self._errors(key):
                self._client.copy_object(
                    Bucket=self._bucket,
                    Key=name,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    CopySourceIfMatch=original.etag,
                    IfNoneMatch="*",
                )
        except _ConditionFailedError as error:
            return self._look_again(key, sha256, error)
        return Created(key)

    def replace(
        self, key: str, data: bytes, *, content_type: str | None = None, cache_control: str | None = None
    ) -> None:
        """See ``ObjectWriter.replace``."""
        self._put(key, data, _headers(key, content_type, cache_control), {})

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
        condition: _Condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        try:
            tag = self._put(key, data, _headers(key, None, None), condition)
        except (_ConditionFailedError, MissingObjectError) as error:  # If-Match on an absent key: 404
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

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _where(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except boto.ClientError as error:
            raise _translate(self._where(key), error) from error
        except (boto.BotoCoreError, OSError) as error:
            raise _translate_local(self._where(key), error) from error
        except KeyError as error:
            raise InputError(
                f"{self._where(key)}: expected {error} in the answer, found none",
                hint="what answers at this endpoint is not an S3 server",
            ) from error

    def _put(self, key: str, data: bytes, headers: Headers, condition: _Condition) -> str:
        """One request; its checksum is kept by the server and repeated in the metadata. Gives the ETag."""
        name = self._name(key)
        sha256 = Digest.sha256(data)
        with self._errors(key):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,
                ChecksumSHA256=_base64(sha256.value),
                Metadata={_METADATA: sha256.hex},
                **headers,
                **condition,
            )
            return _tag(answer)

    def _multipart(self, key: str) -> MultipartUpload:
        return MultipartUpload(
            client=self._client,
            bucket=self._bucket,
            name=self._name(key),
            part_size=self._part_size,
            errors=lambda: self._errors(key),
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


@contextmanager
def _bad_settings(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # botocore's word for an endpoint that is no URL
        raise InputError(f"{where}: {error}") from error


def _headers(key: str, content_type: str | None, cache_control: str | None) -> Headers:
    return {
        "ContentType": content_type or content_types.content_type(key),
        "CacheControl": cache_control or content_types.cache_control(key),
    }


def _tag(answer: Mapping[str, Any]) -> str:
    tag: str = answer["ETag"]
    return tag.strip('"')


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


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


_CREDENTIALS_HINT = "check the credentials in the environment or the profile, and what they are allowed to do"


def _translate(where: str, error: boto.ClientError) -> Exception:  # noqa: PLR0911  # a table, a case a line
    """Our error for an answer of the server. Codes: Amazon S3 API Reference, "Error responses"."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    text = f"{where}: {error}"
    if status == 412 or code in {"PreconditionFailed", "ConditionalRequestConflict"}:
        return _ConditionFailedError(str(error))
    if code == "NoSuchBucket":
        return InputError(text, hint="make the bucket first; it is never made by publishing")
    if code == "NoSuchUpload":  # somebody or a lifecycle rule aborted it
        return UnavailableError(text)
    if status == 404:
        return MissingObjectError(f"{where}: there is no such object")
    if status == 507 or code in {"InsufficientStorage", "QuotaExceeded"}:
        return StorageFullError(text)
    if code == "RequestTimeTooSkewed":
        return InputError(text, hint="set this machine's clock")
    if status in {401, 403} or code in {"ExpiredToken", "InvalidToken"}:
        return InputError(text, hint=_CREDENTIALS_HINT)
    if code == "NotImplemented":  # 501, the one of its kind that stays
        return InputError(text, hint="this server cannot do what publishing needs; use another")
    if status >= 500 or status in {408, 409, 429} or code in {"BadDigest", "RequestTimeout", "SlowDown"}:
        return UnavailableError(text)
    return InputError(text)


def _translate_local(where: str, error: Exception) -> HumpyardError:
    """Our error for what went wrong on this side of the connection."""
    text = f"{where}: {error}"
    match error:
        case (
            boto.NoCredentialsError()
            | boto.PartialCredentialsError()
            | boto.CredentialRetrievalError()
            | boto.ProfileNotFound()
        ):
            return InputError(text, hint=_CREDENTIALS_HINT)
        case boto.FlexibleChecksumError():
            return NotVerifiedError(text)
        case boto.ParamValidationError() | boto.InvalidRegionError():
            return InputError(text)
        case boto.HTTPClientError() | boto.ConnectionError() | boto.IncompleteReadError() | OSError():
            return UnavailableError(text)
        case _:
            return ToolError(text)
