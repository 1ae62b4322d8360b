"""How a mirror serves, looked at on real servers: certificates, and servers that are slow or fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from flows.rehearsal.s3_server import free_port
from release.audit.finding import Code
from release.digests import Digest
from release.errors import InputError, UnavailableError
from release.line.mirror_audit_objects import Looking, Sample, drawn
from release.line.mirror_audit_serving import certificate_findings
from release.mirror.http import HttpReader
from release.mirror.plan import Wanted
from release.mirror.tls import server_certificate
from tests.nginx import RECOMMENDED, served_by_nginx
from tests.tls import Certificate, self_signed

_TLS = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        root {root};
        include {recommended};
    }}
"""
_SERVER = "location /broken/ {{ return 500; }} location /locked/ {{ return 403; }} include {recommended};"


@dataclass(frozen=True)
class Servers:
    plain: str
    good: str
    ended: str
    good_by: Certificate
    ended_by: Certificate
    root: Path


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    root = folder / "root"
    root.mkdir()
    good, ended = self_signed(folder / "good.pem", days=100), self_signed(folder / "ended.pem", days=-3)
    ports = free_port(), free_port()
    http = "".join(
        _TLS.format(port=port, certificate=one.server, root=root, recommended=RECOMMENDED)
        for port, one in zip(ports, (good, ended), strict=True)
    )
    server = _SERVER.format(recommended=RECOMMENDED)
    with served_by_nginx(root, folder / "nginx", server=server, http=http) as url:
        good_url, ended_url = (f"https://127.0.0.1:{port}/" for port in ports)
        yield Servers(f"{url}/", good_url, ended_url, good, ended, root)


def codes(url: str, authority: Certificate, days: int = 0) -> list[Code]:
    """What is found so many days before the certificate of the good server ends."""
    now = authority.expires - timedelta(days=days)
    return [one.code for one in certificate_findings(url, authority.path, now)]


@pytest.mark.parametrize(
    ("days", "expected"),
    [(31, []), (29, [Code.TLS_EXPIRING]), (6, [Code.TLS_EXPIRING]), (0, [Code.TLS_EXPIRED])],
)
def test_a_certificate_that_soon_ends_is_told_in_time(
    servers: Servers, days: int, expected: list[Code]
) -> None:
    assert codes(servers.good, servers.good_by, days) == expected


def test_warnings_grow_louder(servers: Servers) -> None:
    def found(days: int) -> str:
        now = servers.good_by.expires - timedelta(days=days)
        (one,) = certificate_findings(servers.good, servers.good_by.path, now)
        return one.found

    assert found(20).endswith("within 30 days")
    assert found(6).endswith("within 7 days")


def test_a_certificate_that_ended_is_told_apart_from_one_that_nobody_vouches_for(servers: Servers) -> None:
    assert codes(servers.ended, servers.ended_by, 50) == [Code.TLS_EXPIRED]
    assert codes(servers.good, servers.ended_by, 50) == [Code.TLS_UNTRUSTED]


def test_a_server_without_tls_is_noted(servers: Servers) -> None:
    assert codes(servers.plain, servers.good_by) == [Code.TLS_NONE]


def test_what_is_no_certificate_and_no_server_is_said(servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("hello")
    with pytest.raises(InputError, match="expected certificates"):
        server_certificate(servers.good, tmp_path / "none.pem")
    with pytest.raises(InputError, match="No such file"):
        server_certificate(servers.good, tmp_path / "missing.pem")
    with pytest.raises(UnavailableError):
        server_certificate(f"https://127.0.0.1:{free_port()}/")
    assert (
        list(certificate_findings(f"https://127.0.0.1:{free_port()}/", None, servers.good_by.expires)) == []
    )


def test_a_reader_that_is_given_an_authority_believes_it(servers: Servers) -> None:
    (servers.root / "here").write_bytes(b"0123456789")
    reader = HttpReader(servers.good, authorities=servers.good_by.path)
    assert reader.read("here") == b"0123456789"
    assert reader.piece("here", 2, 4) == b"234"
    headers = reader.headers("here")
    assert headers is not None
    assert headers["content-length"] == "10"
    assert reader.headers("absent") is None
    with pytest.raises(UnavailableError, match="certificate"):
        HttpReader(servers.good, retries=0).read("here")


def wanted(*keys: str) -> list[Wanted]:
    return [Wanted(key=key, size=3, sha256=Digest.sha256(b"abc")) for key in keys]


def looking(servers: Servers, *, late: bool = False) -> Looking:
    return Looking(open_reader=lambda: HttpReader(servers.plain, retries=0), workers=2, late=lambda: late)


def test_objects_are_told_apart_by_what_is_wrong_with_them(servers: Servers) -> None:
    for name, data in {
        "good": b"abc",
        "short": b"ab",
        "long": b"abcd",
        "wrong": b"abd",
        "w.sig": b"xyz",
    }.items():
        (servers.root / name).write_bytes(data)
    keys = ("good", "short", "long", "wrong", "w.sig", "absent", "locked/x")
    look = looking(servers)
    assert [(one.code, one.where) for one in look.lengths(wanted(*keys))] == [
        (Code.OBJECT_SHORT, "short"),
        (Code.OBJECT_LONG, "long"),
        (Code.OBJECT_MISSING, "absent"),
        (Code.OBJECT_UNREADABLE, "locked/x"),
    ]
    assert [(one.code, one.where) for one in look.contents(wanted(*keys))] == [
        (Code.OBJECT_SHORT, "short"),
        (Code.OBJECT_LONG, "long"),
        (Code.OBJECT_WRONG, "wrong"),
        (Code.SIGNATURE_WRONG, "w.sig"),
        (Code.OBJECT_MISSING, "absent"),
        (Code.OBJECT_UNREADABLE, "locked/x"),
    ]
    assert not look.given_up


def test_a_server_that_fails_again_and_again_is_left_alone(servers: Servers) -> None:
    (servers.root / "good").write_bytes(b"abc")
    look = looking(servers)
    broken = [f"broken/{number}" for number in range(20)]
    assert len(list(look.lengths(wanted(*broken, "good")))) < 10
    assert look.given_up
    assert look.last is not None


def test_one_failure_among_others_is_told_and_no_more(servers: Servers) -> None:
    (servers.root / "good").write_bytes(b"abc")
    look = looking(servers)
    look.workers = 1
    found = list(look.lengths(wanted("good", "broken/1", "good", "broken/2", "good")))
    assert [one.where for one in found] == ["broken/1", "broken/2"]
    assert not look.given_up


def test_nothing_is_looked_at_when_time_is_up(servers: Servers) -> None:
    look = looking(servers, late=True)
    assert list(look.lengths(wanted("absent"))) == []
    assert not look.in_time
    assert look.objects == 0


def test_a_sample_is_bounded_by_count_and_bytes_and_has_what_must_be_in_it() -> None:
    everything = [
        Wanted(key=f"k{number}", size=10 + number, sha256=Digest.sha256(b"")) for number in range(100)
    ]
    found = drawn(everything, Sample(seed=1, count=5, size=1000), {"k99"})
    assert found[0].key == "k99"
    assert len(found) == 6
    assert found == drawn(everything[::-1], Sample(seed=1, count=5, size=1000), {"k99"})
    assert found != drawn(everything, Sample(seed=2, count=5, size=1000), {"k99"})
    small = drawn(everything, Sample(seed=1, count=50, size=100), ())
    assert sum(one.size for one in small) <= 100
    assert drawn(everything, Sample(seed=1, count=0), ()) == ()
