"""Publishing a candidate: bytes, then verification from the mirror, then the ledger.

No channel moves here, except that history is told. A published release may be asked for; see
``release.line.promotion``.
"""

from __future__ import annotations

from dataclasses import dataclass

from release.bundle.assemble import StagedFile, staged_files, staged_release
from release.bundle.document import MAX_DOCUMENT, decode, digest, encode
from release.bundle.layout import document_key
from release.bundle.release import Release
from release.catalog.version import Version
from release.errors import InputError, NotVerifiedError, RefusedError
from release.ledger.kinds import EvidenceFound, ReleaseRegistered
from release.line.channel_documents import channels_job
from release.line.checking import verify_on
from release.line.head import head_job
from release.line.mirror_jobs import published_job
from release.line.mirror_probe import check_origin
from release.line.mirror_show import show_job
from release.line.promotion import pointer_job
from release.line.steps import Job, Report, Step
from release.line.succession import check_succession
from release.line.workspace import Workspace
from release.line.yard import Yard
from release.mirror.directory import DirectoryStore
from release.mirror.sync import Action, Upload, publish
from release.promotion.evidence_names import MIRROR_VERIFIED, PAYLOAD_PROVEN
from release.promotion.proposals import evidence, registration
from release.signing.key_health import check_outlives, signer_health


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationOrder:
    """What to publish.

    ``offered_in`` is for history: channels that offered this release before the ledger began. They
    point to it without a request, which the ledger allows only before anything else is in it.
    ``built_by`` is the OpenPGP primary key of the person who built it, when one did: their go does not
    count for it.
    """

    version: Version
    offered_in: tuple[str, ...] = ()
    built_by: str | None = None


def publication_job(yard: Yard, order: PublicationOrder) -> Job:
    """The steps that publish a candidate."""
    return (
        Step("check-candidate", "check the candidate", lambda _: _check(yard, order)),
        Step("upload", "upload and read back", lambda report: _upload(yard, order.version, report)),
        Step("register", "verify the release on the mirror and record it", lambda _: _register(yard, order)),
        *(pointer_job(yard) if order.offered_in else ()),
        *published_job(yard, order.version, order.offered_in),
        *head_job(yard),
        *channels_job(yard),
        *show_job(yard),
    )


def _candidate(yard: Yard, version: Version) -> tuple[Release, tuple[StagedFile, ...]]:
    """What to publish. No files when only the mirror has it: uploaded before, and the workspace is gone."""
    staging = Workspace.of(yard.work, version).staging
    staged = staged_release(staging) if staging.is_dir() else None
    if staged is not None:
        return staged, staged_files(staging, yard.naming)
    uploaded = _uploaded(yard, version)
    if uploaded is None:
        raise InputError(
            f"{staging}: no candidate {version} here", hint="build it first: humpyard candidate build"
        )
    return decode(uploaded), ()


def _uploaded(yard: Yard, version: Version) -> bytes | None:
    """The document of a version on the mirror, where its signature, the very last upload, is there, too."""
    key = document_key(version)
    if yard.store.stat(key + yard.naming.signature_suffix) is None:
        return None
    return yard.store.read(key, MAX_DOCUMENT)


def _check(yard: Yard, order: PublicationOrder) -> str:
    """Whatever can be refused is refused here, while the mirror is as it was."""
    version = order.version
    release, files = _candidate(yard, version)
    if (release.product, release.version) != (yard.product, version):
        raise InputError(
            f"candidate {version}: expected {yard.product} {version},"
            f" found {release.product} {release.version}"
        )
    yard.ledger.rehearse(registration(_registered(order, release)), now=yard.clock())
    _check_key(yard)
    uploaded = _uploaded(yard, version)
    if uploaded is not None and uploaded != encode(release):
        raise RefusedError(
            f"release {version}: the mirror holds another one already, {digest(uploaded)}",
            hint=f"published bytes never change. To go on with that one, remove {yard.work / str(version)}"
            " and publish again; else give the build a new version",
        )
    source = DirectoryStore(Workspace.of(yard.work, version).staging) if files else yard.store
    verify_on(yard, source, version, channel=release.channel)
    check_succession(yard, release, release.channel)
    if not files:
        return "uploaded before, as the mirror has it"
    return f"{len(files)} files, {sum(file.size for file in files):,} bytes, verified"


def _check_key(yard: Yard) -> None:
    """Refuse to publish what could not be verified for as long as it may be the newest release."""
    now = yard.clock()
    found = signer_health(yard.certificates(), yard.signing_key(), now)
    lifetime = yard.policy().signing.release_lifetime
    why = f"by the policy a release may be the newest for {lifetime.days} days,"
    check_outlives(found, now + lifetime, why)


def _upload(yard: Yard, version: Version, report: Report) -> str:
    _, files = _candidate(yard, version)
    if files:
        check_origin(yard)
    total, done = 2 * sum(file.size for file in files), 0

    def reporter(action: Action, key: str, size: int) -> None:  # noqa: ARG001 - the reporter's form
        nonlocal done
        done += 2 * size if action is Action.KEPT else size
        report(done, total)

    uploads = [Upload(key=file.key, source=file.path, size=file.size, sha256=file.sha256) for file in files]
    document = document_key(version)
    last = {document, document + yard.naming.signature_suffix}
    result = publish(yard.store, uploads, reporter, last=last)
    return f"{len(result.uploaded)} uploaded ({result.uploaded_bytes:,} bytes), {len(result.kept)} were there"


def _register(yard: Yard, order: PublicationOrder) -> str:
    """One step, so that what is recorded is what was verified, whatever the mirror says next."""
    release, _ = _candidate(yard, order.version)
    report = verify_on(yard, yard.store, order.version, channel=release.channel)
    release_digest = digest(encode(release))
    if release_digest != report.digest:
        raise NotVerifiedError(
            f"release {order.version}: the mirror has {report.digest}, the candidate is {release_digest}"
        )
    payloads = sum(len(board.payloads) for board in release.boards)
    found = (
        (PAYLOAD_PROVEN, f"{payloads} payloads applied and compared with their images"),
        (MIRROR_VERIFIED, "read back from the mirror and verified with public keys"),
    )
    now = yard.clock()
    yard.ledger.append(registration(_registered(order, release)), now=now)
    for name, detail in found:
        checked = EvidenceFound(release=release_digest, name=name, passed=True, detail=detail)
        yard.ledger.append(evidence(checked), now=now)
    return f"{len(report.steps)} checks passed, release digest {release_digest}"


def _registered(order: PublicationOrder, release: Release) -> ReleaseRegistered:
    return ReleaseRegistered(
        version=release.version,
        release=digest(encode(release)),
        boards=tuple(board.board for board in release.boards),
        built_for=release.channel,
        lineage=release.lineage.kind,
        derives_from=release.lineage.derives_from,
        built_by=order.built_by,
        offered_in=order.offered_in,
    )
