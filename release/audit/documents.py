"""What the ledger names by digest, compared with what the mirror has: policies, evidence, releases."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from release.audit.finding import Code, Finding
from release.audit.opening import Opened, without
from release.bundle.document import decode
from release.bundle.layout import document_key, notes_key
from release.bundle.release import Release
from release.catalog.board import Board
from release.catalog.naming import EVIDENCE_PREFIX, POLICY_PREFIX, NamingScheme, ledger_key
from release.digests import Digest
from release.errors import InputError
from release.ledger.kinds import (
    EvidenceFound,
    Genesis,
    NotesRevised,
    PolicyChanged,
    ReleaseRegistered,
    RequestMade,
)
from release.ledger.state import RevisionRecord, State
from release.ledger.statements import (
    PolicySubject,
    RevisionSubject,
    Subject,
    request_subject,
    revision_subject,
)
from release.promotion.policy import Policy
from release.promotion.policy_file import read_policy
from release.promotion.revision import given_revision

_LOST_NOTES = "pages show the text before it and say so: put back the file, or correct the notes once more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Had:
    """What a store has under a key: bytes, or why there are none. ``absent``: no such object."""

    data: bytes | None = field(default=None, repr=False)
    problem: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Digests that signed entries name, each with the key of the first that does.

    ``policies`` were in force; ``proposed`` were asked for, and ``mentioned`` are taken by requests to be
    in force, which nothing that can be believed here says. ``notes`` are corrected texts, by their places.
    """

    policies: Mapping[Digest, str]
    proposed: Mapping[Digest, str]
    mentioned: Mapping[Digest, str]
    evidence: Mapping[Digest, str]
    notes: Mapping[str, tuple[Digest, str]] = field(default_factory=dict)


def named_by(objects: Iterable[Opened]) -> Named:
    """Everything that entries name, whatever else is wrong with them."""
    policies: dict[Digest, str] = {}
    proposed: dict[Digest, str] = {}
    mentioned: dict[Digest, str] = {}
    evidence: dict[Digest, str] = {}
    notes: dict[str, tuple[Digest, str]] = {}
    for one in objects:
        match one.content:
            case Genesis(policy=policy) | PolicyChanged(policy=policy):
                policies.setdefault(policy, one.key)
            case RequestMade(statement=statement):
                subject = _subject(statement)
                if subject is not None:
                    mentioned.setdefault(subject.policy, one.key)
                if isinstance(subject, PolicySubject):
                    proposed.setdefault(subject.proposed, one.key)
            case EvidenceFound(document=Digest() as document):
                evidence.setdefault(document, one.key)
            case NotesRevised(statement=statement):
                revised = _revised(statement)
                if revised is not None:
                    place = notes_key(revised.version, revised.notes)
                    notes.setdefault(place, (revised.notes, one.key))
            case _:
                pass
    return Named(
        policies=policies,
        proposed={digest: key for digest, key in proposed.items() if digest not in policies},
        mentioned={digest: key for digest, key in mentioned.items() if digest not in {*policies, *proposed}},
        evidence=evidence,
        notes=notes,
    )


def _revised(statement: str) -> RevisionSubject | None:
    try:
        return revision_subject(statement, "correction")
    except InputError:
        return None


def _subject(statement: str) -> Subject | None:
    try:
        return request_subject(statement, "request")
    except InputError:
        return None


def policy_place(digest: Digest) -> str:
    """Where a policy is on the mirror."""
    return f"{POLICY_PREFIX}{digest.hex}.toml"


def evidence_place(digest: Digest) -> str:
    """Where a document of evidence is on the mirror."""
    return f"{EVIDENCE_PREFIX}{digest.hex}"


def judge_policy(digest: Digest, had: Had, namer: str) -> Policy | Finding:
    """The policy of that digest, or what is wrong with it. It was in force."""
    where = policy_place(digest)
    if had.data is None:
        return Finding(
            code=Code.POLICY_MISSING if had.absent else Code.POLICY_UNREADABLE,
            where=where,
            expected=f"the policy that {namer} names",
            found="none" if had.absent else had.problem,
        )
    if Digest.sha256(had.data) != digest:
        return Finding(
            code=Code.POLICY_ALTERED,
            where=where,
            expected=f"{digest}, as {namer} names it",
            found=str(Digest.sha256(had.data)),
        )
    try:
        return read_policy(had.data, where)
    except InputError as error:
        return Finding(
            code=Code.POLICY_UNREADABLE,
            where=where,
            expected=f"the policy that {namer} names",
            found=without(error.message, where),
            hint="written by a newer humpyard: update this one",
        )


def judge_proposal(digest: Digest, had: Had, namer: str) -> Policy | Finding:
    """The same for a policy that was only asked for: without it the request goes nowhere."""
    judged = judge_policy(digest, had, namer)
    if isinstance(judged, Policy):
        return judged
    return Finding(
        code=Code.PROPOSAL_MISSING,
        where=judged.where,
        expected=f"the policy that {namer} asks for",
        found=judged.found,
    )


def genesis_findings(genesis: Genesis, policy: Policy) -> Iterator[Finding]:
    """Where the first entry does not say what the policy that it names says: the fold reads no policy."""
    channels = tuple(channel.name for channel in policy.channels)
    pairs: tuple[tuple[str, object, object], ...] = (
        ("product", policy.product, genesis.product),
        ("channels", channels, genesis.channels),
        ("streams", policy.streams, genesis.streams),
        ("pipeline keys", policy.pipeline_keys or genesis.pipeline_keys, genesis.pipeline_keys),
    )
    for name, expected, found in pairs:
        if expected != found:
            yield Finding(
                code=Code.GENESIS_DIFFERS,
                where=ledger_key(0),
                expected=f"{name} {_text(expected)}, as its policy says",
                found=_text(found),
            )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def judge_evidence(digest: Digest, found: Digest | None, problem: str, namer: str) -> Finding | None:
    """Compare a document's digest with the one it is named by. ``found`` None: there is none."""
    if found == digest:
        return None
    return Finding(
        code=Code.EVIDENCE_MISSING if found is None else Code.EVIDENCE_ALTERED,
        where=evidence_place(digest),
        expected=f"the document that {namer} names",
        found=problem or "none" if found is None else str(found),
    )


def notes_shown(
    state: State | None, policies: Mapping[Digest, Policy], there: Container[str]
) -> frozenset[str]:
    """Where the corrected texts are that pages show, or would show, were they not lost.

    Of each release the last that counts; and, since pages go back as far as they must, the one before each
    that is not ``there``, which are the places whose text is the one that was named.

    A correction of which nobody can say here whether it counts, its policy being unread, may be the last.
    """
    if state is None:
        return frozenset()
    found: set[str] = set()
    for version, revisions in state.revisions.items():
        for record in reversed(revisions):
            place = notes_key(version, record.notes)
            counts = _counts(record, state.product, policies)
            if counts is not False:
                found.add(place)
            if counts and place in there:
                break
    return frozenset(found)


def _counts(record: RevisionRecord, product: str, policies: Mapping[Digest, Policy]) -> bool | None:
    """None: it cannot be said."""
    try:
        return given_revision(record, product, policies.__getitem__) is not None
    except KeyError:
        return None


def judge_notes(
    place: str, digest: Digest, found: Digest | None, problem: str, namer: str, *, unused: bool = False
) -> Finding | None:
    """The same for a corrected text of a release's notes, at ``place``.

    ``unused``: it is none of ``notes_shown``. Then nothing that pages say depends on it: whoever lost a text
    corrects once more, and who has no right to correct can name what never was.
    """
    if found == digest:
        return None
    code = Code.NOTES_MISSING if found is None else Code.NOTES_ALTERED
    return Finding(
        code=Code.UNUSED_NOTES_MISSING if unused else code,
        where=place,
        expected=f"the notes that {namer} names",
        found=problem or "none" if found is None else str(found),
        hint=None if unused else _LOST_NOTES,
    )


def judge_foundation(release: Release, revisions: Sequence[RevisionRecord]) -> Iterator[Finding]:
    """Whether the first correction of a release's notes begins with those that it was published with."""
    published = Digest.sha256(release.notes.encode())
    if revisions and revisions[0].previous != published:
        yield Finding(
            code=Code.REVISION_UNFOUNDED,
            where=ledger_key(revisions[0].sequence),
            expected=f"a correction of the notes of {release.version}, {published}",
            found=f"one of {revisions[0].previous}",
            hint="whoever made it had other notes before them",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRelease:
    """A registered release. ``versions``, if it is believed: digests of its version files, by board.

    ``release`` is what it says, None where it is not the registered one or cannot be read.
    """

    release: Release | None = None
    versions: Mapping[Board, Digest] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def judge_release(entry: ReleaseRegistered, had: Had, product: str, naming: NamingScheme) -> JudgedRelease:
    """Compare ``release.json`` with what was registered. Its files are for ``release.bundle.verify``."""
    where = document_key(entry.version)
    if had.data is None:
        code = Code.RELEASE_MISSING if had.absent else Code.RELEASE_ALTERED
        found = "none" if had.absent else had.problem
        return JudgedRelease(findings=(_release(code, where, f"{entry.release} as registered", found),))
    digest = Digest.sha256(had.data)
    if digest != entry.release:
        return JudgedRelease(
            findings=(_release(Code.RELEASE_ALTERED, where, f"{entry.release} as registered", str(digest)),)
        )
    try:
        release = decode(had.data)
    except InputError as error:
        fault = _release(
            Code.RELEASE_DIFFERS, where, "a document that can be read", without(error.message, where)
        )
        return JudgedRelease(findings=(fault,))
    return JudgedRelease(
        release=release,
        versions={
            board.board: artifact.sha256
            for board in release.boards
            for artifact in board.files
            if artifact.name == naming.version_file
        },
        findings=tuple(_differences(entry, release, product, where)),
    )


def _differences(entry: ReleaseRegistered, release: Release, product: str, where: str) -> Iterator[Finding]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("product", product, release.product),
        ("version", entry.version, release.version),
        ("channel", entry.built_for, release.channel),
        ("boards", set(entry.boards), {board.board for board in release.boards}),
        ("lineage", entry.lineage, release.lineage.kind),
        ("origin", entry.derives_from, release.lineage.derives_from),
    )
    for name, registered, found in pairs:
        if registered != found:
            yield _release(
                Code.RELEASE_DIFFERS, where, f"{name} {_shown(registered)} as registered", _shown(found)
            )


def _shown(value: object) -> str:
    return ", ".join(sorted(map(str, value))) if isinstance(value, set) else str(value)


def _release(code: Code, where: str, expected: str, found: str) -> Finding:
    return Finding(code=code, where=where, expected=expected, found=found)
