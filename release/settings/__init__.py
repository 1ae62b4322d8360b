"""One frozen Settings, from ``humpyard.toml`` and the environment. Key URIs and names, no secrets.

Only ``release.wiring`` reads it. Every option may be overridden by an environment variable with the
prefix ``HUMPYARD_``, sections joined by two underscores: ``HUMPYARD_STORE__URL=s3://bucket/prefix``, but for
those that say what is production and whose OpenPGP keys count.
Relative paths count from the directory of the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator, ByteSize, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from release.catalog.naming import NamingScheme
from release.errors import InputError, storage_errors
from release.settings.mirrors import MirrorSettings
from release.settings.nebraska import NebraskaSettings
from release.settings.notes import NotesSettings
from release.settings.pages import PagesSettings
from release.settings.section import Section
from release.settings.update_server import UpdateServerSettings


def _holds_secret(text: str) -> bool:
    """Whether somebody put a PIN there, as RFC 7512 would have it."""
    return "pin-value" in unquote(text).lower()


_FILE_ONLY = re.compile(
    r"HUMPYARD_(CHANNELS(__.*)?|OPENPGP|OPENPGP__(PIPELINE|KEYS)(__.*)?|IMAGE|IMAGE__(KEYS|SIGNERS)(__.*)?"
    r"|NEBRASKA(__.*)?)",
    re.IGNORECASE,
)
"""Environment variables that would change who is trusted, or where a token is sent. The library reads them in
any case of letters."""


def _full_fingerprint(text: str) -> str:
    if not re.fullmatch(r"[0-9A-F]{40}", text):
        raise ValueError("expected a full OpenPGP fingerprint: 40 upper-case hexadecimal digits")
    return text


def _key_uri(text: str) -> str:
    if _holds_secret(text):
        raise ValueError("pin-value is refused, as settings hold no secrets; use secret=NAME or pin-source=")
    return text


def _signer(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    if not colon:
        return _full_fingerprint(text)
    if scheme != "gnupg":
        raise ValueError("expected a full OpenPGP fingerprint, or gnupg:FINGERPRINT?home=/path")
    _full_fingerprint(rest.partition("?")[0])
    return _key_uri(text)


Fingerprint = Annotated[str, AfterValidator(_full_fingerprint)]
KeyUriText = Annotated[str, AfterValidator(_key_uri)]
"""Read by ``release.signing`` when the key is used; see ``docs/keys.md``."""
Signer = Annotated[str, AfterValidator(_signer)]


class StoreSettings(Section):
    """Where releases, pointers and the ledger live."""

    url: str = "file:mirror"
    """``file:DIRECTORY`` or ``s3://BUCKET/PREFIX``. S3 credentials come from boto3's own chain."""
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"


class ImageSettings(Section):
    """Who signs image sets."""

    keys: tuple[Path, ...] = ()
    """Files with the build system's OpenPGP public keys."""
    signers: tuple[Fingerprint, ...] = ()
    """Primary keys whose signatures count. Empty means nobody's do."""


class RotationSettings(Section):
    """A change of the payload key; see ``docs/ceremony.md``. It stays declared until it is long over."""

    old: Path
    """The public key (SPKI PEM) that machines hold before."""
    new: Path
    """The one that they hold after."""
    floor: str
    """The version whose image ships the new key. It is signed with the old one in the slot that counts,
    and everything above it with the new one."""


class PayloadSettings(Section):
    """How payloads are made and signed."""

    profile: str = "flatcar"
    signers: tuple[KeyUriText, ...] = ()
    """Private keys as URIs, in slot order; the last one is what today's clients check (version 2)."""
    keys: tuple[Path, ...] = ()
    """Their public halves (SPKI PEM), in the same order. A signature must verify with its own."""
    workers: int = Field(default=2, ge=1, le=256)
    memory: ByteSize = ByteSize(1 << 30)
    """What building a payload takes at the most, mapped images not counted; ``"512MiB"``, say."""
    delta_threshold: float = Field(default=0.7, gt=0, le=1)
    """A delta is shipped if it is at most this part of the full payload; a larger one does not pay."""
    rotation: RotationSettings | None = None
    """Without one, a release by another key than that of the release before it is refused."""


class ChannelSettings(Section):
    """The payload keys of one channel, and of its streams, where they are not those of everybody."""

    production: bool = False
    """Refuse payload keys in files (``file:``), and ``openpgp.secret_keys``."""
    allow_file_keys: bool = False
    """Allow them all the same."""
    signers: tuple[KeyUriText, ...] | None = None
    """In the place of ``payload.signers``."""
    keys: tuple[Path, ...] | None = None
    """In the place of ``payload.keys``. What is promoted to this channel must verify with these."""
    rotation: RotationSettings | None = None
    """In the place of ``payload.rotation``, which is not for channels with signers of their own."""


class OpenPgpSettings(Section):
    """The pipeline's own OpenPGP key: signs files, ``release.json`` and ledger entries."""

    pipeline: tuple[Fingerprint, ...] = ()
    """Primary keys that are the pipeline's. Empty means that nothing published is believed."""
    signer: Signer | None = None
    """The key, or subkey, that signs here, or ``gnupg:FINGERPRINT?home=/path``, which names its home, too.
    None on machines that only read, or where people sign."""
    home: Path | None = None
    """A GnuPG home that holds the secret key. None: ``secret_keys`` in a short-lived home."""
    secret_keys: tuple[Path, ...] = ()
    """Files with secret keys, for development only."""
    keys: tuple[Path, ...] = ()
    """Files with the public keys of the pipeline and of everyone the policy names."""


class EventSettings(Section):
    """Where update servers count what machines report; see ``docs/rollout.md``."""

    url: str = "sqlite:///updates.sqlite"
    """``sqlite:///FILE`` or ``postgresql://USER@HOST/NAME``: what the update servers have, too. Without a
    password; libpq finds its own. Empty: nothing is counted, so that no rollout stops by itself."""


class Settings(BaseSettings):
    """Everything a product decides about its pipeline that is not a secret and not policy."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="HUMPYARD_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,  # somebody may have put a secret there
    )

    product: str = Field(min_length=1, max_length=100)
    policy: Path = Path("policy.toml")
    """Read once, when the ledger is opened; after that the copy in the store is in force."""
    work: Path = Path("work")
    """Scratch space: several times the size of an image per candidate."""
    incoming: Path = Path("incoming")
    """Where the build system drops image sets, as ``<board>/<version>/``; the nightly flow looks here."""
    changelog: Path | None = None
    """Directory with fragments, below a directory for each kind of change; see ``docs/notes.md``."""
    store: StoreSettings = StoreSettings()
    image: ImageSettings = ImageSettings()
    payload: PayloadSettings = PayloadSettings()
    channels: dict[str, ChannelSettings] = Field(default_factory=dict)
    openpgp: OpenPgpSettings = OpenPgpSettings()
    pages: PagesSettings = PagesSettings()
    events: EventSettings = EventSettings()
    update_server: UpdateServerSettings = UpdateServerSettings()
    mirrors: dict[str, MirrorSettings] = Field(default_factory=dict)
    """How to write to each mirror, by the name that the policy gives it."""
    nebraska: NebraskaSettings | None = None
    notes: NotesSettings = NotesSettings()
    naming: NamingScheme = NamingScheme()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file; nothing else is read."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load_settings(path: Path) -> Settings:
    """Read ``path`` and the environment.

    Raises:
        InputError: missing, not TOML, an unknown option, or a value of the wrong form; says which.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no settings here",
            hint="run `humpyard init` to make some, or name the file with --settings",
        )

    _check_environment(os.environ)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        with storage_errors(path):
            return FromFile()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise InputError(f"{path}: {_faults(error)}") from error


def _check_environment(names: Iterable[str]) -> None:
    """Whom to believe, and what is production, is said in the file only.

    Whoever may start a worker's flows can set variables for them; see docs/prefect.md.
    """
    for name in names:
        if _FILE_ONLY.fullmatch(name):
            raise InputError(
                f"environment variable {name}: whose keys count, and channels, are said in the file only",
                hint="unset it, and say it in humpyard.toml",
            )


def _faults(error: ValidationError) -> str:
    return "; ".join(_fault(detail) for detail in error.errors(include_url=False, include_context=False))


def _fault(detail: Mapping[str, object]) -> str:
    location = detail["loc"]
    where = ".".join(str(part) for part in location) if isinstance(location, tuple) else str(location)
    found = repr(detail["input"])
    return f"{where or 'settings'}: {detail['msg']} (found {'a secret' if _holds_secret(found) else found})"
