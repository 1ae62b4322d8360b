"""What S3 servers and boto3 say went wrong, in the words of our own error tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from release.errors import (
    HumpyardError,
    InputError,
    NotVerifiedError,
    StorageFullError,
    ToolError,
    UnavailableError,
)
from release.mirror.store import MissingObjectError

_CREDENTIALS_HINT = "check the credentials in the environment or the profile, and what they are allowed to do"


class ConditionFailedError(Exception):
    """412, or 409 for a write that raced with ours: the caller looks what is there now."""


class NoSuchUploadError(UnavailableError):
    """Somebody, or a lifecycle rule, completed or aborted the multipart upload."""


class NotSupportedError(InputError):
    """This server does not know the request, and says so."""


class BytesRefusedError(UnavailableError):
    """Bytes, or parts, are not what they were said to be, says the server. Sent anew they may be."""


@contextmanager
def s3_errors(where: str) -> Iterator[None]:
    """Let nothing else out of a call of boto3, or ConditionFailedError. ``where`` names the object."""
    try:
        yield
    except boto.ClientError as error:
        raise _translate(where, error) from error
    except (boto.BotoCoreError, OSError) as error:
        raise _translate_local(where, error) from error
    except KeyError as error:
        raise InputError(
            f"{where}: expected {error} in the answer, found none",
            hint="what answers at this endpoint is not an S3 server",
        ) from error


@contextmanager
def bad_settings(where: str) -> Iterator[None]:
    """The same for making a client."""
    try:
        yield
    except ValueError as error:  # botocore's word for an endpoint that is no URL
        raise InputError(f"{where}: {error}") from error


def _translate(where: str, error: boto.ClientError) -> Exception:  # noqa: C901, PLR0911  # a table, a case a line
    """Our error for an answer of the server. Codes: Amazon S3 API Reference, "Error responses"."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    text = f"{where}: {error}"
    if status == 412 or code in {"PreconditionFailed", "ConditionalRequestConflict"}:
        return ConditionFailedError(str(error))
    if code == "NoSuchBucket":
        return InputError(text, hint="make the bucket first; it is never made by publishing")
    if code == "NoSuchUpload":
        return NoSuchUploadError(text)
    if status == 404:
        return MissingObjectError(f"{where}: there is no such object")
    if status == 507 or code in {"InsufficientStorage", "QuotaExceeded"}:
        return StorageFullError(text)
    if code == "RequestTimeTooSkewed":
        return InputError(text, hint="set this machine's clock")
    if status in {401, 403} or code in {"ExpiredToken", "InvalidToken"}:
        return InputError(text, hint=_CREDENTIALS_HINT)
    if code == "NotImplemented":  # 501, the one of its kind that stays
        return NotSupportedError(text, hint="this server cannot do what publishing needs; use another")
    if code in {"BadDigest", "EntityTooSmall", "InvalidPart", "XAmzContentChecksumMismatch"}:
        return BytesRefusedError(text)
    if status >= 500 or status in {408, 409, 429} or code in {"RequestTimeout", "SlowDown"}:
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
