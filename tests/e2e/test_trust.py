"""Whom the line believes, and that nobody's mistake stops everybody else."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from release.ledger.kinds import RequestMade, SignOffGiven
from release.ledger.statements import (
    REQUEST,
    SIGN_OFF,
    read_statement,
    statement_digest,
    write_statement,
)
from release.promotion.request import new_request
from release.promotion.sign_off import Verdict, new_sign_off
from release.wiring import SecretKeySource, open_yard, person_signer
from tests.small_yard import NEW, OLD, SmallYard, fingerprint_in


def record_what_nobody_can_read(yard: SmallYard, name: str, channel: str) -> str:
    """A request and a go with a field more, by a person's own program; returns the request's digest."""
    secret = yard.root / "secret" / f"{name}.asc"
    source = SecretKeySource(fingerprint=fingerprint_in(secret), files=(secret,))
    with ExitStack() as stack:
        opened = stack.enter_context(open_yard(yard.settings, person=source))
        key, now, state = person_signer(source, stack), opened.clock(), opened.ledger.state()
        asked = new_request(
            state, opened.policy(), version=NEW, channel=channel, requested_by=key.fingerprint, now=now
        )
        text = write_statement(REQUEST, {**read_statement(asked.statement(), REQUEST, "test"), "more": 1})
        request = RequestMade(statement=text, statement_signature=key.sign(text.encode()))
        opened.ledger.append(lambda _state: request, now=now)
        digest = statement_digest(text)
        said = new_sign_off(
            digest,
            Verdict.GO,
            role="maintainer",
            by=key.fingerprint,
            now=now,
            valid_for=opened.policy().get(channel).sign_off_valid_for,
        )
        go = write_statement(SIGN_OFF, {**read_statement(said.statement(), SIGN_OFF, "test"), "more": 1})
        sign_off = SignOffGiven(statement=go, statement_signature=key.sign(go.encode()))
        opened.ledger.append(lambda _state: sign_off, now=now)
    return digest.hex


def test_a_request_nobody_can_read_stops_no_other(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    unreadable = record_what_nobody_can_read(yard, "ada", "alpha")
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    capsys.readouterr()

    assert yard.humpyard("promote", "status") == 0
    shown = capsys.readouterr().out
    assert f"request {unreadable[:12]}: alpha to {NEW} is void" in shown
    assert "more: Unexpected keyword argument" in shown

    assert yard.humpyard("ledger", "log") == 0
    log = capsys.readouterr().out
    assert f"{unreadable[:12]}: alpha to {NEW}" in log
    assert f"to {unreadable[:12]}, cannot be read" in log

    assert yard.humpyard("promote", "run") == 0
    capsys.readouterr()
    assert yard.humpyard("promote", "status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["channels"]["alpha"], found["channels"]["beta"]) == (str(NEW), str(OLD))
    assert [(one["request"][7:], one["phase"]) for one in found["requests"]] == [(unreadable, "void")]
