"""Which payload keys belong to which channel, and which may not. Pure.

A channel's keys are those that its payloads are signed with and believed by: when one is built for it, and
again when one that was built for another channel is to be promoted to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from release.errors import InputError, RefusedError
from release.signing.rotation import Rotation
from release.signing.trusted_keys import PayloadKey

_FILE = "file:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKeys:
    """The keys of one channel, or of all that have none of their own.

    ``where`` is their place in the settings. ``slots`` are URIs of private keys, each with the public half
    that is trusted, in slot order. ``rotation`` is the change of key that is declared.
    """

    where: str
    slots: tuple[tuple[str, PayloadKey], ...]
    production: bool = False
    allow_file_keys: bool = False
    rotation: Rotation | None = None

    @property
    def keys(self) -> tuple[PayloadKey, ...]:
        """The public halves, in slot order."""
        return tuple(key for _, key in self.slots)

    @property
    def strict(self) -> bool:
        """Whether no key in a file may count here."""
        return self.production and not self.allow_file_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTable:
    """The keys of every channel. A stream has those of its channel, unless it has its own."""

    default: ChannelKeys
    channels: Mapping[str, ChannelKeys]

    def of(self, channel: str, base: str | None = None) -> ChannelKeys:
        """Its own; else those of ``base``, which it is a stream of; else those of whoever has none.

        Raises RefusedError when a stream of a channel for production is said to be none.
        """
        above = self.default if base is None else self.channels.get(base, self.default)
        found = self.channels.get(channel, above)
        if above.production and not found.production:
            raise RefusedError(
                f"{found.where}: {above.where} is for production, and so are its streams",
                hint=f"set {found.where}.production = true, too, or remove that section",
            )
        return found

    def check(self) -> None:
        """Raises RefusedError when a channel for production would be signed, or believed, by a key in a file.

        That a key is in a file is known from any channel that signs with it, so a key cannot get into a
        channel for production by being named twice.
        """
        every = (self.default, *self.channels.values())
        in_files = {
            key.fingerprint: f"{uri}, {keys.where}.signers"
            for keys in every
            for uri, key in keys.slots
            if uri.startswith(_FILE)
        }
        for keys in every:
            for _, key in keys.slots if keys.strict else ():
                if key.fingerprint in in_files:
                    raise RefusedError(
                        f"{keys.where}: for production, but its key {key} is in a file"
                        f" ({in_files[key.fingerprint]})",
                        hint="keep it in a token (pkcs11:), a service (awskms:), on a card (gnupg:) or on"
                        f" a machine of its own (offline:), or set {keys.where}.allow_file_keys = true",
                    )

    def check_names(self, knows: Callable[[str], bool]) -> None:
        """Raises InputError when a channel here is not one that ``knows`` says there is, or may be.

        Its rules would hold for nobody, and the channel that was meant would go without them.
        """
        for name in self.channels:
            if not knows(name):
                raise InputError(
                    f"channels.{name}: the ledger has no such channel",
                    hint="the channels are those of the policy in force; correct the name in the settings",
                )
