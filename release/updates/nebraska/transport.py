"""Requests to Nebraska: a token at the moment of use, bounded time and size, and errors that say what now.

Nothing is followed that redirects, since that leads to a login page. Only reads are tried again here;
whoever writes reads first, and afterwards.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from release.canonical import Json
from release.errors import HumpyardError, InputError, RefusedError, UnavailableError
from release.mirror.pace import Exchange, Pace, PacedAdapter, Patience, paced_by
from release.mirror.store import ObjectTooLargeError

ANSWER_LIMIT = 16 << 20
"""Bytes of one answer: a page of packages is some hundred thousand."""
_CONNECT_TIMEOUT = 10.0
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""RFC 6750 section 2.1."""
_BACKOFF = 0.5
"""Seconds before the first further try; each one more waits twice as long."""
_LATER = {408, 425, 429, 502, 503, 504}


class NebraskaUnavailableError(UnavailableError):
    """No answer, or none that tells what became of the request. A write may have been done all the same."""


class NotThereError(InputError):
    """Nebraska has no such thing (404)."""


class LoginRefusedError(RefusedError):
    """Nebraska does not accept the token, or not for this."""


@dataclass(frozen=True, slots=True)
class _Bearer(AuthBase):
    """The token. Said as ``auth``, so that no ``~/.netrc`` takes its place."""

    token: Callable[[], str] | None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token is not None:
            token = self.token()
            if not _TOKEN.fullmatch(token):
                raise InputError("nebraska.token: the secret of that name is no bearer token (RFC 6750)")
            request.headers["Authorization"] = f"Bearer {token}"
        return request


class Transport:
    """Talks JSON with one server below one URL. Not for several threads."""

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str] | None,
        timeout: float,
        retries: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``token`` is called for each request. ``timeout`` is in seconds. Contacts nobody."""
        self._base = url.rstrip("/")
        self._auth = _Bearer(token)
        self._timeout = timeout
        self.retries = retries
        self._sleep = sleep
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, PacedAdapter(max_retries=0))

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> object:
        """What is at ``path``; tried again while it is unavailable.

        Raises:
            NotThereError, LoginRefusedError, InputError, NebraskaUnavailableError: as ``send``.
        """
        for attempt in range(self.retries):
            try:
                return self.send("GET", path, query=query)
            except NebraskaUnavailableError:
                self.wait(attempt)
        return self.send("GET", path, query=query)

    def wait(self, attempt: int) -> None:
        """Wait before a further try; ``attempt`` counts from 0."""
        self._sleep(_BACKOFF * 2**attempt)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Json] | None = None,
    ) -> object:
        """One request, once; returns the JSON of the answer, None where it has no content (204).

        Raises:
            NotThereError: 404.
            LoginRefusedError: 401, 403, or a redirect, which is to a login page.
            InputError: another 4xx, or an answer that is no JSON.
            NebraskaUnavailableError: no answer in time, a torn one, or 5xx.
        """
        url = self._base + path
        exchange = Exchange(where=url, patience=Patience(Pace(patience=self._timeout), time.monotonic))
        exchange.expect(ANSWER_LIMIT)
        try:
            with paced_by(exchange):
                response = self._session.request(
                    method,
                    url,
                    params=dict(query or {}),
                    json=None if body is None else dict(body),
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                    auth=self._auth,
                    allow_redirects=False,
                    timeout=(min(_CONNECT_TIMEOUT, self._timeout), self._timeout),
                    stream=True,
                )
                with response:
                    return _answer(method, url, response)
        except ObjectTooLargeError as error:
            raise InputError(f"{method} {url}: expected up to {ANSWER_LIMIT} bytes, found more") from error
        except HumpyardError as error:
            if isinstance(error, UnavailableError) and not isinstance(error, NebraskaUnavailableError):
                raise NebraskaUnavailableError(f"{method} {error.message}") from error
            raise
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise NebraskaUnavailableError(f"{method} {url}: {type(error).__name__}") from error


def _answer(method: str, url: str, response: requests.Response) -> object:
    status, where = response.status_code, f"{method} {url}"
    if status == requests.codes.no_content:
        return None
    if status != requests.codes.ok:
        raise _refusal(where, status)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InputError(
            f"{where}: expected JSON, found {kind[:60]!a}",
            hint="a login page? see nebraska.url and the token",
        )
    data = response.raw.read(ANSWER_LIMIT + 1, decode_content=False)
    if len(data) > ANSWER_LIMIT:
        raise InputError(f"{where}: expected up to {ANSWER_LIMIT} bytes, found more")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NebraskaUnavailableError(f"{where}: the answer is no JSON, or a piece of some") from error


def _refusal(where: str, status: int) -> HumpyardError:
    """Our error for an answer that is not 200."""
    if status == requests.codes.not_found:
        return NotThereError(f"{where}: expected an answer, found status 404")
    if status in {401, 403} or 300 <= status < 400:
        what = "a redirect, as to a login page" if status < 400 else f"status {status}"
        return LoginRefusedError(
            f"{where}: expected to be let in, found {what}",
            hint="the token must hold and, for more than reading, be an administrator's: docs/nebraska.md",
        )
    if status >= 500 or status in _LATER:
        return NebraskaUnavailableError(
            f"{where}: expected status 200, found {status}",
            hint="Nebraska also says 500 when it refuses; its log says why" if status == 500 else None,
        )
    return InputError(f"{where}: expected status 200, found {status}")
