"""URIs that name keys: ``scheme:what?option=value&option=value``, percent-encoded, without secrets.

Options are split as RFC 7512 splits the query of ``pkcs11:`` URIs, for every scheme: at ``&``, and a
plus sign is a plus sign. Two options are everybody's: ``secret=NAME`` and ``pin-source=file:/path`` tell
where a passphrase or PIN comes from.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from release.errors import InputError
from release.signing.secret_sources import check_name, read_secret
from release.signing.signer import KeyUriError, SecretsHandler

_OURS = frozenset({"secret", "pin-source"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PIN_VALUE = re.compile(r"pin-value", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUri:
    """A key URI that was taken apart.

    ``path`` is what stands between scheme and options, still percent-encoded; ``options`` are decoded.
    """

    text: str
    path: str
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """What messages about the URI itself show: all but the options."""
        return self.text.partition("?")[0]

    def ask(self, secrets: SecretsHandler | None) -> str:
        """The passphrase or PIN of this key: what ``pin-source`` holds, else what ``secrets`` gives.

        ``secrets`` is asked by the name that the URI gives its secret, or by the URI itself.

        Raises InputError when there is nobody to ask, or nothing to be found.
        """
        source = self.options.get("pin-source")
        if source is not None:
            return read_secret(Path(source))
        if secrets is None:
            raise InputError(f"{self.text}: the key is protected, and there is nobody to ask for its secret")
        return secrets(self.options.get("secret", self.text))

    @property
    def names_secret(self) -> bool:
        """Whether the URI itself says where its secret comes from."""
        return bool(self.options.keys() & _OURS)


def split_key_uri(text: str, scheme: str, form: str, *, options: Collection[str] = ()) -> KeyUri:
    """Take a key URI apart.

    Args:
        text: the URI.
        scheme: the one it must have.
        form: what is expected, for messages.
        options: names of options besides ``secret`` and ``pin-source``.

    Raises:
        KeyUriError: another scheme, no path, a fragment, an option that is unknown, empty or given
            twice, or a secret. Messages show no values of options.
    """
    if _PIN_VALUE.search(unquote(text)):
        raise KeyUriError(
            f"key URI {scheme}:...: pin-value is refused: settings, command lines and logs are no place"
            " for secrets",
            hint="name the secret (secret=NAME), or a file that holds it (pin-source=file:/path)",
        )
    shown, _, query = text.partition("?")
    where = f"key URI {shown!r}"
    given, colon, path = shown.partition(":")
    if not colon or given != scheme or not path or "#" in text or _CONTROL.search(text):
        raise KeyUriError(f"{where}: expected {form}")
    found: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        name, value = unquote(name), unquote(value)
        if name not in _OURS and name not in options:
            allowed = ", ".join(sorted({*_OURS, *options}))
            raise KeyUriError(f"{where}: the option {name!r} is not known; expected one of {allowed}")
        if not equals or not value or name in found or _CONTROL.search(value):
            raise KeyUriError(f"{where}: expected one value for the option {name!r}")
        found[name] = value
    return KeyUri(text=text, path=path, options=_check_secret(where, found))


def absolute_path(where: str, text: str) -> str:
    """``text`` when it is an absolute path. Raises KeyUriError naming ``where``."""
    if not text.startswith("/"):
        raise KeyUriError(f"{where}: expected an absolute path, found {text!r}")
    return text


def _check_secret(where: str, options: dict[str, str]) -> dict[str, str]:
    """Check what tells of a secret; ``pin-source`` becomes a path."""
    if options.keys() >= _OURS:
        raise KeyUriError(f"{where}: expected secret or pin-source, found both")
    if "secret" in options:
        try:
            check_name(options["secret"])
        except InputError as error:
            raise KeyUriError(f"{where}: {error.message}") from error
    if "pin-source" in options:
        parts = urlsplit(options["pin-source"])
        if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment:
            raise KeyUriError(
                f"{where}: pin-source: expected file:/path",
                hint="programs that print a PIN are not started; have them write a file, or set a variable",
            )
        options["pin-source"] = absolute_path(f"{where}: pin-source", unquote(parts.path))
    return options
