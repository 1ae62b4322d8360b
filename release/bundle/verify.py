"""Verify a published release from the outside: any mirror, public keys only."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from release.bundle.digests_file import CHECKSUM_SUFFIX, MAX_SIZE, parse_checksum, parse_digests
from release.bundle.document import MAX_DOCUMENT, decode
from release.bundle.layout import Shipped, derived_files, document_key, schema_key, shipped
from release.bundle.release import BoardRelease, PayloadRecord, Release
from release.catalog.artifact import ARTIFACT_ALGORITHMS, Artifact
from release.catalog.naming import NamingScheme
from release.catalog.version import Version
from release.digests import Digest, HashingWriter, chunks
from release.errors import InputError, NotVerifiedError, RefusedError, storage_errors
from release.image.image_set import DetachedVerifier

_NAMING = NamingScheme()
_MAX_SIGNATURE = 64 << 10
_MAX_SCHEMA = 1 << 20
_SHOWN_FAULTS = 20

TITLES = {
    1: "release.json is signed by the pipeline",
    2: "release.json is canonical, of a known schema, and the release asked for",
    3: "every file is there, with the recorded size and digests",
    4: "every file is signed, by the pipeline or, of image sets, by the build",
    5: "DIGESTS and checksums agree with release.json and are signed by the pipeline",
    6: "payloads are signed by a trusted key and keep the rules of their client profile",
    7: "every board has a full payload; payloads are named by what they need or make, signed and proven",
    8: "full payloads, applied, give the recorded images",
}
"""The steps of ``verify_release``, in order."""


class ReleaseSource(Protocol):
    """Where a release is published; every store of ``release.mirror`` is one. Nothing is listed.

    A missing or too long object is an InputError; storage that does not answer UnavailableError.
    """

    def open(self, key: str) -> BinaryIO:
        """The object as a stream, a context manager."""
        ...

    def read(self, key: str, limit: int) -> bytes:
        """All bytes of a small object, at most ``limit``."""
        ...


PayloadCheck = Callable[[Path, PayloadRecord, BoardRelease], None]
"""Looks at a payload on disk; raises NotVerifiedError, RefusedError or InputError unless all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What ``verify_release`` asks others.

    Attributes:
        signatures: detached OpenPGP signatures by the pipeline's keys: all files but those of image
            sets, ``release.json`` first of all.
        image_signatures: the same by the build system's keys. Files of image sets may be signed by
            either; nothing else may be signed by these.
        payload: the payload's own RSA signatures by a trusted key, the rules of the profile its
            record names, and that it makes the board's image, or the system extension it is for.
        prove: applies a full payload and compares the outcome; None leaves step 8 out.
    """

    signatures: DetachedVerifier
    image_signatures: DetachedVerifier
    payload: PayloadCheck
    prove: PayloadCheck | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step. ``detail`` counts what was checked, or says what is wrong."""

    number: int
    title: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All steps that were asked for, in order.

    Attributes:
        version: what was to be verified.
        digest: the release digest; None unless step 1 holds.
        release: what was verified; None unless steps 1 and 2 hold.
    """

    version: Version
    digest: Digest | None
    release: Release | None
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Every step passed, and there was at least one."""
        return bool(self.steps) and all(step.passed for step in self.steps)

    def raise_if_failed(self) -> None:
        """Raises NotVerifiedError that names every step that failed."""
        if not self.ok:
            failed = [f"{step.number}. {step.title}: {step.detail}" for step in self.steps if not step.passed]
            raise NotVerifiedError("\n".join([f"release {self.version} is not verified:", *failed]))


def verify_release(
    source: ReleaseSource,
    version: Version,
    *,
    product: str,
    checks: Checks,
    scratch: Path,
    naming: NamingScheme = _NAMING,
) -> Report:
    """Check a published release, step by step, and report on all steps.

    1. ``release.json`` is signed by the pipeline: ``checks.signatures``.
    2. It is canonical, of a known schema, and about ``product`` and ``version``.
    3. Every file it records is there, with the recorded size, SHA-256, SHA-512, SHA-1 and MD5.
    4. Every one of these files, and the JSON Schema, is signed by the pipeline; files of image sets
       may be signed by the build system instead: ``checks.image_signatures``.
    5. DIGESTS and checksum files say what ``release.json`` says, and are signed by the pipeline.
    6. Every payload passes ``checks.payload``: RSA signatures, client profile, image.
    7. Every board has a full payload; payloads are called by their source or by their system
       extension; each is recorded as signed and proven.
    8. If ``checks.prove`` is given: every full payload, applied, gives the recorded image; so does
       that of every system extension.

    When step 1 or 2 fails, nothing after it can be believed: the other steps count as failed.

    Not checked: which version a channel should offer, and whether pointers are fresh (the ledger
    and its audit); files on the mirror that ``release.json`` does not record; that deltas apply;
    that image, package list and notes belong together (whoever built them signs for that); what
    the JSON Schema says.

    Args:
        source: the mirror, or a staging directory as a store.
        version: the release asked for.
        product: whose.
        checks: the verifiers, with the keys to be trusted.
        scratch: an existing directory; needs room for the largest file, which is removed again.
        naming: what the product calls its files.

    Raises:
        UnavailableError: the mirror does not answer, or ``scratch`` is full. Says nothing about
            the release.
        ToolError: a verifier cannot work.
    """
    with storage_errors(scratch), tempfile.TemporaryDirectory(dir=scratch, prefix="verify-") as folder:
        run = _Run(source, checks, naming, Path(folder), _Findings())
        data, release = run.document(version, product)
        if release is not None:
            for item in shipped(release):
                run.item(item)
            run.schema(version)
            for board in release.boards:
                run.board(board)
        numbers = [number for number in TITLES if number != 8 or checks.prove is not None]
        steps = tuple(run.findings.step(number) for number in numbers)
    digest = None if data is None else Digest.sha256(data)
    return Report(version=version, digest=digest, release=release, steps=steps)


class _Findings:
    """What was checked and what was wrong, by step number."""

    def __init__(self) -> None:
        self._checked: Counter[int] = Counter()
        self._faults: defaultdict[int, list[str]] = defaultdict(list)

    @contextmanager
    def checking(self, number: int, where: str) -> Iterator[None]:
        """Note one check of step ``number``. What is unavailable or broken on our side passes through."""
        self._checked[number] += 1
        try:
            yield
        except (InputError, RefusedError) as error:
            message = error.message if where in error.message else f"{where}: {error.message}"
            self._faults[number].append(message)

    def skip(self, number: int, where: str, after: int) -> None:
        """Note that a check of step ``number`` could not be made, which is as bad as a fault."""
        self._checked[number] += 1
        self._faults[number].append(f"{where}: not checked, because step {after} failed")

    def faults(self, number: int) -> int:
        """How many faults step ``number`` has so far."""
        return len(self._faults[number])

    def step(self, number: int) -> Step:
        """The outcome. A step in which nothing was checked has not passed."""
        faults, checked = self._faults[number], self._checked[number]
        if faults:
            more = len(faults) - _SHOWN_FAULTS
            detail = "; ".join(faults[:_SHOWN_FAULTS]) + (f"; and {more} more" if more > 0 else "")
        else:
            detail = f"{checked} checked" if checked else "nothing was checked"
        return Step(number, TITLES[number], bool(checked) and not faults, detail)


@dataclass(frozen=True, slots=True)
class _Run:
    source: ReleaseSource
    checks: Checks
    naming: NamingScheme
    folder: Path
    findings: _Findings

    def document(self, version: Version, product: str) -> tuple[bytes | None, Release | None]:
        """Steps 1 and 2; the bytes if 1 holds, the release if 2 holds, too."""
        key = document_key(version)
        data: bytes | None = None
        with self.findings.checking(1, key):  # (1)
            read = self.source.read(key, MAX_DOCUMENT)
            self._check_signature(key, self._keep(key, read))
            data = read
        if data is None:
            self.findings.skip(2, key, after=1)
            return None, None
        release: Release | None = None
        with self.findings.checking(2, key):  # (2)
            decoded = decode(data)
            if (decoded.product, decoded.version) != (product, version):
                raise NotVerifiedError(
                    f"{key}: expected {product} {version}, found {decoded.product} {decoded.version}"
                )
            release = decoded
        return data, release

    def item(self, item: Shipped) -> None:
        """Steps 3 to 6 and 8 for one file, fetched once and removed again."""
        path = self.folder / item.artifact.name
        before = self.findings.faults(3)
        with self.findings.checking(3, item.key):  # (3)
            self._fetch(item, path)
        if self.findings.faults(3) > before:
            self._skip_file(item)
        else:
            self._file(item, path)
        path.unlink(missing_ok=True)
        for key in derived_files(item, self.naming):
            with self.findings.checking(5, key):  # (5)
                data = self.source.read(key, MAX_SIZE)
                parse = parse_checksum if key.endswith(CHECKSUM_SUFFIX) else parse_digests
                parse(data).check(item.artifact)
                self._check_signature(key, self._keep(key, data))

    def schema(self, version: Version) -> None:
        """Step 4 for the JSON Schema."""
        key = schema_key(version)
        with self.findings.checking(4, key):  # (4)
            self._check_signature(key, self._keep(key, self.source.read(key, _MAX_SCHEMA)))

    def board(self, board: BoardRelease) -> None:
        """Step 7 for one board."""
        with self.findings.checking(7, str(board.board)):  # (7)
            if not any(payload.source is None and payload.extension is None for payload in board.payloads):
                raise NotVerifiedError("expected a full payload, found none")
        for payload in board.payloads:
            name = payload.artifact.name
            with self.findings.checking(7, f"{board.board}: {name}"):
                expected = self._name_of(payload)
                if name != expected:
                    raise NotVerifiedError(f"expected the name {expected}")
                if not payload.signatures:
                    raise NotVerifiedError("expected payload signatures, none is recorded")
                if not payload.proven:
                    raise NotVerifiedError("recorded as not proven")

    def _name_of(self, payload: PayloadRecord) -> str:
        if payload.extension is not None:
            return self.naming.extension_payload(payload.extension)
        if payload.source is not None:
            return self.naming.delta_payload(payload.source)
        return self.naming.full_payload

    def _file(self, item: Shipped, path: Path) -> None:
        with self.findings.checking(4, item.key):  # (4)
            self._check_signature(item.key, path, of_image_set=item.payload is None)
        if item.payload is None:
            return
        before = self.findings.faults(6)
        with self.findings.checking(6, item.key):  # (6)
            self.checks.payload(path, item.payload, item.board)
        if self.checks.prove is None or item.payload.source is not None:
            return
        if self.findings.faults(6) > before:
            self.findings.skip(8, item.key, after=6)
            return
        with self.findings.checking(8, item.key):  # (8)
            self.checks.prove(path, item.payload, item.board)

    def _skip_file(self, item: Shipped) -> None:
        self.findings.skip(4, item.key, after=3)
        if item.payload is not None:
            self.findings.skip(6, item.key, after=3)
            if item.payload.source is None:
                self.findings.skip(8, item.key, after=3)

    def _fetch(self, item: Shipped, path: Path) -> None:
        artifact: Artifact = item.artifact
        with self.source.open(item.key) as stream, path.open("wb") as target:
            writer = HashingWriter(target, ARTIFACT_ALGORITHMS)
            for data in chunks(stream, artifact.size + 1):  # endless data ends here
                writer.write(data)
        found = writer.hasher.result()
        if found.size != artifact.size:
            more = "more" if found.size > artifact.size else f"{found.size}"
            raise NotVerifiedError(f"{item.key}: expected {artifact.size} bytes, found {more}")
        for algorithm in ARTIFACT_ALGORITHMS:
            recorded: Digest = getattr(artifact, algorithm)
            if found.get(algorithm) != recorded:
                raise NotVerifiedError(f"{item.key}: expected {recorded}, found {found.get(algorithm)}")

    def _keep(self, key: str, data: bytes) -> Path:
        path = self.folder / Path(key).name
        path.write_bytes(data)
        return path

    def _check_signature(self, key: str, path: Path, *, of_image_set: bool = False) -> None:
        suffix = self.naming.signature_suffix
        signature = self._keep(key + suffix, self.source.read(key + suffix, _MAX_SIGNATURE))
        verifiers = (self.checks.image_signatures,) if of_image_set else ()
        faults: list[str] = []
        for verifier in (*verifiers, self.checks.signatures):  # it signs what the build left unsigned
            try:
                verifier.verify_file(path, signature)
            except NotVerifiedError as error:
                if error.message not in faults:
                    faults.append(error.message)
            else:
                return
        raise NotVerifiedError("; nor by another key: ".join(faults))
