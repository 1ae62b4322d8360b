"""``awskms:`` keys: the private key stays in a key management service that speaks AWS KMS.

Only digests are sent. With ``MessageType=RAW`` the service would hash what it is sent, up to 4 KiB of it;
a double that hashes a digest again makes a signature that does not verify, which is found before it is used.
Credentials come from boto3's own chain (environment, profile, instance), never from our settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from release.digests import Digest
from release.errors import HumpyardError, InputError, RefusedError, ToolError, UnavailableError
from release.signing.key_uri import split_key_uri
from release.signing.signer import KeyUriError, SecretsHandler, check_sha256
from release.signing.trusted_keys import PayloadKey

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.literals import SigningAlgorithmSpecType

_ALGORITHM: SigningAlgorithmSpecType = "RSASSA_PKCS1_V1_5_SHA_256"
_FORM = "awskms:alias/NAME, awskms:KEY-ID or awskms:arn:aws:kms:REGION:ACCOUNT:key/KEY-ID"
_OPTIONS = frozenset({"region", "endpoint", "profile"})
_ID = re.compile(r"(alias/)?[A-Za-z0-9][A-Za-z0-9/_-]{0,255}", re.ASCII)
_ARN = re.compile(r"arn:[a-z0-9-]+:kms:([a-z0-9-]+):[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]{1,256}", re.ASCII)
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsSigner:
    """Signs with a key that the service holds and does not give away."""

    uri: str
    key: PayloadKey
    _client: KMSClient = field(repr=False, compare=False)
    _id: str = field(repr=False)
    """The ARN of the key itself: an alias that moves meanwhile does not bring another key."""

    def sign_digest(self, digest: Digest) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 ``digest``, which is all that is sent.

        Raises as ``open_kms_key``; InputError for other algorithms.
        """
        value = check_sha256(digest, self.uri).value
        with _errors(self.uri):
            return self._client.sign(
                KeyId=self._id, Message=value, MessageType="DIGEST", SigningAlgorithm=_ALGORITHM
            )["Signature"]


def open_kms_key(uri: str, secrets: SecretsHandler | None = None) -> KmsSigner:  # noqa: ARG001  # its own chain
    """Ask the service for the public half of the key that an ``awskms:`` URI names.

    Needs ``kms:GetPublicKey`` and ``kms:Sign``. Each call is tried four times, ten seconds each at the most.

    Args:
        uri: key id, ARN, or alias; options ``region``, ``endpoint`` (a URL, for other services than
            AWS's) and ``profile`` (of boto3's configuration).
        secrets: not used.

    Raises:
        InputError: a malformed URI, no such key, not RSA for signing, no credentials or permission.
        RefusedError: the key is disabled or waits for its deletion.
        UnavailableError: the service does not answer, or not now.
    """
    named = split_key_uri(uri, "awskms", _FORM, options=_OPTIONS)
    if named.names_secret:
        raise KeyUriError(
            f"key URI {named.shown!r}: expected no secret or pin-source",
            hint="credentials come from boto3's own chain: environment, profile, instance",
        )
    key_id, region = _check_id(unquote(named.path), named.shown, named.options.get("region"))
    endpoint = _check_endpoint(named.options.get("endpoint"), named.shown)
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}, connect_timeout=5, read_timeout=10
    )
    with _errors(uri):
        client = boto3.Session(profile_name=named.options.get("profile"), region_name=region).client(
            "kms", endpoint_url=endpoint, config=config
        )
        answer = client.get_public_key(KeyId=key_id)
        public, arn, able = answer["PublicKey"], answer["KeyId"], answer.get("SigningAlgorithms", [])
    if _ALGORITHM not in able:
        raise InputError(f"{uri}: expected an RSA key for {_ALGORITHM}, found {', '.join(able) or 'none'}")
    return KmsSigner(uri=uri, key=PayloadKey.of(_parse(public, uri), key_id), _client=client, _id=arn)


def _check_id(text: str, shown: str, region: str | None) -> tuple[str, str | None]:
    """The key's id and region. An ARN holds its own."""
    arn = _ARN.fullmatch(text)
    if arn is None and not _ID.fullmatch(text):
        raise KeyUriError(f"key URI {shown!r}: expected {_FORM}")
    if arn is None or region in {None, arn.group(1)}:
        return text, arn.group(1) if arn else region
    raise KeyUriError(f"key URI {shown!r}: the region of the ARN is not {region}")


def _check_endpoint(text: str | None, shown: str) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    except ValueError:
        fits = False
    if not fits:
        raise KeyUriError(f"key URI {shown!r}: endpoint: expected http(s)://HOST[:PORT]")
    return text


def _parse(der: bytes, uri: str) -> RSAPublicKey:
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{uri}: the service gave no readable public key: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise InputError(f"{uri}: expected an RSA key, found another kind")
    return key


@contextmanager
def _errors(uri: str) -> Iterator[None]:
    try:
        yield
    except boto.ClientError as error:
        raise _translate(uri, error) from error
    except (boto.BotoCoreError, ResponseParserError, OSError) as error:
        raise _translate_local(uri, error) from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:  # from botocore, for other answers
        raise InputError(f"{uri}: no key management service answers there: {error!r}") from error


_CREDENTIALS_HINT = "check the credentials in the environment or the profile, and what they are allowed to do"
_NO_KEY = frozenset(
    {"NotFoundException", "InvalidKeyUsageException", "UnsupportedOperationException", "ValidationException"}
)
_NOT_NOW = frozenset(
    {
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "KMSInternalException",
        "LimitExceededException",
    }
)


def _translate(uri: str, error: boto.ClientError) -> HumpyardError:
    """Our error for an answer of the service. Codes: AWS KMS API Reference, "Common Error Types"."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    text = f"{uri}: {error}"
    if code in {"DisabledException", "KMSInvalidStateException"}:
        return RefusedError(text, hint="enable the key again, or sign with another one")
    if code in _NO_KEY:
        return InputError(text, hint="a key for signing is needed, of kind RSA_2048 or larger")
    if code in _NOT_NOW or "Throttl" in code or status >= 500 or status in {408, 429}:
        return UnavailableError(text)
    if status in {400, 401, 403}:  # AccessDenied, UnrecognizedClient, ExpiredToken, IncompleteSignature, ...
        return InputError(text, hint=_CREDENTIALS_HINT)
    return ToolError(text)


def _translate_local(uri: str, error: Exception) -> HumpyardError:
    """Our error for what went wrong on this side of the connection."""
    text = f"{uri}: {error}"
    match error:
        case (
            boto.NoCredentialsError()
            | boto.PartialCredentialsError()
            | boto.CredentialRetrievalError()
            | boto.ProfileNotFound()
        ):
            return InputError(text, hint=_CREDENTIALS_HINT)
        case boto.NoRegionError() | boto.InvalidRegionError():
            return InputError(text, hint="give it in the URI: ?region=eu-central-1")
        case boto.ParamValidationError() | ResponseParserError():
            return InputError(text)
        case boto.HTTPClientError() | boto.ConnectionError() | boto.IncompleteReadError() | OSError():
            return UnavailableError(text)
        case _:
            return ToolError(text)
