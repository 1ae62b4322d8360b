"""From a promotion to a machine: what a real yard signs is what its update server goes by."""

from __future__ import annotations

from tests.small_yard import NEW, OLD, SmallYard
from tests.update_server import await_true, request_body, update_server


def test_a_promotion_reaches_the_server_which_offers_nothing_that_no_mirror_has(
    released_yard: SmallYard,
) -> None:
    yard, body = released_yard, request_body(version=str(OLD), track="alpha")
    with update_server(yard.root.parent / "server", [], [], settings=yard.settings) as server:
        server.await_ready()
        assert 'updatecheck status="noupdate"' in server.ask(body).text
        assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
        assert yard.humpyard("promote", "run") == 0
        await_true(
            lambda: any(line["version"] == str(NEW) for line in server.events("document")), "the release"
        )
        server.ask(body)
        answers = server.get("/metrics").text
    assert 'answer="up-to-date",board="amd64-usr",channel="alpha"} 1.0' in answers
    assert 'answer="no-mirror",board="amd64-usr",channel="alpha"} 1.0' in answers
