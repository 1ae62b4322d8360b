"""Until when the certificate of a web server is good, as those see it who connect."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from release.errors import InputError, NotVerifiedError, UnavailableError, storage_errors

_TIMEOUT = 20.0
"""Seconds, for the connection and for the handshake."""
_HAS_EXPIRED = 10
"""``X509_V_ERR_CERT_HAS_EXPIRED`` of OpenSSL, x509_vfy.h."""
_PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """A certificate that was believed. ``expires`` is aware, UTC."""

    subject: str
    expires: datetime


class CertificateError(NotVerifiedError):
    """The server's certificate is not to be believed. ``expired``: for its age alone."""

    def __init__(self, message: str, *, expired: bool) -> None:
        super().__init__(message)
        self.expired = expired


def server_certificate(url: str, authorities: Path | None = None) -> ServerCertificate | None:
    """The certificate of the server of a URL; None for one without TLS.

    The connection goes straight there: no proxy is asked.

    Args:
        url: ``http(s)://HOST[:PORT]/...``.
        authorities: certificates (PEM) that may vouch for it; None for those that this machine knows.

    Raises:
        CertificateError: expired, of another name, or vouched for by nobody.
        InputError: ``authorities`` holds no certificates.
        UnavailableError: no answer, or none that is TLS.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return None
    context = _context(authorities)
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or _PORT), timeout=_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as connection,
        ):
            found = connection.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        expired = error.verify_code == _HAS_EXPIRED
        raise CertificateError(f"{url}: {error.verify_message}", expired=expired) from error
    except OSError as error:
        raise UnavailableError(f"{url}: {error}") from error
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)
    return ServerCertificate(subject=parts.hostname, expires=expires)


def _context(authorities: Path | None) -> ssl.SSLContext:
    if authorities is None:
        return ssl.create_default_context()
    with storage_errors(authorities):
        try:
            return ssl.create_default_context(cafile=authorities)
        except ssl.SSLError as error:
            raise InputError(f"{authorities}: expected certificates (PEM): {error}") from error
