"""The recommended nginx in front of two real update servers."""

from __future__ import annotations

from pathlib import Path

import requests

from release.trust.channel_document import channel_document_key
from tests.nginx import served_by_nginx
from tests.openpgp_home import Keyring, keyring  # noqa: F401 - a fixture
from tests.update_mirror import BOARD, document, mirror_in
from tests.update_server import request_body, update_server

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/nginx-balancer.conf"


def configuration(*addresses: str) -> tuple[str, str]:
    """What the example says, at the test's addresses: inside ``http``, and inside its ``server``."""
    text = EXAMPLE.read_text()
    for port, address in zip(("8081", "8082"), addresses, strict=True):
        text = text.replace(f"127.0.0.1:{port}", address)
    http, _, server = text.partition("\nserver {\n")
    inside = [line for line in server.rstrip().removesuffix("}").splitlines() if "listen " not in line]
    return http, "\n".join(inside)


def test_machines_are_served_while_one_of_two_servers_is_left(
    keyring: Keyring,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    key = tmp_path / "pipeline.asc"
    key.write_bytes(keyring.home.export_public(keyring.pipeline))
    mirror = mirror_in(tmp_path / "mirror", lambda data: keyring.home.sign_bytes(data, keyring.pipeline))
    mirror.publish(document())
    at = [str(tmp_path / "mirror")]
    database = f"--database=sqlite:///{tmp_path / 'both.sqlite'}"
    with (
        update_server(tmp_path / "a", at, [key], database, refresh=60) as first,
        update_server(tmp_path / "b", at, [key], database, refresh=60) as second,
    ):
        first.await_ready()
        second.await_ready()
        http, server = configuration(*(one.url.removeprefix("http://") for one in (first, second)))
        with served_by_nginx(tmp_path, tmp_path / "nginx", server=server, http=http) as url:

            def ask(number: int) -> int:
                body = request_body(f"{number:032x}")
                return requests.post(f"{url}/v1/update/", body, timeout=30).status_code

            assert {ask(number) for number in range(20)} == {200}
            counted = [one.get("/metrics").text.count('answer="delta"') for one in (first, second)]
            assert counted == [1, 1]  # both were asked
            first.end()
            assert {ask(number) for number in range(20)} == {200}
            assert requests.post(f"{url}/v1/update/", b"x" * 70_000, timeout=30).status_code == 413
            assert requests.get(f"{url}/metrics", timeout=30).status_code == 404


def test_a_channel_without_a_document_takes_no_server_away_from_the_others(
    keyring: Keyring,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    key = tmp_path / "pipeline.asc"
    key.write_bytes(keyring.home.export_public(keyring.pipeline))
    mirror = mirror_in(tmp_path / "mirror", lambda data: keyring.home.sign_bytes(data, keyring.pipeline))
    mirror.publish(document(), document(channel="beta"))
    beta = channel_document_key("beta", BOARD)
    (tmp_path / "mirror" / beta).unlink()
    at = [str(tmp_path / "mirror")]
    database = f"--database=sqlite:///{tmp_path / 'both.sqlite'}"
    with (
        update_server(tmp_path / "a", at, [key], database, refresh=60) as first,
        update_server(tmp_path / "b", at, [key], database, refresh=60) as second,
    ):
        first.await_ready()
        second.await_ready()
        http, server = configuration(*(one.url.removeprefix("http://") for one in (first, second)))
        with served_by_nginx(tmp_path, tmp_path / "nginx", server=server, http=http) as url:

            def ask(number: int, track: str) -> int:
                body = request_body(f"{number:032x}", track=track)
                return requests.post(f"{url}/v1/update/", body, timeout=30).status_code

            assert {ask(number, "beta") for number in range(20)} == {404}
            assert {ask(number, "stable") for number in range(20)} == {200}
