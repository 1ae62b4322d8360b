"""The steps that one board takes to become part of a candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from release.catalog.version import Version
from release.digests import Digest
from release.errors import InputError, NotVerifiedError, storage_errors
from release.line import sources
from release.line.assembly import BoardPart
from release.line.ceremony import answers_for
from release.line.inputs import BoardSources
from release.line.promises import check_notes
from release.line.proving import PlannedPayload, Target, prove, verify
from release.line.steps import Report, Step
from release.line.workspace import BoardSpace, read_record
from release.line.worth import Worth
from release.line.yard import PayloadTools
from release.payload.build import BuildOrder, BuiltPayload, build_payload
from release.payload.profile import REPLACE_ONLY
from release.signing.payload_signature import sign_payload


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSteps:
    """Verify, unpack, fetch, build, sign, verify, prove: for one board.

    ``deltas_from`` are the released versions, in order, that get a delta if it pays. ``tools`` are those
    of the channel that the candidate is built for.
    """

    inputs: BoardSources
    tools: PayloadTools
    deltas_from: tuple[Version, ...]

    @property
    def space(self) -> BoardSpace:
        """Where the board's work is."""
        return self.inputs.space

    def build_steps(self) -> Iterator[Step]:
        """Up to everything built. The full payload is built before any delta, which is compared with it."""
        inputs = self.inputs
        yield self._step("verify-inputs", "verify the image set", lambda _: inputs.verify())
        yield self._step("check-notes", "compare the notes with its packages", lambda _: self.check_notes())
        yield self._step("unpack", "unpack the image", lambda _: inputs.unpack())
        yield from (self._fetch_step(source) for source in self.deltas_from)
        yield from (self._build_step(source) for source in (None, *self.deltas_from))
        yield self._step("build-extensions", "pack the system extensions", self.build_extensions)

    def sign_step(self) -> Step:
        """Sign what was built."""
        return self._step("sign", "sign the payloads", lambda _: self.sign())

    def proof_steps(self) -> Iterator[Step]:
        """Check what was signed."""
        yield self._step("verify", "verify the payloads", lambda _: self.verify())
        yield from (self._prove_step(source) for source in (None, *self.deltas_from))
        yield self._step(
            "prove-extensions",
            "apply the system extensions' payloads and compare",
            self.prove_extensions,
        )

    def _step(self, name: str, title: str, run: Callable[[Report], str]) -> Step:
        board = self.inputs.board
        return Step(f"{name}-{board}", f"{board}: {title}", run)

    def _fetch_step(self, source: Version) -> Step:
        inputs = self.inputs
        return self._step(
            f"fetch-{source}",
            f"fetch the image of {source}",
            lambda _: sources.fetch(inputs.yard, self.space, inputs.board, source),
        )

    def _build_step(self, source: Version | None) -> Step:
        what = _what(source)
        return self._step(
            f"build-{what}", f"build the {what} payload", lambda report: self.build(source, report)
        )

    def _prove_step(self, source: Version | None) -> Step:
        what = _what(source)
        return self._step(
            f"prove-{what}",
            f"apply the {what} payload and compare",
            lambda report: self.prove(source, report),
        )

    def target(self) -> Target:
        """What payloads must make: the image as unpacked from verified bytes, the verified kernel.

        No kernel for clients that install none.
        """
        record = read_record(self.space.image_record) or {}
        kernel = self.inputs.artifacts()[self.inputs.yard.naming.kernel].sha256
        return Target(
            image=Digest.parse(str(record.get("raw"))),
            kernel=kernel if self.tools.profile.procedures else None,
        )

    def planned(self, source: Version | None) -> PlannedPayload:
        """A payload with what it starts from, as registered, and what it makes, as verified."""
        yard, board = self.inputs.yard, self.inputs.board
        return PlannedPayload(
            name=self._name(source),
            target=self.target(),
            profile=self.tools.profile,
            source=source,
            origin=None if source is None else sources.origin_of(yard, board, source),
        )

    def extensions(self) -> tuple[PlannedPayload, ...]:
        """The payloads of the system extensions, by the images' names."""
        naming = self.inputs.yard.naming
        return tuple(
            PlannedPayload(
                name=naming.extension_payload(image.name),
                target=Target(image=image.sha256, kernel=None),
                profile=REPLACE_ONLY,
                extension=image.name,
            )
            for image in self.inputs.extensions()
        )

    def shipped(self) -> tuple[PlannedPayload, ...]:
        """What the release ships of what was built: the full payload, deltas that pay, extensions."""
        return (*map(self.planned, self._shipped_sources()), *self.extensions())

    def worth(self, source: Version) -> Worth:
        """The delta from ``source`` beside the full payload. Raises InputError unless both are built."""
        return Worth(
            delta=_size(self._built(self._name(source))),
            full=_size(self._built(self._name(None))),
            threshold=self.tools.delta_threshold,
        )

    def check_notes(self) -> str:
        """Hold the notes against the package list, as verified. Raises RefusedError, InputError."""
        inputs = self.inputs
        package_list = inputs.image_set().path(inputs.yard.naming.packages)
        return check_notes(inputs.yard, inputs.workspace, inputs.board, package_list)

    def build(self, source: Version | None, report: Report) -> str:
        """Build a payload unless that was done, and say of a delta whether it pays."""
        name = self._name(source)
        done = self.space.built(name)
        if done is None:
            built = self._build(self.planned(source), report)
            line = f"{built.size:,} bytes, {sum(built.operations.values()):,} operations"
        else:
            line = f"{_size(done):,} bytes, built before"
        return line if source is None else f"{line}, {self.worth(source)}"

    def _build(self, plan: PlannedPayload, report: Report) -> BuiltPayload:
        source = plan.source
        kernel = self.inputs.image_set().path(self.inputs.yard.naming.kernel)
        old_kernel = plan.origin is not None and plan.origin.kernel is not None
        order = BuildOrder(
            new_image=self.space.image,
            out=self._unsigned(plan.name),
            old_image=None if source is None else self.space.source_image(source),
            kernel=None if plan.target.kernel is None else kernel,
            old_kernel=self.space.source_kernel(source) if source is not None and old_kernel else None,
            profile=plan.profile,
            signature_sizes=tuple(key.size for key in self.tools.keys),
            workers=self.tools.workers,
            memory=self.tools.memory,
        )
        built = build_payload(order, progress=report)
        found = None if built.old_image is None else built.old_image.sha256
        if plan.origin is not None and found != plan.origin.image:
            order.out.unlink()
            raise NotVerifiedError(
                f"{order.old_image}: changed since it was fetched", hint="run the same command again"
            )
        return built

    def build_extensions(self, report: Report) -> str:
        """Pack every system extension that is not packed yet."""
        plans = self.extensions()
        if not plans:
            return "none in the image set"
        waiting = [plan for plan in plans if self.space.built(plan.name) is None]
        for number, plan in enumerate(waiting):
            report(number, len(waiting))
            self._build_extension(plan)
        total = sum(_size(self._built(plan.name)) for plan in plans)
        return f"{len(plans)} system extensions, {total:,} bytes, {len(waiting)} packed now"

    def _build_extension(self, plan: PlannedPayload) -> None:
        order = BuildOrder(
            new_image=self.inputs.directory / str(plan.extension),
            out=self._unsigned(plan.name),
            profile=plan.profile,
            signature_sizes=tuple(key.size for key in self.tools.keys),
            workers=self.tools.workers,
            memory=self.tools.memory,
        )
        if build_payload(order).new_image.sha256 != plan.target.image:
            order.out.unlink()
            raise NotVerifiedError(
                f"{order.new_image}: changed since its signature was verified",
                hint="get the image set again from where it was built, then run the same command again",
            )

    def sign(self) -> str:
        """Sign what is shipped and has no signatures yet."""
        names = self.unsigned()
        signers = self.tools.open_signers(answers_for(self.tools, self.inputs.workspace)) if names else ()
        for name in names:
            unsigned, signed = self.space.unsigned(name), self.space.payload(name)
            sign_payload(unsigned, signers, self.tools.keys)
            with storage_errors(signed):
                signed.parent.mkdir(parents=True, exist_ok=True)
                unsigned.replace(signed)
        return f"{len(self.tools.keys)} signatures each, {len(names)} payloads signed now"

    def unsigned(self) -> list[str]:
        """The names of payloads that are shipped and not signed yet."""
        names = [self._name(source) for source in self._shipped_sources()]
        names += [plan.name for plan in self.extensions()]
        return [name for name in names if not self.space.payload(name).is_file()]

    def verify(self) -> str:
        """Check everything that is shipped with the trusted keys."""
        keys, shipped, extensions = self.tools.keys, self._shipped_sources(), self.extensions()
        for source in shipped:
            verify(self.space.payload(self._name(source)), keys, self.tools.profile, self.target())
        for plan in extensions:
            verify(self.space.payload(plan.name), keys, plan.profile, plan.target)
        return f"{len(shipped) + len(extensions)} payloads verified with the trusted keys"

    def prove(self, source: Version | None, report: Report) -> str:
        """Apply a payload and compare, unless it is not shipped."""
        if source is not None and not self.worth(source).pays:
            return "not shipped, as it does not pay"
        return prove(self.space, self.planned(source), workers=self.tools.workers, progress=report)

    def prove_extensions(self, report: Report) -> str:
        """Apply the payload of every system extension and compare."""
        plans = self.extensions()
        for number, plan in enumerate(plans):
            report(number, len(plans))
            prove(self.space, plan, workers=self.tools.workers)
        return f"{len(plans)} applied onto nothing: right, bit for bit" if plans else "none in the image set"

    def part(self) -> BoardPart:
        """What assembling needs to know of this board."""
        return BoardPart(
            image_set=self.inputs.image_set(),
            target=self.target(),
            artifacts=self.inputs.artifacts(),
            payloads=self.shipped(),
        )

    def _shipped_sources(self) -> tuple[Version | None, ...]:
        """None for the full payload, then the sources of deltas that pay."""
        return (None, *(source for source in self.deltas_from if self.worth(source).pays))

    def _name(self, source: Version | None) -> str:
        naming = self.inputs.yard.naming
        return naming.full_payload if source is None else naming.delta_payload(source)

    def _built(self, name: str) -> Path:
        found = self.space.built(name)
        if found is None:
            raise InputError(f"{self.space.payload(name)}: was not built", hint="run the whole job again")
        return found

    def _unsigned(self, name: str) -> Path:
        path = self.space.unsigned(name)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _size(path: Path) -> int:
    with storage_errors(path):
        return path.stat().st_size


def _what(source: Version | None) -> str:
    return "full" if source is None else f"delta-from-{source}"
