"""The public keys that the pages give to people: the pipeline's OpenPGP keys, and those of payloads."""

from __future__ import annotations

from contextlib import suppress

from release.catalog.channel import Channels
from release.errors import InputError, RefusedError
from release.ledger.state import State
from release.line.yard import Yard
from release.pages import addresses
from release.pages.records import Key
from release.signing.key_health import Certificate, health
from release.signing.trusted_keys import PayloadKey


def keys_of_site(yard: Yard, state: State, channels: Channels) -> tuple[Key, ...]:
    """What signs files, then what signs payloads, each once; the newest OpenPGP key first.

    A key that the ledger names and that is not at hand here is left out, and so are payload keys of channels
    for which the settings, on this machine, name none.
    """
    certificates = [one for one in yard.certificates() if one.fingerprint in state.pipeline_keys]
    certificates.sort(key=lambda one: (one.primary.created, one.fingerprint), reverse=True)
    return (
        *(_openpgp(yard, state, certificate) for certificate in certificates),
        *_payload_keys(yard, channels),
    )


def _openpgp(yard: Yard, state: State, certificate: Certificate) -> Key:
    until = health(certificate, state.latest).until
    return Key(
        purpose="files",
        owner=certificate.user_id or yard.product,
        algorithm=certificate.primary.algorithm,
        fingerprint=certificate.fingerprint,
        created=certificate.primary.created,
        expires=certificate.primary.expires if until is None else until,
        path=addresses.key_file(f"{certificate.fingerprint}.asc"),
        data=yard.public_key(certificate.fingerprint),
    )


def _payload_keys(yard: Yard, channels: Channels) -> tuple[Key, ...]:
    """By key, whose payloads it signs."""
    found: dict[str, tuple[PayloadKey, list[str]]] = {}
    asked = []
    for channel in channels:
        with suppress(InputError, RefusedError):
            keys = yard.payload_for(channel.name).keys
            asked.append(channel.name)
            for key in keys:
                found.setdefault(key.fingerprint, (key, []))[1].append(channel.name)
    return tuple(
        Key(
            purpose="payloads",
            owner=yard.product if names == asked else f"{yard.product}: {', '.join(names)}",
            algorithm=f"RSA {8 * key.size}",
            fingerprint=key.fingerprint,
            created=None,
            expires=None,
            path=addresses.key_file(f"payload-{key.fingerprint[:16]}.pem"),
            data=key.pem,
        )
        for key, names in found.values()
    )
