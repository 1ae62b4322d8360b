"""The attack table of docs/adr/0015-own-signed-head.md, where the attacker has one of several keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from release import canonical
from release.catalog.naming import HEAD_FILE
from release.cli.main import run
from release.ledger.kinds import PointerMoved, RequestMade
from release.ledger.statements import statement_digest
from release.line.head import head_job
from release.line.promotion import closing_job
from release.promotion.request import new_request
from release.signing.openpgp import OpenPgpHome
from release.signing.throw_away import make_rsa_key
from release.wiring import open_yard
from tests.hostile_mirror import HostileMirror, Times, refused, served
from tests.small_yard import BOARD, NEW, SmallYard, fingerprint_in


def forge_move(yard: SmallYard, channel: str, *, pointers_stay: bool = False) -> None:
    """With the pipeline's key and nobody's sign-off: record a move, then do all that follows from it."""
    with open_yard(yard.settings) as opened:
        state, policy, now = opened.ledger.state(), opened.policy(), opened.clock()
        pipeline = fingerprint_in(yard.root / "keys" / "pipeline.asc")
        asked = new_request(state, policy, version=NEW, channel=channel, requested_by=pipeline, now=now)
        text = asked.statement()
        request = RequestMade(statement=text, statement_signature=opened.signer.sign(text.encode()))
        opened.ledger.append(lambda _state: request, now=now)
        head = state.heads.get(channel)
        moved = PointerMoved(
            channel=channel,
            version=NEW,
            release=state.releases[NEW].release,
            request=statement_digest(text),
            generation=state.generation(channel) + 1,
            from_version=None if head is None else head.version,
            decided_at=now,
        )
        opened.ledger.append(lambda _state: moved, now=now)
        for step in head_job(opened) if pointers_stay else closing_job(opened):
            step.run(lambda *_: None)


def test_key_compromise_of_the_pipeline(
    times: Times, own_yard: SmallYard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has the pipeline's key alone moves beta: that verifies, and the audit reports it."""
    forge_move(own_yard, "beta")
    with served(times.yard, own_yard.mirror, tmp_path / "forged") as mirror:
        assert mirror.verify(channel="beta") == 0
        capsys.readouterr()
    people = [f"--people-key={own_yard.root}/keys/{name}.asc" for name in ("ada", "grace", "linus")]
    pipeline = f"--pipeline-key={own_yard.root}/keys/pipeline.asc"
    audit = ["audit", str(own_yard.mirror), "--product=Small OS", pipeline, *people]
    assert run(audit) == 1
    said = capsys.readouterr().out
    assert "BREAK   decision-not-allowed: ledger/" in said
    assert "not met: quorum maintainer: 0 of 2" in said
    assert "its key may be in wrong hands" in said


def test_key_compromise_of_one_payload_key(
    mirror: HostileMirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two different keys are asked for: what only one of them signed is refused."""
    two = [f"--payload-key={mirror.yard.root}/keys/payload-4096.pub.pem", "--payload-signatures=2"]
    assert mirror.verify(*two) == 0
    capsys.readouterr()
    make_rsa_key(tmp_path / "other.pem", tmp_path / "other.pub.pem", 4096)
    assert mirror.verify(f"--payload-key={tmp_path}/other.pub.pem", "--payload-signatures=2") == 1
    assert "FAILED 6. payloads are signed by a trusted key" in refused(capsys)


def test_key_compromise_of_one_person(own_yard: SmallYard, capsys: pytest.CaptureFixture[str]) -> None:
    """One person's key asks, says go in their own matter, and moves nothing."""
    yard, ada = own_yard, own_yard.secret("ada")
    capsys.readouterr()
    assert yard.humpyard("promote", "request", str(NEW), "--to", "beta", *ada, "--json") == 0
    asked = json.loads(capsys.readouterr().out)["request"]
    yard.humpyard("promote", "sign-off", asked, "--go", *ada)
    capsys.readouterr()
    assert yard.humpyard("promote", "run") == 1
    assert "quorum maintainer: missing" in capsys.readouterr().err
    assert not (yard.mirror / "beta" / BOARD / str(NEW)).exists()


def test_key_compromise_of_a_person_signs_no_head(
    mirror: HostileMirror, capsys: pytest.CaptureFixture[str]
) -> None:
    """A maintainer's key, good for sign-offs, under a head: even who trusts people's keys refuses."""
    yard = mirror.yard
    with OpenPgpHome() as home:
        (ada,) = home.import_file(yard.root / "secret" / "ada.asc")
        body = json.loads(mirror.path(HEAD_FILE).read_bytes())["body"]
        forged = {"body": body, "signature": home.sign_bytes(body.encode(), ada)}
    mirror.write(HEAD_FILE, canonical.dump(forged))
    assert mirror.verify(f"--people-key={yard.root}/keys/ada.asc") == 1
    assert f"signed by {ada}, which is no key of the pipeline" in refused(capsys)
    assert mirror.verify() == 1
    assert "made by a key that is not in the keyring given" in refused(capsys)


def test_rollback_by_forking_the_ledger(
    mirror: HostileMirror, own_yard: SmallYard, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The pipeline's key rewrites what happened: the last entry never was, and the ledger went on."""
    seen = f"--state={tmp_path}/seen.json"
    assert mirror.verify(seen) == 0
    max((own_yard.mirror / "ledger").iterdir()).unlink()
    (own_yard.mirror / HEAD_FILE).unlink()
    forge_move(own_yard, "beta", pointers_stay=True)
    mirror.take_from(own_yard.mirror, HEAD_FILE, "ledger", "policy")
    assert mirror.verify(seen) == 1
    assert "as seen before, found" in refused(capsys)
