"""Which keys a channel has, and that no key in a file gets into production."""

from __future__ import annotations

import pytest

from release.errors import InputError, RefusedError
from release.line.channel_keys import ChannelKeys, KeyTable
from release.signing.trusted_keys import PayloadKey
from tests.unit.signing.rsa_keys import private_key

ONE, TWO = (PayloadKey.of(private_key(name).public_key(), name) for name in ("one", "two"))


def keys(
    where: str, *slots: tuple[str, PayloadKey], production: bool = False, allow: bool = False
) -> ChannelKeys:
    return ChannelKeys(where=where, slots=slots, production=production, allow_file_keys=allow)


DEFAULT = keys("payload", ("file:one.pem", ONE))


def table(default: ChannelKeys = DEFAULT, **channels: ChannelKeys) -> KeyTable:
    return KeyTable(default=default, channels=channels)


def test_a_channel_has_its_own_keys_a_stream_those_of_its_channel_the_others_the_default() -> None:
    lts, stable = keys("channels.lts"), keys("channels.stable")
    found = table(lts=lts, stable=stable)
    assert found.of("stable") is stable
    assert found.of("lts-2024", "lts") is lts
    assert found.of("alpha") is DEFAULT
    stream = keys("channels.lts-2023")
    both = KeyTable(default=DEFAULT, channels={"lts": lts, "lts-2023": stream})
    assert both.of("lts-2023", "lts") is stream
    assert both.of("lts-2024", "lts") is lts


def test_a_section_of_its_own_takes_no_stream_out_of_production() -> None:
    lts = keys("channels.lts", ("offline:two", TWO), production=True)
    found = table(**{"lts": lts, "lts-2023": keys("channels.lts-2023", ("file:one.pem", ONE))})
    assert found.of("lts-2024", "lts") is lts
    with pytest.raises(RefusedError, match=r"channels\.lts-2023: channels\.lts is for production, and so"):
        found.of("lts-2023", "lts")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            table(stable=keys("channels.stable", ("file:one.pem", ONE), production=True)),
            r"channels\.stable: for production, but its key one .* \(file:one\.pem, channels\.stable\.sig",
        ),
        (
            table(stable=keys("channels.stable", ("pkcs11:a", TWO), ("file:one.pem", ONE), production=True)),
            r"its key one .* is in a file",
        ),
        (
            table(stable=keys("channels.stable", ("pkcs11:a", ONE), production=True)),
            r"its key one .* is in a file \(file:one\.pem, payload\.signers\)",
        ),
        (
            table(
                keys("payload"),
                alpha=keys("channels.alpha", ("file:two.pem", TWO)),
                stable=keys("channels.stable", ("offline:two", TWO), production=True),
            ),
            r"its key two .* is in a file \(file:two\.pem, channels\.alpha\.signers\)",
        ),
    ],
)
def test_a_key_in_a_file_does_not_get_into_production(found: KeyTable, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        found.check()
    assert "channels.stable.allow_file_keys = true" in str(caught.value.hint)


def test_keys_elsewhere_and_what_is_allowed_or_no_production_pass() -> None:
    for stable in (
        keys("channels.stable", ("pkcs11:a", TWO), production=True),
        keys("channels.stable", ("file:one.pem", ONE), production=True, allow=True),
        keys("channels.stable", ("file:one.pem", ONE)),
    ):
        table(stable=stable).check()


def test_a_channel_that_is_not_there_is_a_mistake_in_the_settings() -> None:
    found = table(gamma=keys("channels.gamma", production=True))
    with pytest.raises(InputError, match=r"channels\.gamma: the ledger has no such channel"):
        found.check_names({"alpha", "stable"}.__contains__)
    table(stable=keys("channels.stable")).check_names({"stable"}.__contains__)
