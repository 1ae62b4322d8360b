"""Settings of mirrors become ways to reach them. Nothing is contacted before something is to be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from release.errors import InputError
from release.line.yard import MirrorAccess
from release.mirror.directory import DirectoryStore
from release.mirror.http import HttpReader
from release.mirror.replica import Replica
from release.mirror.rsync import RsyncReplica
from release.mirror.rsync_program import Rsync
from release.mirror.rsync_target import RsyncTarget
from release.mirror.s3 import S3Store
from release.mirror.s3_options import Encryption, S3Options
from release.mirror.store import Store
from release.mirror.store_replica import StoreReplica
from release.settings.mirrors import MirrorSettings
from release.signing.signer import SecretsHandler

ORIGIN = "origin"
_OPTIONS = {
    ORIGIN: "",
    "file": "",
    "s3": "bandwidth",
    "rsync": "bandwidth password_secret links",
    "rsync+ssh": "bandwidth links",
}
"""By scheme: the options that it takes besides those of all, and ``s3_...``."""


def mirror_accesses(
    settings: Mapping[str, MirrorSettings], base: Path, work: Path, secrets: SecretsHandler
) -> dict[str, MirrorAccess]:
    """A way to reach each mirror.

    Args:
        settings: by the name of the mirror.
        base: what relative directories count from.
        work: where rsync may lay out what it sends.
        secrets: asked for a daemon's password, by its name, when it is used.

    Raises:
        InputError: a URL of no known kind, or options that do not go with it.
    """
    return {
        name: _Opening(f"mirrors.{name}", one, base, work / "mirrors" / f"{name}.rsync", secrets).access()
        for name, one in settings.items()
    }


@dataclass(frozen=True, slots=True)
class _Opening:
    """One mirror's settings, and what they count from. ``work`` is where rsync lays out what it sends."""

    where: str
    options: MirrorSettings
    base: Path
    work: Path
    secrets: SecretsHandler

    def access(self) -> MirrorAccess:
        """Raises InputError for settings that do not fit together."""
        scheme = self._scheme()
        self._check_options(scheme)
        store = self._store(scheme)
        return MirrorAccess(
            url=self.options.url,
            replica=None if scheme == ORIGIN else self._replica(scheme, store),
            public=HttpReader,
            store=store,
            patience=self.options.patience,
        )

    def _scheme(self) -> str:
        url = self.options.url
        scheme = url if url == ORIGIN else url.partition(":")[0]
        if scheme not in _OPTIONS or (scheme == "s3" and not urlsplit(url).netloc):
            raise InputError(
                f"{self.where}.url {url!r}: expected s3://BUCKET/PREFIX, file:DIRECTORY, rsync://...,"
                f" rsync+ssh://... or {ORIGIN}"
            )
        return scheme

    def _check_options(self, scheme: str) -> None:
        known = {"url", "patience", *_OPTIONS[scheme].split()}
        given = sorted(self.options.model_fields_set)
        stray = [one for one in given if one not in known and not (one.startswith("s3_") and scheme == "s3")]
        if stray:
            raise InputError(f"{self.where}: {', '.join(stray)}: not for {scheme} mirrors")

    def _store(self, scheme: str) -> Callable[[], Store] | None:
        """What can be asked for its abilities, where there is such a thing."""
        if scheme == "file":
            return self._directory
        if scheme != "s3":
            return None
        parts = urlsplit(self.options.url)
        try:
            chosen = _s3_options(self.options)
        except InputError as error:
            raise InputError(f"{self.where}: {error.message}", hint=error.hint) from error
        return lambda: S3Store(bucket=parts.netloc, prefix=parts.path.strip("/"), options=chosen)

    def _directory(self) -> DirectoryStore:
        return DirectoryStore(self.base / self.options.url.removeprefix("file:"))

    def _replica(self, scheme: str, store: Callable[[], Store] | None) -> Callable[[], Replica]:
        if scheme == "file":
            return lambda: StoreReplica.linked(self._directory())
        if store is not None:
            return lambda: StoreReplica.copied(store())
        password = self.options.password_secret
        rsync = Rsync(
            target=RsyncTarget.parse(self.options.url),
            secret=None if password is None else lambda: self.secrets(password),
            bandwidth=self.options.bandwidth,
        )
        return lambda: RsyncReplica(rsync, self.work, links=self.options.links)


def _s3_options(options: MirrorSettings) -> S3Options:
    encryption = None
    if options.s3_encryption is not None:
        encryption = Encryption(algorithm=options.s3_encryption, key=options.s3_encryption_key)
    return S3Options(
        endpoint_url=options.s3_endpoint,
        region=options.s3_region,
        profile=options.s3_profile,
        addressing=options.s3_addressing,
        encryption=encryption,
        storage_class=options.s3_storage_class,
        request_rate=options.s3_requests,
        bandwidth=options.bandwidth,
        attempts=options.s3_attempts,
    )
