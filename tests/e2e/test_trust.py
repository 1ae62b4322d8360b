"""Whom the line believes, and that nobody's mistake stops everybody else."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from release import process
from release.cli.main import run
from release.errors import NotVerifiedError
from release.ledger.kinds import RequestMade, SignOffGiven
from release.ledger.statements import (
    REQUEST,
    SIGN_OFF,
    read_statement,
    statement_digest,
    write_statement,
)
from release.line.laying_out import lay_out
from release.promotion.request import new_request
from release.promotion.sign_off import Verdict, new_sign_off
from release.signing.openpgp import OpenPgpHome
from release.signing.secret_keys import read_listing
from release.wiring import SecretKeySource, open_yard, person_signer
from tests.small_yard import BOARD, NEW, OLD, PRODUCT, SmallYard, fingerprint_in, write_image_set


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
            valid_for=opened.policy().get(channel).terms.sign_off_valid_for,
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


def verify(mirror: Path | str, yard: SmallYard, *options: str) -> int:
    keys = yard.root / "keys"
    payload_key = f"--payload-key={keys}/payload-2048.pub.pem"
    return run(["verify", str(mirror), str(NEW), "--product", PRODUCT, payload_key, *options])


def sign_with(yard: SmallYard, name: str, path: Path) -> None:
    """Put another signature beside a published file."""
    signature = path.with_name(f"{path.name}.sig")
    signature.unlink()
    with OpenPgpHome() as home:
        (key,) = home.import_keys((yard.root / "secret" / f"{name}.asc").read_bytes())
        home.sign_file(path, signature, key)


@pytest.mark.parametrize(
    ("path", "step"),
    [
        (f"releases/{NEW}/release.json", "release.json is signed by the pipeline"),
        (f"update/{BOARD}/{NEW}/flatcar_production_update.gz", "every file is signed, by the pipeline or"),
    ],
)
def test_the_builds_key_signs_image_sets_and_nothing_else(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str], path: str, step: str
) -> None:
    yard, keys = released_yard, released_yard.root / "keys"
    given = (f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc")
    assert verify(yard.mirror, yard, *given) == 0
    capsys.readouterr()
    sign_with(yard, "build", yard.mirror / path)
    assert verify(yard.mirror, yard, *given) == 1
    (failed, *_) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert step in failed


def test_without_the_builds_key_the_pipeline_must_have_signed_everything(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard, pipeline = released_yard, f"--release-key={released_yard.root}/keys/pipeline.asc"
    assert verify(yard.mirror, yard, pipeline) == 1
    assert "key that is not in the keyring" in capsys.readouterr().out
    for path in (yard.mirror / "alpha" / BOARD / str(NEW)).iterdir():
        if path.suffix not in {".sig", ".DIGESTS"}:
            sign_with(yard, "pipeline", path)
    assert verify(yard.mirror, yard, pipeline) == 0


def test_the_pipelines_own_check_takes_no_signature_of_the_build_for_its_own(
    released_yard: SmallYard,
) -> None:
    yard = released_yard
    with open_yard(yard.settings) as opened:
        document = yard.mirror / "releases" / str(NEW) / "release.json"
        sign_with(yard, "build", document)
        with pytest.raises(NotVerifiedError, match="made by a key that is not in the keyring"):
            opened.release_signatures.verify_file(document, document.with_name("release.json.sig"))


def test_a_product_that_names_its_files_itself_is_verified_with_its_settings(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard, keys = small_yard, small_yard.root / "keys"
    own = '\n[naming]\npayload_stem = "small_update"\n'
    yard.settings.write_text(yard.settings.read_text() + own)
    yard.publish(OLD, offered_in=("alpha",))
    yard.publish(NEW)
    given = (f"--release-key={keys}/pipeline.asc", f"--build-key={keys}/build.asc")
    assert verify(yard.mirror, yard, *given) == 1
    assert "expected the name flatcar_production_update.gz" in capsys.readouterr().out
    settings = yard.root.parent / "elsewhere.toml"  # only the names are taken from it
    settings.write_text(f'product = "Another"\n{own}')
    assert verify(yard.mirror, yard, *given, f"--settings={settings}") == 0


@pytest.mark.parametrize("url", ["s3://[x", "http://[x", "file://[x"])
def test_a_mirror_that_is_no_url_is_bad_input(
    small_yard: SmallYard, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert verify(url, small_yard, f"--release-key={small_yard.root}/keys/pipeline.asc") == 1
    error = capsys.readouterr().err
    assert url in error
    assert "Traceback" not in error


def test_a_primary_that_only_certifies_asks_and_signs_off_with_its_subkey(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grace and the pipeline have subkeys that sign; she writes her fingerprint as gpg shows it."""
    root = tmp_path / "yard"
    root.mkdir()
    lay_out(root, PRODUCT, throw_away_keys=True)
    yard, names = SmallYard(root), ("grace", "pipeline")
    with OpenPgpHome() as home:
        (build,) = home.import_keys((root / "secret" / "build.asc").read_bytes())
        for version in (OLD, NEW):
            directory = root / "incoming" / BOARD / str(version)
            write_image_set(directory, version, lambda data, out: home.sign_file(data, out, build))
        made = {name: certifier(home, root, name) for name in names}
    for path in (root / "humpyard.toml", root / "policy.toml"):
        text = path.read_text()
        for old, new in made.values():
            text = text.replace(old, new)
        path.write_text(text)
    assert yard.humpyard("ledger", "begin") == 0
    yard.publish(OLD, offered_in=("alpha", "beta"))
    yard.publish(NEW)
    grace = made["grace"][1].lower()
    grouped = " ".join(grace[at : at + 4] for at in range(0, 40, 4))
    secret = ["--secret-key", str(root / "secret" / "grace.asc")]
    ask = ["promote", "request", str(NEW), "--to", "alpha", "--as", grouped, *secret, "--json"]
    capsys.readouterr()
    assert yard.humpyard(*ask) == 0
    asked = json.loads(capsys.readouterr().out)["request"]
    assert yard.humpyard("promote", "sign-off", asked, "--no-go", "--as", grace, *secret) == 0
    assert yard.humpyard("promote", "run") == 1
    assert "no-go withdrawn by its author" in capsys.readouterr().err


def certifier(home: OpenPgpHome, root: Path, name: str) -> tuple[str, str]:
    """Replace a person's key by a primary that only certifies, with a subkey; old and new fingerprint."""
    old = fingerprint_in(root / "keys" / f"{name}.asc")
    quiet = ["--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase="]
    gpg: list[str | Path] = ["gpg", "--homedir", home.path, *quiet]
    before = {key.primary for key in read_listing(home.list_secret_keys())}
    process.run([*gpg, "--quick-generate-key", f"New {name}", "ed25519", "cert", "never"])
    (new,) = {key.primary for key in read_listing(home.list_secret_keys())} - before
    process.run([*gpg, "--quick-add-key", new, "ed25519", "sign", "never"])
    (root / "keys" / f"{name}.asc").write_bytes(home.export_public(new))
    (root / "secret" / f"{name}.asc").write_bytes(home.export_secret(new))
    return old, new


def test_scripts_are_told_what_a_sign_off_and_a_run_came_to(
    released_yard: SmallYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = released_yard
    for channel in ("alpha", "beta"):
        ask = ["promote", "request", str(NEW), "--to", channel, *yard.secret("ada"), "--json"]
        capsys.readouterr()
        assert yard.humpyard(*ask) == 0
    asked = json.loads(capsys.readouterr().out)["request"]
    assert yard.humpyard("promote", "sign-off", asked, "--go", *yard.secret("grace"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["request"], found["channel"], found["phase"]) == (asked, "beta", "waiting")

    assert yard.humpyard("promote", "run", "--json") == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert [(one["channel"], one["phase"]) for one in found["carried_out"]] == [("alpha", "carried-out")]
    (waiting,) = found["waiting"]
    assert waiting["request"] == asked
    assert waiting["why"] in printed.err
    assert "1 more go of role maintainer" in waiting["why"]

    assert yard.humpyard("promote", "sign-off", asked, "--go", *yard.secret("linus")) == 0
    capsys.readouterr()
    assert yard.humpyard("promote", "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["request"] for one in found["carried_out"]] == [asked]
    assert found["waiting"] == []
