"""``offline:NAME`` keys: held on a machine without a network, reached by a file that people carry.

Such a key cannot be opened. Where a signature of it is needed, the ones that were imported for this
candidate are looked through; see ``release.signing.ceremony``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from release.digests import Digest
from release.errors import RefusedError
from release.signing.signer import DigestSigner, KeyUriError, SecretsHandler
from release.signing.trusted_keys import PayloadKey

OfflineAnswers = Mapping[str, Mapping[Digest, bytes]]
"""Signatures that were imported: by fingerprint of the key, by what they are over."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)
_SCHEME = "offline:"


class WaitingForSignaturesError(RefusedError):
    """People have to sign first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineSigner:
    """Answers with signatures that were made elsewhere. ``key`` is the trusted public half."""

    uri: str
    key: PayloadKey
    signatures: Mapping[Digest, bytes] = field(repr=False)

    def sign_digest(self, digest: Digest) -> bytes:
        """The imported signature over ``digest``. Raises WaitingForSignaturesError when there is none."""
        found = self.signatures.get(digest)
        if found is None:
            raise WaitingForSignaturesError(
                f"{self.uri}: no imported signature over {digest}",
                hint="the payload changed since it was exported, or was never: humpyard signing export",
            )
        return found


def is_offline(uri: str) -> bool:
    """Whether ``uri`` has the scheme ``offline:``."""
    return uri.startswith(_SCHEME)


def offline_name(uri: str) -> str:
    """The name in ``offline:NAME``, which is for people. Raises KeyUriError."""
    name = uri.removeprefix(_SCHEME)
    if not is_offline(uri) or not _NAME.fullmatch(name):
        raise KeyUriError(
            f"key URI {uri!r}: expected offline:NAME, NAME being up to 60 letters, digits, dots, - and _"
        )
    return name


def open_offline(uri: str, secrets: SecretsHandler | None = None) -> DigestSigner:
    """Raises KeyUriError: nothing here can sign with such a key at once."""
    del secrets
    name = offline_name(uri)
    raise KeyUriError(
        f"key URI {uri!r}: {name} signs on a machine of its own, it cannot be asked here",
        hint="payloads of a candidate are signed with it: humpyard signing export",
    )
