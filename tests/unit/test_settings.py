"""Settings: one file, the environment over it, nothing unknown."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

from release.errors import InputError, RefusedError
from release.line.laying_out import lay_out
from release.mirror.directory import DirectoryStore
from release.mirror.http import HttpReader
from release.mirror.s3 import S3Store
from release.settings import StoreSettings, load_settings
from release.wiring import open_mirror, open_store, open_yard


def settings_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "humpyard.toml"
    path.write_text(text)
    return path


def test_a_new_yard_has_settings_that_can_be_read_and_trust_nobody(tmp_path: Path) -> None:
    settings, policy = lay_out(tmp_path, 'Quoted "OS"', throw_away_keys=False)
    found = load_settings(settings)
    assert found.product == 'Quoted "OS"'
    assert not (found.image.signers)
    assert not (found.openpgp.pipeline)
    assert not (found.payload.keys)
    assert policy.is_file()


def test_what_a_new_yard_says_of_delivery_can_be_taken_as_it_is(tmp_path: Path) -> None:
    settings, _ = lay_out(tmp_path, "X", throw_away_keys=True)
    head, mark, tail = settings.read_text().partition("# [mirrors.eu]")
    lines = (mark + tail).splitlines()
    code = [line.removeprefix("# ") for line in lines if re.match(r"# (\[|\w+ = )", line)]
    settings.write_text(head + "\n".join(code))
    found = load_settings(settings)
    assert found.mirrors["eu"].url == "s3://example-releases/os"
    assert found.events.url == "sqlite:///updates.sqlite"
    assert found.update_server.mirrors == ("https://mirror.example.org/",)
    assert found.nebraska is not None
    assert found.nebraska.channels == {"alpha": {"amd64-usr": "alpha"}}


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = settings_file(tmp_path, 'product = "X"\n[store]\nurl = "file:here"\n')
    monkeypatch.setenv("HUMPYARD_STORE__URL", "s3://bucket/prefix")
    assert load_settings(path).store.url == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("product = ", "not TOML"),
        ("", "product: Field required"),
        ('product = "X"\nproduckt = "Y"', "produckt: Extra inputs are not permitted"),
        ('product = "X"\n[store]\nurll = "x"', r"store\.urll"),
        ('product = "X"\n[image]\nsigners = ["ABCD"]', "40 upper-case hexadecimal digits"),
        ('product = "X"\n[payload]\nworkers = 0', r"payload\.workers"),
        ('product = "X"\n[payload]\ndelta_threshold = 0', r"payload\.delta_threshold"),
        ('product = "X"\n[payload]\ndelta_threshold = 1.01', r"payload\.delta_threshold"),
        ('product = "X"\n[payload]\ndelta_threshold = nan', r"payload\.delta_threshold"),
        ('product = "X"\n[naming]\nextensions = ["*.txt"]', r"naming\.extensions"),
        ('product = "X"\n[channels.stable]\nprod = true', r"channels\.stable\.prod: Extra inputs"),
        ('product = "X"\n[channels.stable]\nproduction = 7', r"channels\.stable\.production"),
        ('product = "X"\n[openpgp]\nsigner = "ABCD"', r"openpgp\.signer: .*40 upper-case"),
        ('product = "X"\n[openpgp]\nsigner = "gnupg:ABCD?home=/h"', r"openpgp\.signer: .*40 upper-case"),
        ('product = "X"\n[openpgp]\nsigner = "file:/key"', r"openpgp\.signer: .*or gnupg:FINGERPRINT"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_settings(settings_file(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        '[payload]\nsigners = ["pkcs11:token=a?pin-value=canary"]',
        '[channels.stable]\nsigners = ["pkcs11:token=a?pin%2Dvalue=canary"]',
        f'[openpgp]\nsigner = "gnupg:{"A" * 40}?pin-value=canary"',
        '[payload]\nsigners = "pkcs11:token=a?pin-value=canary"',
    ],
)
def test_a_secret_in_the_settings_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        load_settings(settings_file(tmp_path, f'product = "X"\n{text}'))
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_channels_have_keys_of_their_own(tmp_path: Path) -> None:
    text = 'product = "X"\n[channels.stable]\nsigners = ["offline:a"]\nkeys = ["a.pem"]\n'
    text += "[channels.lts]\nproduction = true\n"
    found = load_settings(settings_file(tmp_path, text)).channels
    assert (found["stable"].production, found["stable"].signers) == (False, ("offline:a",))
    assert (found["lts"].production, found["lts"].allow_file_keys, found["lts"].signers) == (
        True,
        False,
        None,
    )


@pytest.mark.parametrize(
    "name",
    [
        "HUMPYARD_CHANNELS__STABLE__PRODUCTION",
        "humpyard_channels",
        "HUMPYARD_OPENPGP",
        "HUMPYARD_OPENPGP__PIPELINE__0",
        "HUMPYARD_OPENPGP__KEYS",
        "HUMPYARD_IMAGE__SIGNERS",
    ],
)
def test_the_environment_does_not_say_whom_to_believe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "[]")
    with pytest.raises(InputError, match=f"{name}: .*in the file only"):
        load_settings(settings_file(tmp_path, 'product = "X"\n'))


def test_the_pipelines_key_and_its_home_may_be_one_uri(yard_template: Path, tmp_path: Path) -> None:
    text = (yard_template / "humpyard.toml").read_text()
    fingerprint = text.partition('signer = "')[2][:40]
    uri = text.replace(f'signer = "{fingerprint}"', f'signer = "gnupg:{fingerprint}?home={tmp_path}"')
    both = yard_template / "both.toml"
    both.write_text(uri)
    with pytest.raises(InputError, match="expected its home in the URI only"), open_yard(both):
        pass
    both.write_text(uri.replace('secret_keys = ["secret/pipeline.asc"]', ""))
    with open_yard(both) as yard:
        assert yard.signer.fingerprint == fingerprint
        with pytest.raises(RefusedError, match="there is no secret key of it here"):
            yard.signing_key()


def test_a_delta_is_shipped_up_to_seven_tenths_of_the_full_payload_unless_said_otherwise(
    tmp_path: Path,
) -> None:
    assert load_settings(settings_file(tmp_path, 'product = "X"')).payload.delta_threshold == 0.7
    settings, _ = lay_out(tmp_path / "yard", "X", throw_away_keys=False)
    assert load_settings(settings).payload.delta_threshold == 0.7


def test_what_system_extensions_are_called_is_a_setting(tmp_path: Path) -> None:
    text = 'product = "X"\n[naming]\nextensions = ["ext-*.img"]'
    naming = load_settings(settings_file(tmp_path, text)).naming
    assert naming.extensions == ("ext-*.img",)
    assert naming.is_extension("ext-1.img")


def test_no_settings_say_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no settings here") as missing:
        load_settings(tmp_path / "humpyard.toml")
    assert "humpyard init" in str(missing.value.hint)


def test_stores_and_mirrors_are_opened_by_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    store = open_store(StoreSettings(url="file:mirror"), tmp_path)
    assert isinstance(store, DirectoryStore)
    assert store.root == tmp_path / "mirror"
    assert isinstance(open_store(StoreSettings(url="s3://bucket/a/b"), tmp_path), S3Store)
    assert isinstance(open_mirror("https://mirror.example.org/x"), HttpReader)
    assert isinstance(open_mirror(str(tmp_path)), DirectoryStore)
    for url in ("ftp://x", "mirror", "s3://"):
        with pytest.raises(InputError, match=r"expected file:DIRECTORY or s3://BUCKET/PREFIX"):
            open_store(StoreSettings(url=url), tmp_path)


def test_a_pipeline_key_that_is_not_among_the_public_keys_is_refused(yard_template: Path) -> None:
    text = (yard_template / "humpyard.toml").read_text()
    start = text.index('pipeline = ["') + len('pipeline = ["')
    wrong = yard_template / "wrong.toml"
    wrong.write_text(text[:start] + "0" * 40 + text[start + 40 :])
    with pytest.raises(InputError, match=r"openpgp\.pipeline: 0{40}"), open_yard(wrong):
        pass


def test_keys_are_found_in_a_yard_whose_path_has_signs_that_mean_something_in_uris(tmp_path: Path) -> None:
    root = tmp_path / "y#1 %41?"
    settings, _ = lay_out(root, "X", throw_away_keys=True)
    with open_yard(settings) as yard:
        assert [signer.key.size for signer in yard.payload_for("alpha").open_signers({})] == [512, 256]
