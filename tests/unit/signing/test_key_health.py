"""How long keys are good for, from real gpg keyrings: subkeys, expiry, revocation, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.errors import NotVerifiedError, RefusedError, ToolError
from release.process import run
from release.signing.key_health import (
    Certificate,
    ComponentKey,
    Condition,
    check_outlives,
    health,
    read_certificates,
    signer_health,
    sort_by_urgency,
)
from release.signing.openpgp import OpenPgpHome

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
_A, _B, _C = (letter * 40 for letter in "ABC")


def component(fingerprint: str = _A, days: float | None = None, **changes: object) -> ComponentKey:
    fields: dict[str, object] = {
        "fingerprint": fingerprint,
        "created": NOW - 400 * DAY,
        "expires": None if days is None else NOW + days * DAY,
        "revoked": False,
        "signs": True,
        **changes,
    }
    return ComponentKey(**fields)  # type: ignore[arg-type]  # tests change single fields by name


def certificate(*keys: ComponentKey) -> Certificate:
    return Certificate(primary=keys[0], subkeys=keys[1:], user_id="Pipeline <p@example.org>")


@pytest.mark.parametrize(
    ("days", "warning"),
    [(0.5, 7), (7, 7), (7.5, 30), (30, 30), (30.5, 90), (90, 90), (90.5, None), (None, None)],
)
def test_warnings_grow_louder_as_the_end_comes_near(days: float | None, warning: int | None) -> None:
    found = health(certificate(component(days=days)), NOW)
    assert found.can_sign
    assert found.warning == warning
    assert found.condition is (Condition.GOOD if warning is None else Condition.EXPIRING)


def test_the_key_ends_when_its_primary_or_its_subkey_does() -> None:
    certifies = component(days=60, signs=False)
    for subkey_days, ends in ((20, 20), (200, 60), (None, 60)):
        found = health(certificate(certifies, component(_B, subkey_days)), NOW)
        assert found.signing == _B
        assert (found.until, found.days) == (NOW + ends * DAY, ends)
        assert found.outlives(NOW + (ends - 1) * DAY)
        assert not found.outlives(NOW + ends * DAY)
    assert health(certificate(component()), NOW).outlives(NOW + 10_000 * DAY)


def test_the_newest_subkey_that_can_signs_unless_one_is_named() -> None:
    older = component(_B, 10, created=NOW - 3 * DAY)
    newer = component(_C, 300, created=NOW - 2 * DAY)
    whole = certificate(component(signs=False), older, newer)
    assert health(whole, NOW).signing == _C
    assert health(whole, NOW, subkey=_B).days == 10
    assert signer_health([whole], _B, NOW).signing == _B
    assert signer_health([whole], _A, NOW).signing == _C
    from_tomorrow = component(_C, created=NOW + DAY)
    assert health(certificate(component(signs=False), older, from_tomorrow), NOW).signing == _B
    assert health(certificate(component(), newer), NOW).signing == _A


@pytest.mark.parametrize(
    ("keys", "condition", "said"),
    [
        ((component(days=-1),), Condition.EXPIRED, "expired on 2026-02-28"),
        ((component(days=0),), Condition.EXPIRED, "expired on 2026-03-01"),
        ((component(signs=False), component(_B, -2)), Condition.EXPIRED, "expired on 2026-02-27"),
        ((component(days=-3, signs=False), component(_B, 90)), Condition.EXPIRED, "expired on 2026-02-26"),
        ((component(revoked=True), component(_B)), Condition.REVOKED, "was revoked"),
        ((component(signs=False), component(_B, revoked=True)), Condition.REVOKED, "was revoked"),
        ((component(days=-1, revoked=True),), Condition.REVOKED, "was revoked"),
        ((component(signs=False), component(_B, signs=False)), Condition.NOT_SIGNING, "no key that signs"),
    ],
)
def test_what_cannot_sign_says_why(keys: tuple[ComponentKey, ...], condition: Condition, said: str) -> None:
    found = health(certificate(*keys), NOW)
    assert found.condition is condition
    assert not found.can_sign
    assert not found.outlives(NOW - DAY)
    assert said in found.describe()


def test_a_revoked_subkey_leaves_the_older_one_in_charge() -> None:
    whole = certificate(component(signs=False), component(_B, 50), component(_C, revoked=True))
    assert health(whole, NOW).signing == _B


def test_the_most_urgent_comes_first() -> None:
    ends = [
        health(certificate(component(_A, None)), NOW),
        health(certificate(component(_B, 5)), NOW),
        health(certificate(component(_C, -5)), NOW),
    ]
    assert [one.fingerprint for one in sort_by_urgency(ends)] == [_C, _B, _A]


def test_a_key_that_ends_too_early_is_refused_with_what_to_do() -> None:
    whole = certificate(component(signs=False), component(_B, 100))
    found = signer_health([whole], _A, NOW)
    check_outlives(found, NOW + 99 * DAY, "releases of today are offered")
    with pytest.raises(
        RefusedError, match="signs until 2026-06-09, 100 days more, but releases of"
    ) as caught:
        check_outlives(found, NOW + 180 * DAY, "releases of today are offered")
    assert f"gpg --quick-set-expire {_A}" in str(caught.value.hint)
    with pytest.raises(RefusedError, match="was revoked"):
        check_outlives(health(certificate(component(revoked=True)), NOW), NOW, "nothing")
    with pytest.raises(RefusedError, match="its public half is not in the keyring"):
        signer_health([whole], _C, NOW)


@pytest.mark.parametrize("time", ["soon", "1" * 30, "2026-01-01T00:00:00"])
def test_a_listing_that_cannot_be_read_is_no_good_news(time: str) -> None:
    listing = f"pub:u:255:22:AAAA:1700000000:{time}:::::scESC:::::ed25519:::0:\nfpr:::::::::{_A}:\n"
    with pytest.raises(ToolError, match="expected seconds since 1970"):
        read_certificates(listing)


def test_a_listing_that_goes_on_in_iso_time_is_read() -> None:
    listing = f"pub:u:255:22:AAAA:1700000000:20260401T120000::::::scESC:\nfpr:::::::::{_A}:\n"
    (found,) = read_certificates(listing)
    assert found.primary.expires == datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
    assert read_certificates("") == ()


# With a real gpg


@pytest.fixture
def home() -> Iterator[OpenPgpHome]:
    with OpenPgpHome() as opened:
        yield opened


def gpg(home: OpenPgpHome, *arguments: str, at: datetime | None = None, stdin: bytes = b"") -> bytes:
    quiet = ["--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase=", "--no-auto-check-trustdb"]
    clock = [] if at is None else ["--faked-system-time", str(int(at.timestamp()))]
    argv: list[str | Path] = ["gpg", "--homedir", home.path, *quiet, *clock, *arguments]
    return run(argv, stdin=stdin).stdout


def certifier(home: OpenPgpHome, expires: str = "never", at: datetime | None = None) -> str:
    """A primary that only certifies; its fingerprint."""
    before = {one.fingerprint for one in read_certificates(home.list_public_keys())}
    gpg(home, "--quick-generate-key", "Certifier <c@example.org>", "ed25519", "cert", expires, at=at)
    (made,) = {one.fingerprint for one in read_certificates(home.list_public_keys())} - before
    return made


def add_subkey(
    home: OpenPgpHome, primary: str, expires: str, at: datetime | None = None, usage: str = "sign"
) -> str:
    before = {key.fingerprint for key in listed(home, primary).components}
    gpg(home, "--quick-add-key", primary, "ed25519" if usage == "sign" else "cv25519", usage, expires, at=at)
    (made,) = {key.fingerprint for key in listed(home, primary).components} - before
    return made


def listed(home: OpenPgpHome, primary: str) -> Certificate:
    return next(one for one in read_certificates(home.list_public_keys()) if one.fingerprint == primary)


def revoke(home: OpenPgpHome, primary: str) -> None:
    """Import the revocation that gpg put aside when it made the key."""
    text = (home.path / "openpgp-revocs.d" / f"{primary}.rev").read_text()
    gpg(home, "--import", stdin=text.replace(":-----BEGIN", "-----BEGIN").encode())


def revoke_subkey(home: OpenPgpHome, primary: str, number: int) -> None:
    answers = f"key {number}\nrevkey\ny\n0\n\ny\nsave\n".encode()
    gpg(home, "--command-fd=0", "--no-batch", "--no-tty", "--edit-key", primary, stdin=answers)


def sign_at(home: OpenPgpHome, data: bytes, key: str, at: datetime) -> str:
    arguments = ("--local-user", f"{key}!", "--digest-algo=SHA512", "--armor", "--detach-sign")
    return gpg(home, *arguments, at=at, stdin=data).decode()


def test_real_subkeys_are_read_with_their_ends(home: OpenPgpHome) -> None:
    begun = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
    primary = certifier(home, "2y", begun)
    one = add_subkey(home, primary, "30d", begun)
    two = add_subkey(home, primary, "100d", begun + DAY)
    add_subkey(home, primary, "never", begun, usage="encr")
    found = listed(home, primary)
    assert found.user_id == "Certifier <c@example.org>"
    assert [key.signs for key in found.components] == [False, True, True, False]
    assert [key.revoked for key in found.components] == [False] * 4
    ends = {key.fingerprint: key.expires for key in found.components}
    assert (ends[one], ends[two]) == (begun + 30 * DAY, begun + 101 * DAY)
    at = health(found, begun + 40 * DAY)
    assert (at.signing, at.until, at.days, at.warning) == (two, begun + 101 * DAY, 61, 90)
    assert health(found, begun + 200 * DAY).condition is Condition.EXPIRED


def test_an_expired_key_is_expired_and_verifies_as_expired(home: OpenPgpHome) -> None:
    begun = datetime(2025, 1, 1, tzinfo=UTC)
    key = home.generate_key("Old", created=begun, expires=begun + 30 * DAY)
    signature = sign_at(home, b"x", key, begun + DAY)
    with pytest.raises(NotVerifiedError, match=f"made by a key that has expired \\(key {key}\\)"):
        home.verify_bytes(b"x", signature, {key})
    assert home.verify_bytes(b"x", signature, {key}, at=begun + 2 * DAY).primary_fingerprint == key
    assert health(listed(home, key), NOW).condition is Condition.EXPIRED
    assert health(listed(home, key), begun + DAY).condition is Condition.EXPIRING


def test_an_expired_subkey_verifies_as_expired_though_its_primary_lives(home: OpenPgpHome) -> None:
    begun = datetime(2025, 1, 1, tzinfo=UTC)
    primary = certifier(home, "never", begun)
    subkey = add_subkey(home, primary, "30d", begun)
    signature = sign_at(home, b"x", subkey, begun + DAY)
    with pytest.raises(NotVerifiedError, match="made by a key that has expired"):
        home.verify_bytes(b"x", signature, {primary})
    with pytest.raises(RefusedError, match="gpg did not sign"):
        home.sign_bytes(b"x", subkey)


def test_a_revoked_key_is_revoked_and_verifies_as_revoked_whenever_it_signed(home: OpenPgpHome) -> None:
    begun = datetime(2025, 1, 1, tzinfo=UTC)
    key = home.generate_key("Stolen", created=begun)
    signature = sign_at(home, b"x", key, begun + DAY)
    revoke(home, key)
    assert health(listed(home, key), NOW).condition is Condition.REVOKED
    for at in (None, datetime.now(UTC)):
        with pytest.raises(NotVerifiedError, match=f"made by a key that was revoked \\(key {key}\\)"):
            home.verify_bytes(b"x", signature, {key}, at=at)


def test_a_revoked_subkey_is_revoked_and_the_other_one_signs(home: OpenPgpHome) -> None:
    primary = certifier(home)
    one, two = add_subkey(home, primary, "never"), add_subkey(home, primary, "never")
    signature = home.sign_bytes(b"x", two)
    revoke_subkey(home, primary, 2)
    now = datetime.now(UTC) + timedelta(minutes=1)
    assert health(listed(home, primary), now).signing == one
    assert health(listed(home, primary), now, subkey=two).condition is Condition.REVOKED
    with pytest.raises(NotVerifiedError, match="made by a key that was revoked"):
        home.verify_bytes(b"x", signature, {primary})
