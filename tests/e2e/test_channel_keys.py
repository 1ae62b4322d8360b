"""Payload keys by channel, in tokens and in files: built, published, promoted, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.errors import InputError, NotVerifiedError, RefusedError
from release.line.checking import verify_on
from release.payload.reader import open_payload
from release.settings import load_settings
from release.signing.openpgp import OpenPgpHome
from release.signing.payload_signature import verify_payload
from release.signing.throw_away import make_rsa_key
from release.signing.trusted_keys import load_payload_key
from release.wiring import open_yard
from tests.e2e.refusal import Terminal
from tests.small_yard import BOARD, NEW, OLD, SmallYard, fingerprint_in
from tests.softhsm import SoftHsm, softhsm
from tests.unit.signing.rsa_keys import private_key, write_public

__all__ = ["softhsm"]

PIN = "canary-31415926"


def configure(yard: SmallYard, text: str) -> None:
    with yard.settings.open("a") as settings:
        settings.write(f"\n{text}\n")


def new_key(yard: SmallYard, name: str) -> str:
    """Make a key in a file; gives the settings that name it."""
    make_rsa_key(yard.root / f"secret/{name}.pem", yard.root / f"keys/{name}.pub.pem", 2048)
    return f'signers = ["file:secret/{name}.pem"]\nkeys = ["keys/{name}.pub.pem"]'


def token_key(public: str) -> str:
    """The settings for a key that is said to be on a token."""
    return f'signers = ["pkcs11:token=a?module-path=/m"]\nkeys = ["{public}"]'


def build(yard: SmallYard, channel: str) -> int:
    command = ["candidate", "build", str(yard.image_set(OLD)), "--version", str(OLD)]
    return yard.humpyard(*command, "--channel", channel)


def everything_below(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())


def test_a_token_signs_for_production_and_its_pin_is_nowhere(
    small_yard: SmallYard,
    softhsm: SoftHsm,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    yard = small_yard
    softhsm.new_token("release", PIN)
    uri = softhsm.import_key("release", "payload", private_key("token"), pin=PIN)
    write_public(yard.root / "keys/token.pub.pem", private_key("token"))
    configure(
        yard,
        "[channels.beta]\nproduction = true\nallow_file_keys = false\n"
        f'signers = ["{uri}&secret=release-pin"]\nkeys = ["keys/token.pub.pem"]',
    )
    move_pipeline_key_into_a_home(yard)
    said = terminal.fails(1, "HUMPYARD_SECRET_RELEASE_PIN", by=lambda: build(yard, "beta"))
    monkeypatch.setenv("HUMPYARD_SECRET_RELEASE_PIN", f"{PIN}x")
    said += terminal.fails(1, "the token refused the PIN", by=lambda: build(yard, "beta"))
    monkeypatch.setenv("HUMPYARD_SECRET_RELEASE_PIN", PIN)
    assert build(yard, "beta") == 0
    assert yard.humpyard("release", "publish", str(OLD)) == 0
    said += "".join(terminal.capture.readouterr())
    with open_yard(yard.settings) as opened:
        said += repr(opened) + repr(opened.payload_for("beta")) + repr(load_settings(yard.settings))
    (payload,) = (yard.mirror / "update").rglob("flatcar_production_update.gz")
    key = load_payload_key(yard.root / "keys/token.pub.pem")
    assert [slot.key for slot in verify_payload(payload, [key])] == [key]
    with open_payload(payload) as opened:
        assert len(opened.signatures) == 1
    assert b"canary" not in everything_below(yard.root)
    assert "canary" not in said + caplog.text


def move_pipeline_key_into_a_home(yard: SmallYard) -> None:
    """Production refuses the pipeline's key in a file, too."""
    home = yard.root / "gnupg"
    home.mkdir(mode=0o700)
    with OpenPgpHome(home) as opened:
        opened.import_file(yard.root / "secret" / "pipeline.asc")
    pipeline = fingerprint_in(yard.root / "keys" / "pipeline.asc")
    text = yard.settings.read_text()
    text = text.replace('secret_keys = ["secret/pipeline.asc"]', "")
    yard.settings.write_text(
        text.replace(f'signer = "{pipeline}"', f'signer = "gnupg:{pipeline}?home={home}"')
    )


def test_a_candidate_is_signed_with_the_keys_of_the_channel_it_is_built_for(small_yard: SmallYard) -> None:
    yard = small_yard
    configure(yard, f"[channels.beta]\n{new_key(yard, 'beta')}")
    assert build(yard, "beta") == 0
    payload = yard.root / "work" / str(OLD) / BOARD / "payloads" / "flatcar_production_update.gz"
    key = load_payload_key(yard.root / "keys/beta.pub.pem")
    assert [slot.key for slot in verify_payload(payload, [key])] == [key]


def test_a_key_signs_in_no_slot_but_its_own(small_yard: SmallYard, terminal: Terminal) -> None:
    """Both are trusted; but which one machines look at is decided by the slot."""
    for name in ("one", "two"):
        new_key(small_yard, name)
    configure(
        small_yard,
        '[channels.beta]\nsigners = ["file:secret/one.pem", "file:secret/two.pem"]\n'
        'keys = ["keys/two.pub.pem", "keys/one.pub.pem"]',
    )
    refusal = ("file:secret/one.pem: expected the key two.pub.pem", "found one.pem")
    terminal.fails(1, *refusal, by=lambda: build(small_yard, "beta"))
    assert not (small_yard.root / "work" / str(OLD) / BOARD / "payloads").exists()


def test_what_a_channel_does_not_trust_is_not_promoted_to_it(
    released_yard: SmallYard, terminal: Terminal
) -> None:
    """The release is as good as it was; the channel's keys are others since."""
    yard = released_yard
    pointers = {path: path.read_bytes() for path in yard.mirror.rglob("current/version.txt")}
    configure(yard, f"[channels.alpha]\n{new_key(yard, 'alpha')}")
    assert yard.humpyard("promote", "request", str(NEW), "--to", "alpha", *yard.secret("ada")) == 0
    refusal = ("does not verify with alpha.pub.pem", "for channel alpha: release 4600.0.0 is not")
    terminal.fails(1, *refusal, by=lambda: yard.humpyard("promote", "run"))
    assert {path: path.read_bytes() for path in yard.mirror.rglob("current/version.txt")} == pointers
    with open_yard(yard.settings) as opened:
        assert NEW not in {head.version for head in opened.ledger.state().history}


def test_a_release_is_judged_by_the_channel_that_it_shall_be_in(released_yard: SmallYard) -> None:
    yard = released_yard
    configure(yard, f"[channels.lts]\n{new_key(yard, 'lts')}")
    with open_yard(yard.settings) as opened:
        for channel in ("alpha", "stable"):
            verify_on(opened, opened.store, NEW, channel=channel)
        with pytest.raises(NotVerifiedError, match=r"does not verify with lts\.pub\.pem"):
            verify_on(opened, opened.store, NEW, channel="lts")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            "[channels.stable]\nproduction = true",
            RefusedError,
            r"channels\.stable: for production, but its key payload-4096\.pub\.pem",
        ),
        (
            "[channels.stable]\nproduction = true\n" + token_key("keys/payload-2048.pub.pem"),
            RefusedError,
            r"is in a file \(file:secret/payload-2048\.pem, payload\.signers\)",
        ),
        (
            '[channels.stable]\nproduction = true\nsigners = ["offline:hsm"]\nkeys = ["keys/new.pub.pem"]',
            RefusedError,
            r"channels\.stable: for production, but the pipeline's key is in a file: openpgp\.secret_keys",
        ),
        ('[channels.stable]\nsigners = ["offline:a"]', InputError, "expected signers and keys, or neither"),
        ("[channels.stable]\nsigners = []\nkeys = []", InputError, "expected signers and keys, or neither"),
        (
            '[channels.stable]\nsigners = ["offline:a", "offline:b"]\nkeys = ["keys/payload-2048.pub.pem"]',
            InputError,
            r"channels\.stable: expected a public key for each of the 2 signers, found 1",
        ),
    ],
)
def test_settings_that_contradict_themselves_open_no_yard(
    small_yard: SmallYard, settings: str, error: type[Exception], message: str
) -> None:
    new_key(small_yard, "new")
    configure(small_yard, settings)
    with pytest.raises(error, match=message), open_yard(small_yard.settings):
        pass


def test_file_keys_that_are_allowed_for_production_sign(small_yard: SmallYard) -> None:
    configure(small_yard, "[channels.alpha]\nproduction = true\nallow_file_keys = true")
    assert build(small_yard, "alpha") == 0


def test_rules_for_a_channel_that_is_not_there_are_a_mistake(
    small_yard: SmallYard, terminal: Terminal
) -> None:
    configure(small_yard, "[channels.gamma]\nproduction = true\nallow_file_keys = true")
    terminal.fails(1, "channels.gamma: the ledger has no such channel", by=lambda: build(small_yard, "alpha"))
