"""File names in an image set and keys on a mirror, in one place. Flatcar's are the defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from release.catalog.board import Board
from release.catalog.version import Version
from release.errors import InputError

_PATTERN = re.compile(r"[A-Za-z0-9*?._+-]+\.[A-Za-z0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class NamingScheme:
    """What a product calls its files. Source of the defaults: flatcar/scripts ``build_library``."""

    update_image: str = "flatcar_production_update.bin.bz2"
    """The raw /usr partition, bzip2 or plain."""
    kernel: str = "flatcar_production_image.vmlinuz"
    version_file: str = "version.txt"
    version_field: str = "FLATCAR_VERSION"
    packages: str = "flatcar_production_image_packages.txt"
    contents: str = "flatcar_production_image_contents.txt"
    sbom: str = "flatcar_production_image_sbom.json"
    """The bill of materials, SPDX or CycloneDX in JSON. An image set may be without one."""
    extensions: tuple[str, ...] = ("flatcar-*.raw", "oem-*.raw")
    """Patterns (``*`` and ``?``) of system extension images; each that is there gets a payload."""
    payload_stem: str = "flatcar_production_update"
    signature_suffix: str = ".sig"
    digests_suffix: str = ".DIGESTS"

    def __post_init__(self) -> None:
        for pattern in self.extensions:
            if not _PATTERN.fullmatch(pattern):
                raise InputError(
                    f"naming.extensions: {pattern!r}: expected a file name with * and ? and a plain suffix",
                    hint='for example "oem-*.raw"',
                )
        taken = [name for name in self.required if self.is_extension(name)]
        if taken:
            raise InputError(f"naming.extensions: {', '.join(taken)}: matches, and is no system extension")

    @property
    def required(self) -> tuple[str, ...]:
        """Files without which an image set is not one."""
        return (self.update_image, self.kernel, self.version_file, self.packages, self.contents)

    @property
    def full_payload(self) -> str:
        """The full payload. Clients ask for ``.gz`` by name though it is CrAU, not gzip."""
        return f"{self.payload_stem}.gz"

    def delta_payload(self, source: Version) -> str:
        """The delta payload that needs exactly ``source`` on the machine."""
        return f"{self.payload_stem}-from-{source}.gz"

    def is_extension(self, name: str) -> bool:
        """Whether a file of an image set is a system extension image."""
        return any(fnmatchcase(name, pattern) for pattern in self.extensions)

    def extension_payload(self, name: str) -> str:
        """The payload that makes the extension image ``name``: ``oem-azure.raw`` is ``oem-azure.gz``.

        Clients ask for it by this name, beside the full payload.
        """
        return f"{name.rpartition('.')[0]}.gz"


RELEASE_DOCUMENT = "release.json"
POINTER_FILE = "version.txt"
HEAD_FILE = "head.json"
LEDGER_PREFIX = "ledger/"
POLICY_PREFIX = "policy/"
EVIDENCE_PREFIX = "evidence/"
PAGES_PREFIX = "pages/"

_LEDGER_KEY = re.compile(r"ledger/([0-9]{8})\.json", re.ASCII)


def image_prefix(channel: str, board: Board, version: Version) -> str:
    """Where a release's images are, for people and installers."""
    return f"{channel}/{board}/{version}/"


def update_prefix(board: Board, version: Version) -> str:
    """Where a release's payloads are, for machines; the client's built-in fallback path."""
    return f"update/{board}/{version}/"


def release_prefix(version: Version) -> str:
    """Where ``release.json``, its signature and its schema are."""
    return f"releases/{version}/"


def current_prefix(channel: str, board: Board) -> str:
    """Where a channel's pointer is; ``current/version.txt`` is an interface installers rely on."""
    return f"{channel}/{board}/current/"


def ledger_key(sequence: int) -> str:
    """The key of one ledger entry; eight digits so that listings sort by number."""
    return f"{LEDGER_PREFIX}{sequence:08d}.json"


def ledger_sequence(key: str) -> int | None:
    """The number in a ledger key, or None when ``key`` is not one."""
    match = _LEDGER_KEY.fullmatch(key)
    return int(match.group(1)) if match else None
