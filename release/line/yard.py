"""The yard: everything a job needs, made by ``release.wiring`` and handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from release.bundle.assemble import FileSigner
from release.catalog.naming import NamingScheme
from release.image.image_set import DetachedVerifier
from release.ledger.chain import LedgerWriter, StatementSigner, StatementVerifier
from release.mirror.replica import Replica
from release.mirror.store import ObjectReader, Store
from release.pages.records import Brand, Support
from release.payload.profile import Profile
from release.promotion.policy import Policy
from release.signing.key_health import Certificate
from release.signing.offline import OfflineAnswers
from release.signing.rotation import Rotation
from release.signing.signer import DigestSigner
from release.signing.trusted_keys import PayloadKey
from release.updates.nebraska.publish import Nebraska


class DatedVerifier(DetachedVerifier, Protocol):
    """Checks detached signatures, as of now or as of another time."""

    def at(self, moment: datetime) -> DatedVerifier:
        """The same keys, judged as they were at ``moment`` (aware, UTC)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadTools:
    """How payloads are made and signed.

    ``memory`` (bytes) is what a build keeps below. ``keys`` are the public halves in slot order: they
    tell building how much room signatures need, and verifying whom to believe. ``open_signers`` opens the
    private keys, in the same order, at the moment of use; building never calls it. It is given what
    offline keys answered. A delta larger than ``delta_threshold`` (above 0, up to 1) times the full
    payload is not shipped. ``offline`` names the keys of ``offline:`` URIs, by fingerprint; ``rotation``
    is the change of key that is declared.
    """

    profile: Profile
    workers: int
    memory: int
    delta_threshold: float
    keys: tuple[PayloadKey, ...]
    open_signers: Callable[[OfflineAnswers], Sequence[DigestSigner]]
    offline: Mapping[str, str] = field(default_factory=dict)
    rotation: Rotation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesOptions:
    """How pages are rendered. ``templates`` take the place of the built-in ones, file by file.

    ``history`` is a directory of lists of what was released before this pipeline, ``supports`` says of its
    streams, by name, how long they are supported.
    """

    base_url: str | None = None
    templates: Path | None = None
    feed_authority: str = "releases.invalid,2026"
    history: Path | None = None
    supports: Mapping[str, Support] = field(default_factory=dict)
    brand: Brand = field(default_factory=Brand)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorAccess:
    """How the pipeline reaches a mirror that the policy names.

    ``replica`` opens what it is written through; None where the store itself is what the mirror's public
    address serves. ``store`` opens what can be asked for its abilities, where the mirror is such a store.
    ``public`` opens a reader of the public address, for one thread. None of them contacts anybody.
    ``patience`` (seconds, 0 or more) is how long a promotion waits for this mirror when enough others are
    ready. ``url`` is for people: where it is written, without secrets.
    """

    url: str
    replica: Callable[[], Replica] | None
    public: Callable[[str], ObjectReader]
    store: Callable[[], Store] | None = None
    patience: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Yard:
    """One product's pipeline.

    ``clock`` gives the time (UTC); jobs ask it once and hand the value on. ``release_signatures``
    checks what the pipeline itself signed, ``image_signatures`` what the build system signed. ``signer``
    is the OpenPGP key at hand, the pipeline's or a person's; ``signing_key`` gives the fingerprint of the
    very key, or subkey, that signs for it, and raises RefusedError where there is none. ``certificates``
    lists the public keys of everybody, as readers are given them.
    """

    product: str
    naming: NamingScheme
    work: Path
    incoming: Path
    changelog: Path | None
    store: Store
    ledger: LedgerWriter
    statements: StatementVerifier
    clock: Callable[[], datetime]
    image_signatures: DatedVerifier
    release_signatures: DatedVerifier
    file_signer: FileSigner
    signer: StatementSigner
    signing_key: Callable[[], str]
    certificates: Callable[[], tuple[Certificate, ...]]
    public_key: Callable[[str], bytes]
    """The armored public key of a primary fingerprint among them. Raises InputError."""
    payload_for: Callable[[str], PayloadTools]
    """How payloads are made and signed for a channel, or believed there. Raises InputError."""
    pages: PagesOptions
    policy: Callable[[], Policy]
    """The policy in force: read from the store by the digest that the ledger names."""
    mirrors: Mapping[str, MirrorAccess] = field(default_factory=dict)
    """By the names that the policy gives them."""
    nebraska: Nebraska | None = None
    """What is told of channels besides mirrors, or nobody."""
    package_names: Mapping[str, str] = field(default_factory=dict)
    """Packages by what notes call them, besides those that are known: ``release.notes.promises``."""
