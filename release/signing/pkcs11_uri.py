"""``pkcs11:`` URIs (RFC 7512): which module, which token in it, which key on it.

Read strictly: an attribute that is not known here is refused, where the RFC lets readers ignore it, as
the key that is found without it may be another one.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from release.errors import storage_errors
from release.signing.key_uri import KeyUri, absolute_path, split_key_uri
from release.signing.signer import KeyUriError

_FORM = "pkcs11:token=LABEL;object=LABEL?module-path=/path/to/module.so"
_TOKEN = ("token", "manufacturer", "model", "serial")
_ATTRIBUTES = frozenset({*_TOKEN, "object", "id", "type", "slot-id"})
_MODULE_OPTIONS = frozenset({"module-path", "module-name"})
_P11_KIT = (Path("/etc/pkcs11/modules"), Path("/usr/share/p11-kit/modules"))
"""Where p11-kit's files are that say what a module's name stands for; the first one counts."""
_MODULE_LINE = re.compile(r"^\s*module:\s*(\S+)\s*$", re.MULTILINE)
_LONGEST_FILE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A private key on a token. What is None or not in ``token`` does not matter.

    ``token`` maps ``token``, ``manufacturer``, ``model``, ``serial`` to what they must be.
    """

    uri: KeyUri
    module: Path
    token: Mapping[str, str]
    slot: int | None = None
    label: str | None = None
    identity: bytes | None = None

    @property
    def text(self) -> str:
        """The URI as it was given."""
        return self.uri.text


def parse_pkcs11_uri(text: str) -> TokenKey:
    """Read a ``pkcs11:`` URI that names a private key, and find the module's file.

    Raises:
        KeyUriError: an unknown, empty or repeated attribute; another type than ``private``; no module,
            one that is not installed, or two; a PIN in the URI.
    """
    uri = split_key_uri(text, "pkcs11", _FORM, options=_MODULE_OPTIONS)
    where = f"key URI {text!r}"
    found = _attributes(uri.path, where)
    if found.pop("type", b"private") != b"private":
        raise KeyUriError(f"{where}: expected type=private, the key that signs")
    identity = found.pop("id", None)
    words = {name: _text(value, f"{where}: {name}") for name, value in found.items()}
    return TokenKey(
        uri=uri,
        module=_module(uri, where),
        token={name: words[name] for name in _TOKEN if name in words},
        slot=_slot(words["slot-id"], where) if "slot-id" in words else None,
        label=words.get("object"),
        identity=identity,
    )


def _attributes(path: str, where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in path.split(";"):
        name, equals, value = part.partition("=")
        if name not in _ATTRIBUTES:
            raise KeyUriError(
                f"{where}: the attribute {name!r} is not known; expected {', '.join(sorted(_ATTRIBUTES))}"
            )
        if not equals or not value or name in found:
            raise KeyUriError(f"{where}: expected one value for the attribute {name!r}")
        found[name] = unquote_to_bytes(value)
    return found


def _text(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise KeyUriError(f"{where}: expected UTF-8") from error


def _slot(text: str, where: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 20:
        raise KeyUriError(f"{where}: slot-id: expected a number, found {text!r}")
    return int(text)


def _module(uri: KeyUri, where: str) -> Path:
    path, name = uri.options.get("module-path"), uri.options.get("module-name")
    if (path is None) == (name is None):
        raise KeyUriError(
            f"{where}: expected module-path or module-name",
            hint="SoftHSM2, say: ?module-path=/usr/lib/softhsm/libsofthsm2.so or ?module-name=softhsm2",
        )
    found = Path(absolute_path(f"{where}: module-path", path)) if path else _named_module(str(name), where)
    if not found.is_file():
        raise KeyUriError(f"{where}: there is no PKCS#11 module {found}", hint="install it on this machine")
    return found.resolve()  # by one name, as a module is initialised once


def _named_module(name: str, where: str) -> Path:
    """The file that p11-kit's configuration gives for the name of a module."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise KeyUriError(f"{where}: module-name: found {name!r}")
    for folder in _P11_KIT:
        configured = folder / f"{name}.module"
        if not configured.is_file():
            continue
        with storage_errors(configured), configured.open("rb") as source:
            line = _MODULE_LINE.search(source.read(_LONGEST_FILE).decode(errors="replace"))
        if line is None:
            raise KeyUriError(f"{where}: module-name: {configured} names no module")
        return Path("/usr/lib", sysconfig.get_config_var("MULTIARCH") or "", "pkcs11", line.group(1))
    raise KeyUriError(
        f"{where}: module-name: there is no {name}.module in {' or '.join(map(str, _P11_KIT))}",
        hint="give the module's file instead: ?module-path=/path/to/module.so",
    )
