"""The composition root: settings become stores, verifiers, signers, and a yard. The only one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from release.catalog.version import Version
from release.errors import InputError, RefusedError
from release.ledger.chain import LedgerWriter, StatementSigner
from release.ledger.fold import Trust
from release.ledger.state import State, base_of
from release.line.channel_keys import ChannelKeys, KeyTable
from release.line.policies import policy_in_force
from release.line.yard import PayloadTools, Yard
from release.mirror.directory import DirectoryStore
from release.mirror.http import HttpReader
from release.mirror.pace import Pace
from release.mirror.s3 import S3Store
from release.mirror.s3_options import S3Options
from release.mirror.store import Store
from release.payload.profile import get_profile
from release.settings import ChannelSettings, RotationSettings, Settings, StoreSettings, load_settings
from release.signing import open_signer
from release.signing.gnupg_key import own_gnupg_home, parse_gnupg_uri
from release.signing.key_health import read_certificates
from release.signing.offline import OfflineAnswers, OfflineSigner, is_offline, offline_name
from release.signing.openpgp import OpenPgpHome
from release.signing.rotation import Rotation
from release.signing.secret_keys import SigningKey, find_signing_key
from release.signing.secret_sources import find
from release.signing.signer import DigestSigner, SecretsHandler
from release.signing.trusted_keys import PayloadKey, load_payload_key
from release.signing.verifying import AllowListVerifier, verifier_from_keys
from release.wiring.mirrors import mirror_accesses
from release.wiring.nebraska import open_nebraska
from release.wiring.pages import pages_options

_clock: ContextVar[Callable[[], datetime]] = ContextVar("clock", default=lambda: datetime.now(UTC))


def utc_now() -> datetime:
    """The time, aware, UTC, whole seconds. The only look at a clock that decisions get."""
    return _clock.get()().replace(microsecond=0)


@contextmanager
def simulated_clock(clock: Callable[[], datetime]) -> Iterator[None]:
    """Let everything that is opened here, command lines included, take its time (UTC) from ``clock``.

    For rehearsals: nothing outside the process can ask for it. OpenPGP signatures still carry the real
    time, so a simulated one must not be before it.
    """
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)


@dataclass(frozen=True, slots=True)
class KeyringVerifier:
    """Checks statements and ledger entries against all keys of one keyring."""

    home: OpenPgpHome
    known: frozenset[str]

    def verify(self, data: bytes, signature: str, *, at: datetime) -> str:
        """The primary fingerprint that signed, judged ``at`` that time. Raises NotVerifiedError."""
        return self.home.verify_bytes(data, signature, self.known, at=at).primary_fingerprint


@dataclass(frozen=True, slots=True)
class OpenPgpSigner:
    """Signs for one OpenPGP key. ``key`` opens its keyring and finds what signs, at first use."""

    key: Callable[[], SigningKey]
    fingerprint: str
    """Who signs: a primary key. Which of its keys does is ``key``'s business."""

    def signing_key(self) -> str:
        """The fingerprint of the key, or subkey, that signs."""
        return self.key().fingerprint

    def sign(self, data: bytes) -> str:
        """An armored detached signature of ``data``."""
        return self.key().sign(data)

    def sign_file(self, data: Path, out: Path) -> None:
        """A binary detached signature of a file."""
        self.key().sign_file(data, out)


@dataclass(frozen=True, slots=True)
class NoSigner:
    """Stands where no key was configured, and says so when it is asked to sign."""

    fingerprint: str = ""

    def signing_key(self) -> str:
        """Raises RefusedError."""
        return self.sign(b"")

    def sign(self, data: bytes) -> str:  # noqa: ARG002 - the protocol's form
        """Raises RefusedError."""
        raise RefusedError(
            "nothing can be signed here: no OpenPGP key is configured",
            hint="set openpgp.signer in humpyard.toml, on the machine that may sign",
        )

    def sign_file(self, data: Path, out: Path) -> None:  # noqa: ARG002 - the protocol's form
        """Raises RefusedError."""
        self.sign(b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKeySource:
    """Where a secret OpenPGP key is: a GnuPG home, or files for a short-lived home.

    ``fingerprint`` is the primary's. Only with ``subkey`` it may be that of a subkey that shall sign.
    """

    fingerprint: str
    subkey: bool = False
    home: Path | None = None
    files: tuple[Path, ...] = ()


def open_store(settings: StoreSettings, base: Path) -> Store:
    """The store of a URL. Raises InputError for a scheme that is not known."""
    try:
        parts = urlsplit(settings.url)
    except ValueError as error:
        raise InputError(f"store.url {settings.url!r}: {error}") from error
    if parts.scheme == "file":
        return DirectoryStore(base / settings.url.removeprefix("file:"))
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(
            bucket=parts.netloc,
            prefix=parts.path.strip("/"),
            options=S3Options(endpoint_url=settings.s3_endpoint, region=settings.s3_region),
        )
    raise InputError(f"store.url {settings.url!r}: expected file:DIRECTORY or s3://BUCKET/PREFIX")


def open_mirror(
    url: str, settings: StoreSettings | None = None, *, pace: Pace | None = None
) -> HttpReader | Store:
    """Something to read releases from: a directory, ``http(s)://``, or ``s3://``.

    ``pace`` is how slow a web server may be; None for what is usual.
    """
    if url.startswith(("http://", "https://")):
        return HttpReader(url, pace=pace or Pace())
    if "://" not in url and not url.startswith("file:"):
        url = f"file:{Path(url).resolve()}"
    options = settings or StoreSettings()
    return open_store(options.model_copy(update={"url": url}), Path.cwd())


@contextmanager
def open_yard(
    settings_file: Path,
    *,
    person: SecretKeySource | None = None,
    secrets: SecretsHandler | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Iterator[Yard]:
    """Everything a job needs, as the settings say.

    Args:
        settings_file: ``humpyard.toml``.
        person: who writes into the ledger instead of the pipeline: their own statements.
        secrets: asked for passphrases and PINs of payload keys, by name; when None, they are looked for
            in the environment and in files, and no one is asked.
        clock: gives aware times, UTC.

    Raises:
        InputError: settings, keys or the profile are not what they should be; nothing was touched.
        RefusedError: a channel for production has a key in a file.
        ToolMissingError: gpg is not installed.
    """
    settings, base = load_settings(settings_file), settings_file.resolve().parent
    with ExitStack() as stack:
        public = _public_keyring(settings, base, stack)
        signer = _signer(person or _pipeline_key(settings, base), stack)
        store = open_store(settings.store, base)
        pipeline = frozenset(settings.openpgp.pipeline)
        trust = Trust(pipeline=pipeline, people=public.known - pipeline)
        ledger = LedgerWriter(store, public, trust, signer)
        yield Yard(
            product=settings.product,
            naming=settings.naming,
            work=base / settings.work,
            incoming=base / settings.incoming,
            changelog=None if settings.changelog is None else base / settings.changelog,
            store=store,
            ledger=ledger,
            statements=public,
            clock=clock,
            image_signatures=_image_verifier(settings, base, stack),
            release_signatures=_release_verifier(settings, base, stack),
            file_signer=signer,
            signer=signer,
            signing_key=signer.signing_key,
            certificates=lambda: read_certificates(public.home.list_public_keys()),
            public_key=public.home.export_public,
            payload_for=_payload_tools(settings, base, secrets or find, ledger.state),
            pages=pages_options(settings.pages, base),
            policy=lambda: policy_in_force(store, ledger.state()),
            mirrors=mirror_accesses(settings.mirrors, base, base / settings.work, secrets or find),
            nebraska=open_nebraska(settings.nebraska, secrets or find),
            package_names=settings.notes.packages,
        )


def person_signer(source: SecretKeySource, stack: ExitStack) -> StatementSigner:
    """A person's own key, for statements. The caller's ``stack`` closes its keyring."""
    return _signer(source, stack)


def _public_keyring(settings: Settings, base: Path, stack: ExitStack) -> KeyringVerifier:
    home, known = verifier_from_keys(_under(base, settings.openpgp.keys))
    stack.callback(home.close)
    missing = [key for key in settings.openpgp.pipeline if key not in known]
    if missing:
        raise InputError(f"openpgp.pipeline: {', '.join(missing)}: not among the keys of openpgp.keys")
    return KeyringVerifier(home, frozenset(known))


def _pipeline_key(settings: Settings, base: Path) -> SecretKeySource | None:
    options = settings.openpgp
    if options.signer is None:
        return None
    files = tuple(_under(base, options.secret_keys))
    home = None if options.home is None else base / options.home
    if not options.signer.startswith("gnupg:"):
        return SecretKeySource(fingerprint=options.signer, subkey=True, home=home, files=files)
    named = parse_gnupg_uri(options.signer)
    if home is not None or files or named.uri.names_secret:
        raise InputError(
            "openpgp.signer: expected its home in the URI only, and no secret: gpg-agent asks for it",
            hint="remove openpgp.home and openpgp.secret_keys, or name the key by its fingerprint alone",
        )
    return SecretKeySource(fingerprint=named.fingerprint, subkey=True, home=named.home or own_gnupg_home())


def _signer(source: SecretKeySource | None, stack: ExitStack) -> OpenPgpSigner | NoSigner:
    if source is None:
        return NoSigner()
    found: list[SigningKey] = []

    def key() -> SigningKey:
        if not found:
            home = stack.enter_context(OpenPgpHome(source.home))
            for path in source.files:
                home.import_file(path)
            found.append(find_signing_key(home, source.fingerprint, subkey=source.subkey))
        return found[0]

    return OpenPgpSigner(key, source.fingerprint)


def _image_verifier(settings: Settings, base: Path, stack: ExitStack) -> AllowListVerifier:
    if not settings.image.keys:
        return AllowListVerifier(stack.enter_context(OpenPgpHome()), ())  # nobody is trusted
    home, _ = verifier_from_keys(_under(base, settings.image.keys))
    stack.callback(home.close)
    return AllowListVerifier(home, settings.image.signers)


def _release_verifier(settings: Settings, base: Path, stack: ExitStack) -> AllowListVerifier:
    """Accepts the pipeline's signatures and nobody else's, whatever keys the settings name besides."""
    home, _ = verifier_from_keys(_under(base, settings.openpgp.keys))
    stack.callback(home.close)
    return AllowListVerifier(home, settings.openpgp.pipeline)


def _payload_tools(
    settings: Settings, base: Path, secrets: SecretsHandler, state: Callable[[], State]
) -> Callable[[str], PayloadTools]:
    options, table = settings.payload, _key_table(settings, base)
    profile = get_profile(options.profile)

    def tools(channel: str) -> PayloadTools:
        stream_of = None
        if table.channels:  # else every channel has the same
            known = state()
            table.check_names(known.knows)
            stream_of = base_of(channel, known.streams)
        chosen = table.of(channel, stream_of)
        slots = chosen.slots
        return PayloadTools(
            profile=profile,
            workers=options.workers,
            memory=options.memory,
            delta_threshold=options.delta_threshold,
            keys=tuple(key for _, key in slots),
            open_signers=lambda answers: [_open(uri, key, answers, base, secrets) for uri, key in slots],
            offline={key.fingerprint: offline_name(uri) for uri, key in slots if is_offline(uri)},
            rotation=chosen.rotation,
        )

    return tools


def _open(
    uri: str, key: PayloadKey, answers: OfflineAnswers, base: Path, secrets: SecretsHandler
) -> DigestSigner:
    if is_offline(uri):
        return OfflineSigner(uri=uri, key=key, signatures=answers.get(key.fingerprint, {}))
    signer = open_signer(_absolute(uri, base), secrets)
    if signer.key != key:  # one of another slot would pass for trusted, in the place that clients look at
        raise RefusedError(
            f"{uri}: expected the key {key} there, found {signer.key}",
            hint="signers and keys belong together, one by one: correct their order, or the public key",
        )
    return signer


def _key_table(settings: Settings, base: Path) -> KeyTable:
    """The keys of every channel, checked."""
    default = _channel_keys("payload", settings, ChannelSettings(), base)
    channels = {
        name: _channel_keys(f"channels.{name}", settings, options, base)
        for name, options in settings.channels.items()
    }
    table = KeyTable(default=default, channels=channels)
    table.check()
    strict = next((keys.where for keys in channels.values() if keys.strict), None)
    if strict is not None and settings.openpgp.secret_keys:
        raise RefusedError(
            f"{strict}: for production, but the pipeline's key is in a file: openpgp.secret_keys",
            hint="keep it in a GnuPG home, better on a card, and name that: openpgp.home",
        )
    return table


def _channel_keys(where: str, settings: Settings, options: ChannelSettings, base: Path) -> ChannelKeys:
    if (options.signers is None) != (options.keys is None) or options.signers == ():
        raise InputError(f"{where}: expected signers and keys, or neither")
    signers = settings.payload.signers if options.signers is None else options.signers
    files = settings.payload.keys if options.keys is None else options.keys
    if len(signers) != len(files):
        raise InputError(
            f"{where}: expected a public key for each of the {len(signers)} signers, found {len(files)}"
        )
    keys = [load_payload_key(path) for path in _under(base, files)]
    rotation = settings.payload.rotation if options.signers is None else None
    return ChannelKeys(
        where=where,
        slots=tuple(zip(signers, keys, strict=True)),
        production=options.production,
        allow_file_keys=options.allow_file_keys,
        rotation=_rotation(f"{where}.rotation", options.rotation or rotation, base),
    )


def _rotation(where: str, options: RotationSettings | None, base: Path) -> Rotation | None:
    if options is None:
        return None
    try:
        floor = Version.parse(options.floor)
    except InputError as error:
        raise InputError(f"{where}.floor: {error.message}") from error
    old, new = (load_payload_key(base / path) for path in (options.old, options.new))
    return Rotation(old=old.fingerprint, new=new.fingerprint, floor=floor)


def _absolute(uri: str, base: Path) -> str:
    """A ``file:`` URI counts from the settings file, like every path in it."""
    path = uri.removeprefix("file:")
    return uri if path in {uri, ""} or path.startswith("/") else f"file:{quote(str(base))}/{path}"


def _under(base: Path, paths: Sequence[Path]) -> list[Path]:
    return [base / path for path in paths]
