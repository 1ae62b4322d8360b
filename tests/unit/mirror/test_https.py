"""Reading a mirror over TLS: the same bytes, the same bounds."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from release.errors import UnavailableError
from release.mirror.http import HttpReader
from release.mirror.pace import Pace, TooSlowError

HEADERS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
BODY = bytes(range(256)) * 20_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody else signed, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@contextmanager
def tls_server(certificate: Path, talk: Callable[[ssl.SSLSocket], None]) -> Iterator[str]:
    """Serve connections, one after the other; the URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(autouse=True)
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))


def test_a_mirror_is_read_over_tls(certificate: Path) -> None:
    with tls_server(certificate, lambda connection: connection.sendall(HEADERS + BODY)) as url:
        assert HttpReader(url).read("key") == BODY


def test_a_certificate_that_is_not_trusted_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with (
        tls_server(certificate, lambda connection: connection.sendall(HEADERS)) as url,
        pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        HttpReader(url, retries=0).read("key")


@pytest.mark.parametrize("head", [HEADERS, b"HTTP/1.1 200 OK\r\nX: "], ids=["body", "header"])
def test_a_server_that_drips_through_tls_is_left_alone(certificate: Path, head: bytes) -> None:
    """By the real clock: what a read may take is what is left of our patience."""

    def drip(connection: ssl.SSLSocket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")

    with tls_server(certificate, drip) as url, pytest.raises(TooSlowError):
        HttpReader(url, pace=Pace(patience=0.3, rate=1e12)).read("key", 1 << 30)


def test_a_server_that_falls_silent_behind_tls_is_left_alone(certificate: Path) -> None:
    def silence(connection: ssl.SSLSocket) -> None:
        connection.sendall(HEADERS)
        connection.recv(1)  # until the other side goes

    with tls_server(certificate, silence) as url, pytest.raises(TooSlowError):
        HttpReader(url, pace=Pace(patience=0.3)).read("key")
