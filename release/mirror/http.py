"""A mirror as the public sees it: objects over HTTP, read only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util.retry import Retry

from release.digests import Digest
from release.errors import InputError, UnavailableError
from release.mirror.keys import check_key, check_prefix
from release.mirror.pace import READ_TIMEOUT, Exchange, Pace, PacedAdapter, Patience, paced_by
from release.mirror.store import (
    DEFAULT_READ_LIMIT,
    POINTER_LIMIT,
    MissingObjectError,
    ObjectStat,
    ObjectTooLargeError,
    Pointer,
)
from release.mirror.streams import mapped_stream, read_bounded

DEFAULT_MAX_SIZE = 16 << 30
"""Bytes of the largest object one is willing to stream; no OS image comes near."""
CONNECT_TIMEOUT = 10.0
"""Seconds, for each address of a host; TLS has as many again."""

_PACE = Pace()
_BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    LocationParseError,
    ValueError,
)
"""ValueError is what requests lets through for some addresses that a server redirects to."""
_LONGEST_LENGTH = 19
"""Digits of a Content-Length; Python would not even read some thousand."""


class HttpReader:
    """``ObjectReader`` (without listing) and ``PointerReader`` below a URL.

    Bytes are taken as they come, never unpacked: some servers call ``.gz`` files a content encoding.
    Nothing is trusted; whoever reads compares digests. Proxies are taken from the environment. A server
    that is slower than ``pace``, counted over all that is read here, or sends what was not asked for, is
    left alone. Not for several threads.
    """

    def __init__(
        self,
        base_url: str,
        *,
        retries: int = 3,
        max_size: int = DEFAULT_MAX_SIZE,
        pace: Pace = _PACE,
        clock: Callable[[], float] = time.monotonic,
        authorities: Path | None = None,
    ) -> None:
        """``base_url`` is ``http:`` or ``https:``; ``max_size`` is in bytes. Contacts nobody.

        ``clock`` gives seconds, for ``pace``. ``authorities`` is a file of certificates (PEM) that may
        vouch for the server; None for those that this machine knows.
        """
        if not _is_web_address(base_url):
            raise InputError(f"mirror URL {base_url!r}: expected http(s)://HOST/PATH")
        if "@" in urlsplit(base_url).netloc:
            raise InputError(
                "mirror URL: expected no user name and no password in it, since messages show it",
                hint="put them into ~/.netrc, which is read",
            )
        self._base = base_url.rstrip("/") + "/"
        self._max_size = max_size
        self._verify = None if authorities is None else str(authorities)
        self._patience = Patience(pace, clock)
        self._session = requests.Session()
        again = Retry(
            total=retries,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
            respect_retry_after_header=False,  # a mirror does not decide how long we sleep
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, PacedAdapter(max_retries=again))

    def open(self, key: str) -> BinaryIO:
        """See ``ObjectReader.open``. Raises ObjectTooLargeError beyond ``max_size``, also while reading."""
        exchange = self._exchange(key)
        response = self._request("GET", key, exchange)
        left = self._max_size

        def read(count: int) -> bytes:
            nonlocal left
            exchange.expect(count)
            data: bytes = response.raw.read(count, decode_content=False)
            left -= len(data)
            if left < 0:
                raise ObjectTooLargeError(f"{self._base}{key}: more than {self._max_size} bytes")
            return data

        return mapped_stream(read, response.close, lambda: self._errors(key))

    def read(self, key: str, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See ``ObjectReader.read``."""
        with self.open(key) as stream:
            return read_bounded(stream, key, limit)

    def stat(self, key: str) -> ObjectStat | None:
        """See ``ObjectReader.stat``. The SHA-256 is never known."""
        try:
            response = self._request("HEAD", key, self._exchange(key))
        except MissingObjectError:
            return None
        with response:
            length = response.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH):
                raise InputError(f"{self._base}{key}: expected a Content-Length, found {length[:40]!r}")
            return ObjectStat(size=int(length), etag=response.headers.get("ETag", ""))

    def headers(self, key: str) -> Mapping[str, str] | None:
        """What a HEAD of the object answers, names in any case; None when there is none."""
        try:
            response = self._request("HEAD", key, self._exchange(key))
        except MissingObjectError:
            return None
        with response:
            return response.headers

    def piece(self, key: str, first: int, last: int) -> bytes | None:
        """Bytes ``first`` to ``last``, both included, by a range; None where the server gives no part.

        The range that was given is checked: RFC 9110 section 14.4. Raises InputError for any other.
        """
        exchange = self._exchange(key)
        with self._request("GET", key, exchange, part=f"bytes={first}-{last}") as response:
            if response.status_code != requests.codes.partial_content:
                return None
            given = response.headers.get("Content-Range", "")
            if not given.startswith(f"bytes {first}-{last}/"):
                raise InputError(
                    f"{self._base}{key}: asked for bytes {first}-{last}, was given {given[:60]!r}"
                )
            exchange.expect(last - first + 2)
            with self._errors(key):
                data: bytes = response.raw.read(last - first + 2, decode_content=False)
            return data

    def list(self, prefix: str) -> Iterator[str]:
        """Raises InputError: HTTP has no listing."""
        check_prefix(prefix)
        raise InputError(f"{self._base}{prefix}: a mirror read over HTTP cannot be listed")

    def read_pointer(self, key: str) -> Pointer | None:
        """See ``PointerReader.read_pointer``. The tag is the SHA-256 of the content."""
        try:
            data = self.read(key, POINTER_LIMIT)
        except MissingObjectError:
            return None
        return Pointer(data=data, tag=Digest.sha256(data).hex)

    def _exchange(self, key: str) -> Exchange:
        return Exchange(where=self._base + key, patience=self._patience)

    def _request(
        self, method: str, key: str, exchange: Exchange, part: str | None = None
    ) -> requests.Response:
        url = self._base + check_key(key)
        with self._errors(key), paced_by(exchange):
            response = self._session.request(
                method,
                url,
                stream=True,
                allow_redirects=True,
                headers={"Accept-Encoding": "identity"} | ({} if part is None else {"Range": part}),
                verify=self._verify,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            )
        if response.status_code not in {requests.codes.ok, part and requests.codes.partial_content}:
            response.close()
            raise _refusal(url, response.status_code, response.reason)
        return response

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except _BAD_ADDRESS as error:
            raise InputError(f"{self._base}{key}: {error}") from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise UnavailableError(f"{self._base}{key}: {error}") from error


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # checked when it is asked for
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query + parts.fragment


def _refusal(url: str, status: int, reason: str) -> InputError | UnavailableError:
    """Our error for an answer that is not 200. RFC 9110 section 15."""
    if status in {404, 410}:
        return MissingObjectError(f"{url}: there is no such object")
    text = f"{url}: expected status 200, found {status} {reason}"
    if status in {408, 425, 429} or status >= 500:
        return UnavailableError(text)
    return InputError(text)
