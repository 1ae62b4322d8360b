"""``gnupg:`` payload keys: an RSA key that gpg-agent holds, in its files or on a smart card.

OpenPGP signatures have a form of their own, so gpg cannot make what update clients check. Its agent can:
it signs digests, PKCS#1 v1.5, for whoever may talk to its socket. Commands: GnuPG manual, "Agent Protocol";
S-expressions: libgcrypt manual, "Data encoding".
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from release.digests import Digest
from release.errors import HumpyardError, InputError, RefusedError, ToolError
from release.process import run
from release.signing.key_uri import KeyUri, absolute_path, split_key_uri
from release.signing.openpgp import OpenPgpHome
from release.signing.openpgp_status import check_fingerprint
from release.signing.signer import KeyUriError, SecretsHandler, check_sha256
from release.signing.trusted_keys import PayloadKey

_FORM = "gnupg:FINGERPRINT?home=/path/to/gnupg"
_TERMINAL = ("GPG_TTY", "TERM", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS")
"""What pinentry needs to know to find the person who shall type a PIN."""
_ESCAPE = re.compile(rb"%([0-9A-F]{2})")
_PUBLIC_KEY = b"(10:public-key(3:rsa"
_SIGNATURE = b"(7:sig-val(3:rsa"
_CANCELLED = "Operation cancelled"
_WRONG = frozenset({"Bad passphrase", "Bad PIN", "No passphrase given"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GnupgKeyName:
    """What a ``gnupg:`` URI names: a key or subkey, by its full fingerprint, and a GnuPG home."""

    uri: KeyUri
    fingerprint: str
    home: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSigner:
    """Signs with a key that gpg-agent holds."""

    uri: str
    key: PayloadKey
    _home: OpenPgpHome = field(repr=False, compare=False)
    _keygrip: str = field(repr=False)
    _passphrase: str | None = field(repr=False, compare=False)
    """None when the agent asks whoever sits at its terminal."""

    def sign_digest(self, digest: Digest) -> bytes:
        """RSASSA-PKCS1-v1_5 over a SHA-256 ``digest``. The agent may ask a person, for up to ten minutes.

        Raises:
            InputError: a wrong passphrase, nobody to ask for it, or another algorithm.
            RefusedError: the person said no, or the agent does not sign with this key.
        """
        value = check_sha256(digest, self.uri).value
        lines = [f"SIGKEY {self._keygrip}", f"SETHASH --hash=sha256 {value.hex()}", "PKSIGN"]
        if self._passphrase is not None:
            lines[:0] = [
                "OPTION pinentry-mode=loopback",
                f"/let humpyard {self._passphrase}",
                "/definq PASSPHRASE humpyard",
            ]
        found = _read_numbers(_talk(self._home, lines, self.uri), _SIGNATURE, b"s")
        if not found or found[0].bit_length() > 8 * self.key.size:
            raise ToolError(f"{self.uri}: gpg-agent did not answer with an RSA signature")
        return found[0].to_bytes(self.key.size)


def parse_gnupg_uri(text: str) -> GnupgKeyName:
    """Read ``gnupg:FINGERPRINT?home=/path``. Raises KeyUriError."""
    uri = split_key_uri(text, "gnupg", _FORM, options={"home"})
    try:
        fingerprint = check_fingerprint(unquote(uri.path))
    except InputError as error:
        raise KeyUriError(f"key URI {uri.shown!r}: {error.message}", hint=error.hint) from error
    home = uri.options.get("home")
    path = None if home is None else Path(absolute_path(f"key URI {uri.shown!r}: home", home))
    return GnupgKeyName(uri=uri, fingerprint=fingerprint, home=path)


def open_agent_key(uri: str, secrets: SecretsHandler | None = None) -> AgentSigner:
    """Find the key that a ``gnupg:`` URI names and ask the agent for its public half.

    The passphrase, or a card's PIN, is the agent's business, which asks for it through pinentry, unless the
    URI names a secret: then that is used, and nobody is asked.

    Args:
        uri: the full fingerprint of a key or subkey; options ``home`` (the one of whoever runs this when
            it is left out), ``secret`` or ``pin-source``.
        secrets: asked when the URI has ``secret``.

    Raises:
        InputError: a malformed URI, no such home or key, not RSA, no secret.
        ToolMissingError: GnuPG is not installed.
        ToolError: the agent does not start, or says what cannot be understood.
    """
    named = parse_gnupg_uri(uri)
    home = OpenPgpHome(named.home or own_gnupg_home())
    try:
        keygrip = _keygrip(home, named)
        key = _public_half(home, keygrip, named)
        passphrase = _passphrase(named.uri, secrets)
    except BaseException:
        home.close()
        raise
    return AgentSigner(uri=uri, key=key, _home=home, _keygrip=keygrip, _passphrase=passphrase)


def _public_half(home: OpenPgpHome, keygrip: str, named: GnupgKeyName) -> PayloadKey:
    found = _read_numbers(_talk(home, [f"READKEY {keygrip}"], named.uri.text), _PUBLIC_KEY, b"ne")
    if not found:
        raise InputError(f"{named.uri.text}: expected an RSA key, found another kind")
    modulus, exponent = found
    public = RSAPublicNumbers(exponent, modulus).public_key()
    return PayloadKey.of(public, f"gnupg {named.fingerprint[-16:]}")


def own_gnupg_home() -> Path:
    """The GnuPG home of whoever runs this, as gpg itself finds it."""
    return Path(os.environ.get("GNUPGHOME") or Path.home() / ".gnupg")


def _passphrase(uri: KeyUri, secrets: SecretsHandler | None) -> str | None:
    if not uri.names_secret:
        return None
    found = uri.ask(secrets)
    if not found.isprintable() or found != found.strip():
        raise InputError(
            f"{uri.text}: gpg-connect-agent hands on no such passphrase: unseen characters in it"
        )
    return found


def _keygrip(home: OpenPgpHome, named: GnupgKeyName) -> str:
    """The agent's name of the key with this fingerprint. Listing format: GnuPG ``doc/DETAILS``."""
    fingerprint, secret = "", False
    for line in home.list_secret_keys().split("\n"):
        fields = line.split(":")
        if fields[0] in {"sec", "ssb"} and len(fields) > 14:
            fingerprint, secret = "", fields[14] != "#"
        elif fields[0] == "fpr":
            fingerprint = fields[9]
        elif fields[0] == "grp" and fingerprint == named.fingerprint and secret:
            return fields[9]
    raise InputError(
        f"{named.uri.text}: there is no secret key of this fingerprint",
        hint="gpg --list-secret-keys --with-subkey-fingerprint lists them; # means kept elsewhere",
    )


def _talk(home: OpenPgpHome, lines: list[str], uri: str) -> bytes:
    """Say ``lines`` to the agent of ``home``; returns the data of the last answer that has any.

    What is said goes through standard input, as it may hold a passphrase.
    """
    variables = {name: os.environ[name] for name in _TERMINAL if name in os.environ}
    said = "".join(f"{line}\n" for line in [*lines, "/bye"]).encode()
    spoken = run(
        ["gpg-connect-agent", "--quiet", "--homedir", home.path], stdin=said, environment=variables
    ).stdout
    data = bytearray()
    for line in spoken.split(b"\n"):
        if line.startswith(b"ERR "):
            raise _refusal(line.decode(errors="replace"), uri)
        if line.startswith(b"D "):
            data += _ESCAPE.sub(lambda found: bytes([int(found.group(1), 16)]), line[2:])
    return bytes(data)


def _refusal(line: str, uri: str) -> HumpyardError:
    """Our error for ``ERR code text <source>``."""
    reason = line.split(" ", 2)[-1]
    text = f"{uri}: gpg-agent refused: {reason}"
    if any(word in reason for word in _WRONG):
        return InputError(text, hint="the passphrase or PIN may be wrong")
    if _CANCELLED in reason:
        return RefusedError(text)
    if "Pinentry" in reason or "pinentry" in reason:
        return InputError(
            text, hint='pinentry finds no terminal: export GPG_TTY="$(tty)", or give ?secret=NAME in the URI'
        )
    return ToolError(text) if "Card" not in reason else InputError(text, hint="is the card plugged in?")


def _read_numbers(expression: bytes, head: bytes, names: bytes) -> tuple[int, ...]:
    """The numbers called ``names``, in that order, in a canonical S-expression; none if it is another."""
    if not expression.startswith(head):
        return ()
    position, found = len(head), []
    for name in names:
        match = re.compile(rb"\(1:%c([1-9][0-9]{0,4}):" % name).match(expression, position)
        if match is None:
            return ()
        end = match.end() + int(match.group(1))
        found.append(int.from_bytes(expression[match.end() : end]))
        position = end + 1
    return tuple(found)
