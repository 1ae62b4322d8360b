"""Image sets: which files, of which version, and whether each is signed by someone we trust.

Source of the layout: flatcar/scripts ``build_library`` and ``ci-automation/image.sh``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from release.catalog.artifact import ARTIFACT_ALGORITHMS, check_file_name
from release.catalog.board import Board
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import FileDigests, hash_file
from release.errors import HumpyardError, InputError, NotVerifiedError, storage_errors

_LONGEST_VERSION_FILE = 64 << 10
_FIELD = re.compile(r"([A-Z][A-Z0-9_]*)=(\"?)([A-Za-z0-9._+:/ -]*)\2", re.ASCII)


class DetachedVerifier(Protocol):
    """Checks a detached signature of a file."""

    def verify_file(self, data: Path, signature: Path) -> str:
        """The signer's primary fingerprint. Raises NotVerifiedError for anything but a trusted yes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """The built files of one version and board.

    ``fields`` is what ``version.txt`` says; ``files`` are the sorted names of all files that are
    neither signatures nor DIGESTS.
    """

    directory: Path
    version: Version
    board: Board
    naming: NamingScheme
    fields: Mapping[str, str]
    files: tuple[str, ...]

    def path(self, name: str) -> Path:
        """Where the file ``name`` is."""
        return self.directory / name


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedFile:
    """A file whose signature holds; ``digests`` has all ``ARTIFACT_ALGORITHMS``."""

    name: str
    digests: FileDigests
    signed_by: str


def read_image_set(
    directory: Path,
    *,
    board: Board,
    naming: NamingScheme | None = None,
    expected: Version | None = None,
) -> ImageSet:
    """Read what is in an image set and which version it says it is.

    Args:
        directory: holds the files, flat, as the build system left them.
        board: which board it is for. The files do not say, so it is not checked.
        naming: what the files are called; Flatcar's names when None.
        expected: the version that was asked for.

    Raises:
        InputError: no directory; files missing (all are listed); something in it that is not a
            regular file with a safe name; ``version.txt`` malformed or at odds with itself or with
            ``expected``. Signatures are not looked at: see ``verify_image_set``.
    """
    naming = naming or NamingScheme()
    files = tuple(sorted(_payload_names(directory, naming)))
    missing = [name for name in naming.required if name not in files]
    if missing:
        raise InputError(
            f"{directory}: not a complete image set: missing {', '.join(missing)}",
            hint="give the directory the build system wrote, or configure the file names",
        )
    version_file = directory / naming.version_file
    fields = read_fields(version_file)
    version = _stated_version(version_file, fields, naming.version_field)
    if expected is not None and version != expected:
        raise InputError(f"{version_file}: expected version {expected}, found {version}")
    return ImageSet(
        directory=directory, version=version, board=board, naming=naming, fields=fields, files=files
    )


def verify_image_set(image_set: ImageSet, verifier: DetachedVerifier) -> tuple[VerifiedFile, ...]:
    """Check the signature of every file and measure what was checked.

    A file that is replaced or written to in between is noticed by its inode and times and refused.

    Returns:
        One entry a file, in the order of ``image_set.files``.

    Raises:
        NotVerifiedError: some file is unsigned, tampered with, signed by somebody else, or changed
            meanwhile. All faults are in the message, one line each.
    """
    verified = []
    faults = []
    for name in image_set.files:
        try:
            verified.append(_verify_one(image_set, name, verifier))
        except (NotVerifiedError, InputError) as error:
            faults.append(error.message)
    if faults:
        raise NotVerifiedError(
            f"{image_set.directory}: {len(faults)} of {len(image_set.files)} files are not verified:\n"
            + "\n".join(faults),
            hint="get the image set again from where it was built, with its signatures",
        )
    return tuple(verified)


def read_fields(path: Path) -> dict[str, str]:
    """The ``NAME=value`` lines of a version file; values may be in double quotes.

    Raises:
        InputError: unreadable, longer than 64 KiB, a line of another form, a name twice.
    """
    with storage_errors(path), path.open("rb") as source:
        data = source.read(_LONGEST_VERSION_FILE + 1)
    if len(data) > _LONGEST_VERSION_FILE:
        raise InputError(f"{path}: expected at most {_LONGEST_VERSION_FILE} bytes")
    fields: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        if not line:
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            raise InputError(f"{path}:{number}: expected NAME=value, found {line[:80]!r}")
        if match[1] in fields:
            raise InputError(f"{path}:{number}: {match[1]} is given twice")
        fields[match[1]] = match[3]
    return fields


def _payload_names(directory: Path, naming: NamingScheme) -> Iterator[str]:
    with storage_errors(directory), os.scandir(directory) as entries:
        for entry in entries:
            try:
                check_file_name(entry.name)
            except HumpyardError as error:
                raise InputError(f"{directory}: {error.message}") from error
            if not entry.is_file(follow_symlinks=False):
                raise InputError(
                    f"{entry.path}: expected regular files only, found a {_kind_of(entry)}",
                    hint="an image set is one flat directory without links",
                )
            if not _is_companion(entry.name, naming):
                yield entry.name


def _is_companion(name: str, naming: NamingScheme) -> bool:
    digests = naming.digests_suffix
    return name.endswith((naming.signature_suffix, digests, f"{digests}.asc"))


def _kind_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "symbolic link"
    return "directory" if entry.is_dir(follow_symlinks=False) else "special file"


def _stated_version(path: Path, fields: Mapping[str, str], name: str) -> Version:
    if name not in fields:
        raise InputError(f"{path}: expected a line {name}=MAJOR.BRANCH.PATCH, found none")
    try:
        version = Version.parse(fields[name])
    except InputError as error:
        raise InputError(f"{path}: {name}: {error.message}") from error
    prefix = name.removesuffix("VERSION")
    parts = {"BUILD": version.major, "BRANCH": version.branch, "PATCH": version.patch}
    said = {f"{prefix}{part}": str(number) for part, number in parts.items()}
    for field, value in {**said, f"{prefix}VERSION_ID": str(version)}.items():
        if fields.get(field, value) != value:
            raise InputError(f"{path}: {field} is {fields[field]!r}, but {name} is {version}")
    return version


def _verify_one(image_set: ImageSet, name: str, verifier: DetachedVerifier) -> VerifiedFile:
    path = image_set.path(name)
    before = _identity(path)
    signed_by = verifier.verify_file(path, path.with_name(name + image_set.naming.signature_suffix))
    digests = hash_file(path, ARTIFACT_ALGORITHMS)
    if _identity(path) != before:
        raise NotVerifiedError(f"{path}: changed while it was being verified")
    return VerifiedFile(name=name, digests=digests, signed_by=signed_by)


def _identity(path: Path) -> tuple[int, ...]:
    with storage_errors(path):
        found = path.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        raise NotVerifiedError(f"{path}: is no longer a regular file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
